// experiments/plot: round ticks; pixels that are covered as far as geometry says; an SVG with
// nothing unescaped; the same bits from every compiler.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/sha256.h"
#include "experiments/plot/font.h"
#include "experiments/plot/plot.h"
#include "tests/test.h"

static Axis axis_of(double low, double high, bool snap, int wanted)
{
    Axis axis = axis_create(0, 100);
    axis_widen(&axis, low);
    axis_widen(&axis, high);
    axis_ticks(&axis, snap, wanted);
    return axis;
}

static void check_ticks(const Axis *axis, int count, const char *first, const char *last)
{
    char text[AXIS_TEXT];
    check(axis->tick_count == count, "%d ticks, not %d", axis->tick_count, count);
    axis_tick_text(axis, 0, text);
    check(strcmp(text, first) == 0, "first tick '%s', not '%s'", text, first);
    axis_tick_text(axis, axis->tick_count - 1, text);
    check(strcmp(text, last) == 0, "last tick '%s', not '%s'", text, last);
}

static void ticks_are_round(void)
{
    Axis axis = axis_of(0, 97, true, 5);
    check_ticks(&axis, 6, "0", "100");
    check(axis.low == 0 && axis.high == 100, "0..97 became %g..%g", axis.low, axis.high);
    check(fabs(axis_position(&axis, 25) - 25) < 1e-9, "25 lies at %g", axis_position(&axis, 25));
    axis = axis_of(1, 9.5, false, 6);
    check_ticks(&axis, 4, "2", "8");
    check(axis.low == 1 && axis.high == 9.5, "the values' own ends moved");
    axis = axis_of(-.031, .012, true, 5);
    check_ticks(&axis, 7, "-0.04", "0.02");
    char text[AXIS_TEXT];
    axis_tick_text(&axis, 4, text);
    check(strcmp(text, "0.00") == 0, "zero is '%s'", text);
    axis = axis_of(7, 7, true, 5);
    check(axis.low < 7 && axis.high > 7 && axis.tick_count > 1, "one value: %g..%g, %d ticks",
          axis.low, axis.high, axis.tick_count);
    axis = axis_create(0, 1);
    axis_ticks(&axis, true, 5);
    check(axis.low == 0 && axis.high == 1, "no value: %g..%g", axis.low, axis.high);
}

static void logarithmic_ticks_are_powers(void)
{
    Axis axis = axis_create(0, 300);
    axis_widen(&axis, .002);
    axis_widen(&axis, 80);
    axis_logarithmic_ticks(&axis);
    check_ticks(&axis, 6, "0.001", "100");
    check(fabs(axis_position(&axis, .1) - 120) < 1e-9, "0.1 lies at %g", axis_position(&axis, .1));
    axis = axis_create(0, 1);
    axis_widen(&axis, 3);
    axis_widen(&axis, 40);
    axis_logarithmic_ticks(&axis);
    check_ticks(&axis, 5, "2", "50");
}

static const Point square[] = {{1.25, 2}, {4.5, 2}, {4.5, 3.75}, {1.25, 3.75}};

// How dark a pixel is: 0 white, 1 the ink.
static double darkness(const Picture *picture, int x, int y, Ink ink)
{
    uint8_t rgb[3];
    ink_colour(ink, rgb);
    return (255. - picture->pixels[3 * (y * picture->width + x)]) / (255. - rgb[0]);
}

static double total_darkness(const Picture *picture, Ink ink)
{
    double sum = 0;
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width; x++) sum += darkness(picture, x, y, ink);
    return sum;
}

static void check_pixel(const Picture *picture, int x, int y, double wanted)
{
    double seen = darkness(picture, x, y, INK_SERIES);
    check(fabs(seen - wanted) < .005, "pixel %d %d: %g of it is covered, not %g", x, y, seen,
          wanted);
}

static void areas_cover_pixels_by_their_share(void)
{
    Drawing *drawing = drawing_create(8, 6, "area");
    draw_area(drawing, 4, square, INK_SERIES, 1);
    Picture picture = drawing_picture(drawing, 1);
    check_pixel(&picture, 0, 2, 0);
    check_pixel(&picture, 1, 2, .75);
    check_pixel(&picture, 2, 2, 1);
    check_pixel(&picture, 4, 2, .5);
    check_pixel(&picture, 3, 3, .75);
    check_pixel(&picture, 4, 3, .375);
    check_pixel(&picture, 2, 4, 0);
    picture_free(&picture);
    picture = drawing_picture(drawing, 3);
    double area = total_darkness(&picture, INK_SERIES) / 9;
    check(fabs(area - 3.25 * 1.75) < .1, "at scale 3 it covers %g", area);
    picture_free(&picture);
    drawing_free(drawing);
}

