// Plots in a box of a drawing: lines, bars, histograms, maps of regions in the plane, grids of
// images. The box is where the data are; labels and titles lie around it, within PLOT_* units.
#ifndef SIEVE_EXPERIMENTS_PLOT_PLOT_H
#define SIEVE_EXPERIMENTS_PLOT_PLOT_H

#include <stddef.h>
#include "experiments/plot/axis.h"
#include "experiments/plot/drawing.h"

enum { PLOT_LEFT = 52, PLOT_RIGHT = 12, PLOT_TOP = 22, PLOT_BOTTOM = 38, PLOT_LETTER = 12 };

typedef struct Box {
    double left, top, right, bottom;
} Box;

// The drawing's part (column, row) of columns x rows equal ones, below a band `above` that is left
// free, less the margins for labels.
Box plot_panel(const Drawing *drawing, double above, int columns, int rows, int column, int row);

// The i-th of several lines: told apart by colour and by dashes.
Pen plot_pen(int i);

// Names with a sample of each pen, from `at` to the right.
void plot_legend(Drawing *drawing, Point at, int count, const char *const *names);

// A line above the box.
void plot_title(Drawing *drawing, Box box, const char *title);

typedef struct Series {
    const char *name;
    const double *x, *y; // x finite; y may be NaN, which leaves a gap
    size_t count;
} Series;

typedef struct LineChart {
    const char *x_label;
    const char *unit; // of y: "%", "s" or "" for a pure number
    const Series *series;
    int series_count;
} LineChart;

// y is drawn on a logarithmic scale when it is a pure number, positive throughout and spans more
// than a factor of 50 (losses); the axis then says so.
void plot_lines(Drawing *drawing, Box box, const LineChart *chart);

// Bars side by side for each of `groups` labels; values[series * groups + group], y from 0.
typedef struct BarChart {
    const char *x_label, *unit;
    const char *const *labels; // [groups]
    const double *values;
    int groups, series;
} BarChart;

void plot_bars(Drawing *drawing, Box box, const BarChart *chart);

// Shares of the values of several samples that fall in each of `bins` equal parts of low .. high
// (values outside count in the outermost), laid over each other. In percent.
typedef struct Histogram {
    const char *x_label;
    double low, high;
    int bins, series;
    const float *const *values; // [series]
    const int64_t *counts;      // [series], of values
} Histogram;

void plot_histogram(Drawing *drawing, Box box, const Histogram *histogram);

// A map of the unit square: classes[row * side + column], row 0 at the top (y = 1); points in their
// class's ink.
typedef struct RegionMap {
    const char *x_label, *y_label;
    int side;
    const int32_t *classes;
    const Ink *inks; // of each class
    int64_t count;
    const float *points; // (count, 2)
    const int32_t *labels;
} RegionMap;

void plot_regions(Drawing *drawing, Box box, const RegionMap *map);

// Pictures in rows of `columns`, filling the box, each with its label below (NULL: none).
typedef struct ImageGrid {
    const Picture *images;
    const char *const *labels;
    int count, columns;
} ImageGrid;

void plot_images(Drawing *drawing, Box box, const ImageGrid *grid);

#endif
