// Line charts as inline SVG: axes with round ticks, a legend that gives each line's last value,
// lines told apart by colour and by dashes. Colours come from the page's style sheet (classes
// series-0 ... series-6), so they follow its dark theme.
#ifndef SIEVE_EXPERIMENTS_SVG_H
#define SIEVE_EXPERIMENTS_SVG_H

#include <stddef.h>
#include "core/file.h"

enum { SVG_SERIES_STYLES = 7 };

typedef struct Series {
    const char *name;
    const double *x, *y; // x finite; y may be NaN, which leaves a gap
    size_t count;
} Series;

typedef struct Chart {
    const char *x_label;
    const char *unit; // of y: "%", "s" or "" for a pure number
    const Series *series;
    int series_count;
} Chart;

// A <figure> with the chart and its legend. y is drawn on a logarithmic scale when it is a pure
// number, positive throughout and spans more than a factor of 50 (losses); the axis then says so.
void svg_chart(Text *out, const Chart *chart);

#endif