// The area that a shape covers, at 4 pixels a unit.
static double covered(Drawing *drawing)
{
    Picture picture = drawing_picture(drawing, 4);
    double area = total_darkness(&picture, INK_SERIES) / 16;
    picture_free(&picture);
    drawing_free(drawing);
    return area;
}

static void lines_and_dots_have_their_widths(void)
{
    const double pi = 3.14159265358979;
    Drawing *drawing = drawing_create(40, 20, "line");
    draw_line(drawing, 2, (Point[]){{5, 10}, {35, 10}}, (Pen){.ink = INK_SERIES, .width = 2});
    double area = covered(drawing);
    check(fabs(area - (60 + pi)) < .5, "a line of 30 by 2 covers %g", area);

    drawing = drawing_create(20, 20, "dot");
    draw_dot(drawing, (Point){10, 10}, 10, INK_SERIES);
    area = covered(drawing);
    check(fabs(area - 25 * pi) < .5, "a dot of diameter 10 covers %g", area);

    // Dashes of 6, gaps of 4, round a corner: the joint falls into a dash.
    drawing = drawing_create(40, 40, "dashes");
    Pen pen = {.ink = INK_SERIES, .width = 2, .dashes = {6, 4, 6, 4}};
    draw_line(drawing, 3, (Point[]){{3, 5}, {26, 5}, {26, 32}}, pen);
    area = covered(drawing);
    check(fabs(area - 5 * (4 * 2 + pi)) < 1, "five dashes cover %g", area);

    // Dashes as short as the line is wide are dots.
    drawing = drawing_create(40, 20, "dots");
    pen = (Pen){.ink = INK_SERIES, .width = 2, .dashes = {2, 3, 2, 3}};
    draw_line(drawing, 2, (Point[]){{3, 10}, {23, 10}}, pen);
    area = covered(drawing);
    check(fabs(area - 4 * pi) < 1, "four dots cover %g", area);
}

static void shapes_outside_do_no_harm(void)
{
    Drawing *drawing = drawing_create(10, 10, "outside");
    Pen pen = {.ink = INK_SERIES, .width = 2};
    draw_line(drawing, 2, (Point[]){{-50, -50}, {-20, 400}}, pen);
    draw_area(drawing, 3, (Point[]){{-9, -9}, {-1, 30}, {-30, 5}}, INK_SERIES, 1);
    draw_text(drawing, (Point){200, 5}, ANCHOR_START, 12, INK_SERIES, "away");
    check(covered(drawing) == 0, "something is seen");
}

typedef struct Bounds {
    double left, top, right, bottom;
} Bounds;

static void bound(void *context, int count, const Point *points)
{
    Bounds *bounds = context;
    for (int i = 0; i < count; i++) {
        bounds->left = fmin(bounds->left, points[i].x);
        bounds->right = fmax(bounds->right, points[i].x);
        bounds->top = fmin(bounds->top, points[i].y);
        bounds->bottom = fmax(bounds->bottom, points[i].y);
    }
}

static void every_letter_stays_in_its_box(void)
{
    for (char c = '!'; c <= '~'; c++) {
        char text[] = {c, 0};
        Bounds bounds = {INFINITY, INFINITY, -INFINITY, -INFINITY};
        font_strokes(text, (Point){0, 0}, 100, bound, &bounds);
        double width = font_width(text, 100);
        check(bounds.left > -5 && bounds.right < width + 5, "'%c' lies at %g .. %g of %g", c,
              bounds.left, bounds.right, width);
        check(bounds.top >= -74 && bounds.bottom <= 25, "'%c' reaches from %g to %g", c, bounds.top,
              bounds.bottom);
    }
    check(font_width("", 12) == 0, "no text has a width");
    double dash = font_width("\xe2\x80\x93", 12), box = font_width("0", 12);
    check(dash == box, "a character of three bytes is one box, not %g", dash / box);
}

