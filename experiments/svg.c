// Line charts. Everything is laid out once in a box of 420 x 250 units, which the page scales to
// its columns; with about that many pixels the 12-unit letters stay readable on a telephone.
#include "experiments/svg.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include "experiments/html.h"

enum { WIDTH = 420, HEIGHT = 250, LEFT = 52, RIGHT = 12, TOP = 22, BOTTOM = 38, MOST_TICKS = 16 };

// One axis: the interval of values, where it lies in the box, and its ticks.
typedef struct Axis {
    double low, high;  // low < high
    double start, end; // coordinates of low and high
    bool logarithmic;
    double ticks[MOST_TICKS];
    int tick_count;
} Axis;

static double position(const Axis *axis, double value)
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

// Round ticks, and an interval that ends on them when `snap` is set (y) or on the data (x).
static void linear_ticks(Axis *axis, bool snap, int wanted)
{
    if (!(axis->high > axis->low)) {
        double margin = axis->low != 0 ? fabs(axis->low) * 0.1 : 1;
        axis->low -= margin;
        axis->high += margin;
    }
    double step = round_up((axis->high - axis->low) / wanted);
    double first = snap ? floor(axis->low / step + 1e-9) : ceil(axis->low / step - 1e-9);
    double last = snap ? ceil(axis->high / step - 1e-9) : floor(axis->high / step + 1e-9);
    if (snap) {
        axis->low = first * step;
        axis->high = last * step;
    }
    for (double i = first; i <= last && axis->tick_count < MOST_TICKS; i++)
        axis->ticks[axis->tick_count++] = i * step;
}

// Ticks at 1, 2, 5 of every power of ten, or at 1 alone, or at every second, third, ... power where
// there would be too many.
static void logarithmic_ticks(Axis *axis)
{
    double first = floor(log10(axis->low) + 1e-9), last = ceil(log10(axis->high) - 1e-9);
    bool few = last - first <= 2;
    double stride = ceil((last - first) / 6);
    static const double parts[] = {1, 2, 5};
    double low = axis->low, high = axis->high;
    axis->low = pow(10, first);
    axis->high = pow(10, last);
    for (double power = first; power <= last; power += stride) {
        for (int i = 0; i < (few ? 3 : 1); i++) {
            double tick = parts[i] * pow(10, power);
            if (few && tick <= low * (1 + 1e-9)) axis->low = tick;
            if (tick > axis->high * (1 + 1e-9) || axis->tick_count == MOST_TICKS) continue;
            axis->ticks[axis->tick_count++] = tick;
            if (few && tick >= high * (1 - 1e-9)) axis->high = tick;
        }
    }
}

static void widen(Axis *axis, double value)
{
    axis->low = fmin(axis->low, value);
    axis->high = fmax(axis->high, value);
}

static void measure(const Chart *chart, Axis *x, Axis *y)
{
    *x = (Axis){.low = INFINITY, .high = -INFINITY, .start = LEFT, .end = WIDTH - RIGHT};
    *y = (Axis){.low = INFINITY, .high = -INFINITY, .start = HEIGHT - BOTTOM, .end = TOP};
    for (int i = 0; i < chart->series_count; i++)
        for (size_t k = 0; k < chart->series[i].count; k++) {
            widen(x, chart->series[i].x[k]);
            if (isfinite(chart->series[i].y[k])) widen(y, chart->series[i].y[k]);
        }
    if (!(x->low <= x->high)) x->low = 0, x->high = 1;
    if (!(y->low <= y->high)) y->low = 0, y->high = 1;
    y->logarithmic = chart->unit[0] == 0 && y->low > 0 && y->high > 50 * y->low;
    linear_ticks(x, false, 6);
    if (y->logarithmic)
        logarithmic_ticks(y);
    else
        linear_ticks(y, true, 5);
}

// A tick's text: as many decimals as tell it from its neighbour.
static void tick_text(Text *out, const Axis *axis, int i)
{
    double value = axis->ticks[i];
    double step = axis->tick_count > 1 ? fabs(axis->ticks[1] - axis->ticks[0]) : fabs(value);
    if (axis->logarithmic || fabs(value) >= 1e6 || (step > 0 && step < 1e-4)) {
        text_append(out, "%.3g", value);
        return;
    }
    int decimals = step > 0 && step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    html_number(out, value, decimals);
}

