// core/json.c, json_read.c and json_print.c: the grammar of RFC 8259, told right from wrong, and
// texts that read back.
#include "core/json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/random.h"
#include "tests/test.h"

static Json *parse(const char *text)
{
    Error error = {0};
    Json *json = json_parse(text, strlen(text), "text", &error);
    check(json != NULL, "%s is refused: %s", text, error.message);
    return json;
}

// One line, as json_print writes it; the caller frees it.
static char *printed(const Json *json)
{
    Text text = {0};
    json_print(json, &text);
    return text.text;
}

static void check_printed(Json *json, const char *expected)
{
    char *text = printed(json);
    check(strcmp(text, expected) == 0, "printed %s, not %s", text, expected);
    free(text);
    json_free(json);
}

static void check_refused(const char *text, size_t length, const char *reason)
{
    Error error = {0};
    Json *json = json_parse(text, length, "text", &error);
    check(!json, "%s is accepted", text);
    check(strstr(error.message, reason) != NULL, "%s: \"%s\", not \"%s\"", text, error.message,
          reason);
    check(strncmp(error.message, "text: byte ", 11) == 0, "no place in \"%s\"", error.message);
    json_free(json);
}

static void every_kind_of_value_is_read(void)
{
    Json *json =
        parse(" { \"a\" : [ 1 , -2.5e3 , true , false , null ] ,\r\n\t\"b\" : { \"\" : \"x\" } } ");
    if (!json) return;
    check(json->kind == JSON_OBJECT && json->count == 2, "kind %d, %zu members", (int)json->kind,
          json->count);
    const Json *a = json_get(json, "a");
    if (check(a && a->kind == JSON_ARRAY && a->count == 5, "the array")) {
        check(a->items[0]->kind == JSON_NUMBER && a->items[0]->number == 1, "1");
        check(a->items[1]->number == -2500, "%g", a->items[1]->number);
        check(a->items[2]->kind == JSON_BOOLEAN && a->items[2]->boolean, "true");
        check(a->items[3]->kind == JSON_BOOLEAN && !a->items[3]->boolean, "false");
        check(a->items[4]->kind == JSON_NULL, "null");
    }
    check(strcmp(json_get_string(json_get(json, "b"), "", "?"), "x") == 0,
          "the member with an empty name");
    json_free(json);
    json = json_parse("12345", 2, "part", NULL);
    check(json && json->number == 12, "the length ends the text");
    json_free(json);
}

static void looking_for_what_is_not_there_gives_the_fallback(void)
{
    Json *json = parse("{\"n\":1,\"s\":\"t\"}");
    check(json_get(json, "m") == NULL && json_get(NULL, "m") == NULL, "an absent member");
    check(json_get(json_get(json, "n"), "m") == NULL, "a member of a number");
    check(json_get_number(json, "n", 5) == 1 && json_get_number(json, "s", 5) == 5, "numbers");
    check(strcmp(json_get_string(json, "s", "f"), "t") == 0, "a string");
    check(strcmp(json_get_string(json, "n", "f"), "f") == 0, "a number is no string");
    json_free(json);
}