static void svg_escapes_text(void)
{
    Text text = {0};
    Drawing *drawing = drawing_create(10, 10, "a \"title\" <b>");
    draw_text(drawing, (Point){1, 2}, ANCHOR_END, 12, INK_TEXT, "x < y & z");
    drawing_svg(drawing, true, &text);
    check(strstr(text.text, "x &lt; y &amp; z") != NULL, "%s", text.text);
    check(strstr(text.text, "<b>") == NULL, "%s", text.text);
    check(strncmp(text.text, "<svg xmlns=", 11) == 0, "%s", text.text);
    text_free(&text);
    drawing_free(drawing);
}

// One drawing with everything; its bits are the same from every compiler and on every machine.
static Drawing *everything(void)
{
    Drawing *drawing = drawing_create(300, 420, "everything");
    float low[40], high[40], points[] = {.2f, .3f, .7f, .8f};
    double x[40], y[40];
    int32_t classes[16], labels[] = {0, 1};
    for (int i = 0; i < 40; i++) {
        low[i] = (float)(i * 7 % 11) / 11;
        high[i] = low[i] + .5f;
        x[i] = i;
        y[i] = i == 20 ? (double)NAN : i * i;
    }
    for (int i = 0; i < 16; i++) classes[i] = i % 4 > i / 4;
    Series series[] = {{"one", x, y, 40}, {"two", x, x, 40}};
    plot_lines(drawing, plot_panel(drawing, 20, 2, 2, 0, 0), &(LineChart){"step", "%", series, 2});
    plot_legend(drawing, (Point){5, 14}, 2, (const char *const[]){"one", "two"});
    const float *values[] = {low, high};
    plot_histogram(drawing, plot_panel(drawing, 20, 2, 2, 1, 0),
                   &(Histogram){"value", 0, 2, 10, 2, values, (int64_t[]){40, 40}});
    plot_regions(
        drawing, plot_panel(drawing, 20, 2, 2, 0, 1),
        &(RegionMap){"x", "y", 4, classes, (Ink[]){INK_SERIES, INK_SERIES + 1}, 2, points, labels});
    plot_bars(drawing, plot_panel(drawing, 20, 2, 2, 1, 1),
              &(BarChart){"rate", "%", (const char *const[]){"1", "5"}, (double[]){3, 40}, 2, 1});
    return drawing;
}

static void pixels_are_the_same_bits_everywhere(void)
{
    Drawing *drawing = everything();
    Picture picture = drawing_picture(drawing, 2);
    Text svg = {0};
    char hash[65];
    check(picture.width == 600 && picture.height == 840, "%dx%d", picture.width, picture.height);
    sha256_hex(picture.pixels, 3 * 600 * 840, hash);
    check(strcmp(hash, "88a52ba9b051e3659b2f8ee469f08ecc4def9aa8027fb3985594f0c3f2e09e0c") == 0,
          "pixels %s", hash);
    drawing_svg(drawing, true, &svg);
    sha256_hex(svg.text, svg.length, hash);
    check(strcmp(hash, "4ff265ee163f6802d917123adec54418c997a7f0711c3d983579f193418003e1") == 0,
          "SVG %s", hash);
    text_free(&svg);
    picture_free(&picture);
    drawing_free(drawing);
}

static void both_files_are_written(void)
{
    Error error = {0};
    Drawing *drawing = everything();
    char *path = path_join(temporary_directory(), "plot");
    check(drawing_write(drawing, path, &error), "%s", error.message);
    free(path);
    check(!drawing_write(drawing, "/nowhere/at/all", &error), "a missing directory is no error");
    check(strstr(error.message, "/nowhere/at/all.svg") != NULL, "%s", error.message);
    drawing_free(drawing);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"ticks_are_round", ticks_are_round},
        {"logarithmic_ticks_are_powers", logarithmic_ticks_are_powers},
        {"areas_cover_pixels_by_their_share", areas_cover_pixels_by_their_share},
        {"lines_and_dots_have_their_widths", lines_and_dots_have_their_widths},
        {"shapes_outside_do_no_harm", shapes_outside_do_no_harm},
        {"every_letter_stays_in_its_box", every_letter_stays_in_its_box},
        {"svg_escapes_text", svg_escapes_text},
        {"pixels_are_the_same_bits_everywhere", pixels_are_the_same_bits_everywhere},
        {"both_files_are_written", both_files_are_written},
    };
    return TESTS_RUN(tests);
}
