// Drawing to pixels (drawing.h). A shape is first a mask, how much of each pixel it covers, then
// that much of its ink is laid over the picture. A line covers a pixel by how far inside its edge
// the pixel's middle lies (its joints and ends are round); an area by the length of its inside on
// SUBLINES horizontal lines through the pixel.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/plot/drawing.h"
#include "experiments/plot/font.h"

enum { SUBLINES = 4, MOST_CROSSINGS = 4096 };

typedef struct Raster {
    Picture picture;
    double scale;
    float *mask;                  // of the picture's size; 0 outside the box
    int left, top, right, bottom; // the box that the mask covers; right and bottom excluded
    double half_width;            // of the line that is being drawn
} Raster;

static int bounded(double value, int most)
{
    return value < 0 ? 0 : value > most ? most : (int)value;
}

// Widens the mask's box by a rectangle; the part of it that lies in the picture.
static void cover(Raster *raster, double left, double top, double right, double bottom, int box[4])
{
    box[0] = bounded(floor(left), raster->picture.width);
    box[1] = bounded(floor(top), raster->picture.height);
    box[2] = bounded(ceil(right), raster->picture.width);
    box[3] = bounded(ceil(bottom), raster->picture.height);
    if (box[0] >= box[2] || box[1] >= box[3]) return;
    if (box[0] < raster->left) raster->left = box[0];
    if (box[1] < raster->top) raster->top = box[1];
    if (box[2] > raster->right) raster->right = box[2];
    if (box[3] > raster->bottom) raster->bottom = box[3];
}

static float *mask_at(const Raster *raster, int x, int y)
{
    return raster->mask + (size_t)y * (size_t)raster->picture.width + (size_t)x;
}

// Lays the ink over the picture through the mask, which is empty afterwards.
static void lay(Raster *raster, const uint8_t rgb[3], double opacity)
{
    for (int y = raster->top; y < raster->bottom; y++)
        for (int x = raster->left; x < raster->right; x++) {
            float *mask = mask_at(raster, x, y);
            uint8_t *pixel = raster->picture.pixels +
                             3 * ((size_t)y * (size_t)raster->picture.width + (size_t)x);
            double share = opacity * (double)*mask;
            for (int c = 0; c < 3; c++)
                pixel[c] = (uint8_t)(pixel[c] + share * (rgb[c] - pixel[c]) + .5);
            *mask = 0;
        }
    raster->left = raster->picture.width;
    raster->top = raster->picture.height;
    raster->right = raster->bottom = 0;
}

// ---- lines ----

static double hypotenuse(double x, double y)
{
    return sqrt(x * x + y * y);
}

static double distance_to(Point from, Point to, double x, double y)
{
    double dx = to.x - from.x, dy = to.y - from.y, square = dx * dx + dy * dy;
    double share = square > 0 ? ((x - from.x) * dx + (y - from.y) * dy) / square : 0;
    share = share < 0 ? 0 : share > 1 ? 1 : share;
    x -= from.x + share * dx;
    y -= from.y + share * dy;
    return hypotenuse(x, y);
}

// In pixels.
static void mask_segment(Raster *raster, Point from, Point to)
{
    double reach = raster->half_width + 1;
    int box[4];
    cover(raster, fmin(from.x, to.x) - reach, fmin(from.y, to.y) - reach,
          fmax(from.x, to.x) + reach, fmax(from.y, to.y) + reach, box);
    for (int y = box[1]; y < box[3]; y++)
        for (int x = box[0]; x < box[2]; x++) {
            double inside = raster->half_width + .5 - distance_to(from, to, x + .5, y + .5);
            float share = inside < 0 ? 0 : inside > 1 ? 1 : (float)inside;
            float *mask = mask_at(raster, x, y);
            if (share > *mask) *mask = share;
        }
}

static void set_width(Raster *raster, double width)
{
    raster->half_width = fmax(width * raster->scale, 1) / 2;
}

// A whole line, in the drawing's units.
static void mask_line(void *context, int count, const Point *points)
{
    Raster *raster = context;
    double scale = raster->scale;
    for (int i = 0; i + 1 < count || i == 0; i++) {
        Point from = points[i], to = points[i + 1 < count ? i + 1 : i];
        mask_segment(raster, (Point){from.x * scale, from.y * scale},
                     (Point){to.x * scale, to.y * scale});
    }
}

// The dash or gap that a line is in, and how much of it is left.
typedef struct DashState {
    int index;
    double left;
} DashState;

// The part a .. b of a segment of this length, in the drawing's units; where the half circles leave
// nothing between them (a dash no longer than the pen is wide), its middle.
static void mask_part(Raster *raster, Point from, Point to, double length, double a, double b)
{
    if (a > b) a = b = (a + b) / 2;
    double dx = (to.x - from.x) / length, dy = (to.y - from.y) / length;
    Point part[] = {{from.x + a * dx, from.y + a * dy}, {from.x + b * dx, from.y + b * dy}};
    mask_line(raster, 2, part);
}

// One segment of a dashed line. Lines end in half circles: so much is left off at a dash's ends.
static void mask_dashes(Raster *raster, const Pen *pen, Point from, Point to, DashState *state)
{
    static const double tiny = 1e-9;
    double length = hypotenuse(to.x - from.x, to.y - from.y), round = pen->width / 2;
    for (double at = 0; at < length - tiny;) {
        double end = fmin(length, at + state->left), dash = pen->dashes[state->index];
        bool begins = state->left > dash - tiny, ends = state->left - (end - at) < tiny;
        if (state->index % 2 == 0)
            mask_part(raster, from, to, length, begins ? at + round : at, ends ? end - round : end);
        state->left -= end - at;
        at = end;
        if (!ends) continue;
        state->index = (state->index + 1) % DASHES;
        state->left = pen->dashes[state->index];
    }
}