static void draw_axes(Text *out, const Chart *chart, const Axis *x, const Axis *y)
{
    text_append(out, "<g class=\"grid\">");
    for (int i = 0; i < y->tick_count; i++) {
        double at = position(y, y->ticks[i]);
        if (at < TOP - 0.5 || at > HEIGHT - BOTTOM + 0.5) continue;
        text_append(out, "<path d=\"M%d %.1fH%d\"/><text x=\"%d\" y=\"%.1f\" class=\"end\">", LEFT,
                    at, WIDTH - RIGHT, LEFT - 7, at + 4);
        tick_text(out, y, i);
        text_append(out, "</text>\n");
    }
    for (int i = 0; i < x->tick_count; i++) {
        double at = position(x, x->ticks[i]);
        text_append(out, "<path d=\"M%.1f %dv4\"/><text x=\"%.1f\" y=\"%d\" class=\"middle\">", at,
                    HEIGHT - BOTTOM, at, HEIGHT - BOTTOM + 17);
        tick_text(out, x, i);
        text_append(out, "</text>\n");
    }
    text_append(out, "<path class=\"axis\" d=\"M%d %dV%dH%d\"/>", LEFT, TOP, HEIGHT - BOTTOM,
                WIDTH - RIGHT);
    text_append(out, "<text x=\"%d\" y=\"%d\" class=\"middle\">", (LEFT + WIDTH - RIGHT) / 2,
                HEIGHT - 5);
    html_text(out, chart->x_label);
    text_append(out, "</text><text x=\"%d\" y=\"13\" class=\"end\">", LEFT - 7);
    html_text(out, chart->unit);
    text_append(out, "</text>");
    if (y->logarithmic) text_append(out, "<text x=\"%d\" y=\"13\">logarithmic scale</text>", LEFT);
    text_append(out, "</g>\n");
}

// The line through the finite points, broken at gaps, and a dot on its last point.
static void draw_series(Text *out, const Series *series, int style, const Axis *x, const Axis *y)
{
    text_append(out, "<path class=\"line series-%d\" d=\"", style);
    bool joined = false;
    double last_x = NAN, last_y = NAN;
    for (size_t k = 0; k < series->count; k++) {
        bool known = isfinite(series->y[k]);
        if (known) {
            last_x = position(x, series->x[k]);
            last_y = position(y, series->y[k]);
            text_append(out, "%c%.1f %.1f", joined ? 'L' : 'M', last_x, last_y);
        }
        joined = known;
    }
    text_append(out, "\"/>");
    if (isfinite(last_x))
        text_append(out, "<circle class=\"dot series-%d\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>", style,
                    last_x, last_y);
    text_append(out, "\n");
}

static double last_value(const Series *series)
{
    for (size_t k = series->count; k > 0; k--)
        if (isfinite(series->y[k - 1])) return series->y[k - 1];
    return NAN;
}

// The last value with three significant digits, percentages with two decimals as in the tables.
static void value_text(Text *out, double value, const char *unit)
{
    if (unit[0] == '%' || !isfinite(value)) {
        html_number(out, value, 2);
    } else if (value != 0 && (fabs(value) < 1e-3 || fabs(value) >= 1e6)) {
        text_append(out, "%.2e", value);
    } else {
        int digits = value == 0 ? 0 : 2 - (int)floor(log10(fabs(value)));
        html_number(out, value, digits < 0 ? 0 : digits);
    }
    if (unit[0] && isfinite(value)) {
        text_append(out, " ");
        html_text(out, unit);
    }
}

static void draw_legend(Text *out, const Chart *chart)
{
    text_append(out, "<figcaption><ul class=\"legend\">\n");
    for (int i = 0; i < chart->series_count; i++) {
        text_append(out,
                    "<li><svg class=\"swatch\" viewBox=\"0 0 30 10\" aria-hidden=\"true\">"
                    "<path class=\"line series-%d\" d=\"M1 5H29\"/></svg><span>",
                    i % SVG_SERIES_STYLES);
        html_text(out, chart->series[i].name);
        text_append(out, "</span> <span class=\"number\">");
        value_text(out, last_value(&chart->series[i]), chart->unit);
        text_append(out, "</span></li>\n");
    }
    text_append(out, "</ul></figcaption>\n");
}

void svg_chart(Text *out, const Chart *chart)
{
    Axis x, y;
    measure(chart, &x, &y);
    text_append(out,
                "<figure class=\"chart\"><svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"",
                WIDTH, HEIGHT);
    for (int i = 0; i < chart->series_count; i++) {
        text_append(out, "%s", i ? ", " : "");
        html_text(out, chart->series[i].name);
    }
    text_append(out, " against ");
    html_text(out, chart->x_label);
    text_append(out, "\">\n");
    draw_axes(out, chart, &x, &y);
    for (int i = 0; i < chart->series_count; i++)
        draw_series(out, &chart->series[i], i % SVG_SERIES_STYLES, &x, &y);
    text_append(out, "</svg>\n");
    draw_legend(out, chart);
    text_append(out, "</figure>\n");
}
