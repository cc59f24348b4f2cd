// Writing JSON. Reading the text back gives the same tree to the last bit of every number, and the
// same tree always gives the same text, so that texts may be compared and hashed.
#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Whole numbers as such (1000000, not 1e+06); all others with the fewest of 17 digits that read
// back.
static void print_number(double value, Text *out)
{
    if (!isfinite(value)) {
        text_append(out, "null");
        return;
    }
    char digits[40];
    bool whole = fabs(value) < 1e15 && value == floor(value);
    if (whole) snprintf(digits, sizeof digits, "%.0f", value);
    for (int precision = 1; !whole && precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value) break;
    }
    text_append(out, "%s", digits);
}

// Bytes that are not UTF-8 (a file's name may have any) become U+FFFD, because the output must be
// JSON.
static void print_string(const char *string, Text *out)
{
    static const char escaped[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    size_t left = strlen(string);
    text_append(out, "\"");
    while (left > 0) {
        const char *escape = strchr(escaped, *string);
        size_t size = utf8_length(string, left);
        if (escape)
            text_append(out, "\\%c", letters[escape - escaped]);
        else if ((unsigned char)*string < 0x20)
            text_append(out, "\\u%04x", (unsigned)*string);
        else if (size == 0)
            text_append(out, "\xEF\xBF\xBD");
        else
            text_append_bytes(out, string, size);
        size += size == 0;
        string += size;
        left -= size;
    }
    text_append(out, "\"");
}

static void new_line(int depth, Text *out)
{
    text_append(out, "\n%*s", 2 * depth, "");
}

static bool is_container(const Json *json)
{
    return json->kind == JSON_ARRAY || json->kind == JSON_OBJECT;
}

static void print_value(const Json *json, int depth, Text *out);

// An array of plain values stays on one line, whatever holds containers has one line for each
// child.
static void print_container(const Json *json, int depth, Text *out)
{
    bool object = json->kind == JSON_OBJECT, lines = object && json->count > 0;
    for (size_t i = 0; i < json->count; i++) lines |= is_container(json->items[i]);
    text_append(out, object ? "{" : "[");
    for (size_t i = 0; i < json->count; i++) {
        if (i > 0) text_append(out, lines ? "," : ", ");
        if (lines) new_line(depth + 1, out);
        if (object) {
            print_string(json->names[i], out);
            text_append(out, ": ");
        }
        print_value(json->items[i], depth + 1, out);
    }
    if (lines) new_line(depth, out);
    text_append(out, object ? "}" : "]");
}

static void print_value(const Json *json, int depth, Text *out)
{
    if (is_container(json))
        print_container(json, depth, out);
    else if (json->kind == JSON_STRING)
        print_string(json->string, out);
    else if (json->kind == JSON_NUMBER)
        print_number(json->number, out);
    else if (json->kind == JSON_BOOLEAN)
        text_append(out, json->boolean ? "true" : "false");
    else
        text_append(out, "null");
}

void json_print(const Json *json, Text *out)
{
    print_value(json, 0, out);
}

bool json_write(const char *path, const Json *json, Error *error)
{
    Text text = {0};
    json_print(json, &text);
    text_append(&text, "\n");
    bool done = file_write(path, text.text, text.length, error);
    text_free(&text);
    return done;
}
