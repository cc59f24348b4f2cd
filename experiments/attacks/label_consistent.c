// The label-consistent attack (Turner, Tsipras and Madry, 2019), by adversarial examples: every
// poisoned image keeps its right label. A share of the target class's images is first made hard to
// recognise, so that the network takes to the trigger that is then put on them.
//
//   R = a network of the attacker's own, trained on the clean set (pgd_training > 0: on its
//       adversarial examples, max over the L_inf ball of the loss, so that R is robust)
//   x' = argmax_{||x' - x||_q <= epsilon} L(R(x'), y)            by PGD; q = 2 or infinity
//   x~ = (1 - m) x' + m t,   y~ = y = the target                                          (1)
//
// The trigger t is the pattern below, flush with the corner at the bottom right, or in all
// four, to the left mirrored. In a test it is put on images as they are.
//    . . #
//    . # .
//    # . #
// R (own_network.c) is trained again by every command; `sieve poison` keeps the set for `--poisoned` instead.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/attack.h"
#include "experiments/classifier_training.h"
#include "experiments/attacks/own_network.h"
#include "experiments/attacks/pgd.h"
#include "experiments/batches.h"

enum { PATTERN = 3, AT_ONCE = 64 };

// clang-format off
static const Setting settings[] = {
    {"rate", 0.9, 0.05, "poisoning rate: share of the target class's images", {0, 1, false}},
    {"norm", 2, 2, "of the ball: 2, or 0 for the maximum norm", {0, 2, true}},
    {"epsilon", 1200, 1200, "the ball's radius, of pixels in 0..255 (maximum norm: 8, 16, 32)", {0, 1e6, false}},
    {"steps", 20, 100, "of PGD", {0, 1e5, true}},
    {"step", 0, 0, "of PGD, of pixels in 0..255; 0: 2.5 epsilon / steps", {0, 1e6, false}},
    {"corners", 1, 0, "1: the trigger is in all four corners; 0: at the bottom right", {0, 1, true}},
    {"size", 3, 3, "side of a trigger in pixels", {1, 1e4, true}},
    {"epochs", 2, 30, "of training R", {1, 1e5, true}},
    {"training_images", 2000, 0, "that R is trained on; 0: all", {0, 1e9, true}},
    {"pgd_training", 0, 10, "steps of PGD on each of R's training batches (epsilon 8, step 2)", {0, 1000, true}},
    {0}};
// clang-format on

// ---- the trigger ----

static bool create(Attack *attack, Error *error)
{
    int size = (int)setting(attack->settings, "size");
    if (attack->all_targets)
        return fail(error, "label-consistent: labels stay, so there is one target (--mode single)");
    if (2 * size > attack->height || 2 * size > attack->width)
        return fail(error, "label-consistent: triggers of %dx%d do not go on images of %dx%d", size,
                    size, attack->height, attack->width);
    double epsilon = setting(attack->settings, "epsilon");
    if (setting(attack->settings, "norm") == 1)
        return fail(error, "label-consistent: norm 1: 2 and 0 (the maximum norm) are known");
    if (setting(attack->settings, "norm") == 0 && epsilon > 255)
        return fail(error,
                    "label-consistent: epsilon %g of the maximum norm lets a pixel become anything "
                    "(8, 16, 32 are the paper's)",
                    epsilon);
    return true;
}

// Whether the trigger covers the pixel of row y and column x, and its value there.
static bool covers(const Attack *attack, int y, int x, float *value)
{
    static const char *const pattern[PATTERN] = {"..#", ".#.", "#.#"};
    int size = (int)setting(attack->settings, "size");
    bool all = setting(attack->settings, "corners") > 0;
    bool top = y < size, bottom = y >= attack->height - size;
    bool left = x < size, right = x >= attack->width - size;
    if (!(bottom || (all && top)) || !(right || (all && left))) return false;
    int row = bottom ? y - (attack->height - size) : y;
    int column = right ? x - (attack->width - size) : size - 1 - x;
    *value = pattern[row * PATTERN / size][column * PATTERN / size] == '#';
    return true;
}

