#include "experiments/curves.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

Curves curves_create(void)
{
    Curves curves = {json_object()};
    json_set(curves.json, "x", json_string("epoch"));
    json_set(curves.json, "series", json_array());
    return curves;
}

void curves_free(Curves *curves)
{
    json_free(curves->json);
    curves->json = NULL;
}

static bool is_point(const Json *point)
{
    if (point->kind != JSON_ARRAY || point->count != 2) return false;
    const Json *x = point->items[0], *y = point->items[1];
    return x->kind == JSON_NUMBER && (y->kind == JSON_NUMBER || y->kind == JSON_NULL);
}

bool curves_check(const Json *json, const char *path, Error *error)
{
    const Json *series = json_get(json, "series");
    if (!series || series->kind != JSON_ARRAY) return fail(error, "%s: no list \"series\"", path);
    for (size_t i = 0; i < series->count; i++) {
        const Json *points = json_get(series->items[i], "points");
        if (!json_get_string(series->items[i], "name", NULL))
            return fail(error, "%s: series %zu has no name", path, i);
        if (!points || points->kind != JSON_ARRAY)
            return fail(error, "%s: series %zu has no list \"points\"", path, i);
        for (size_t k = 0; k < points->count; k++)
            if (!is_point(points->items[k]))
                return fail(error, "%s: point %zu of series %zu is not [x, y]", path, k, i);
    }
    return true;
}

static const Json *find_series(const Json *all, const char *name)
{
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(json_get_string(all->items[i], "name", ""), name) == 0) return all->items[i];
    return NULL;
}

const Json *curves_points(const Json *json, const char *name)
{
    const Json *series = find_series(json_get(json, "series"), name);
    return series ? json_get(series, "points") : NULL;
}

double curve_value(const Json *point)
{
    return point->items[1]->kind == JSON_NUMBER ? point->items[1]->number : (double)NAN;
}

void curves_add(Curves *curves, const char *name, const char *unit, double x, double y)
{
    Json *all = (Json *)(uintptr_t)json_get(curves->json, "series");
    Json *series = (Json *)(uintptr_t)find_series(all, name);
    if (!series) {
        series = json_object();
        json_set(series, "name", json_string(name));
        json_set(series, "unit", json_string(unit));
        json_set(series, "points", json_array());
        json_push(all, series);
    }
    Json *point = json_array();
    json_push(point, json_number(x));
    json_push(point, json_number(y));
    json_push((Json *)(uintptr_t)json_get(series, "points"), point);
}

void curves_append(Curves *curves, const Curves *more, int before)
{
    const Json *all = json_get(more->json, "series");
    for (size_t i = 0; i < all->count; i++) {
        const Json *series = all->items[i], *points = json_get(series, "points");
        for (size_t k = 0; k < points->count; k++) {
            const Json *point = points->items[k];
            curves_add(curves, json_get_string(series, "name", ""),
                       json_get_string(series, "unit", ""), before + point->items[0]->number,
                       curve_value(point));
        }
    }
}
