// Histograms of neurons' values before their activation, without and with a trigger, laid over each
// other: Fig. 2, 4 and 5 of the NONE paper.
#ifndef SIEVE_EXPERIMENTS_STUDIES_VALUE_HISTOGRAM_H
#define SIEVE_EXPERIMENTS_STUDIES_VALUE_HISTOGRAM_H

#include "core/file.h"
#include "experiments/plot/plot.h"

typedef struct ValueSample {
    float *values;
    int64_t count;
} ValueSample;

// Both in one panel; the axis takes in all but the outermost 1/200 of the values at each end.
// Appends a line of numbers: shares of values >= 0 and means, without and with the trigger.
void plot_values(Drawing *drawing, Box box, const char *title, const ValueSample *without,
                 const ValueSample *with, Text *numbers);

// "without the trigger" and "with the trigger" in their inks.
void plot_values_legend(Drawing *drawing);

#endif
