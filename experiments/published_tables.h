// How the published tables are written down; only published*.c read this.
#ifndef SIEVE_EXPERIMENTS_PUBLISHED_TABLES_H
#define SIEVE_EXPERIMENTS_PUBLISHED_TABLES_H

#include <stddef.h>
#include "experiments/published.h"

enum { MOST_COLUMNS = 16 };

typedef struct Column {
    const char *attack, *figure;
    const char *defense; // NULL: the row's; "": the classifier alone
} Column;

// What a row holds for, where the paper tells it apart.
typedef struct Only {
    const char *model;   // NULL: whichever
    const char *setting; // of attack or defense, which has the value that follows; NULL: whichever
    double value;
    int target;          // of single-target mode
    const char *options; // further ones of the command that measures it; NULL: none
} Only;
#define ANY                    \
    {                          \
        NULL, NULL, 0, 0, NULL \
    }

typedef struct Row {
    const char *data, *defense; // defense "": the classifier alone; NULL: the column's
    double values[MOST_COLUMNS];
    Only only;
} Row;

struct PublishedTable {
    const char *mode;
    int columns, rows;
    const Column *column;
    const Row *row;
    const char *options; // with which it is measured, beside what the lines tell; NULL: none
};

#define COUNT(array) (int)(sizeof(array) / sizeof((array)[0]))
#define TABLE(mode, columns, rows) TABLE_WITH(mode, columns, rows, NULL)
#define TABLE_WITH(mode, columns, rows, options)                  \
    {                                                             \
        mode, COUNT(columns), COUNT(rows), columns, rows, options \
    }

extern const PublishedSet none_sets[];
extern const int none_set_count;

#endif
