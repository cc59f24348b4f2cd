// A picture is made in five steps: a background; the sign's face (data/sign_faces.h), painted once
// for each class, seen through a random projection; light and haze; blur; noise. Only + - * / are
// used, which IEEE 754 fixes to the last bit.
#include "data/signs.h"

#include <stdlib.h>
#include "core/angle.h"
#include "core/thread.h"
#include "data/drawing.h"
#include "data/sign_faces.h"

enum {
    SIDE = 32,
    PIXELS = SIDE * SIDE,
    POINTS = 3,       // of a pixel in each direction that are looked up on the face
    GRID = 4,         // nodes of the background's colours in each direction
    BLOCKS = 4,       // most plain areas in the background
    BLURS = 2,        // most passes of blur
    NOISE_BLOCK = 64, // random blocks below are for the scene, from here on for the pixels
};

// How much pictures differ: each is drawn uniformly, per picture.
static const double radius_low = 10, radius_high = 15;     // pixels
static const double aspect_low = 0.78, aspect_high = 1.08; // width over height
static const double rotation_degrees = 14, shear_limit = 0.12, tilt_limit = 0.22;
static const double shift_pixels = 2.5;
static const double light_low = 0.22, light_high = 1.2, tint_limit = 0.14, slope_limit = 0.35;
static const double haze_limit = 0.4, shadow_chance = 0.3, shadow_low = 0.35, shadow_high = 0.7;
static const double noise_limit = 0.06;

typedef struct Scene {
    float pixels[PIXELS][3];
} Scene;

// ---- Background

typedef struct Block {
    float left, top, right, bottom, colour[3];
} Block;

// A muted colour: a grey with a little of each colour more or less.
static void draw_colour(Draws *draws, float colour[3])
{
    double grey = between(draws, 0.05, 0.95);
    for (int c = 0; c < 3; c++) {
        double value = grey + between(draws, -0.22, 0.22);
        colour[c] = (float)(value < 0 ? 0 : value > 1 ? 1 : value);
    }
}

static Block draw_block(Draws *draws)
{
    double left = between(draws, -12, SIDE), top = between(draws, -12, SIDE);
    Block block = {.left = (float)left, .top = (float)top};
    block.right = (float)(left + between(draws, 3, 20));
    block.bottom = (float)(top + between(draws, 3, 28));
    draw_colour(draws, block.colour);
    return block;
}

static void paint_block(Scene *scene, const Block *block)
{
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            float px = (float)x + 0.5f, py = (float)y + 0.5f;
            if (px < block->left || px > block->right || py < block->top || py > block->bottom)
                continue;
            for (int c = 0; c < 3; c++) scene->pixels[y * SIDE + x][c] = block->colour[c];
        }
}

// Colours at the nodes of a grid, smoothly between them; on it some plain areas.
static void paint_background(Scene *scene, Draws *draws)
{
    float nodes[GRID][GRID][3];
    for (int i = 0; i < GRID * GRID; i++) draw_colour(draws, nodes[i / GRID][i % GRID]);
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            float row = ((float)y + 0.5f) * (GRID - 1) / SIDE;
            float column = ((float)x + 0.5f) * (GRID - 1) / SIDE;
            int i = (int)row, k = (int)column;
            float down = row - (float)i, across = column - (float)k;
            for (int c = 0; c < 3; c++)
                scene->pixels[y * SIDE + x][c] =
                    (1 - down) * ((1 - across) * nodes[i][k][c] + across * nodes[i][k + 1][c]) +
                    down * ((1 - across) * nodes[i + 1][k][c] + across * nodes[i + 1][k + 1][c]);
        }
    Block blocks[BLOCKS];
    int count = (int)between(draws, 0, BLOCKS + 1);
    for (int i = 0; i < BLOCKS; i++) blocks[i] = draw_block(draws);
    for (int i = 0; i < count; i++) paint_block(scene, &blocks[i]);
}

