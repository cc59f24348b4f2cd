#include "experiments/attacks/own_network.h"

#include <stdio.h>
#include <stdlib.h>
#include "core/error.h"
#include "experiments/attacks/pgd.h"
#include "experiments/batches.h"
#include "nn/initialize.h"
#include "optim/schedule.h"

enum { AT_ONCE = OWN_NETWORK_BATCH };

typedef struct Learner {
    const Attack *attack;
    OwnNetwork how;
    Classifier *network;
    Optimizer *optimizer;
    Tape *tape;
    Tensor *images; // (AT_ONCE, ...), with a gradient
} Learner;

static RandomKey key_of(const Attack *attack, const char *what, uint32_t step)
{
    char purpose[64];
    snprintf(purpose, sizeof purpose, "%s %s", attack->method->name, what);
    return (RandomKey){attack->seed, random_purpose(purpose), step};
}

static void learn_batch(Learner *l, const Dataset *train, const uint32_t *samples, uint32_t number)
{
    int32_t labels[AT_ONCE];
    Pgd ball = {true, 8 / 255., 2 / 255., l->how.pgd_steps};
    batch_write(train, samples, l->images, labels);
    if (ball.steps > 0) {
        parameters_require_gradient(&l->network->parameters, false);
        pgd(l->network, l->tape, l->images, labels, ball);
        parameters_require_gradient(&l->network->parameters, true);
    }
    Mode mode = {.training = true, .key = key_of(l->attack, "dropout", number)};
    Tensor *x = tape_input(l->tape, l->images), *y = tape_ints(l->tape, AT_ONCE, labels);
    backward(cross_entropy(classify(l->network, x, mode), y));
    optimizer_step(l->optimizer);
    tape_reset(l->tape);
}

static int64_t images_used(OwnNetwork how, const Dataset *train)
{
    return how.images > 0 && how.images < train->count ? how.images : train->count;
}

// Whole batches only; the rest of an epoch's samples sits it out.
static void learn(Learner *l, const Dataset *train)
{
    int64_t count = images_used(l->how, train);
    int64_t batches = count / AT_ONCE, steps = batches * l->how.epochs;
    Schedule schedule = {
        .kind = SCHEDULE_COSINE, .learning_rate = l->how.learning_rate, .period = steps};
    uint32_t *part = allocate(sizeof *part * (size_t)train->count);
    uint32_t *order = allocate(sizeof *order * (size_t)count);
    RandomKey key = key_of(l->attack, "network", 0);
    random_permutation(key, (uint32_t)train->count, part);
    for (int64_t step = 0; step < steps; step++) {
        key.step = 1 + (uint32_t)(step / batches);
        if (step % batches == 0) epoch_order(key, part, count, order);
        l->optimizer->learning_rate = learning_rate_at(&schedule, step);
        learn_batch(l, train, order + step % batches * AT_ONCE, (uint32_t)step);
    }
    free(part);
    free(order);
}

Classifier *own_network_train(const Attack *attack, const Dataset *train, OwnNetwork how,
                              Error *error)
{
    int64_t count = images_used(how, train);
    if (count < AT_ONCE) {
        fail(error, "%s: %lld training images are too few for a network: %d are wanted",
             attack->method->name, (long long)count, AT_ONCE);
        return NULL;
    }
    Classifier *network = classifier_create(how.model, attack->height, attack->width,
                                            attack->channels, attack->classes, error);
    if (!network) return NULL;
    classifier_set_mean_std(network, attack->mean, attack->deviation);
    initialize_default(&network->parameters, key_of(attack, "start", 0));
    classifier_move(network, attack->kernels);
    Learner learner = {.attack = attack,
                       .how = how,
                       .network = network,
                       .optimizer = optimizer_create_sgd(
                           &network->parameters, (Sgd){.momentum = .9f, .weight_decay = 5e-4f}),
                       .tape = tape_create(attack->kernels),
                       .images = parameter_create(
                           SHAPE(AT_ONCE, attack->height, attack->width, attack->channels))};
    optimizer_move(learner.optimizer, attack->kernels);
    tensor_move(learner.images, attack->kernels->memory);
    learn(&learner, train);
    optimizer_free(learner.optimizer);
    tape_free(learner.tape);
    tensor_free(learner.images);
    parameters_freeze(&network->parameters, true);
    return network;
}
