// A digit is drawn in four steps: pick a style (data/glyphs.h), follow its curves in short straight
// pieces, move every vertex by a smooth random deformation and a random affine map, and ink each
// pixel by its distance to the nearest piece. Only + - * / and square roots are used, which IEEE
// 754 fixes to the last bit.
#include "data/digits.h"

#include <math.h>
#include <string.h>
#include "core/angle.h"
#include "data/drawing.h"
#include "data/glyphs.h"

enum {
    SIDE = 28,
    PIXELS = SIDE * SIDE,
    PIECES = 5,       // straight pieces between two points of a stroke
    GRID = 5,         // nodes of the deformation in each direction
    NOISE_BLOCK = 64, // random blocks below are for the shape, from here on for the pixels
};

// How far a hand strays: each is drawn uniformly, per image.
static const double rotation_degrees = 20, shear_limit = 0.3, shift_pixels = 2;
static const double height_low = 17, height_high = 22;     // pixels
static const double aspect_low = 0.72, aspect_high = 1.12; // width over height of the box
static const double elastic_limit = 0.21;                  // of a node, in boxes
static const double radius_low = 0.75, radius_high = 1.6;  // of the pen, pixels
static const double softness_low = 1, softness_high = 1.7; // width of the pen's soft edge, pixels
static const double ink_low = 0.75, ink_high = 1;
static const double noise_limit = 0.05;

// ---- Deformation

typedef struct Point {
    double x, y;
} Point;

typedef struct Deformation {
    Point nodes[GRID][GRID]; // displacements, in boxes
    Point columns[2];        // affine map from the box, centred, to pixels: its two columns
    Point centre;            // pixels
} Deformation;

static Deformation draw_deformation(Draws *draws)
{
    Deformation deformation;
    for (int i = 0; i < GRID * GRID; i++) {
        Point *node = &deformation.nodes[i / GRID][i % GRID];
        node->x = between(draws, -elastic_limit, elastic_limit);
        node->y = between(draws, -elastic_limit, elastic_limit);
    }
    uint32_t angle = turn_of_degrees(between(draws, -rotation_degrees, rotation_degrees));
    double cosine = turn_cosine(angle), sine = turn_sine(angle);
    double height = between(draws, height_low, height_high);
    double width = height * between(draws, aspect_low, aspect_high);
    double shear = height * between(draws, -shear_limit, shear_limit);
    deformation.columns[0] = (Point){width * cosine, width * sine};
    deformation.columns[1] =
        (Point){shear * cosine - height * sine, shear * sine + height * cosine};
    deformation.centre.x = SIDE / 2.0 + between(draws, -shift_pixels, shift_pixels);
    deformation.centre.y = SIDE / 2.0 + between(draws, -shift_pixels, shift_pixels);
    return deformation;
}

// Quadratic B-spline weights of three neighbouring nodes: smooth, positive, sum 1. Returns the
// first node.
static int spline_weights(double position, double weights[3])
{
    double place = position * (GRID - 2);
    int first = place < 0 ? 0 : place >= GRID - 2 ? GRID - 3 : (int)place;
    double t = place - first;
    weights[0] = 0.5 * (1 - t) * (1 - t);
    weights[1] = 0.5 + t * (1 - t);
    weights[2] = 0.5 * t * t;
    return first;
}

// A point of the box to its place in pixels.
static Point deform(const Deformation *deformation, Point point)
{
    double across[3], down[3];
    int column = spline_weights(point.x, across), row = spline_weights(point.y, down);
    double x = point.x - 0.5, y = point.y - 0.5;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const Point *node = &deformation->nodes[row + i][column + j];
            x += down[i] * across[j] * node->x;
            y += down[i] * across[j] * node->y;
        }
    const Point *columns = deformation->columns;
    return (Point){deformation->centre.x + columns[0].x * x + columns[1].x * y,
                   deformation->centre.y + columns[0].y * x + columns[1].y * y};
}

// ---- Strokes

static Point stroke_point(const Stroke *stroke, int i)
{
    return (Point){stroke->points[i][0] / 100.0, stroke->points[i][1] / 100.0};
}

// The neighbour of an end: around the corner in a closed curve, the end itself in an open one.
static Point neighbour(const Stroke *stroke, int i)
{
    int last = stroke->count - 1;
    bool closed = memcmp(stroke->points[0], stroke->points[last], 2) == 0;
    if (i < 0) i = closed ? last - 1 : 0;
    if (i > last) i = closed ? 1 : last;
    return stroke_point(stroke, i);
}

// Catmull-Rom: the cubic from b (t = 0) to c (t = 1) whose slopes there are (c - a) / 2 and (d - b)
// / 2.
static double catmull_rom(double a, double b, double c, double d, double t)
{
    return b + 0.5 * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
}