// ---- The sign

// From a place in the picture to one on the face: (u, v) = (m0 . p, m1 . p) / (m2 . p) for
// p = (x, y, 1).
typedef struct Projection {
    double m[3][3];
} Projection;

// The inverse of the projection that turns, shears, shrinks, tilts and shifts the face; adjugate,
// as a factor makes no difference.
static Projection draw_projection(Draws *draws)
{
    uint32_t angle = turn_of_degrees(between(draws, -rotation_degrees, rotation_degrees));
    double cosine = turn_cosine(angle), sine = turn_sine(angle);
    double height = between(draws, radius_low, radius_high);
    double width = height * between(draws, aspect_low, aspect_high);
    double shear = height * between(draws, -shear_limit, shear_limit);
    double a = width * cosine, b = shear * cosine - height * sine;
    double d = width * sine, e = shear * sine + height * cosine;
    double c = SIDE / 2.0 + between(draws, -shift_pixels, shift_pixels);
    double f = SIDE / 2.0 + between(draws, -shift_pixels, shift_pixels);
    double g = between(draws, -tilt_limit, tilt_limit), h = between(draws, -tilt_limit, tilt_limit);
    a += c * g; // the centre stays at (c, f)
    b += c * h;
    d += f * g;
    e += f * h;
    return (Projection){{{e - f * h, c * h - b, b * f - c * e},
                         {f * g - d, a - c * g, c * d - a * f},
                         {d * h - e * g, b * g - a * h, a * e - b * d}}};
}

// Adds the face's colour and alpha at (u, v), between its four nearest pixels; nothing outside.
static void add_face(const SignFace *face, double u, double v, float sum[4])
{
    double column = (u + 1.1) * (FACE_SIDE / 2.2) - 0.5, row = (v + 1.1) * (FACE_SIDE / 2.2) - 0.5;
    if (!(column >= 0 && column < FACE_SIDE - 1 && row >= 0 && row < FACE_SIDE - 1)) return;
    int i = (int)row, k = (int)column;
    float down = (float)(row - i), across = (float)(column - k);
    for (int c = 0; c < 4; c++)
        sum[c] += (1 - down) *
                      ((1 - across) * face->pixels[i][k][c] + across * face->pixels[i][k + 1][c]) +
                  down * ((1 - across) * face->pixels[i + 1][k][c] +
                          across * face->pixels[i + 1][k + 1][c]);
}

static void paint_sign(Scene *scene, const SignFace *face, const Projection *projection)
{
    const double(*m)[3] = projection->m;
    for (int pixel = 0; pixel < PIXELS; pixel++) {
        float sum[4] = {0};
        for (int point = 0; point < POINTS * POINTS; point++) {
            double x = pixel % SIDE + (point % POINTS + 0.5) / POINTS;
            double y = pixel / SIDE + (point / POINTS + 0.5) / POINTS;
            double depth = m[2][0] * x + m[2][1] * y + m[2][2];
            if (depth > 0)
                add_face(face, (m[0][0] * x + m[0][1] * y + m[0][2]) / depth,
                         (m[1][0] * x + m[1][1] * y + m[1][2]) / depth, sum);
        }
        float *colour = scene->pixels[pixel], share = 1.0f / (POINTS * POINTS);
        for (int c = 0; c < 3; c++) colour[c] = colour[c] * (1 - share * sum[3]) + share * sum[c];
    }
}

// ---- Light

