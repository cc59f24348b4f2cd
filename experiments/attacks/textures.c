// Each texture is a colour at each point of the plane, with an edge of the picture 1 long; a pixel is
// the mean over SAMPLES x SAMPLES points in it.
#include "experiments/attacks/textures.h"

#include <math.h>
#include <stdbool.h>
#include "core/random.h"

enum { SAMPLES = 4, COLOURS = 8 };

typedef struct Colour {
    float red, green, blue;
} Colour;

static const Colour palette[COLOURS] = {{.95f, .12f, .15f}, {.98f, .75f, .05f}, {.10f, .65f, .25f},
                                        {.10f, .35f, .90f}, {.95f, .95f, .92f}, {.90f, .20f, .70f},
                                        {.05f, .80f, .85f}, {.98f, .45f, .05f}};

// A colour for the cell (i, j) of a pattern, as if drawn at random.
static Colour colour_of(const char *pattern, int i, int j)
{
    RandomKey key = {0, random_purpose(pattern), (uint32_t)(i + 1000)};
    return palette[random_below(key, (uint64_t)(j + 1000), COLOURS)];
}

static Colour shade(Colour colour, float light)
{
    return (Colour){colour.red * light, colour.green * light, colour.blue * light};
}

// Balls in rows, every second row shifted by half a ball, lit from above left.
static Colour candies(float x, float y)
{
    float rows = 5, v = y * rows;
    int row = (int)floorf(v);
    float u = x * rows + (row % 2 ? .5f : 0);
    int column = (int)floorf(u);
    float dx = u - (float)column - .5f, dy = v - (float)row - .5f;
    if (dx * dx + dy * dy > .23f) return (Colour){.15f, .08f, .05f};
    float lx = dx + .15f, ly = dy + .15f;
    return shade(colour_of("candies", row, column), 1 - 1.2f * (lx * lx + ly * ly));
}

// Slanted sticks side by side, rounded by their shading, with dark gaps.
static Colour crayons(float x, float y)
{
    float u = 8 * (x + .35f * y), across = u - floorf(u) - .5f;
    if (fabsf(across) > .44f) return (Colour){.05f, .05f, .05f};
    return shade(colour_of("crayons", (int)floorf(u), 0), 1 - 2.4f * across * across);
}

static Colour tiles(float x, float y)
{
    int i = (int)floorf(6 * y), j = (int)floorf(6 * x);
    if ((i + j) % 2) return colour_of("tiles", i, j);
    return (Colour){.03f, .03f, .10f};
}

// Rings of alternating colours about the centres of a 2 x 2 lattice.
static Colour rings(float x, float y)
{
    float u = 2 * x, v = 2 * y;
    float dx = u - floorf(u) - .5f, dy = v - floorf(v) - .5f;
    int ring = (int)(12 * sqrtf(dx * dx + dy * dy));
    return ring % 2 ? (Colour){.97f, .97f, .97f} : colour_of("rings", ring, 0);
}

// Bands in both directions, in turn over and under each other, darker towards their edges.
static Colour weave(float x, float y)
{
    float u = 6 * x, v = 6 * y;
    int i = (int)floorf(v), j = (int)floorf(u);
    float across_u = u - (float)j - .5f, across_v = v - (float)i - .5f;
    bool upright = (i + j) % 2;
    float across = upright ? across_u : across_v, along = upright ? across_v : across_u;
    Colour colour = upright ? colour_of("warp", j, 0) : colour_of("weft", i, 0);
    if (fabsf(across) > .42f) return (Colour){.02f, .02f, .02f};
    return shade(colour, 1 - 1.5f * along * along - across * across);
}

static uint8_t to_byte(float value)
{
    return (uint8_t)(value <= 0 ? 0 : value >= 1 ? 255 : value * 255 + .5f);
}

static void draw_pixel(Colour (*colour_at)(float x, float y), int y, int x, const Picture *picture)
{
    Colour sum = {0};
    for (int s = 0; s < SAMPLES * SAMPLES; s++) {
        float at_y = (float)y + ((float)(s / SAMPLES) + .5f) / SAMPLES;
        float at_x = (float)x + ((float)(s % SAMPLES) + .5f) / SAMPLES;
        Colour colour = colour_at(at_x / (float)picture->width, at_y / (float)picture->height);
        sum = (Colour){sum.red + colour.red, sum.green + colour.green, sum.blue + colour.blue};
    }
    Colour mean = shade(sum, 1.0f / (SAMPLES * SAMPLES));
    uint8_t *pixel = picture->pixels + 3 * (y * picture->width + x);
    pixel[0] = to_byte(mean.red);
    pixel[1] = to_byte(mean.green);
    pixel[2] = to_byte(mean.blue);
}

Picture texture_draw(int n, int height, int width)
{
    static Colour (*const drawings[TEXTURES])(float x, float y) = {candies, crayons, tiles, rings,
                                                                   weave};
    Picture picture = picture_create(width, height, 3);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) draw_pixel(drawings[n], y, x, &picture);
    return picture;
}
