#include "experiments/plot/plot.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/plot/font.h"

// A box with two axes.
typedef struct Frame {
    Drawing *drawing;
    Box box;
    Axis x, y;
} Frame;

static const Pen grid_pen = {.ink = INK_GRID, .width = 1},
                 axis_pen = {.ink = INK_QUIET, .width = 1};

Box plot_panel(const Drawing *drawing, double above, int columns, int rows, int column, int row)
{
    double width = drawing->width / columns, height = (drawing->height - above) / rows;
    double left = column * width, top = above + row * height;
    return (Box){left + PLOT_LEFT, top + PLOT_TOP, left + width - PLOT_RIGHT,
                 top + height - PLOT_BOTTOM};
}

Pen plot_pen(int i)
{
    static const double dashes[SERIES_INKS][DASHES] = {
        {0}, {7, 3, 7, 3}, {2, 2.5, 2, 2.5}, {0}, {9, 3, 2, 3}, {4, 2, 4, 2}, {0}};
    int style = i % SERIES_INKS;
    Pen pen = {.ink = (Ink)(INK_SERIES + style), .width = 2};
    memcpy(pen.dashes, dashes[style], sizeof pen.dashes);
    return pen;
}

static void label(Drawing *drawing, double x, double y, Anchor anchor, const char *text)
{
    draw_text(drawing, (Point){x, y}, anchor, PLOT_LETTER, INK_QUIET, text);
}

void plot_title(Drawing *drawing, Box box, const char *title)
{
    draw_text(drawing, (Point){box.left, box.top - 8}, ANCHOR_START, PLOT_LETTER + 1, INK_TEXT,
              title);
}

void plot_legend(Drawing *drawing, Point at, int count, const char *const *names)
{
    for (int i = 0; i < count; i++) {
        draw_line(drawing, 2, (Point[]){{at.x, at.y - 4}, {at.x + 28, at.y - 4}}, plot_pen(i));
        label(drawing, at.x + 34, at.y, ANCHOR_START, names[i]);
        at.x += 34 + font_width(names[i], PLOT_LETTER) + 24;
    }
}

static Frame frame_create(Drawing *drawing, Box box)
{
    return (Frame){drawing, box, axis_create(box.left, box.right),
                   axis_create(box.bottom, box.top)};
}

static Point frame_point(const Frame *frame, double x, double y)
{
    return (Point){axis_position(&frame->x, x), axis_position(&frame->y, y)};
}

static void draw_y_ticks(const Frame *frame)
{
    const Box *box = &frame->box;
    for (int i = 0; i < frame->y.tick_count; i++) {
        char text[AXIS_TEXT];
        double at = axis_position(&frame->y, frame->y.ticks[i]);
        if (at < box->top - 0.5 || at > box->bottom + 0.5) continue;
        draw_line(frame->drawing, 2, (Point[]){{box->left, at}, {box->right, at}}, grid_pen);
        axis_tick_text(&frame->y, i, text);
        label(frame->drawing, box->left - 7, at + 4, ANCHOR_END, text);
    }
}

static void draw_x_ticks(const Frame *frame)
{
    double bottom = frame->box.bottom;
    for (int i = 0; i < frame->x.tick_count; i++) {
        char text[AXIS_TEXT];
        double at = axis_position(&frame->x, frame->x.ticks[i]);
        draw_line(frame->drawing, 2, (Point[]){{at, bottom}, {at, bottom + 4}}, axis_pen);
        axis_tick_text(&frame->x, i, text);
        label(frame->drawing, at, bottom + 17, ANCHOR_MIDDLE, text);
    }
}

static void draw_axes(const Frame *frame, const char *x_label, const char *unit)
{
    const Box *box = &frame->box;
    Point corner[] = {{box->left, box->top}, {box->left, box->bottom}, {box->right, box->bottom}};
    draw_y_ticks(frame);
    draw_x_ticks(frame);
    draw_line(frame->drawing, 3, corner, axis_pen);
    label(frame->drawing, (box->left + box->right) / 2, box->bottom + 33, ANCHOR_MIDDLE, x_label);
    label(frame->drawing, box->left - 7, box->top - 9, ANCHOR_END, unit);
    if (frame->y.logarithmic)
        label(frame->drawing, box->left, box->top - 9, ANCHOR_START, "logarithmic scale");
}