static void malformed_texts_are_refused_with_their_reason(void)
{
    static const char *const cases[][2] = {{"", "a value must"},
                                           {" ", "a value must"},
                                           {"nul", "a value must"},
                                           {"True", "a value must"},
                                           {"nulll", "follows the end"},
                                           {"1 2", "follows the end"},
                                           {"{}}", "follows the end"},
                                           {"'a'", "a value must"},
                                           {"NaN", "a value must"},
                                           {"Infinity", "a value must"},
                                           {"-Infinity", "malformed number"},
                                           {"+1", "a value must"},
                                           {".5", "a value must"},
                                           {"-", "malformed number"},
                                           {"01", "follows the end"},
                                           {"-01", "follows the end"},
                                           {"1.", "malformed number"},
                                           {"1.e5", "malformed number"},
                                           {"1e", "malformed number"},
                                           {"1e+", "malformed number"},
                                           {"0x10", "follows the end"},
                                           {"1e400", "too large"},
                                           {"-1e400", "too large"},
                                           {"[", "a value must"},
                                           {"[1", "']'"},
                                           {"[1,", "a value must"},
                                           {"[1,]", "a value must"},
                                           {"[,1]", "a value must"},
                                           {"[1 2]", "']'"},
                                           {"[1}", "']'"},
                                           {"{", "a string must"},
                                           {"{1:2}", "a string must"},
                                           {"{\"a\"", "':'"},
                                           {"{\"a\" 1}", "':'"},
                                           {"{\"a\":}", "a value must"},
                                           {"{\"a\":1", "'}'"},
                                           {"{\"a\":1,}", "a string must"},
                                           {"{\"a\":1 \"b\":2}", "'}'"},
                                           {"{\"a\":1,\"b\":2,\"a\":3}", "\"a\" stands twice"},
                                           {"{\"a\":1,\"\\u0061\":2}", "\"a\" stands twice"},
                                           {"[{\"\":1,\"\":1}]", "\"\" stands twice"},
                                           {"\"", "without end"},
                                           {"\"a", "without end"},
                                           {"\"\\", "unknown escape"},
                                           {"\"\\\"", "without end"},
                                           {"\"\\x\"", "unknown escape"},
                                           {"\"\\'\"", "unknown escape"},
                                           {"\"\n\"", "control"},
                                           {"\"\t\"", "control"},
                                           {"\"\x1f\"", "control"},
                                           {"\"\\u12\"", "four hex"},
                                           {"\"\\u12g4\"", "four hex"},
                                           {"\"\\u 123\"", "four hex"},
                                           {"\"\\u0000\"", "u0000"},
                                           {"\"\\ud800\"", "first half"},
                                           {"\"\\ud800x\"", "first half"},
                                           {"\"\\ud800\\n\"", "first half"},
                                           {"\"\\ud800\\ud800\"", "first half"},
                                           {"\"\\ud800\\u0041\"", "first half"},
                                           {"\"\\udc00\"", "second half"},
                                           {"\"\xff\"", "not UTF-8"},
                                           {"\"\xc0\x80\"", "not UTF-8"},
                                           {"\"\xed\xa0\x80\"", "not UTF-8"},
                                           {"\"\xe2\x82\"", "not UTF-8"},
                                           {"\xef\xbb\xbf{}", "a value must"},
                                           {"[1]//", "follows the end"},
                                           {"/**/1", "a value must"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(cases[i][0], strlen(cases[i][0]), cases[i][1]);
    }
    check_refused("\"a\0b\"", 5, "control");
    check_refused("1\0", 2, "follows the end");
    Error error = {0};
    check(!json_parse("[1, x]", 6, "file.json", &error), "x is accepted");
    check(strcmp(error.message, "file.json: byte 4: a value must stand here") == 0, "%s",
          error.message);
}

static void strings_are_decoded(void)
{
    Json *json = parse("\"\\\"\\\\\\/\\b\\f\\n\\r\\t \\u0041\\u00e9\\u20AC\\uD83d\\uDE00 "
                       "\xC3\xA9\xF0\x9F\x98\x80\x7f\"");
    static const char expected[] =
        "\"\\/\b\f\n\r\t A\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80 \xC3\xA9\xF0\x9F\x98\x80\x7f";
    check(json && json->kind == JSON_STRING && strcmp(json->string, expected) == 0, "%s",
          json ? json->string : "");
    json_free(json);
    json = parse("\"\\ud800\\udc00\\udbff\\udfff\\u07ff\\u0800\\uffff\"");
    static const char edges[] = "\xF0\x90\x80\x80\xF4\x8F\xBF\xBF\xDF\xBF\xE0\xA0\x80\xEF\xBF\xBF";
    check(json && strcmp(json->string, edges) == 0, "the edges of the surrogates");
    json_free(json);
}

static void numbers_are_the_nearest_double(void)
{
    static const struct {
        const char *text;
        double value;
    } cases[] = {{"0", 0},
                 {"-0", -0.0},
                 {"1E2", 100},
                 {"1e-2", 0.01},
                 {"0.1", 0.1},
                 {"9007199254740993", 9007199254740992.0},
                 {"1.7976931348623157e308", 0x1.fffffffffffffp1023},
                 {"5e-324", 0x1p-1074},
                 {"1e-999", 0},
                 {"123456789012345678901234567890", 1.2345678901234568e29}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Json *json = parse(cases[i].text);
        check(json && json->number == cases[i].value &&
                  !signbit(json->number) == !signbit(cases[i].value),
              "%s: %.17g", cases[i].text, json ? json->number : NAN);
        json_free(json);
    }
    char digits[2000];
    memset(digits, '7', sizeof digits);
    check_refused(digits, sizeof digits, "more than 1200");
    Json *json = json_parse(digits, 300, "text", NULL);
    check(json && json->number > 7e299 && json->number < 8e299, "300 digits");
    json_free(json);
}

static void nesting_ends_at_64(void)
{
    char text[200];
    for (int depth = 64; depth <= 65; depth++) {
        memset(text, '[', (size_t)depth);
        memset(text + depth, ']', (size_t)depth);
        Json *json = json_parse(text, (size_t)(2 * depth), "text", NULL);
        check((json != NULL) == (depth == 64), "depth %d", depth);
        json_free(json);
    }
    memset(text, '[', sizeof text);
    check_refused(text, sizeof text, "deeper than 64");
}

static void a_large_object_is_read_in_time(void)
{
    enum { COUNT = 300000 }; // a search for each name would take 4.5e10 steps
    Text text = {0};
    for (int i = 0; i < COUNT; i++)
        text_append(&text, "%c\"name%d\":%d", i ? ',' : '{', (int)(i * 7919ll % COUNT), i);
    text_append(&text, "}");
    Error error = {0};
    Json *json = json_parse(text.text, text.length, "text", &error);
    check(json && json->count == COUNT && json_get_number(json, "name7919", 0) == 1, "%s",
          error.message);
    json_free(json);
    text.length--;
    text_append(&text, ",\"name5\":0}");
    check_refused(text.text, text.length, "\"name5\" stands twice");
    text_free(&text);
}

static void numbers_print_with_the_fewest_digits(void)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0, "-0"},
                 {1, "1"},
                 {-17, "-17"},
                 {1000000, "1000000"},
                 {123456789012345, "123456789012345"},
                 {1e15, "1e+15"},
                 {0.1, "0.1"},
                 {0.1 + 0.2, "0.30000000000000004"},
                 {1.0 / 3, "0.3333333333333333"},
                 {97.5, "97.5"},
                 {5e-324, "5e-324"},
                 {0x1.fffffffffffffp1023, "1.7976931348623157e+308"},
                 {1e300, "1e+300"},
                 {(double)0.1f, "0.10000000149011612"},
                 {NAN, "null"},
                 {INFINITY, "null"},
                 {-INFINITY, "null"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        check_printed(json_number(cases[i].value), cases[i].text);
}

