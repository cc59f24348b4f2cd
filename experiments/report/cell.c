#include "experiments/report/cell.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "experiments/curves.h"
#include "experiments/html.h"
#include "experiments/report/chart.h"
#include "experiments/report/names.h"
#include "experiments/report/pictures.h"
#include "experiments/report/summary.h"

enum { LONGEST_LIST = 12 };

// ---- curves ----

static Series series_of(const Json *json)
{
    const Json *points = json_get(json, "points");
    double *x = allocate((points->count + 1) * sizeof *x);
    double *y = allocate((points->count + 1) * sizeof *y);
    for (size_t i = 0; i < points->count; i++) {
        x[i] = points->items[i]->items[0]->number;
        y[i] = curve_value(points->items[i]);
    }
    return (Series){json_get_string(json, "name", ""), x, y, points->count};
}

// The series of one unit share a chart.
static void draw_unit(Text *out, const Json *curves, const char *unit)
{
    const Json *all = json_get(curves, "series");
    Series *series = allocate(all->count * sizeof *series);
    int count = 0;
    for (size_t i = 0; i < all->count; i++)
        if (strcmp(json_get_string(all->items[i], "unit", ""), unit) == 0)
            series[count++] = series_of(all->items[i]);
    report_chart(out, &(LineChart){json_get_string(curves, "x", ""), unit, series, count});
    for (int i = 0; i < count; i++) {
        free((void *)series[i].x);
        free((void *)series[i].y);
    }
    free(series);
}

static void draw_curves(Text *out, const Json *curves, const char *heading)
{
    const Json *series = curves ? json_get(curves, "series") : NULL;
    if (!series || series->count == 0) return;
    text_append(out, "<h4>%s</h4>\n<div class=\"charts\">\n", heading);
    for (size_t i = 0; i < series->count; i++) {
        const char *unit = json_get_string(series->items[i], "unit", "");
        bool seen = false;
        for (size_t k = 0; k < i && !seen; k++)
            seen = strcmp(json_get_string(series->items[k], "unit", ""), unit) == 0;
        if (!seen) draw_unit(out, curves, unit);
    }
    text_append(out, "</div>\n");
}

// ---- lists of names and values ----

static void value_text(Text *out, const Json *value)
{
    if (value->kind == JSON_STRING) {
        html_text(out, value->string);
    } else if (value->kind == JSON_ARRAY) {
        for (size_t i = 0; i < value->count && i < LONGEST_LIST; i++) {
            text_append(out, "%s", i ? ", " : "");
            value_text(out, value->items[i]);
        }
        if (value->count > LONGEST_LIST) text_append(out, ", … (%zu values)", value->count);
    } else if (value->kind == JSON_NUMBER && isfinite(value->number) &&
               value->number != floor(value->number)) {
        text_append(out, "%.6g", value->number); // result.json has all digits
    } else {
        Text text = {0};
        json_print(value, &text);
        html_text(out, text.text);
        text_free(&text);
    }
}

// One row for each value; the members of nested objects are named "outer.inner", objects of a list
// "outer 1", "outer 2".
static void value_rows(Text *out, const char *name, const Json *value)
{
    bool list =
        value->kind == JSON_ARRAY && value->count > 0 && value->items[0]->kind == JSON_OBJECT;
    if (list || value->kind == JSON_OBJECT) {
        for (size_t i = 0; i < value->count; i++) {
            Text inner = {0};
            if (list)
                text_append(&inner, "%s %zu", name, i + 1);
            else
                text_append(&inner, name[0] ? "%s.%s" : "%s%s", name, value->names[i]);
            value_rows(out, inner.text, value->items[i]);
            text_free(&inner);
        }
        return;
    }
    text_append(out, "<tr><th scope=\"row\">");
    html_text(out, name);
    text_append(out, "</th><td>");
    value_text(out, value);
    text_append(out, "</td></tr>\n");
}

static void text_row(Text *out, const Json *result, const char *name, const char *heading)
{
    const char *value = json_get_string(result, name, "");
    text_append(out, "<tr><th scope=\"row\">%s</th><td>", heading);
    html_text(out, value[0] ? value : "–");
    text_append(out, "</td></tr>\n");
}

// The parts of the time, and the machine that took it, which stands among them.
static void seconds_rows(Text *out, const Json *seconds)
{
    bool first = true;
    text_append(out, "<tr><th scope=\"row\">time</th><td>");
    for (size_t i = 0; seconds && seconds->kind == JSON_OBJECT && i < seconds->count; i++) {
        if (seconds->items[i]->kind != JSON_NUMBER) continue;
        text_append(out, "%s", first ? "" : ", ");
        html_text(out, seconds->names[i]);
        text_append(out, " ");
        html_duration(out, seconds->items[i]->number);
        first = false;
    }
    if (first) html_text(out, "–");
    text_append(out, "</td></tr>\n");
    text_row(out, seconds, "machine", "machine");
}

// ---- how to make the result again ----

static void command_text(Text *out, const Json *result)
{
    const char *command = json_get_string(result, "command", "");
    text_append(out, "<h4>To run it again</h4>\n");
    if (!command[0]) return;
    text_append(out, "<pre class=\"command\"><code>");
    html_text(out, command);
    text_append(out, "</code></pre>\n");
}

