// JSON (RFC 8259): a strict reader into a tree of values, and a writer. Numbers keep their double;
// objects keep their order. Depth and size are bounded: the reader may be given any bytes.
#ifndef SIEVE_CORE_JSON_H
#define SIEVE_CORE_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include "core/error.h"
#include "core/file.h"

typedef enum JsonKind {
    JSON_NULL,
    JSON_BOOLEAN,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} JsonKind;

typedef struct Json {
    JsonKind kind;
    bool boolean;
    double number;
    char *string;        // JSON_STRING: UTF-8, zero-terminated (a \u0000 in the source is refused)
    size_t count;        // JSON_ARRAY, JSON_OBJECT: number of children
    struct Json **items; // children
    char **names;        // JSON_OBJECT: their names, unique (a repeated name is refused)
} Json;

// The tree of one JSON text, owned by the caller (json_free); NULL and error (with byte offset) on
// anything malformed, deeper than 64 levels, or followed by anything but white space. `what` names
// the text in messages (a path). json_read takes files of up to 64 MB.
Json *json_parse(const char *text, size_t length, const char *what, Error *error);
Json *json_read(const char *path, Error *error);
void json_free(Json *json);

// Building. Values given to json_set and json_push belong to the container afterwards. Setting a
// name again replaces its value. json_append trusts that the name is new, so that a large object
// costs no search for each member; it takes the name over too.
Json *json_null(void);
Json *json_object(void);
Json *json_array(void);
Json *json_number(double value);
Json *json_string(const char *text);
Json *json_boolean(bool value);
Json *json_copy(const Json *json);
void json_set(Json *object, const char *name, Json *value);
void json_append(Json *object, char *name, Json *value);
void json_push(Json *array, Json *value);

// Looking: NULL, or the fallback, where there is no such member or it has another kind, or where
// object is NULL or no object (so that json_get(json_get(a, "b"), "c") is safe).
const Json *json_get(const Json *object, const char *name);
double json_get_number(const Json *object, const char *name, double fallback);
const char *json_get_string(const Json *object, const char *name, const char *fallback);

// Writing: two spaces of indentation, arrays of plain values on one line; whole numbers below 1e15
// as such, others with the fewest digits that read back to the same double (NaN, infinity: null).
void json_print(const Json *json, Text *out);
bool json_write(const char *path, const Json *json, Error *error);

#endif
