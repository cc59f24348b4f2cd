// The report: one HTML file that holds everything about a results directory (verdict, tables,
// pictures, curves, how to run each cell again). It needs no script, no network and no file beside
// it, and the same results give the same bytes.
#ifndef SIEVE_EXPERIMENTS_REPORT_H
#define SIEVE_EXPERIMENTS_REPORT_H

#include <stdbool.h>
#include "core/error.h"

// Reads every cell and classifier below `directory` and writes the report to `path`, which is
// replaced at once. False and a sentence when there is no finished cell, a file is broken, or path
// cannot be written; path is then left as it was.
bool report_write(const char *directory, const char *path, Error *error);

#endif