// Brightness and tint, rising along one direction; a shadow on one side of a line; haze, which
// mixes in a grey.
static void light_scene(Scene *scene, Draws *draws)
{
    double light = between(draws, light_low, light_high);
    double slope_x = between(draws, -slope_limit, slope_limit) * light / SIDE;
    double slope_y = between(draws, -slope_limit, slope_limit) * light / SIDE;
    double tint[3], haze = between(draws, 0, 1), grey = between(draws, 0.3, 0.9);
    for (int c = 0; c < 3; c++) tint[c] = 1 + between(draws, -tint_limit, tint_limit);
    haze *= haze * haze_limit; // seldom much of it
    bool shadowed = between(draws, 0, 1) < shadow_chance;
    double shadow = between(draws, shadow_low, shadow_high);
    double edge_x = between(draws, -1, 1), edge_y = between(draws, -1, 1);
    double edge = between(draws, -8, 8);
    for (int pixel = 0; pixel < PIXELS; pixel++) {
        double x = pixel % SIDE - (SIDE - 1) / 2.0, y = pixel / SIDE - (SIDE - 1) / 2.0;
        double here = light + slope_x * x + slope_y * y;
        if (shadowed && edge_x * x + edge_y * y > edge) here *= shadow;
        for (int c = 0; c < 3; c++) {
            double value = (double)scene->pixels[pixel][c] * here * tint[c];
            scene->pixels[pixel][c] = (float)(value * (1 - haze) + grey * light * haze);
        }
    }
}

// ---- Blur and noise

// Each value becomes (1 - 2 w) of itself and w of each neighbour at distance `step` in a row of
// SIDE; the ends repeat.
static void blur_row(float *values, int step, float weight)
{
    float before = values[0];
    for (int i = 0; i < SIDE; i++) {
        float *value = values + i * step, here = *value;
        float after = i + 1 < SIDE ? value[step] : here;
        *value = here + weight * (before + after - 2 * here);
        before = here;
    }
}

static void blur_scene(Scene *scene, Draws *draws)
{
    int passes = (int)between(draws, 0, BLURS + 1);
    float across = (float)between(draws, 0, 1.0 / 3), down = (float)between(draws, 0, 1.0 / 3);
    for (int pass = 0; pass < passes; pass++)
        for (int i = 0; i < 3 * SIDE; i++) blur_row(&scene->pixels[i / 3 * SIDE][i % 3], 3, across);
    for (int pass = 0; pass < passes; pass++)
        for (int i = 0; i < 3 * SIDE; i++) blur_row(&scene->pixels[i / 3][i % 3], 3 * SIDE, down);
}

// To bytes, with one random byte for each value, sixteen from each block.
static void expose(const Scene *scene, float noise, RandomKey key, uint8_t *image)
{
    const float *values = scene->pixels[0];
    for (int start = 0; start < 3 * PIXELS; start += 16) {
        uint32_t words[4];
        random_block(key, NOISE_BLOCK + (uint64_t)start / 16, words);
        for (int i = 0; i < 16; i++) {
            float random = (float)(words[i / 4] >> (8 * (i % 4)) & 255) * (2 / 255.0f) - 1;
            float value = 255 * (values[start + i] + noise * random);
            value = value < 0 ? 0 : value > 255 ? 255 : value;
            image[start + i] = (uint8_t)(value + 0.5f);
        }
    }
}

static void draw_sign(const void *context, RandomKey key, int label, uint8_t *image)
{
    const SignFace *faces = context;
    Draws draws = {.key = key};
    Scene scene;
    paint_background(&scene, &draws);
    Projection projection = draw_projection(&draws);
    paint_sign(&scene, &faces[label], &projection);
    light_scene(&scene, &draws);
    blur_scene(&scene, &draws);
    expose(&scene, (float)between(&draws, 0, noise_limit), key, image);
}

static void paint_face(void *context, int64_t task, int thread)
{
    (void)thread;
    sign_face_paint((int)task, (SignFace *)context + task);
}

bool signs_load(const DataSource *source, const DataRequest *request, Dataset *train, Dataset *test,
                Error *error)
{
    (void)source;
    SignFace *faces = allocate(SIGN_CLASSES * sizeof *faces);
    parallel_for(SIGN_CLASSES, paint_face, faces);
    bool ok = draw_halves(request, train, test, draw_sign, faces, error);
    free(faces);
    return ok;
}
