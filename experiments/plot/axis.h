// One axis of a plot: an interval of values, where it lies in the drawing, and its round ticks.
#ifndef SIEVE_EXPERIMENTS_PLOT_AXIS_H
#define SIEVE_EXPERIMENTS_PLOT_AXIS_H

#include <stdbool.h>

enum { AXIS_MOST_TICKS = 16, AXIS_TEXT = 32 };

typedef struct Axis {
    double low, high;  // low < high once it has ticks
    double start, end; // coordinates of low and high
    bool logarithmic;
    double ticks[AXIS_MOST_TICKS];
    int tick_count;
} Axis;

// An axis without values yet; axis_widen gives it the interval of what it is shown.
Axis axis_create(double start, double end);
void axis_widen(Axis *axis, double value);

// About `wanted` round ticks; the interval ends on ticks where snap, else on the values. Without
// values it is 0 .. 1.
void axis_ticks(Axis *axis, bool snap, int wanted);
// Powers of ten, or 1, 2, 5 times these where the interval is short. Values must be positive.
void axis_logarithmic_ticks(Axis *axis);

double axis_position(const Axis *axis, double value);

// Tick i with as many decimals as tell it from its neighbour.
void axis_tick_text(const Axis *axis, int i, char text[AXIS_TEXT]);

#endif
