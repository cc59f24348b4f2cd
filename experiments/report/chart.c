// The plot is laid out in a box of 420 x 250 units, which the page scales to its columns; with about
// that many pixels the 12-unit letters stay readable on a telephone.
#include "experiments/report/chart.h"

#include <math.h>
#include "experiments/html.h"

enum { WIDTH = 420, HEIGHT = 250, SWATCH_WIDTH = 30, SWATCH_HEIGHT = 10 };

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

static void draw_swatch(Text *out, int i, const char *name)
{
    Drawing *swatch = drawing_create(SWATCH_WIDTH, SWATCH_HEIGHT, name);
    double middle = SWATCH_HEIGHT / 2.;
    draw_line(swatch, 2, (Point[]){{1, middle}, {SWATCH_WIDTH - 1, middle}}, plot_pen(i));
    drawing_svg(swatch, false, out);
    drawing_free(swatch);
}

static void draw_legend(Text *out, const LineChart *chart)
{
    text_append(out, "<figcaption><ul class=\"legend\">\n");
    for (int i = 0; i < chart->series_count; i++) {
        text_append(out, "<li>");
        draw_swatch(out, i, chart->series[i].name);
        text_append(out, "<span>");
        html_text(out, chart->series[i].name);
        text_append(out, "</span> <span class=\"number\">");
        value_text(out, last_value(&chart->series[i]), chart->unit);
        text_append(out, "</span></li>\n");
    }
    text_append(out, "</ul></figcaption>\n");
}

void report_chart(Text *out, const LineChart *chart)
{
    Text title = {0};
    for (int i = 0; i < chart->series_count; i++)
        text_append(&title, "%s%s", i ? ", " : "", chart->series[i].name);
    text_append(&title, " against %s", chart->x_label);
    Drawing *drawing = drawing_create(WIDTH, HEIGHT, title.text);
    plot_lines(drawing, plot_panel(drawing, 0, 1, 1, 0, 0), chart);
    text_append(out, "<figure class=\"chart\">");
    drawing_svg(drawing, false, out);
    draw_legend(out, chart);
    text_append(out, "</figure>\n");
    drawing_free(drawing);
    text_free(&title);
}
