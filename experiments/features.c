#include "experiments/features.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "data/batch.h"

enum { BATCH = 128 };

// A walk over a data set in batches, without gradients.
typedef struct Walk {
    const Classifier *classifier;
    const Dataset *dataset;
    Tape *tape;
    int64_t first, count; // samples of the batch at hand
    Tensor *labels, *scores;
} Walk;

static Walk walk_start(const Classifier *classifier, const Dataset *dataset)
{
    Walk walk = {.classifier = classifier, .dataset = dataset, .tape = tape_create(cpu_kernels())};
    tape_record(walk.tape, false);
    return walk;
}

// Classifies the next batch; false behind the last.
static bool walk_on(Walk *walk)
{
    const Dataset *d = walk->dataset;
    uint32_t indices[BATCH];
    walk->first += walk->count;
    int64_t left = d->count - walk->first, count = left < BATCH ? left : BATCH;
    if (count <= 0) return false;
    tape_reset(walk->tape);
    for (int64_t i = 0; i < count; i++) indices[i] = (uint32_t)(walk->first + i);
    Tensor *x = tape_tensor(walk->tape, SHAPE(count, d->height, d->width, d->channels));
    walk->labels = tape_tensor_int(walk->tape, SHAPE(count));
    walk->count = count;
    batch_fill(d, indices, count, (Augmentation){0}, (RandomKey){0}, 0, x->data,
               walk->labels->ints);
    walk->scores = classify(walk->classifier, x, (Mode){0});
    return true;
}

// Keeps the features shown last.
static void keep(void *context, const Tensor *weight, Tensor *result)
{
    if (!weight) *(Tensor **)context = result;
}

Features features_gather(const Classifier *classifier, const Dataset *dataset)
{
    Tensor *seen = NULL;
    Observer observer = {keep, &seen};
    Features features = {.samples = dataset->count};
    Walk walk = walk_start(classifier, dataset);
    tape_observe(walk.tape, &observer);
    while (walk_on(&walk)) {
        if (!seen) panic("%s shows no features", classifier->name);
        const Tensor *f = seen->rank == 4 ? mean(seen, 1u << 1 | 1u << 2, false) : seen;
        features.size = f->count / walk.count;
        if (!features.values)
            features.values = allocate(sizeof(float) * (size_t)(dataset->count * features.size));
        memcpy(features.values + walk.first * features.size, f->data,
               sizeof(float) * (size_t)f->count);
    }
    tape_free(walk.tape);
    return features;
}

void features_free(Features *features)
{
    free(features->values);
    *features = (Features){0};
}

double *sample_losses(const Classifier *classifier, const Dataset *dataset)
{
    double *losses = allocate(sizeof *losses * (size_t)dataset->count);
    Walk walk = walk_start(classifier, dataset);
    while (walk_on(&walk)) {
        const Tensor *p = log_softmax(walk.scores);
        for (int64_t i = 0; i < walk.count; i++)
            losses[walk.first + i] =
                -(double)p->data[i * classifier->classes + walk.labels->ints[i]];
    }
    tape_free(walk.tape);
    return losses;
}