static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    (void)draws;
    int64_t n = images->shape[0], pixels = (int64_t)attack->height * attack->width;
    int channels = attack->channels;
    Tape *tape = images->tape;
    float *mask = tape_allocate_host(tape, n * pixels * (int64_t)sizeof *mask);
    float *pattern = tape_allocate_host(tape, images->count * (int64_t)sizeof *pattern);
    for (int64_t at = 0; at < n * pixels; at++) {
        float value = 0;
        int64_t pixel = at % pixels;
        mask[at] =
            covers(attack, (int)(pixel / attack->width), (int)(pixel % attack->width), &value);
        for (int c = 0; c < channels; c++) pattern[at * channels + c] = value;
    }
    return (Trigger){tape_floats(tape, SHAPE(n, attack->height, attack->width, 1), mask),
                     tape_floats(tape, 4, images->shape, pattern)};
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return inject(images, trigger(attack, images, draws));
}

// ---- the attacker's network ----

static Pgd ball_of(const Attack *attack)
{
    const Json *set = attack->settings;
    double epsilon = setting(set, "epsilon"), step = setting(set, "step");
    int steps = (int)setting(set, "steps");
    if (step == 0 && steps > 0) step = 2.5 * epsilon / steps;
    return (Pgd){setting(set, "norm") == 0, epsilon / 255, step / 255, steps};
}

static Classifier *independent_network(const Attack *attack, const Dataset *train, Error *error)
{
    const Json *set = attack->settings;
    OwnNetwork how = {.model = attack->channels == 1 ? "mnist-ia" : "resnet18",
                      .epochs = (int)setting(set, "epochs"),
                      .images = (int64_t)setting(set, "training_images"),
                      .learning_rate = .05,
                      .pgd_steps = (int)setting(set, "pgd_training")};
    return own_network_train(attack, train, how, error);
}

// ---- the poisoned set ----

// Replaces n of the set's images by adversarial examples, rounded to its 8 bits.
static void make_hard(const Attack *attack, const Classifier *network, const uint32_t *samples,
                      int64_t n, Dataset *train)
{
    int32_t labels[AT_ONCE];
    Tape *tape = tape_create(attack->kernels);
    Tensor *x = parameter_create(SHAPE(n, train->height, train->width, train->channels));
    float *pixels = allocate(sizeof *pixels * (size_t)x->count);
    tensor_move(x, attack->kernels->memory);
    batch_write(train, samples, x, labels);
    pgd(network, tape, x, labels, ball_of(attack));
    tensor_read(x, pixels);
    int64_t size = x->count / n;
    for (int64_t i = 0; i < x->count; i++)
        train->images[samples[i / size] * size + i % size] = (uint8_t)lroundf(pixels[i] * 255);
    free(pixels);
    tensor_free(x);
    tape_free(tape);
}

// The share `rate` of the target class, at random.
static uint32_t *chosen_samples(const Attack *attack, const Dataset *train, int64_t *count)
{
    uint32_t *order = allocate(sizeof *order * (size_t)train->count);
    RandomKey key = {attack->seed, random_purpose("label-consistent samples"), 0};
    int64_t of_class = 0;
    random_permutation(key, (uint32_t)train->count, order);
    for (int64_t i = 0; i < train->count; i++)
        if (train->labels[order[i]] == attack->target) order[of_class++] = order[i];
    *count = llround(setting(attack->settings, "rate") * (double)of_class);
    return order;
}

static bool poison_set(Attack *attack, Dataset *train, PoisonTruth *truth, Error *error)
{
    int64_t count;
    Classifier *network = independent_network(attack, train, error);
    if (!network) return false;
    uint32_t *samples = chosen_samples(attack, train, &count);
    for (int64_t first = 0; first < count; first += AT_ONCE) {
        int64_t n = count - first < AT_ONCE ? count - first : AT_ONCE;
        make_hard(attack, network, samples + first, n, train);
    }
    attack_stamp_samples(attack, (RandomKey){0}, samples, count, train, truth);
    free(samples);
    classifier_free(network);
    return true;
}

const AttackMethod attack_label_consistent = {.name = "label-consistent",
                                              .title = "Label consistent",
                                              .settings = settings,
                                              .training = none_paper_training,
                                              .none_paper = true,
                                              .create = create,
                                              .stamp = stamp,
                                              .trigger = trigger,
                                              .poison_set = poison_set};
