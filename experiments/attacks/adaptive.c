// The adaptive attack on NONE (Wang, Ding, Zhai and Ma, 2022, section 8.9): the attacker trains the
// network, and has it do inside as little as possible that is different where the trigger is. With x
// a benign sample of label y, x~ the same with the trigger on, y_t its target, I_i(x) what
// convolution i makes of x, before its activation,
//
//   L = L(F(x), y) + L(F(x~), y_t) + alpha sum_i || I_i(x) - I_i(x~) ||^2                       (9)
//
// each a mean over the samples of a batch, the last a sum over places and channels as printed, or
// with the setting mean = 1 the mean over these, too (what a library's mean squared error is): as a
// sum the larger alphas of Table 12 leave nothing of the accuracy. A benign network is trained first
// and then goes on with this loss (in one training, on one falling learning rate; facts 3.8 has a
// finished network and .01 from there). The defender has the trained network and a training set of
// which a share `rate` is poisoned as BadNets does it (badnets.c), with the watermark; the attacker
// trains on the rest.
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/attack.h"
#include "experiments/classifier_training.h"

enum { MOST_LAYERS = 64 };

// clang-format off
static const Setting settings[] = {
    {"alpha", 1e-3, 1e-3, "weight of the difference inside (Table 12: .0001 to .1)", {0, 1e9, false}},
    {"mean", 0, 0, "1: each layer's difference is a mean over its places and channels", {0, 1, true}},
    {"benign_epochs", 2, 10, "epochs of the training that are benign", {0, 1e5, true}},
    {"rate", 0.05, 0.05, "poisoned share of the defender's training set", {0, 1, false}},
    {"trigger", 4, 4, "as badnets.trigger: 4 watermark", {0, 4, true}},
    {"size", 0, 0, "as badnets.size", {0, 1e4, true}},
    {0}};
// clang-format on

typedef struct Adaptive {
    Attack badnets;   // puts the triggers on; its settings are the attack's own
    uint8_t *stamped; // samples of the training set that the attacker leaves out; NULL: none
    Observer observer;
    int layers;
    Tensor *maps[MOST_LAYERS]; // I_i of x and x~, one behind the other: of the step at hand
} Adaptive;

static void see(void *context, const Tensor *weight, Tensor *result)
{
    Adaptive *own = context;
    bool convolution = weight && weight->rank == 4;
    if (convolution && own->layers < MOST_LAYERS)
        own->maps[own->layers++] = scale(1, result); // the network may write over its own
}

static bool create(Attack *attack, Error *error)
{
    Adaptive *own = attack->triggers = allocate_zeroed(sizeof *own);
    own->badnets = *attack;
    own->badnets.method = &attack_badnets;
    own->badnets.triggers = NULL;
    own->observer = (Observer){see, own};
    if (!attack_badnets.create(&own->badnets, error)) return false;
    attack->constant_count = own->badnets.constant_count; // the attack's: they go where it goes
    memcpy(attack->constants, own->badnets.constants, sizeof attack->constants);
    return true;
}

static void free_adaptive(Attack *attack)
{
    Adaptive *own = attack->triggers;
    if (!own) return;
    attack_badnets.free(&own->badnets);
    free(own->stamped);
    free(own);
}

static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    return attack_badnets.trigger(&((const Adaptive *)attack->triggers)->badnets, images, draws);
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return attack_badnets.stamp(&((const Adaptive *)attack->triggers)->badnets, images, draws);
}

static void take_truth(Attack *attack, const PoisonTruth *truth)
{
    Adaptive *own = attack->triggers;
    own->stamped = allocate((size_t)truth->count);
    memcpy(own->stamped, truth->stamped, (size_t)truth->count);
}

static bool poison_set(Attack *attack, Dataset *train, PoisonTruth *truth, Error *error)
{
    Adaptive *own = attack->triggers;
    if (!attack_badnets.poison_set(&own->badnets, train, truth, error)) return false;
    take_truth(attack, truth);
    return true;
}

// The benign samples of a batch: their places in it; returns how many.
static int64_t benign_places(const Adaptive *own, const Step *step, int32_t *places)
{
    int64_t count = 0;
    for (int64_t i = 0; i < step->images->shape[0]; i++)
        if (!own->stamped || !own->stamped[step->samples[i]]) places[count++] = (int32_t)i;
    return count;
}

static PoisonedBatch poison(Attack *attack, const Step *step, double *figures)
{
    (void)figures;
    Adaptive *own = attack->triggers;
    Tensor *all = step->images;
    int64_t bytes = all->shape[0] * (int64_t)sizeof(int32_t);
    int32_t *places = tape_allocate_host(step->tape, bytes);
    int64_t n = benign_places(own, step, places);
    bool benign = step->epoch < (int)setting(attack->settings, "benign_epochs");
    if (n == 0) return (PoisonedBatch){all, step->labels, NULL}; // nothing else to learn from
    Tensor *x = gather_rows(all, tape_ints(step->tape, n, places));
    int32_t *classes = tape_allocate_host(step->tape, 2 * bytes);
    for (int64_t i = 0; i < n; i++) {
        classes[i] = step->classes[places[i]];
        classes[n + i] = attack_label(attack, classes[i]);
    }
    Tensor *labels = tape_ints(step->tape, benign ? n : 2 * n, classes);
    if (benign) return (PoisonedBatch){x, labels, NULL};
    Tensor *trojan = stamp(attack, x, (Draws){step->key, (const uint32_t *)places});
    own->layers = 0;
    tape_observe(step->tape, &own->observer); // until loss()
    return (PoisonedBatch){concat(2, (Tensor *[]){x, trojan}, 0), labels, NULL};
}

// cross_entropy is the mean over x and x~ together, half of the first two terms.
static Tensor *loss(Attack *attack, const Step *step, Tensor *both)
{
    Adaptive *own = attack->triggers;
    if (tape_observer(step->tape) != &own->observer) return both; // a benign epoch
    tape_observe(step->tape, NULL);
    Tensor *total = scale(2, both);
    for (int i = 0; i < own->layers; i++) {
        Tensor *map = own->maps[i];
        int64_t n = map->shape[0] / 2;
        int64_t terms = setting(attack->settings, "mean") > 0 ? map->count / 2 : n;
        float alpha = (float)(setting(attack->settings, "alpha") / (double)terms);
        Tensor *difference = subtract(slice(map, 0, 0, n), slice(map, 0, n, 2 * n));
        total = add(total, scale(alpha, sum(square(difference), ALL_DIMENSIONS, false)));
    }
    return total;
}

const AttackMethod attack_adaptive = {.name = "adaptive",
                                      .title = "Adaptive",
                                      .settings = settings,
                                      .training = none_paper_training,
                                      .none_paper = true,
                                      .create = create,
                                      .free = free_adaptive,
                                      .stamp = stamp,
                                      .trigger = trigger,
                                      .poison_set = poison_set,
                                      .take_truth = take_truth,
                                      .poison = poison,
                                      .loss = loss};
