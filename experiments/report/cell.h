// One section of the report: a cell with its figures, pictures, curves and everything needed to run
// it again; and the shorter section of a classifier.
#ifndef SIEVE_EXPERIMENTS_REPORT_CELL_H
#define SIEVE_EXPERIMENTS_REPORT_CELL_H

#include "core/file.h"
#include "experiments/report/read.h"

// number counts from 1 and makes the section's address: #cell-1, #classifier-1.
void report_cell(Text *out, const Results *results, const Entry *cell, int number);
void report_classifier(Text *out, const Entry *classifier, int number);

#endif