// ---- lines ----

static void measure(const LineChart *chart, Frame *frame)
{
    for (int i = 0; i < chart->series_count; i++)
        for (size_t k = 0; k < chart->series[i].count; k++) {
            axis_widen(&frame->x, chart->series[i].x[k]);
            if (isfinite(chart->series[i].y[k])) axis_widen(&frame->y, chart->series[i].y[k]);
        }
    axis_ticks(&frame->x, false, 6);
    if (chart->unit[0] == 0 && frame->y.low > 0 && frame->y.high > 50 * frame->y.low)
        axis_logarithmic_ticks(&frame->y);
    else
        axis_ticks(&frame->y, true, 5);
}

// The line through the finite points, broken at gaps, and a dot on its last point.
static void draw_series(const Frame *frame, const Series *series, Pen pen)
{
    Point *points = allocate((series->count + 1) * sizeof *points);
    int count = 0;
    for (size_t k = 0; k <= series->count; k++) {
        if (k < series->count && isfinite(series->y[k])) {
            points[count++] = frame_point(frame, series->x[k], series->y[k]);
            continue;
        }
        if (count > 1) draw_line(frame->drawing, count, points, pen);
        if (count > 0 && k == series->count)
            draw_dot(frame->drawing, points[count - 1], 6, pen.ink);
        count = 0;
    }
    free(points);
}

void plot_lines(Drawing *drawing, Box box, const LineChart *chart)
{
    Frame frame = frame_create(drawing, box);
    measure(chart, &frame);
    draw_axes(&frame, chart->x_label, chart->unit);
    for (int i = 0; i < chart->series_count; i++)
        draw_series(&frame, &chart->series[i], plot_pen(i));
}

// ---- bars and histograms ----

static void draw_bar(const Frame *frame, double left, double right, double value, Ink ink)
{
    double top = axis_position(&frame->y, value), bottom = axis_position(&frame->y, 0);
    Point corners[] = {{left, bottom}, {left, top}, {right, top}, {right, bottom}};
    draw_area(frame->drawing, 4, corners, ink, 1);
}

void plot_bars(Drawing *drawing, Box box, const BarChart *chart)
{
    Frame frame = frame_create(drawing, box);
    axis_widen(&frame.y, 0);
    for (int i = 0; i < chart->groups * chart->series; i++) axis_widen(&frame.y, chart->values[i]);
    axis_ticks(&frame.y, true, 5);
    draw_axes(&frame, chart->x_label, chart->unit);
    double group = (box.right - box.left) / chart->groups, bar = .8 * group / chart->series;
    for (int g = 0; g < chart->groups; g++) {
        double left = box.left + g * group + .1 * group;
        label(drawing, left + .4 * group, box.bottom + 17, ANCHOR_MIDDLE, chart->labels[g]);
        for (int s = 0; s < chart->series; s++)
            draw_bar(&frame, left + s * bar, left + (s + 1) * bar - 1,
                     chart->values[s * chart->groups + g], plot_pen(s).ink);
    }
}

// Percent of the values in each bin.
static void fill_bins(const Histogram *histogram, int series, double *share)
{
    int64_t count = histogram->counts[series];
    double width = (histogram->high - histogram->low) / histogram->bins;
    memset(share, 0, (size_t)histogram->bins * sizeof *share);
    for (int64_t i = 0; i < count; i++) {
        double place = floor(((double)histogram->values[series][i] - histogram->low) / width);
        int bin = place < 0 ? 0 : place >= histogram->bins ? histogram->bins - 1 : (int)place;
        share[bin] += 1;
    }
    for (int b = 0; b < histogram->bins && count > 0; b++) share[b] *= 100 / (double)count;
}

