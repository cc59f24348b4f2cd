// Tables in text files: rows are lines, ended by LF or CRLF, fields stand between separators (csv,
// or lists with blanks between). Files are untrusted; quoted fields are refused, as no data set
// uses them.
#ifndef SIEVE_DATA_TABLE_H
#define SIEVE_DATA_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"
#include "core/file.h"

typedef struct Table {
    const char *what; // names the table in messages
    Bytes text;       // of the file; the fields point into it
    char **fields;
    int64_t *starts; // rows + 1: the number of each row's first field
    int64_t rows;
} Table;

// The rows of a text, which becomes the table's, whether it is accepted or not; a zero byte follows
// it, as file_read leaves it. separator ' ' means
// any number of blanks, and blanks around a row are ignored. An empty line stands only at the end.
// `what` must outlive the table. *table is empty on failure.
bool table_parse(Bytes text, char separator, const char *what, Table *table, Error *error);

// A file of at most 256 MB.
bool table_read(const char *path, char separator, Table *table, Error *error);
void table_free(Table *table);

int64_t table_row_length(const Table *table, int64_t row);

// The fields of a row; NULL, and an error that tells the line, unless there are `count`.
char **table_row(const Table *table, int64_t row, int64_t count, Error *error);

// A field as a whole number from low to high; the error tells the line.
bool table_number(const Table *table, int64_t row, int64_t column, int low, int high, int *number,
                  Error *error);

// Whether a field can be the name of a file below the table's directory: not empty, no absolute
// path, no part "..", no control characters; and no directories, unless they are allowed.
bool table_file_name(const Table *table, int64_t row, int64_t column, bool directories,
                     Error *error);

#endif
