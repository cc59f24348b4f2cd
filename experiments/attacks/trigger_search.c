// With delta, mu free numbers, m = (1 + tanh mu) / 2 one for each pixel, p = (1 + tanh delta) / 2
// one for each pixel and colour, and x' = m p + (1 - m) x, minimise over delta and mu
//
//   L = sum over layers (-a + 10^-4 b) + w(m) sum m - e Z
//   a = sum over images and places of the suspicious channel: of the last map, and of the last layer's
//       result before it (a relu's input; of ResNet the last block's branch, without the shortcut)
//   b = mean over the other channels of the same sum
//   w = .01 where at most `size` pixels have m > .01, 50 up to 1.2 size, 100 above
//   Z = sum over images of the suspect's class score;  e = 1 in the first half of the epochs, then 3
//
// by Adam, from a square of .64 size in the image's lower right quarter (mu = 2, elsewhere -4) and
// delta in -1 .. 1, until more than 99 % of the images are taken for one class: the trigger's label.
// The trigger found is p where m > .1.
#include "experiments/attacks/trigger_search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/attack.h"
#include "experiments/attacks/last_map.h"
#include "experiments/batches.h"
#include "optim/optimizer.h"

enum { AT_ONCE = 128 };
static const double enough = 99; // percent

typedef struct Search {
    const Classifier *classifier;
    const Suspect *suspect;
    const TriggerSearch *how;
    Parameters parameters;
    Tensor *mu, *delta; // (height, width, 1), (height, width, channels)
} Search;

// Where the search begins.
static void start(Search *s)
{
    int64_t height = s->classifier->height, width = s->classifier->width;
    int64_t side = (int64_t)(.8 * sqrt(s->how->size));
    Parameter free_number = {.trainable = true};
    s->mu = parameters_add(&s->parameters, "trigger", "mask", free_number, SHAPE(height, width, 1));
    s->delta = parameters_add(&s->parameters, "trigger", "pattern", free_number,
                              SHAPE(height, width, s->classifier->channels));
    float *delta = allocate(sizeof *delta * (size_t)s->delta->count);
    float *mu = allocate(sizeof *mu * (size_t)s->mu->count);
    for (int64_t i = 0; i < s->delta->count; i++)
        delta[i] = 2 * random_uniform(s->how->key, (uint64_t)i) - 1;
    for (int64_t y = 0; y < height; y++)
        for (int64_t x = 0; x < width; x++) {
            bool inside =
                y >= height / 2 && y < height / 2 + side && x >= width / 2 && x < width / 2 + side;
            mu[y * width + x] = inside ? 2 : -4;
        }
    parameters_move(&s->parameters, classifier_kernels(s->classifier)->memory);
    tensor_write(s->delta, delta);
    tensor_write(s->mu, mu);
    free(delta);
    free(mu);
}

// m and p as tensors of the tape's step.
static Trigger trigger_of(const Search *s, Tape *tape)
{
    const Classifier *c = s->classifier;
    Tensor *mask = affine(.5f, hyperbolic_tangent(tape_variable(tape, s->mu)), .5f);
    Tensor *pattern = affine(.5f, hyperbolic_tangent(tape_variable(tape, s->delta)), .5f);
    if (s->how->normalised && c->mean) // in [0, 1]: mean + deviation p
        pattern = add(multiply(pattern, tape_input(tape, c->deviation)), tape_input(tape, c->mean));
    return (Trigger){mask, pattern};
}

// -a + 10^-4 b of a layer's sums over images and places.
static Tensor *of_layer(Tensor *sums, int64_t channel)
{
    int64_t others = sums->count - 1;
    float weight = others > 0 ? 1e-4f / (float)others : 0;
    Tensor *a = slice(sums, 0, channel, channel + 1);
    Tensor *rest = subtract(sum(sums, ALL_DIMENSIONS, true), a);
    return add(scale(-1, a), scale(weight, rest));
}

static float mask_weight(const Tensor *mask, double size)
{
    int64_t count = 0;
    float *values = tape_allocate_host(mask->tape, mask->count * (int64_t)sizeof *values);
    tensor_read(mask, values);
    for (int64_t i = 0; i < mask->count; i++) count += values[i] > .01f;
    return (double)count <= size ? .01f : (double)count <= 1.2 * size ? 50 : 100;
}

