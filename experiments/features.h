// The features that a classifier sees in images: what its class scores are computed from
// (nn/layers.h, features_shown), for defenses that look for poisoned samples among them.
#ifndef SIEVE_EXPERIMENTS_FEATURES_H
#define SIEVE_EXPERIMENTS_FEATURES_H

#include "data/dataset.h"
#include "nn/classifier.h"

typedef struct Features {
    int64_t samples, size;
    float *values; // [samples][size]; a map's mean over all places
} Features;

// Of every sample as it is, without augmentation, in evaluation mode.
Features features_gather(const Classifier *classifier, const Dataset *dataset);
void features_free(Features *features);

// -log p(y | x) of every sample under the data set's labels, likewise; the caller frees it.
double *sample_losses(const Classifier *classifier, const Dataset *dataset);

#endif