static void provenance_table(Text *out, const Entry *entry)
{
    const Json *result = entry->result, *files = json_get(result, "files");
    text_append(out, "<table class=\"facts\"><tbody>\n<tr><th scope=\"row\">folder</th><td>");
    html_text(out, entry->name);
    text_append(out, "</td></tr>\n<tr><th scope=\"row\">seed</th><td>");
    html_number(out, entry->seed, 0);
    text_append(out, "</td></tr>\n");
    seconds_rows(out, json_get(result, "seconds"));
    text_row(out, result, "version", "version");
    text_row(out, result, "config_hash", "configuration");
    if (json_get(result, "classifier_hash")) text_row(out, result, "classifier_hash", "classifier");
    if (files) value_rows(out, "", files);
    text_append(out, "</tbody></table>\n");
}

static void config_details(Text *out, const Json *config)
{
    if (!config) return;
    text_append(out, "<details><summary>Configuration</summary>\n<div class=\"scroll\" "
                     "tabindex=\"0\" role=\"region\" aria-label=\"Configuration\">"
                     "<table class=\"facts\"><tbody>\n");
    value_rows(out, "", config);
    text_append(out, "</tbody></table></div></details>\n");
}

static bool is_shown_elsewhere(const char *name)
{
    static const char *const known[] = {
        "data",  "model",       "attack",          "mode",    "target",  "defense", "seed",
        "scale", "config_hash", "classifier_hash", "version", "command", "config",  "files"};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(known[i], name) == 0) return true;
    for (int i = 0; i < FIGURES; i++)
        if (strcmp(figures[i].name, name) == 0) return true;
    return false;
}

// What a method found beyond the figures that all cells share: an anomaly index, a detected class.
static void further_results(Text *out, const Json *result)
{
    bool opened = false;
    for (size_t i = 0; i < result->count; i++) {
        if (is_shown_elsewhere(result->names[i])) continue;
        if (!opened) text_append(out, "<h4>Further results</h4>\n<table class=\"facts\"><tbody>\n");
        opened = true;
        value_rows(out, result->names[i], result->items[i]);
    }
    if (opened) text_append(out, "</tbody></table>\n");
}

// ---- the sections ----

static void model_text(Text *out, const Entry *entry)
{
    if (entry->model[0]) {
        text_append(out, " · ");
        html_text(out, entry->model);
    }
    if (entry->scale[0]) {
        text_append(out, " · ");
        html_text(out, entry->scale);
        text_append(out, " scale");
    }
}

static void figure_strip(Text *out, const Entry *entry, int first, int end)
{
    text_append(out, "<dl class=\"strip\">\n");
    for (int i = first; i < end; i++) {
        double value = figure_value(entry, &figures[i]);
        text_append(out, "<div><dt>%s</dt><dd>", figures[i].heading);
        figure_text(out, &figures[i], value);
        if (isfinite(value) && !figures[i].is_time) text_append(out, "<small> %%</small>");
        text_append(out, "</dd></div>\n");
    }
    text_append(out, "</dl>\n");
}

static void cell_heading(Text *out, const Entry *cell, int number)
{
    bool attacked = strcmp(cell->attack, "none") != 0;
    text_append(out, "<section class=\"cell\" id=\"cell-%d\">\n<h3>", number);
    html_text(out, name_short(cell->defense));
    text_append(out, attacked ? " against " : " without an ");
    html_text(out, attacked ? name_short(cell->attack) : "attack");
    text_append(out, " <span class=\"quiet\">on ");
    html_text(out, name_short(cell->data));
    text_append(out, "</span></h3>\n<p class=\"setting\">");
    setting_text(out, cell, true);
    model_text(out, cell);
    text_append(out, "</p>\n");
}

void report_cell(Text *out, const Results *results, const Entry *cell, int number)
{
    const Entry *classifier = results_classifier(results, cell);
    cell_heading(out, cell, number);
    figure_strip(out, cell, 0, FIGURES);
    report_pictures(out, cell);
    draw_curves(out, cell->curves, "Training of the defense");
    further_results(out, cell->result);
    command_text(out, cell->result);
    if (classifier)
        text_append(out,
                    "<p>The classifier under attack: <a href=\"#classifier-%d\">its training"
                    "</a>.</p>\n",
                    (int)(classifier - results->classifiers) + 1);
    provenance_table(out, cell);
    config_details(out, json_get(cell->result, "config"));
    text_append(out, "</section>\n");
}

void report_classifier(Text *out, const Entry *classifier, int number)
{
    text_append(out, "<section class=\"cell\" id=\"classifier-%d\">\n<h3>", number);
    setting_text(out, classifier, true);
    text_append(out, "</h3>\n<p class=\"setting\">classifier");
    model_text(out, classifier);
    text_append(out, "</p>\n");
    figure_strip(out, classifier, 0, 2);
    report_pictures(out, classifier);
    draw_curves(out, classifier->curves, "Training");
    further_results(out, classifier->result);
    command_text(out, classifier->result);
    provenance_table(out, classifier);
    config_details(out, json_get(classifier->result, "config"));
    text_append(out, "</section>\n");
}
