// data/table.c: rows and fields of csv files and of lists with blanks, LF or CRLF; each kind of
// damage is one sentence with file and line.
#include "data/table.h"

#include <stdlib.h>
#include <string.h>
#include "tests/test.h"

// A text of exactly this size, with the zero byte behind it.
static Bytes text_of(const char *text, size_t size)
{
    Bytes bytes = {malloc(size + 1), size};
    memcpy(bytes.data, text, size);
    bytes.data[size] = 0;
    return bytes;
}

static void expect(const char *text, char separator, int64_t rows, const char *const *fields)
{
    Table table;
    Error error = {0};
    if (!check(table_parse(text_of(text, strlen(text)), separator, "t", &table, &error), "%s",
               error.message))
        return;
    check(table.rows == rows, "%lld rows of '%s'", (long long)table.rows, text);
    for (int64_t row = 0; row < table.rows; row++)
        for (int64_t i = 0; i < table_row_length(&table, row); i++, fields++)
            check(*fields && strcmp(table.fields[table.starts[row] + i], *fields) == 0,
                  "'%s', row %lld, field %lld", text, (long long)row, (long long)i);
    check(*fields == NULL, "'%s': fields are missing", text);
    table_free(&table);
}

static void rows_are_cut_into_fields(void)
{
    static const char *const four[] = {"a", "b", "c", "d", NULL};
    expect("a;b\nc;d\n", ';', 2, four);
    expect("a;b\r\nc;d\r\n", ';', 2, four);
    expect("a;b\r\nc;d", ';', 2, four);
    expect("a b\n c\t \td \n", ' ', 2, four);
    expect("a,,b\n", ',', 1, (const char *const[]){"a", "", "b", NULL});
    expect("a b\n", ',', 1, (const char *const[]){"a b", NULL});
}

static void refused(const char *text, size_t size, const char *reason)
{
    Table table;
    Error error = {0};
    check(!table_parse(text_of(text, size), ';', "file", &table, &error), "accepted: %s", reason);
    check(strstr(error.message, reason) != NULL, "expected '%s', got: %s", reason, error.message);
    check(!table.fields && !table.starts && !table.text.data, "not empty");
}

static void damaged_tables_are_refused(void)
{
    refused("", 0, "file: the table is empty");
    refused("a;b\n\nc;d\n", 9, "file, line 2: is empty");
    refused("a\0b\n", 4, "zero bytes or quotes");
    refused("\"a\";b\n", 6, "zero bytes or quotes");
}

static void fields_are_checked(void)
{
    const char *text = "a;-1;12\n../x;x/y;+3\n/x;;9999999999999999999999\na\x1b;1x;\n";
    Table t;
    Error error = {0};
    int number = 0;
    if (!check(table_parse(text_of(text, strlen(text)), ';', "f", &t, &error), "%s", error.message))
        return;
    check(table_row(&t, 0, 3, &error) == t.fields && !table_row(&t, 0, 4, &error), "row");
    check(strcmp(error.message, "f, line 1: 3 fields instead of 4") == 0, "%s", error.message);
    check(table_number(&t, 0, 1, -1, 1, &number, &error) && number == -1, "-1");
    check(table_number(&t, 0, 2, 0, 12, &number, &error) && number == 12, "12");
    check(!table_number(&t, 0, 2, 0, 11, &number, &error) && number == 12, "12 of 0..11");
    check(strcmp(error.message, "f, line 1: '12' is no number from 0 to 11") == 0, "%s",
          error.message);
    check(!table_number(&t, 1, 2, 0, 9, &number, &error), "+3");
    check(!table_number(&t, 2, 1, 0, 9, &number, &error), "empty");
    check(!table_number(&t, 2, 2, 0, 9, &number, &error), "too large");
    check(!table_number(&t, 3, 1, 0, 9, &number, &error), "1x");
    check(table_file_name(&t, 0, 0, false, &error), "a");
    check(!table_file_name(&t, 1, 0, true, &error), "../x");
    check(strstr(error.message, "f, line 2: '../x' is not the name of a file") != NULL, "%s",
          error.message);
    check(table_file_name(&t, 1, 1, true, &error), "x/y");
    check(!table_file_name(&t, 1, 1, false, &error), "x/y without directories");
    check(!table_file_name(&t, 2, 0, true, &error), "/x");
    check(!table_file_name(&t, 2, 1, true, &error), "empty name");
    check(!table_file_name(&t, 3, 0, true, &error), "an escape");
    table_free(&t);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"rows_are_cut_into_fields", rows_are_cut_into_fields},
        {"damaged_tables_are_refused", damaged_tables_are_refused},
        {"fields_are_checked", fields_are_checked},
    };
    return TESTS_RUN(tests);
}
