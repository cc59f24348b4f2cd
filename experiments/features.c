#include "experiments/features.h"

#include <stdlib.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/batches.h"

enum { BATCH = 128 };

// A walk over a data set in batches, without gradients, on the classifier's device.
typedef struct Walk {
    const Classifier *classifier;
    const Dataset *dataset;
    Tape *tape;
    ImageStore store;
    int64_t first, count; // samples of the batch at hand
    int32_t labels[BATCH];
    Tensor *scores;
} Walk;

static Walk walk_start(const Classifier *classifier, const Dataset *dataset)
{
    const Kernels *kernels = classifier_kernels(classifier);
    Walk walk = {.classifier = classifier,
                 .dataset = dataset,
                 .tape = tape_create(kernels),
                 .store = image_store(dataset, kernels)};
    tape_record(walk.tape, false);
    return walk;
}

static void walk_end(Walk *walk)
{
    tape_free(walk->tape);
    image_store_free(&walk->store);
}

// Classifies the next batch; false behind the last.
static bool walk_on(Walk *walk)
{
    uint32_t indices[BATCH];
    walk->first += walk->count;
    int64_t left = walk->dataset->count - walk->first, count = left < BATCH ? left : BATCH;
    if (count <= 0) return false;
    tape_reset(walk->tape);
    for (int64_t i = 0; i < count; i++) indices[i] = (uint32_t)(walk->first + i);
    walk->count = count;
    Tensor *x = image_batch(&walk->store, walk->tape, indices, count, (Augmentation){0},
                            (RandomKey){0}, 0, walk->labels);
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
        tensor_read(f, features.values + walk.first * features.size);
    }
    walk_end(&walk);
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
        float *values = tape_allocate_host(walk.tape, p->count * (int64_t)sizeof *values);
        tensor_read(p, values);
        for (int64_t i = 0; i < walk.count; i++)
            losses[walk.first + i] = -(double)values[i * classifier->classes + walk.labels[i]];
    }
    walk_end(&walk);
    return losses;
}
