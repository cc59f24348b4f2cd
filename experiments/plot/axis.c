#include "experiments/plot/axis.h"

#include <math.h>
#include <stdio.h>

Axis axis_create(double start, double end)
{
    return (Axis){.low = INFINITY, .high = -INFINITY, .start = start, .end = end};
}

void axis_widen(Axis *axis, double value)
{
    axis->low = fmin(axis->low, value);
    axis->high = fmax(axis->high, value);
}

double axis_position(const Axis *axis, double value)
{
    double share = axis->logarithmic ? log(value / axis->low) / log(axis->high / axis->low)
                                     : (value - axis->low) / (axis->high - axis->low);
    return axis->start + share * (axis->end - axis->start);
}

// The smallest of 1, 2, 5, 10, 20, ... (and their tenths) that is at least `least`.
static double round_up(double least)
{
    double power = pow(10, floor(log10(least)));
    static const double steps[] = {1, 2, 5};
    for (int i = 0; i < 3; i++)
        if (steps[i] * power >= least * (1 - 1e-9)) return steps[i] * power;
    return 10 * power;
}

static void make_interval(Axis *axis)
{
    if (!(axis->low <= axis->high)) axis->low = 0, axis->high = 1;
    if (axis->high > axis->low) return;
    double margin = axis->low != 0 ? fabs(axis->low) * 0.1 : 1;
    axis->low -= margin;
    axis->high += margin;
}

void axis_ticks(Axis *axis, bool snap, int wanted)
{
    make_interval(axis);
    double step = round_up((axis->high - axis->low) / wanted);
    double first = snap ? floor(axis->low / step + 1e-9) : ceil(axis->low / step - 1e-9);
    double last = snap ? ceil(axis->high / step - 1e-9) : floor(axis->high / step + 1e-9);
    if (snap) {
        axis->low = first * step;
        axis->high = last * step;
    }
    for (double i = first; i <= last && axis->tick_count < AXIS_MOST_TICKS; i++)
        axis->ticks[axis->tick_count++] = i * step;
}

// Ticks at 1, 2, 5 of every power of ten, or at 1 alone, or at every second, third, ... power where
// there would be too many.
void axis_logarithmic_ticks(Axis *axis)
{
    axis->logarithmic = true;
    double first = floor(log10(axis->low) + 1e-9), last = ceil(log10(axis->high) - 1e-9);
    bool few = last - first <= 2;
    double stride = fmax(1, ceil((last - first) / 6));
    static const double parts[] = {1, 2, 5};
    double low = axis->low, high = axis->high;
    axis->low = pow(10, first);
    axis->high = pow(10, last);
    for (double power = first; power <= last; power += stride) {
        for (int i = 0; i < (few ? 3 : 1); i++) {
            double tick = parts[i] * pow(10, power);
            if (few && tick <= low * (1 + 1e-9)) {
                axis->low = tick;
                axis->tick_count = 0;
            }
            if (tick > axis->high * (1 + 1e-9) || axis->tick_count == AXIS_MOST_TICKS) continue;
            axis->ticks[axis->tick_count++] = tick;
            if (few && tick >= high * (1 - 1e-9)) axis->high = tick;
        }
    }
}

void axis_tick_text(const Axis *axis, int i, char text[AXIS_TEXT])
{
    double value = axis->ticks[i];
    double step = axis->tick_count > 1 ? fabs(axis->ticks[1] - axis->ticks[0]) : fabs(value);
    if (axis->logarithmic || fabs(value) >= 1e6 || (step > 0 && step < 1e-4)) {
        snprintf(text, AXIS_TEXT, "%.3g", value);
        return;
    }
    int decimals = step > 0 && step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    snprintf(text, AXIS_TEXT, "%.*f", decimals, value == 0 ? 0 : value); // no -0
}