static void any_double_reads_back_to_the_last_bit(void)
{
    RandomKey key = {.seed = 1, .purpose = random_purpose("doubles")};
    for (uint64_t i = 0; i < 20000; i++) {
        uint32_t words[4];
        random_block(key, i, words);
        uint64_t bits = (uint64_t)words[0] << 32 | words[1];
        double value;
        memcpy(&value, &bits, sizeof value);
        if (!isfinite(value)) continue;
        Json *json = json_number(value);
        char *text = printed(json);
        json_free(json);
        json = parse(text);
        check(json && memcmp(&json->number, &value, sizeof value) == 0, "%a became %s", value,
              text);
        json_free(json);
        free(text);
    }
}

static void strings_print_escaped(void)
{
    check_printed(json_string("a\"b\\c/\b\f\n\r\t\x01\x1f\x7f\xC3\xA9\xF0\x9F\x98\x80"),
                  "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\xC3\xA9\xF0\x9F\x98\x80\"");
    check_printed(json_string(""), "\"\"");
    check_printed(json_string("a\xff\xc3"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""); // no UTF-8: U+FFFD
}

static void trees_print_in_lines(void)
{
    Json *json = json_object(), *list = json_array(), *rows = json_array();
    json_set(json, "model", json_string("vgg11"));
    json_push(list, json_number(1));
    json_push(list, json_null());
    json_push(list, json_boolean(false));
    json_set(json, "list", list);
    json_push(rows, json_object());
    json_push(rows, json_array());
    json_set(json, "rows", rows);
    json_set(json, "ok", json_boolean(false));
    json_set(json, "ok", json_boolean(true)); // replaces, and keeps its place
    json_set(json, "last", json_number(0.5));
    Json *copy = json_copy(json);
    static const char expected[] = "{\n  \"model\": \"vgg11\",\n  \"list\": [1, null, false],\n  "
                                   "\"rows\": [\n    {},\n    []\n"
                                   "  ],\n  \"ok\": true,\n  \"last\": 0.5\n}";
    check_printed(json, expected);
    check_printed(copy, expected);
}

static void files_are_written_and_read(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s/a.json", temporary_directory());
    Json *json = parse("{\"a\":[1,2.5,\"\\u20ac\"],\"b\":null}");
    Error error = {0};
    check(json_write(path, json, &error), "%s", error.message);
    Json *again = json_read(path, &error);
    if (check(again != NULL, "%s", error.message)) {
        char *text = printed(json);
        check_printed(again, text);
        free(text);
    }
    json_free(json);
    check(file_write(path, "{\"a\":", 5, &error) && !json_read(path, &error),
          "half a file is accepted");
    check(strstr(error.message, "a.json: byte 5: a value must stand here") != NULL, "%s",
          error.message);
    check(!json_read("/nonexistent/a.json", &error), "no file is accepted");
    check(strstr(error.message, "/nonexistent/a.json: cannot open") != NULL, "%s", error.message);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"every_kind_of_value_is_read", every_kind_of_value_is_read},
        {"looking_for_what_is_not_there_gives_the_fallback",
         looking_for_what_is_not_there_gives_the_fallback},
        {"malformed_texts_are_refused_with_their_reason",
         malformed_texts_are_refused_with_their_reason},
        {"strings_are_decoded", strings_are_decoded},
        {"numbers_are_the_nearest_double", numbers_are_the_nearest_double},
        {"nesting_ends_at_64", nesting_ends_at_64},
        {"a_large_object_is_read_in_time", a_large_object_is_read_in_time},
        {"numbers_print_with_the_fewest_digits", numbers_print_with_the_fewest_digits},
        {"any_double_reads_back_to_the_last_bit", any_double_reads_back_to_the_last_bit},
        {"strings_print_escaped", strings_print_escaped},
        {"trees_print_in_lines", trees_print_in_lines},
        {"files_are_written_and_read", files_are_written_and_read},
    };
    return TESTS_RUN(tests);
}
