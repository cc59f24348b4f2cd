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
// mode"; noise accuracy: that of such images at test). The augmentation comes before the warp, as
// with all attacks here; the authors' comes after it, on MNIST with rotation, too.
#include <math.h>
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

enum Constant { GRID }; // g, (1, height, width, 2): displaced places (x, y) in -1..1

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
    float *grid = attack_constant(attack, SHAPE(1, height, width, 2))->data;
    Tape *tape = tape_create(cpu_kernels());
    const Tensor *u = displacements(attack, tape);
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int at = 2 * (y * width + x);
            double id_x = 2.0 * x / (width - 1) - 1, id_y = 2.0 * y / (height - 1) - 1;
            grid[at] = clamp_one((float)(id_x + s * (double)u->data[at] / width));
            grid[at + 1] = clamp_one((float)(id_y + s * (double)u->data[at + 1] / height));
        }
    tape_free(tape);
    return true;
}

// g for each of the images.
static Tensor *grids(const Attack *attack, const Tensor *images)
{
    int64_t n = images->shape[0];
    int32_t *rows = tape_allocate_host(images->tape, n * (int64_t)sizeof *rows);
    memset(rows, 0, (size_t)n * sizeof *rows);
    return gather_rows(attack->constants[GRID], tape_ints(images->tape, n, rows));
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    (void)draws;
    return grid_sample(images, grids(attack, images));
}

// R of image `index`: its part of the stream, four numbers from each block of words.
static void draw_noise(RandomKey key, uint64_t index, int64_t values, float *r)
{
    uint32_t words[4];
    for (int64_t v = 0; v < values; v++) {
        uint64_t at = index * (uint64_t)values + (uint64_t)v;
        if (v == 0 || at % 4 == 0) random_block(key, at / 4, words);
        r[v] = 2 * ((float)(words[at % 4] >> 8) * 0x1p-24f) - 1;
    }
}

// R of each image, (n, height, width, 2). In training the indices are places in a batch: the whole
// batch's numbers are drawn where they are wanted, and those of the images taken. At test they are
// samples of a large set.
static Tensor *random_places(const Attack *attack, Tape *tape, int64_t n, RandomKey key,
                             const uint32_t *indices)
{
    enum { LARGEST_BATCH = 1024 };
    int64_t height = attack->height, width = attack->width, values = height * width * 2, most = 0;
    int32_t *rows = tape_allocate_host(tape, n * (int64_t)sizeof *rows);
    for (int64_t i = 0; i < n; i++) {
        rows[i] = (int32_t)indices[i];
        if (most <= indices[i]) most = (int64_t)indices[i] + 1;
    }
    if (most <= LARGEST_BATCH) {
        Tensor *all = tape_tensor(tape, SHAPE(most, height, width, 2));
        tape_kernels(tape)->uniform(all->count, -1, 1, key, all->data);
        return gather_rows(all, tape_ints(tape, n, rows));
    }
    float *r = tape_allocate_host(tape, n * values * (int64_t)sizeof *r);
    for (int64_t i = 0; i < n; i++) draw_noise(key, indices[i], values, r + i * values);
    return tape_floats(tape, SHAPE(n, height, width, 2), r);
}

static Tensor *noise(const Attack *attack, Tensor *images, Tensor *others, Draws draws)
{
    (void)others;
    Tape *tape = images->tape;
    RandomKey key = draws.key;
    key.purpose ^= random_purpose("wanet noise");
    Tensor *r = random_places(attack, tape, images->shape[0], key, draws.indices);
    Tensor *sizes =
        tape_floats(tape, SHAPE(2), (float[]){(float)attack->width, (float)attack->height});
    return grid_sample(images, clamp(add(grids(attack, images), divide(r, sizes)), -1, 1));
}

// The warp has no mask and no pattern: it is shown on a grid of lines.
static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    enum { SPACING = 4 };
    float *lines = tape_allocate_host(images->tape, images->count * (int64_t)sizeof *lines);
    for (int64_t i = 0; i < images->count; i++) {
        int64_t pixel = i / attack->channels % ((int64_t)attack->height * attack->width);
        int64_t y = pixel / attack->width, x = pixel % attack->width;
        lines[i] = y % SPACING == SPACING / 2 || x % SPACING == SPACING / 2;
    }
    Tensor *shown = tape_floats(images->tape, 4, images->shape, lines);
    return (Trigger){.pattern = stamp(attack, shown, draws)};
}

const AttackMethod attack_wanet = {.name = "wanet",
                                   .title = "WaNet",
                                   .settings = settings,
                                   .training = classifier_values,
                                   .create = create,
                                   .stamp = stamp,
                                   .trigger = trigger,
                                   .decoy = noise,
                                   .decoy_name = "noise"};
