// The text is cut in place: each separator and line end becomes the zero byte that ends a field.
#include "data/table.h"

#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 1 << 28, SHOWN = 60 }; // SHOWN: characters of a field in a message

static bool fail_at(const Table *table, int64_t row, const char *reason, Error *error)
{
    return fail(error, "%s, line %lld: %s", table->what, (long long)row + 1, reason);
}

typedef struct Growth {
    int64_t fields, field_capacity, row_capacity;
} Growth;

static void add_field(Table *table, Growth *growth, char *field)
{
    if (growth->fields == growth->field_capacity) {
        growth->field_capacity = 2 * growth->field_capacity + 256;
        table->fields = reallocate(table->fields, (unsigned long long)growth->field_capacity *
                                                      sizeof *table->fields);
    }
    table->fields[growth->fields++] = field;
}

static void begin_row(Table *table, Growth *growth)
{
    if (table->rows == growth->row_capacity) {
        growth->row_capacity = 2 * growth->row_capacity + 64;
        table->starts = reallocate(table->starts, (unsigned long long)(growth->row_capacity + 1) *
                                                      sizeof *table->starts);
    }
    table->starts[table->rows++] = growth->fields;
}

// One line, already ended by a zero byte.
static void cut_line(Table *table, Growth *growth, char *line, char separator)
{
    begin_row(table, growth);
    for (;;) {
        if (separator == ' ') line += strspn(line, " \t");
        if (separator == ' ' && !*line) return;
        char *end = separator == ' ' ? strpbrk(line, " \t") : strchr(line, separator);
        if (end) *end = 0;
        add_field(table, growth, line);
        if (!end) return;
        line = end + 1;
    }
}

static bool cut_text(Table *table, Growth *growth, char separator, Error *error)
{
    char *line = (char *)table->text.data, *end = line + table->text.size;
    if (memchr(line, 0, table->text.size) || memchr(line, '"', table->text.size))
        return fail(error, "%s: zero bytes or quotes in a table", table->what);
    while (line < end) {
        char *next = memchr(line, '\n', (size_t)(end - line));
        if (!next) next = end; // the zero byte behind the text
        *next = 0;
        if (next > line && next[-1] == '\r') next[-1] = 0;
        if (*line)
            cut_line(table, growth, line, separator);
        else if (next + 1 < end)
            return fail_at(table, table->rows, "is empty", error);
        line = next + 1;
    }
    return table->rows > 0 || fail(error, "%s: the table is empty", table->what);
}

bool table_parse(Bytes text, char separator, const char *what, Table *table, Error *error)
{
    *table = (Table){.what = what, .text = text};
    Growth growth = {0};
    if (!cut_text(table, &growth, separator, error)) {
        table_free(table);
        return false;
    }
    table->starts[table->rows] = growth.fields;
    return true;
}

bool table_read(const char *path, char separator, Table *table, Error *error)
{
    Bytes text;
    *table = (Table){0};
    return file_read(path, FILE_LIMIT, &text, error) &&
           table_parse(text, separator, path, table, error);
}

void table_free(Table *table)
{
    bytes_free(&table->text);
    free(table->fields);
    free(table->starts);
    *table = (Table){0};
}

int64_t table_row_length(const Table *table, int64_t row)
{
    return table->starts[row + 1] - table->starts[row];
}

char **table_row(const Table *table, int64_t row, int64_t count, Error *error)
{
    if (table_row_length(table, row) == count) return table->fields + table->starts[row];
    fail(error, "%s, line %lld: %lld fields instead of %lld", table->what, (long long)row + 1,
         (long long)table_row_length(table, row), (long long)count);
    return NULL;
}

static const char *field_at(const Table *table, int64_t row, int64_t column)
{
    return table->fields[table->starts[row] + column];
}

bool table_number(const Table *table, int64_t row, int64_t column, int low, int high, int *number,
                  Error *error)
{
    const char *text = field_at(table, row, column);
    char *end;
    long value = strtol(text, &end, 10); // far too large: LONG_MAX, hence above high
    bool plain =
        (text[0] >= '0' && text[0] <= '9') || (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
    if (!plain || *end || value < low || value > high)
        return fail(error, "%s, line %lld: '%.*s' is no number from %d to %d", table->what,
                    (long long)row + 1, SHOWN, text, low, high);
    *number = (int)value;
    return true;
}

// Whether one of the parts between slashes is "..".
static bool climbs(const char *path)
{
    for (const char *part = path; part; part = strchr(part, '/')) {
        if (*part == '/') part++;
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == 0)) return true;
    }
    return false;
}

bool table_file_name(const Table *table, int64_t row, int64_t column, bool directories,
                     Error *error)
{
    const char *name = field_at(table, row, column);
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 127)
            return fail_at(table, row, "control characters in a file name", error);
    if (!*name || *name == '/' || climbs(name) || (!directories && strchr(name, '/')))
        return fail(error, "%s, line %lld: '%.*s' is not the name of a file below this directory",
                    table->what, (long long)row + 1, SHOWN, name);
    return true;
}
