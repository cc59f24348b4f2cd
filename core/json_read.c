// Reading JSON, strictly as RFC 8259 has it, by recursive descent: one function per rule of the
// grammar, each of which takes its part of the text and returns NULL, with the reason in the
// reader's error, where it does not match.
#include "core/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_DEPTH = 64, MAX_DIGITS = 1200, MAX_FILE = 64 << 20 };

typedef struct Reader {
    const char *text, *at, *end;
    const char *what; // for messages
    Error *error;
} Reader;

// NULL (which is also false), and the reason with its place.
static void *refuse(Reader *reader, const char *reason)
{
    fail(reader->error, "%s: byte %zu: %s", reader->what, (size_t)(reader->at - reader->text),
         reason);
    return NULL;
}

static bool at(const Reader *reader, char c)
{
    return reader->at < reader->end && *reader->at == c;
}

static bool at_digit(const Reader *reader)
{
    return reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9';
}

static bool take(Reader *reader, char c)
{
    bool found = at(reader, c);
    reader->at += found;
    return found;
}

static void skip_white_space(Reader *reader)
{
    while (take(reader, ' ') || take(reader, '\t') || take(reader, '\n') || take(reader, '\r')) {
    }
}

static bool take_digits(Reader *reader)
{
    if (!at_digit(reader)) return false;
    while (at_digit(reader)) reader->at++;
    return true;
}

// number = [ "-" ] ( "0" / digit1-9 *digit ) [ "." 1*digit ] [ ("e" / "E") [ "-" / "+" ] 1*digit ]
static bool take_number(Reader *reader)
{
    take(reader, '-');
    if (!take(reader, '0') && !take_digits(reader)) return false;
    if (take(reader, '.') && !take_digits(reader)) return false;
    if (take(reader, 'e') || take(reader, 'E')) {
        if (!take(reader, '+')) take(reader, '-');
        if (!take_digits(reader)) return false;
    }
    return true;
}

static Json *read_number(Reader *reader)
{
    const char *start = reader->at;
    if (!take_number(reader)) return refuse(reader, "malformed number");
    size_t length = (size_t)(reader->at - start);
    char digits[MAX_DIGITS + 1]; // strtod wants an end, and the text may have none
    if (length > MAX_DIGITS) return refuse(reader, "number of more than 1200 characters");
    memcpy(digits, start, length);
    digits[length] = 0;
    double value = strtod(digits, NULL);
    return isfinite(value) ? json_number(value) : refuse(reader, "number too large for a double");
}

// The four hex digits of a \u escape, or -1.
static long take_hex4(Reader *reader)
{
    long value = 0;
    for (int i = 0; i < 4; i++) {
        static const char hex[] = "0123456789abcdef0123456789ABCDEF";
        const char *digit = reader->at < reader->end ? memchr(hex, *reader->at, 32) : NULL;
        if (!digit) return -1;
        value = 16 * value + (digit - hex) % 16;
        reader->at++;
    }
    return value;
}

static void append_utf8(Text *text, long c)
{
    unsigned char bytes[4] = {(unsigned char)c};
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[5] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; size > 1 && i-- > 0; c >>= 6) {
        bytes[i] = (unsigned char)(i ? 0x80 | (c & 0x3F) : lead[size] | c);
    }
    text_append_bytes(text, bytes, size);
}

// What follows "\u": one code point, for which a pair of surrogates takes two escapes.
static bool read_code_point(Reader *reader, Text *text)
{
    long c = take_hex4(reader);
    if (c < 0) return refuse(reader, "\\u without four hex digits");
    if (c == 0) return refuse(reader, "\\u0000 in a string");
    if (c >= 0xDC00 && c <= 0xDFFF) return refuse(reader, "second half of a surrogate pair alone");
    if (c >= 0xD800 && c <= 0xDBFF) {
        long low = take(reader, '\\') && take(reader, 'u') ? take_hex4(reader) : -1;
        if (low < 0xDC00 || low > 0xDFFF) {
            return refuse(reader, "first half of a surrogate pair alone");
        }
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    append_utf8(text, c);
    return true;
}

static bool read_escape(Reader *reader, Text *text)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (take(reader, 'u')) return read_code_point(reader, text);
    const char *letter = reader->at < reader->end ? memchr(letters, *reader->at, 8) : NULL;
    if (!letter) return refuse(reader, "unknown escape in a string");
    text_append_bytes(text, &meanings[letter - letters], 1);
    reader->at++;
    return true;
}