// Classes of the images of one batch with the trigger as it stands, into votes; then a step where
// one is wanted.
static void step(const Search *s, Tape *tape, Tensor *images, int epoch, Optimizer *optimizer,
                 int64_t *votes)
{
    Trigger trigger = trigger_of(s, tape);
    LastMap seen = last_map(s->classifier, tape, inject(images, trigger), true);
    const Tensor *top = argmax(seen.scores, 1);
    int32_t *classes = tape_allocate_host(tape, top->count * (int64_t)sizeof *classes);
    tensor_read(top, classes);
    for (int64_t i = 0; i < top->count; i++) votes[classes[i]]++;
    if (epoch == 0) return;
    float eagerness = epoch > s->how->epochs / 2 ? 3 : 1;
    Tensor *score =
        sum(slice(seen.scores, 1, s->suspect->label, s->suspect->label + 1), ALL_DIMENSIONS, false);
    Tensor *size =
        scale(mask_weight(trigger.mask, s->how->size), sum(trigger.mask, ALL_DIMENSIONS, false));
    Tensor *loss = add(size, scale(-eagerness, score));
    loss = add(loss, of_layer(seen.after, s->suspect->channel));
    if (seen.before) loss = add(loss, of_layer(seen.before, s->suspect->channel));
    backward(loss);
    optimizer_step(optimizer);
}

// Epoch 0 only looks. The label that most images have in the last epoch, and the share of those.
static void descend(Search *s, const Dataset *dataset, const uint32_t *samples, int64_t count,
                    FoundTrigger *found)
{
    int classes = s->classifier->classes;
    int64_t *votes = allocate(sizeof *votes * (size_t)classes);
    Optimizer *optimizer = optimizer_create_adam(
        &s->parameters, (Adam){.learning_rate = (float)s->how->learning_rate});
    Tape *tape = tape_create(classifier_kernels(s->classifier));
    int32_t *labels = allocate(sizeof *labels * (size_t)s->how->batch_size); // not looked at
    optimizer_move(optimizer, classifier_kernels(s->classifier));
    found->agreement = 0;
    for (int epoch = 0; epoch < s->how->epochs && found->agreement <= enough; epoch++) {
        memset(votes, 0, sizeof *votes * (size_t)classes);
        for (int64_t first = 0; first < count; first += s->how->batch_size) {
            int64_t n = count - first < s->how->batch_size ? count - first : s->how->batch_size;
            Tensor *images = sample_images(tape, dataset, samples, first, n, labels);
            step(s, tape, images, epoch, optimizer, votes);
            tape_reset(tape);
        }
        found->label = 0;
        for (int k = 1; k < classes; k++)
            if (votes[k] > votes[found->label]) found->label = k;
        found->agreement = 100 * (double)votes[found->label] / (double)count;
    }
    tape_free(tape);
    optimizer_free(optimizer);
    free(labels);
    free(votes);
}

FoundTrigger trigger_search(const Classifier *classifier, const Dataset *dataset,
                            const uint32_t *samples, int64_t count, const Suspect *suspect,
                            const TriggerSearch *how)
{
    FoundTrigger found = {0};
    Search s = {.classifier = classifier, .suspect = suspect, .how = how};
    start(&s);
    descend(&s, dataset, samples, count, &found);
    Tape *tape = tape_create(classifier_kernels(classifier));
    tape_record(tape, false);
    Trigger trigger = trigger_of(&s, tape);
    found.mask = allocate(sizeof(float) * (size_t)trigger.mask->count);
    found.pattern = allocate(sizeof(float) * (size_t)trigger.pattern->count);
    tensor_read(trigger.mask, found.mask);
    tensor_read(trigger.pattern, found.pattern);
    for (int64_t i = 0; i < trigger.mask->count; i++) found.mask[i] = found.mask[i] > .1f;
    tape_free(tape);
    parameters_free(&s.parameters);
    return found;
}

void found_trigger_free(FoundTrigger *trigger)
{
    free(trigger->mask);
    free(trigger->pattern);
    *trigger = (FoundTrigger){0};
}

double trigger_success(const Classifier *classifier, const Dataset *d, int64_t count,
                       const FoundTrigger *found)
{
    int64_t hits = 0, others = 0;
    int32_t labels[AT_ONCE], classes[AT_ONCE];
    Tape *tape = tape_create(classifier_kernels(classifier));
    tape_record(tape, false);
    for (int64_t first = 0; first < count; first += AT_ONCE) {
        int64_t n = count - first < AT_ONCE ? count - first : AT_ONCE;
        Tensor *images = sample_images(tape, d, NULL, first, n, labels);
        Trigger trigger = {
            tape_floats(tape, SHAPE(d->height, d->width, 1), found->mask),
            tape_floats(tape, SHAPE(d->height, d->width, d->channels), found->pattern)};
        tensor_read(argmax(classify(classifier, inject(images, trigger), (Mode){0}), 1), classes);
        for (int64_t i = 0; i < n; i++) {
            others += labels[i] != found->label;
            hits += labels[i] != found->label && classes[i] == found->label;
        }
        tape_reset(tape);
    }
    tape_free(tape);
    return others > 0 ? 100 * (double)hits / (double)others : 0;
}
