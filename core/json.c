// The tree of JSON values: building, copying, looking. core/json_read.c makes it from a text,
// core/json_print.c a text from it.
#include "core/json.h"

#include <stdlib.h>
#include <string.h>

static Json *json_new(JsonKind kind)
{
    Json *json = allocate_zeroed(sizeof *json);
    json->kind = kind;
    return json;
}

Json *json_object(void)
{
    return json_new(JSON_OBJECT);
}

Json *json_array(void)
{
    return json_new(JSON_ARRAY);
}

Json *json_null(void)
{
    return json_new(JSON_NULL);
}

Json *json_number(double value)
{
    Json *json = json_new(JSON_NUMBER);
    json->number = value;
    return json;
}

Json *json_string(const char *text)
{
    Json *json = json_new(JSON_STRING);
    json->string = copy_string(text);
    return json;
}

Json *json_boolean(bool value)
{
    Json *json = json_new(JSON_BOOLEAN);
    json->boolean = value;
    return json;
}

void json_free(Json *json)
{
    if (!json) return;
    for (size_t i = 0; i < json->count; i++) {
        json_free(json->items[i]);
        if (json->names) free(json->names[i]);
    }
    free(json->items);
    free(json->names);
    free(json->string);
    free(json);
}

// The arrays have no capacity of their own: they grow whenever the count reaches a power of two.
static void *grown(void *array, size_t count, size_t size)
{
    bool full = (count & (count - 1)) == 0; // 0, 1, 2, 4, 8, ...
    return full ? reallocate(array, (count ? 2 * count : 1) * size) : array;
}

void json_push(Json *array, Json *value)
{
    if (array->kind != JSON_ARRAY) panic("json_push: not an array");
    array->items = grown(array->items, array->count, sizeof *array->items);
    array->items[array->count++] = value;
}

void json_append(Json *object, char *name, Json *value)
{
    if (object->kind != JSON_OBJECT) panic("json_set: not an object");
    object->items = grown(object->items, object->count, sizeof *object->items);
    object->names = grown(object->names, object->count, sizeof *object->names);
    object->names[object->count] = name;
    object->items[object->count++] = value;
}

void json_set(Json *object, const char *name, Json *value)
{
    for (size_t i = 0; object->kind == JSON_OBJECT && i < object->count; i++) {
        if (strcmp(object->names[i], name) != 0) continue;
        json_free(object->items[i]);
        object->items[i] = value;
        return;
    }
    json_append(object, copy_string(name), value);
}

Json *json_copy(const Json *json)
{
    Json *copy = json_new(json->kind);
    copy->boolean = json->boolean;
    copy->number = json->number;
    if (json->string) copy->string = copy_string(json->string);
    for (size_t i = 0; i < json->count; i++) {
        Json *item = json_copy(json->items[i]);
        if (json->kind == JSON_OBJECT)
            json_append(copy, copy_string(json->names[i]), item);
        else
            json_push(copy, item);
    }
    return copy;
}

const Json *json_get(const Json *object, const char *name)
{
    if (!object || object->kind != JSON_OBJECT) return NULL;
    for (size_t i = 0; i < object->count; i++) {
        if (strcmp(object->names[i], name) == 0) return object->items[i];
    }
    return NULL;
}

double json_get_number(const Json *object, const char *name, double fallback)
{
    const Json *member = json_get(object, name);
    return member && member->kind == JSON_NUMBER ? member->number : fallback;
}

const char *json_get_string(const Json *object, const char *name, const char *fallback)
{
    const Json *member = json_get(object, name);
    return member && member->kind == JSON_STRING ? member->string : fallback;
}
