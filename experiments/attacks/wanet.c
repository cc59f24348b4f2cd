// WaNet (Nguyen and Tran, ICLR 2021), in the filtering paper's single- and all-target modes: the
// trigger is a smooth warp, the same for all images.
//
//   U   ~ uniform[-1, 1], (k, k, 2);   U <- U / mean |U|
//   g   = clamp(id + s U^ / size, -1, 1),    U^ = U enlarged to the image's size (bicubic)
//   x~  = x sampled at g (bilinear)
//   g'  = clamp(g + R / size, -1, 1),        R ~ uniform[-1, 1], fresh for each image and pixel
//
// id is the identity in coordinates from -1 to 1, corners on corners. In training an image becomes
// x~ with the attacker's label at `rate`; at rate times decoy_ratio it is sampled at a fresh g'
// instead and keeps its label, so that only the one smooth warp fires, not warping as such ("noise
// mode"; noise accuracy: that of such images at test).
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/attack.h"

// clang-format off
static const Setting settings[] = {
    {"rate", 0.2, 0.1, "rho_a: share of training images that are warped", {0, 1, false}},
    {"decoy_ratio", 1, 2, "rho_n / rho_a: images with a random warp for each warped one", {0, 100, false}},
    {"grid", 4, 4, "k, side of the grid of control points", {1, 1e3, true}},
    {"strength", 0.5, 0.5, "s, the warp's size in half pixels", {0, 1e3, false}},
    {0}};
static const Setting classifier_values[] = {
    {"epochs", 12, 60, "a warp is learned late", {1, 1e5, true}},
    {0}};
// clang-format on

// [height][width][2]: displaced places (x, y) in -1..1.
typedef struct Warp {
    float *grid;
} Warp;

static float clamp_one(float value)
{
    return value < -1 ? -1 : value > 1 ? 1 : value;
}

// U / mean |U|, enlarged to (1, height, width, 2).
static Tensor *displacements(const Attack *attack, Tape *tape)
{
    int64_t k = (int64_t)setting(attack->settings, "grid");
    Tensor *u = tape_tensor(tape, SHAPE(1, k, k, 2));
    RandomKey key = {attack->seed, random_purpose("wanet grid"), 0};
    double sum = 0;
    for (int64_t i = 0; i < u->count; i++) {
        u->data[i] = 2 * random_uniform(key, (uint64_t)i) - 1;
        sum += fabs((double)u->data[i]);
    }
    for (int64_t i = 0; i < u->count; i++)
        u->data[i] = (float)((double)u->data[i] * (double)u->count / sum);
    return resample2d(u, attack->height, attack->width, RESAMPLE_BICUBIC, true);
}

static bool create(Attack *attack, Error *error)
{
    int height = attack->height, width = attack->width;
    if (height < 2 || width < 2)
        return fail(error, "wanet: images of %dx%d cannot be warped", height, width);
    double s = setting(attack->settings, "strength");
    Warp *warp = allocate(sizeof *warp);
    warp->grid = allocate(sizeof(float) * (size_t)(height * width * 2));
    Tape *tape = tape_create(cpu_kernels());
    const Tensor *u = displacements(attack, tape);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int at = 2 * (y * width + x);
            double id_x = 2.0 * x / (width - 1) - 1, id_y = 2.0 * y / (height - 1) - 1;
            warp->grid[at] = clamp_one((float)(id_x + s * (double)u->data[at] / width));
            warp->grid[at + 1] = clamp_one((float)(id_y + s * (double)u->data[at + 1] / height));
        }
    tape_free(tape);
    attack->triggers = warp;
    return true;
}

static void free_warp(Attack *attack)
{
    Warp *warp = attack->triggers;
    if (!warp) return;
    free(warp->grid);
    free(warp);
}

// g for each of the images.
static Tensor *grids(const Attack *attack, const Tensor *images)
{
    const Warp *warp = attack->triggers;
    int64_t n = images->shape[0], values = (int64_t)attack->height * attack->width * 2;
    Tensor *g = tape_tensor(images->tape, SHAPE(n, attack->height, attack->width, 2));
    for (int64_t i = 0; i < n; i++)
        memcpy(g->data + i * values, warp->grid, sizeof(float) * (size_t)values);
    return g;
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    (void)draws;
    return grid_sample(images, grids(attack, images));
}

static Tensor *noise(const Attack *attack, Tensor *images, Tensor *others, Draws draws)
{
    (void)others;
    Tensor *g = grids(attack, images);
    int64_t values = (int64_t)attack->height * attack->width * 2;
    RandomKey key = draws.key;
    key.purpose ^= random_purpose("wanet noise");
    for (int64_t i = 0; i < images->shape[0]; i++)
        for (int64_t v = 0; v < values; v++) {
            uint64_t index = (uint64_t)draws.indices[i] * (uint64_t)values + (uint64_t)v;
            float r = 2 * random_uniform(key, index) - 1;
            float *place = g->data + i * values + v;
            *place = clamp_one(*place + r / (float)(v % 2 == 0 ? attack->width : attack->height));
        }
    return grid_sample(images, g);
}

// The warp has no mask and no pattern: it is shown on a grid of lines.
static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    enum { SPACING = 4 };
    Tensor *lines = tape_tensor(images->tape, 4, images->shape);
    for (int64_t i = 0; i < lines->count; i++) {
        int64_t pixel = i / attack->channels % ((int64_t)attack->height * attack->width);
        int64_t y = pixel / attack->width, x = pixel % attack->width;
        lines->data[i] = y % SPACING == SPACING / 2 || x % SPACING == SPACING / 2;
    }
    return (Trigger){.pattern = stamp(attack, lines, draws)};
}

const AttackMethod attack_wanet = {.name = "wanet",
                                   .title = "WaNet",
                                   .settings = settings,
                                   .training = classifier_values,
                                   .create = create,
                                   .free = free_warp,
                                   .stamp = stamp,
                                   .trigger = trigger,
                                   .decoy = noise,
                                   .decoy_name = "noise"};