typedef struct Canvas {
    float reach;             // pixels further than this from every piece stay blank
    float distances[PIXELS]; // squared distance to the nearest piece, where below reach^2
} Canvas;

static int clamp_pixel(float position)
{
    return position < 0 ? 0 : position > SIDE ? SIDE : (int)position;
}

// Lowers the distances of the pixels around the straight piece from a to b. Pixel (x, y) has its
// centre at x+0.5, y+0.5.
static void mark_piece(Canvas *canvas, Point a, Point b)
{
    float ax = (float)a.x, ay = (float)a.y, dx = (float)b.x - ax, dy = (float)b.y - ay;
    float square = dx * dx + dy * dy, inverse = square > 0 ? 1 / square : 0;
    float left = dx < 0 ? ax + dx : ax, right = dx < 0 ? ax : ax + dx;
    float top = dy < 0 ? ay + dy : ay, bottom = dy < 0 ? ay : ay + dy;
    int first_x = clamp_pixel(left - canvas->reach), end_x = clamp_pixel(right + canvas->reach + 1);
    int first_y = clamp_pixel(top - canvas->reach), end_y = clamp_pixel(bottom + canvas->reach + 1);
    for (int y = first_y; y < end_y; y++) {
        float *row = canvas->distances + y * SIDE, py = (float)y + 0.5f - ay;
        for (int x = first_x; x < end_x; x++) {
            float px = (float)x + 0.5f - ax;
            float t = (px * dx + py * dy) * inverse; // where along the piece the nearest point is
            t = t < 0 ? 0 : t > 1 ? 1 : t;
            float ex = px - t * dx, ey = py - t * dy, distance = ex * ex + ey * ey;
            row[x] = distance < row[x] ? distance : row[x];
        }
    }
}

static void mark_stroke(Canvas *canvas, const Stroke *stroke, const Deformation *deformation)
{
    Point from = deform(deformation, stroke_point(stroke, 0));
    for (int i = 0; i + 1 < stroke->count; i++) {
        Point a = neighbour(stroke, i - 1), b = stroke_point(stroke, i);
        Point c = stroke_point(stroke, i + 1), d = neighbour(stroke, i + 2);
        for (int piece = 1; piece <= PIECES; piece++) {
            double t = piece / (double)PIECES;
            Point point = {catmull_rom(a.x, b.x, c.x, d.x, t), catmull_rom(a.y, b.y, c.y, d.y, t)};
            Point to = deform(deformation, point);
            mark_piece(canvas, from, to);
            from = to;
        }
    }
}

// ---- Ink

typedef struct Pen {
    float radius, softness, ink, noise;
} Pen;

// One random byte a pixel, sixteen from each block.
static void ink_pixels(const Canvas *canvas, Pen pen, RandomKey key, uint8_t *image)
{
    float steepness = 1 / pen.softness;
    for (int start = 0; start < PIXELS; start += 16) {
        uint32_t words[4];
        random_block(key, NOISE_BLOCK + (uint64_t)start / 16, words);
        for (int i = 0; i < 16; i++) {
            float distance = sqrtf(canvas->distances[start + i]);
            float cover = (pen.radius - distance) * steepness + 0.5f;
            cover = cover < 0 ? 0 : cover > 1 ? 1 : cover;
            float noise = (float)(words[i / 4] >> (8 * (i % 4)) & 255) * (2 / 255.0f) - 1;
            float value = 255 * (pen.ink * cover + pen.noise * noise);
            value = value < 0 ? 0 : value > 255 ? 255 : value;
            image[start + i] = (uint8_t)(value + 0.5f);
        }
    }
}

static void draw_digit(const void *context, RandomKey key, int digit, uint8_t *image)
{
    (void)context;
    Draws draws = {.key = key};
    const Glyph *glyph = &glyphs[digit][(int)between(&draws, 0, STYLES_PER_DIGIT)];
    Deformation deformation = draw_deformation(&draws);
    Pen pen = {
        .radius = (float)between(&draws, radius_low, radius_high),
        .softness = (float)between(&draws, softness_low, softness_high),
        .ink = (float)between(&draws, ink_low, ink_high),
        .noise = (float)between(&draws, 0, noise_limit),
    };
    Canvas canvas = {.reach = pen.radius + 0.5f * pen.softness};
    for (int i = 0; i < PIXELS; i++) canvas.distances[i] = canvas.reach * canvas.reach;
    for (int i = 0; i < GLYPH_MAX_STROKES && glyph->strokes[i].count > 0; i++)
        mark_stroke(&canvas, &glyph->strokes[i], &deformation);
    ink_pixels(&canvas, pen, key, image);
}

// ---- Data set

bool digits_load(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error)
{
    (void)source;
    return draw_halves(request, train, test, draw_digit, NULL, error);
}