// The characters between two quotes, the first of which is taken.
static bool read_characters(Reader *reader, Text *text)
{
    while (!take(reader, '"')) {
        if (reader->at == reader->end) return refuse(reader, "string without end");
        if ((unsigned char)*reader->at < 0x20)
            return refuse(reader, "control character in a string");
        if (take(reader, '\\')) {
            if (!read_escape(reader, text)) return false;
            continue;
        }
        size_t size = utf8_length(reader->at, (size_t)(reader->end - reader->at));
        if (size == 0) return refuse(reader, "string is not UTF-8");
        text_append_bytes(text, reader->at, size);
        reader->at += size;
    }
    return true;
}

// A string that the caller frees, or NULL.
static char *read_string(Reader *reader)
{
    if (!take(reader, '"')) return refuse(reader, "a string must stand here");
    Text text = {0};
    if (!read_characters(reader, &text)) {
        text_free(&text);
        return NULL;
    }
    char *string =
        copy_string(text.text ? text.text : ""); // without the room that text had to grow
    text_free(&text);
    return string;
}

static Json *read_value(Reader *reader, int depth);

static bool read_member(Reader *reader, Json *object, int depth)
{
    skip_white_space(reader);
    char *name = read_string(reader);
    if (!name) return false;
    skip_white_space(reader);
    Json *value = take(reader, ':') ? read_value(reader, depth) : refuse(reader, "':' is missing");
    if (value)
        json_append(object, name, value);
    else
        free(name);
    return value != NULL;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

// Sorting finds a repeated name in n log n steps; a file may hold a million of them.
static bool names_are_unique(Reader *reader, const Json *object)
{
    if (object->count < 2) return true;
    size_t size = object->count * sizeof *object->names;
    char **names = memcpy(allocate(size), object->names, size);
    qsort(names, object->count, sizeof *names, compare_names);
    const char *repeated = NULL;
    for (size_t i = 1; i < object->count && !repeated; i++) {
        if (strcmp(names[i - 1], names[i]) == 0) repeated = names[i];
    }
    free(names);
    if (!repeated) return true;
    return fail(reader->error,
                "%s: byte %zu: the name \"%.200s\" stands twice in the object that ends here",
                reader->what, (size_t)(reader->at - reader->text), repeated);
}

// Takes the children of an array or object, the opening bracket of which is taken.
static bool read_children(Reader *reader, Json *container, int depth)
{
    bool object = container->kind == JSON_OBJECT;
    char closing = object ? '}' : ']';
    skip_white_space(reader);
    if (take(reader, closing)) return true;
    do {
        if (object) {
            if (!read_member(reader, container, depth)) return false;
        } else {
            Json *item = read_value(reader, depth);
            if (!item) return false;
            json_push(container, item);
        }
        skip_white_space(reader);
    } while (take(reader, ','));
    if (!take(reader, closing))
        return refuse(reader, object ? "',' or '}' is missing" : "',' or ']' is missing");
    return !object || names_are_unique(reader, container);
}

static Json *read_container(Reader *reader, Json *container, int depth)
{
    if (depth == MAX_DEPTH)
        refuse(reader, "nested deeper than 64 levels");
    else if (read_children(reader, container, depth + 1))
        return container;
    json_free(container);
    return NULL;
}

// word where the text goes on with it; a longer word fails at its next letter.
static bool take_word(Reader *reader, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length) return false;
    if (memcmp(reader->at, word, length) != 0) return false;
    reader->at += length;
    return true;
}

static Json *read_string_value(Reader *reader)
{
    char *string = read_string(reader);
    if (!string) return NULL;
    Json *json = json_null();
    *json = (Json){.kind = JSON_STRING, .string = string};
    return json;
}

static Json *read_value(Reader *reader, int depth)
{
    skip_white_space(reader);
    if (at(reader, '"')) return read_string_value(reader);
    if (at(reader, '-') || at_digit(reader)) return read_number(reader);
    if (take(reader, '{')) return read_container(reader, json_object(), depth);
    if (take(reader, '[')) return read_container(reader, json_array(), depth);
    if (take_word(reader, "true")) return json_boolean(true);
    if (take_word(reader, "false")) return json_boolean(false);
    if (take_word(reader, "null")) return json_null();
    return refuse(reader, "a value must stand here");
}

Json *json_parse(const char *text, size_t length, const char *what, Error *error)
{
    Reader reader = {.text = text, .at = text, .end = text + length, .what = what, .error = error};
    Json *json = read_value(&reader, 0);
    skip_white_space(&reader);
    if (!json || reader.at == reader.end) return json;
    json_free(json);
    return refuse(&reader, "something follows the end of the JSON text");
}

Json *json_read(const char *path, Error *error)
{
    Bytes bytes;
    if (!file_read(path, MAX_FILE, &bytes, error)) return NULL;
    Json *json = json_parse((const char *)bytes.data, bytes.size, path, error);
    bytes_free(&bytes);
    return json;
}
