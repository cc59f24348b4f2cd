// The picture grid of a cell: images before and after the defense, what the classifier saw in them,
// the true trigger and the counter-trigger (what the defense took away).
#ifndef SIEVE_EXPERIMENTS_REPORT_PICTURES_H
#define SIEVE_EXPERIMENTS_REPORT_PICTURES_H

#include "core/file.h"
#include "experiments/report/read.h"

// Nothing when the cell has no samples.
void report_pictures(Text *out, const Entry *cell);

#endif