static void draw_line_shape(Raster *raster, const Shape *shape)
{
    set_width(raster, shape->pen.width);
    if (shape->pen.dashes[0] <= 0) {
        mask_line(raster, shape->count, shape->points);
        return;
    }
    DashState state = {0, shape->pen.dashes[0]};
    for (int i = 1; i < shape->count; i++)
        mask_dashes(raster, &shape->pen, shape->points[i - 1], shape->points[i], &state);
}

// ---- areas ----

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Where the outline crosses the horizontal line y, ascending; in pixels.
static int crossings(const Raster *raster, const Shape *shape, double y, double *x)
{
    int count = 0;
    for (int i = 0; i < shape->count && count < MOST_CROSSINGS; i++) {
        Point a = shape->points[i], b = shape->points[(i + 1) % shape->count];
        a = (Point){a.x * raster->scale, a.y * raster->scale};
        b = (Point){b.x * raster->scale, b.y * raster->scale};
        if ((a.y <= y) != (b.y <= y)) x[count++] = a.x + (y - a.y) / (b.y - a.y) * (b.x - a.x);
    }
    qsort(x, (size_t)count, sizeof *x, ascending);
    return count;
}

static void mask_span(const Raster *raster, int row, double from, double to)
{
    int first = bounded(floor(from), raster->picture.width);
    int end = bounded(ceil(to), raster->picture.width);
    for (int x = first; x < end; x++)
        *mask_at(raster, x, row) += (float)((fmin(to, x + 1) - fmax(from, x)) / SUBLINES);
}

static void draw_area_shape(Raster *raster, const Shape *shape)
{
    static const double infinity = 1e30;
    double left = infinity, top = infinity, right = -infinity, bottom = -infinity;
    for (int i = 0; i < shape->count; i++) {
        left = fmin(left, shape->points[i].x * raster->scale);
        right = fmax(right, shape->points[i].x * raster->scale);
        top = fmin(top, shape->points[i].y * raster->scale);
        bottom = fmax(bottom, shape->points[i].y * raster->scale);
    }
    double *x = allocate(MOST_CROSSINGS * sizeof *x);
    int box[4];
    cover(raster, left, top, right, bottom, box);
    for (int line = box[1] * SUBLINES; line < box[3] * SUBLINES; line++) {
        int count = crossings(raster, shape, (line + .5) / SUBLINES, x);
        for (int i = 0; i + 1 < count; i += 2) mask_span(raster, line / SUBLINES, x[i], x[i + 1]);
    }
    free(x);
}

// ---- text, dots, images ----

static void draw_text_shape(Raster *raster, const Shape *shape)
{
    double size = shape->pen.width, width = font_width(shape->text, size);
    Point at = shape->points[0];
    at.x -= shape->anchor == ANCHOR_END ? width : shape->anchor == ANCHOR_MIDDLE ? width / 2 : 0;
    set_width(raster, size / 12);
    font_strokes(shape->text, at, size, mask_line, raster);
}

static void draw_dot_shape(Raster *raster, const Shape *shape)
{
    set_width(raster, shape->pen.width);
    mask_line(raster, 1, shape->points);
}

// Pixels whose middle lies in the image's rectangle.
static void draw_image_shape(Raster *raster, const Shape *shape)
{
    const Picture *image = &shape->image;
    double left = shape->points[0].x * raster->scale, top = shape->points[0].y * raster->scale;
    double width = shape->width * raster->scale, height = shape->height * raster->scale;
    for (int y = bounded(ceil(top - .5), raster->picture.height);
         y < raster->picture.height && y + .5 < top + height; y++)
        for (int x = bounded(ceil(left - .5), raster->picture.width);
             x < raster->picture.width && x + .5 < left + width; x++) {
            int row = bounded((y + .5 - top) / height * image->height, image->height - 1);
            int column = bounded((x + .5 - left) / width * image->width, image->width - 1);
            memcpy(raster->picture.pixels +
                       3 * ((size_t)y * (size_t)raster->picture.width + (size_t)x),
                   image->pixels + 3 * ((size_t)row * (size_t)image->width + (size_t)column), 3);
        }
}

Picture drawing_picture(const Drawing *drawing, double scale)
{
    static void (*const draw[])(Raster *, const Shape *) = {
        [SHAPE_LINE] = draw_line_shape,   [SHAPE_AREA] = draw_area_shape,
        [SHAPE_DOT] = draw_dot_shape,     [SHAPE_TEXT] = draw_text_shape,
        [SHAPE_IMAGE] = draw_image_shape,
    };
    int width = (int)ceil(drawing->width * scale), height = (int)ceil(drawing->height * scale);
    size_t pixels = (size_t)width * (size_t)height;
    Raster raster = {.picture = picture_create(width, height, 3), .scale = scale};
    memset(raster.picture.pixels, 255, 3 * pixels);
    raster.mask = allocate_zeroed(pixels * sizeof *raster.mask);
    raster.left = width;
    raster.top = height;
    for (int i = 0; i < drawing->count; i++) {
        const Shape *shape = &drawing->shapes[i];
        uint8_t rgb[3];
        ink_colour(shape->pen.ink, rgb);
        draw[shape->kind](&raster, shape);
        lay(&raster, rgb, shape->opacity);
    }
    free(raster.mask);
    return raster.picture;
}
