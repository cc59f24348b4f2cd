// BadNet+, filtering paper, appendix C.1: BadNets (Gu et al. 2017) with many triggers.
//
//   x~ = (1 - m_n) x + m_n p_n,   n uniform in 1..N                                             (1)
//
// Each trigger n is one patch p_n of random pixels at one random place, where the mask m_n is 1;
// patch and place are drawn once, when the attack is made. A poisoned image gets one of the N,
// chosen anew each time, in training and at test.
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/attack.h"

// clang-format off
static const Setting settings[] = {
    {"rate", 0.2, 0.1, "poisoning rate: share of training images with a trigger", {0, 1, false}},
    {"patches", 20, 20, "N, number of triggers", {1, 1e5, true}},
    {"size", 5, 5, "side of a patch in pixels", {1, 1e3, true}},
    {0}};
// clang-format on

typedef struct Patches {
    int count, size;
    int *top, *left; // [count]
    float *pixels;   // [count][size][size][channels]
} Patches;

static bool create(Attack *attack, Error *error)
{
    int count = (int)setting(attack->settings, "patches");
    int size = (int)setting(attack->settings, "size");
    if (count < 1 || count > 100000 || size < 1 || size >= attack->height || size >= attack->width)
        return fail(error, "badnet+: %d patches of %dx%d do not go on images of %dx%d", count, size,
                    size, attack->height, attack->width);
    Patches *patches = allocate_zeroed(sizeof *patches);
    patches->count = count;
    patches->size = size;
    int values = patches->size * patches->size * attack->channels;
    patches->top = allocate(sizeof(int) * (size_t)patches->count);
    patches->left = allocate(sizeof(int) * (size_t)patches->count);
    patches->pixels = allocate(sizeof(float) * (size_t)(patches->count * values));
    RandomKey place = {attack->seed, random_purpose("badnet+ place"), 0};
    RandomKey colour = {attack->seed, random_purpose("badnet+ pixels"), 0};
    for (int n = 0; n < patches->count; n++) {
        uint64_t at = 2 * (uint64_t)n;
        patches->top[n] = (int)random_below(place, at, (uint32_t)(attack->height - patches->size));
        patches->left[n] =
            (int)random_below(place, at + 1, (uint32_t)(attack->width - patches->size));
        for (int i = 0; i < values; i++)
            patches->pixels[n * values + i] = random_uniform(colour, (uint64_t)(n * values + i));
    }
    attack->triggers = patches;
    return true;
}

// Patch n in an image-sized pattern and its mask, both zero elsewhere.
static void place(const Attack *attack, int n, float *mask, float *pattern)
{
    const Patches *patches = attack->triggers;
    int size = patches->size, row = size * attack->channels; // values in one row of the patch
    const float *pixels = patches->pixels + n * size * row;
    for (int y = 0; y < size; y++) {
        int at = (patches->top[n] + y) * attack->width + patches->left[n];
        memcpy(pattern + at * attack->channels, pixels + y * row, sizeof(float) * (size_t)row);
        for (int x = 0; x < size; x++) mask[at + x] = 1;
    }
}

static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    const Patches *patches = attack->triggers;
    Tape *tape = images->tape;
    int64_t n = images->shape[0], pixels = (int64_t)attack->height * attack->width;
    Trigger rho = {tape_tensor(tape, SHAPE(n, attack->height, attack->width, 1)),
                   tape_tensor(tape, 4, images->shape)};
    memset(rho.mask->data, 0, sizeof(float) * (size_t)rho.mask->count);
    memset(rho.pattern->data, 0, sizeof(float) * (size_t)rho.pattern->count);
    RandomKey choice = draws.key;
    choice.purpose ^= random_purpose("badnet+ choice");
    for (int64_t i = 0; i < n; i++)
        place(attack, (int)random_below(choice, draws.indices[i], (uint32_t)patches->count),
              rho.mask->data + i * pixels, rho.pattern->data + i * pixels * attack->channels);
    return rho;
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return inject(images, trigger(attack, images, draws));
}

static void free_patches(Attack *attack)
{
    Patches *patches = attack->triggers;
    if (!patches) return;
    free(patches->top);
    free(patches->left);
    free(patches->pixels);
    free(patches);
}

const AttackMethod attack_badnet_plus = {.name = "badnet+",
                                         .title = "BadNet+",
                                         .settings = settings,
                                         .create = create,
                                         .free = free_patches,
                                         .stamp = stamp,
                                         .trigger = trigger};
