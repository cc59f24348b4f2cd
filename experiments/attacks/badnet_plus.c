// BadNet+, filtering paper, appendix C.1: BadNets (Gu et al. 2017) with many triggers.
//
//   x~ = (1 - m_n) x + m_n p_n,   n uniform in 1..N                                             (1)
//
// Each trigger n is one patch p_n of random pixels at one random place, where the mask m_n is 1;
// patch and place are drawn once, when the attack is made. A poisoned image gets one of the N,
// chosen anew each time, in training and at test.
#include "core/error.h"
#include "core/ops.h"
#include "experiments/attack.h"

// clang-format off
static const Setting settings[] = {
    {"rate", 0.2, 0.1, "poisoning rate: share of training images with a trigger", {0, 1, false}},
    {"patches", 20, 20, "N, number of triggers", {1, 1e4, true}},
    {"size", 0, 0, "side of a patch in pixels; 0: 5, on images of 64 pixels (CelebA) and more 8", {0, 1e3, true}},
    {0}};
// clang-format on

enum Constant { MASKS, PATTERNS }; // m_n (N, height, width, 1), p_n (N, height, width, channels)

// Patch n with its corner at (top, left), in tensors that are zero elsewhere; `value` is its first
// pixel's number.
static void place(const Attack *attack, int n, int top, int left, RandomKey colour)
{
    Tensor *masks = attack->constants[MASKS], *patterns = attack->constants[PATTERNS];
    int size = (int)setting(attack->settings, "size"), channels = attack->channels;
    uint64_t value = (uint64_t)n * (uint64_t)(size * size * channels);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            int64_t at = ((int64_t)n * attack->height + top + y) * attack->width + left + x;
            masks->data[at] = 1;
            for (int c = 0; c < channels; c++)
                patterns->data[at * channels + c] = random_uniform(colour, value++);
        }
}

static bool create(Attack *attack, Error *error)
{
    int count = (int)setting(attack->settings, "patches");
    int size = (int)setting(attack->settings, "size");
    if (size == 0) size = attack->width < 64 ? 5 : 8;
    json_set(attack->settings, "size", json_number(size)); // each result tells it
    if (count < 1 || count > 10000 || size < 1 || size >= attack->height || size >= attack->width)
        return fail(error, "badnet+: %d patches of %dx%d do not go on images of %dx%d", count, size,
                    size, attack->height, attack->width);
    attack_constant(attack, SHAPE(count, attack->height, attack->width, 1));
    attack_constant(attack, SHAPE(count, attack->height, attack->width, attack->channels));
    RandomKey where = {attack->seed, random_purpose("badnet+ place"), 0};
    RandomKey colour = {attack->seed, random_purpose("badnet+ pixels"), 0};
    for (int n = 0; n < count; n++) {
        uint64_t at = 2 * (uint64_t)n;
        place(attack, n, (int)random_below(where, at, (uint32_t)(attack->height - size)),
              (int)random_below(where, at + 1, (uint32_t)(attack->width - size)), colour);
    }
    return true;
}

static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    Tensor *masks = attack->constants[MASKS], *patterns = attack->constants[PATTERNS];
    Tensor *n = draw_rows(images, draws, "badnet+ choice", (uint32_t)masks->shape[0]);
    return (Trigger){gather_rows(masks, n), gather_rows(patterns, n)};
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return inject(images, trigger(attack, images, draws));
}

const AttackMethod attack_badnet_plus = {.name = "badnet+",
                                         .title = "BadNet+",
                                         .settings = settings,
                                         .create = create,
                                         .stamp = stamp,
                                         .trigger = trigger};
