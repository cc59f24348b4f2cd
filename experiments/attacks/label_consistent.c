// The label-consistent attack (Turner, Tsipras and Madry, 2019), by adversarial examples: every
// poisoned image keeps its right label. A share of the target class's images is first made hard to
// recognise, so that the network takes to the trigger that is then put on them.
//
//   R = a network of the attacker's own, trained on the clean set (pgd_training > 0: on its
//       adversarial examples, max over the L_inf ball of the loss, so that R is robust)
//   x' = argmax_{||x' - x||_q <= epsilon} L(R(x'), y)            by PGD; q = 2 or infinity
//   x~ = (1 - m) x' + m t,   y~ = y = the target                                          (1)
//
// The trigger t is the pattern below, flush with the corner at the bottom right, or mirrored into
// all four corners. In a test it is put on images as they are.
//    . . #
//    . # .
//    # . #
// R is trained again by every command; `sieve poison` keeps the set for `--poisoned` instead.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "data/batch.h"
#include "experiments/attack.h"
#include "experiments/attacks/pgd.h"
#include "nn/initialize.h"
#include "optim/schedule.h"

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
    int row = bottom ? y - (attack->height - size) : size - 1 - y;
    int column = right ? x - (attack->width - size) : size - 1 - x;
    *value = pattern[row * PATTERN / size][column * PATTERN / size] == '#';
    return true;
}

static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    (void)draws;
    int64_t n = images->shape[0], pixels = (int64_t)attack->height * attack->width;
    int channels = attack->channels;
    Trigger rho = {tape_tensor(images->tape, SHAPE(n, attack->height, attack->width, 1)),
                   tape_tensor(images->tape, 4, images->shape)};
    for (int64_t at = 0; at < n * pixels; at++) {
        float value = 0;
        int64_t pixel = at % pixels;
        rho.mask->data[at] =
            covers(attack, (int)(pixel / attack->width), (int)(pixel % attack->width), &value);
        for (int c = 0; c < channels; c++) rho.pattern->data[at * channels + c] = value;
    }
    return rho;
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

// These samples as they are.
static void read_images(const Dataset *d, const uint32_t *samples, int64_t n, float *images,
                        int32_t *labels)
{
    batch_fill(d, samples, n, (Augmentation){0}, (RandomKey){0}, 0, images, labels);
}

typedef struct Learner {
    const Attack *attack;
    Classifier *network;
    Optimizer *optimizer;
    Tape *tape;
    Tensor *images; // (AT_ONCE, ...), with a gradient
} Learner;

static void learn_batch(Learner *l, const Dataset *train, const uint32_t *samples, uint32_t number)
{
    int32_t labels[AT_ONCE];
    Pgd ball = {true, 8 / 255., 2 / 255., (int)setting(l->attack->settings, "pgd_training")};
    read_images(train, samples, AT_ONCE, l->images->data, labels);
    if (ball.steps > 0) {
        parameters_require_gradient(&l->network->parameters, false);
        pgd(l->network, l->tape, l->images, labels, ball);
        parameters_require_gradient(&l->network->parameters, true);
    }
    RandomKey key = {l->attack->seed, random_purpose("label-consistent dropout"), number};
    Tensor *y = tape_tensor_int(l->tape, SHAPE(AT_ONCE));
    memcpy(y->ints, labels, sizeof labels);
    Tensor *x = tape_input(l->tape, l->images);
    backward(cross_entropy(classify(l->network, x, (Mode){.training = true, .key = key}), y));
    optimizer_step(l->optimizer);
    tape_reset(l->tape);
}

// Whole batches only; the rest of an epoch's samples sits it out.
static void learn(Learner *l, const Dataset *train)
{
    const Json *set = l->attack->settings;
    int64_t wanted = (int64_t)setting(set, "training_images");
    int64_t count = wanted > 0 && wanted < train->count ? wanted : train->count;
    int64_t batches = count / AT_ONCE, epochs = (int64_t)setting(set, "epochs");
    Schedule schedule = {.kind = SCHEDULE_COSINE, .learning_rate = .05, .period = batches * epochs};
    uint32_t *part = allocate(sizeof *part * (size_t)train->count);
    uint32_t *order = allocate(sizeof *order * (size_t)count);
    RandomKey key = {l->attack->seed, random_purpose("label-consistent network"), 0};
    random_permutation(key, (uint32_t)train->count, part);
    for (int64_t step = 0; step < batches * epochs; step++) {
        key.step = 1 + (uint32_t)(step / batches);
        if (step % batches == 0) epoch_order(key, part, count, order);
        l->optimizer->learning_rate = learning_rate_at(&schedule, step);
        learn_batch(l, train, order + step % batches * AT_ONCE, (uint32_t)step);
    }
    free(part);
    free(order);
}

// R, frozen.
static Classifier *independent_network(const Attack *attack, const Dataset *train, Error *error)
{
    const char *name = attack->channels == 1 ? "mnist-ia" : "resnet18";
    Classifier *network = classifier_create(name, attack->height, attack->width, attack->channels,
                                            attack->classes, error);
    if (!network) return NULL;
    classifier_set_mean_std(network, attack->mean, attack->deviation);
    initialize_default(&network->parameters,
                       (RandomKey){attack->seed, random_purpose("label-consistent start"), 0});
    Learner learner = {.attack = attack,
                       .network = network,
                       .optimizer = optimizer_create_sgd(
                           &network->parameters, (Sgd){.momentum = .9f, .weight_decay = 5e-4f}),
                       .tape = tape_create(cpu_kernels()),
                       .images = parameter_create(
                           SHAPE(AT_ONCE, attack->height, attack->width, attack->channels))};
    learn(&learner, train);
    optimizer_free(learner.optimizer);
    tape_free(learner.tape);
    tensor_free(learner.images);
    parameters_freeze(&network->parameters, true);
    return network;
}

// ---- the poisoned set ----

// Replaces n of the set's images by adversarial examples, rounded to its 8 bits.
static void make_hard(const Attack *attack, const Classifier *network, const uint32_t *samples,
                      int64_t n, Dataset *train)
{
    int32_t labels[AT_ONCE];
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = parameter_create(SHAPE(n, train->height, train->width, train->channels));
    read_images(train, samples, n, x->data, labels);
    pgd(network, tape, x, labels, ball_of(attack));
    int64_t size = x->count / n;
    for (int64_t i = 0; i < x->count; i++)
        train->images[samples[i / size] * size + i % size] = (uint8_t)lroundf(x->data[i] * 255);
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
    if (train->count < AT_ONCE)
        return fail(error, "label-consistent: %lld training images are too few for a network",
                    (long long)train->count);
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
                                              .create = create,
                                              .stamp = stamp,
                                              .trigger = trigger,
                                              .poison_set = poison_set};