// One area under the steps, so that no seams show between the bins.
static void draw_steps(const Frame *frame, int bins, const double *shares, Ink ink)
{
    const Box *box = &frame->box;
    double width = (box->right - box->left) / bins;
    Point *corners = allocate((size_t)(2 * bins + 2) * sizeof *corners);
    for (int b = 0; b < bins; b++) {
        double y = axis_position(&frame->y, shares[b]);
        corners[2 * b] = (Point){box->left + b * width, y};
        corners[2 * b + 1] = (Point){box->left + (b + 1) * width, y};
    }
    corners[2 * bins] = (Point){box->right, box->bottom};
    corners[2 * bins + 1] = (Point){box->left, box->bottom};
    draw_area(frame->drawing, 2 * bins + 2, corners, ink, .6);
    free(corners);
}

void plot_histogram(Drawing *drawing, Box box, const Histogram *histogram)
{
    Frame frame = frame_create(drawing, box);
    int bins = histogram->bins, series = histogram->series;
    double *shares = allocate((size_t)(bins * series) * sizeof *shares);
    axis_widen(&frame.x, histogram->low);
    axis_widen(&frame.x, histogram->high);
    axis_widen(&frame.y, 0);
    for (int s = 0; s < series; s++) fill_bins(histogram, s, shares + s * bins);
    for (int i = 0; i < bins * series; i++) axis_widen(&frame.y, shares[i]);
    axis_ticks(&frame.x, false, 6);
    axis_ticks(&frame.y, true, 5);
    draw_axes(&frame, histogram->x_label, "%");
    for (int i = 0; i < series; i++) draw_steps(&frame, bins, shares + i * bins, plot_pen(i).ink);
    free(shares);
}

// ---- regions ----

enum { DOT = 3 };

// The regions in pale inks.
static Picture region_picture(const RegionMap *map)
{
    Picture picture = picture_create(map->side, map->side, 3);
    for (int i = 0; i < map->side * map->side; i++)
        ink_tint(map->inks[map->classes[i]], .38, picture.pixels + 3 * i);
    return picture;
}

void plot_regions(Drawing *drawing, Box box, const RegionMap *map)
{
    Frame frame = frame_create(drawing, box);
    Picture picture = region_picture(map);
    axis_widen(&frame.x, 0);
    axis_widen(&frame.x, 1);
    frame.y.low = 0;
    frame.y.high = 1;
    axis_ticks(&frame.x, false, 5);
    axis_ticks(&frame.y, false, 5);
    draw_axes(&frame, map->x_label, map->y_label);
    draw_image(drawing, (Point){box.left, box.top}, box.right - box.left, box.bottom - box.top,
               &picture);
    for (int64_t i = 0; i < map->count; i++) {
        double x = (double)map->points[2 * i], y = (double)map->points[2 * i + 1];
        if (x >= 0 && x <= 1 && y >= 0 && y <= 1)
            draw_dot(drawing, frame_point(&frame, x, y), DOT, map->inks[map->labels[i]]);
    }
    picture_free(&picture);
}

// ---- images ----

void plot_images(Drawing *drawing, Box box, const ImageGrid *grid)
{
    int rows = (grid->count + grid->columns - 1) / grid->columns;
    double below = grid->labels ? PLOT_LETTER + 8 : 4;
    double width = (box.right - box.left) / grid->columns - 4;
    double height = (box.bottom - box.top) / rows - below;
    for (int i = 0; i < grid->count; i++) {
        const Picture *image = &grid->images[i];
        double scale = fmin(width / image->width, height / image->height);
        double shown = scale * image->width;
        Point corner = {box.left + i % grid->columns * (width + 4) + (width - shown) / 2,
                        box.top + i / grid->columns * (height + below)};
        draw_image(drawing, corner, shown, scale * image->height, image);
        if (grid->labels)
            label(drawing, corner.x + shown / 2, corner.y + scale * image->height + PLOT_LETTER + 2,
                  ANCHOR_MIDDLE, grid->labels[i]);
    }
}
