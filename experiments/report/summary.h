// The first page of the report: the verdict in plain words, the table of all cells, and what its
// columns mean.
#ifndef SIEVE_EXPERIMENTS_REPORT_SUMMARY_H
#define SIEVE_EXPERIMENTS_REPORT_SUMMARY_H

#include <stdbool.h>
#include "core/file.h"
#include "experiments/report/read.h"

// One figure of a cell: a column of the table.
typedef struct Figure {
    const char *name;    // its member in result.json
    const char *heading; // of its column
    const char *meaning; // in plain words
    bool is_time;        // seconds instead of percent
} Figure;
enum { FIGURES = 8 };
extern const Figure figures[FIGURES];

// The figure of a cell, NaN where it has none. The time is that of the defense and its evaluation.
double figure_value(const Entry *cell, const Figure *figure);

// Writes it with its own format, NaN as an en dash.
void figure_text(Text *out, const Figure *figure, double value);

// Whether this cell says that its defense removed the Trojan: T is at most 5 %.
bool trojan_removed(const Entry *cell);

// Results are expected in the order of results_read, which keeps the cells of one setting together.
void report_verdict(Text *out, const Results *results);
void report_table(Text *out, const Results *results);
void report_definitions(Text *out);

// "MNIST · BadNet+ · single target 0 · seed 1", escaped; without the seed when it is not wanted.
void setting_text(Text *out, const Entry *entry, bool with_seed);

#endif
