// What a classifier's neurons (nn/classifier.h, NeuronLayer) do on a data set: their values before
// the activation, for methods that look for unusual neurons or unusual samples. Evaluation mode,
// samples as they are, without augmentation.
#ifndef SIEVE_EXPERIMENTS_ACTIVATIONS_H
#define SIEVE_EXPERIMENTS_ACTIVATIONS_H

#include "data/dataset.h"
#include "nn/classifier.h"

typedef struct Activations {
    int64_t samples, neurons; // neurons: of all layers together
    int layers, classes;
    int64_t *first;     // [layers + 1]: each layer's first neuron among all
    float *largest;     // [samples][neurons]: of each sample, the largest value over all places
    double *share;      // [neurons]: share of all samples and places with a value >= 0, or NULL
    float *probability; // [samples][classes]: softmax of the class scores
} Activations;

// On the classifier's device; `shares` says whether these are wanted.
Activations activations_gather(const Classifier *classifier, const Dataset *dataset, bool shares);
void activations_free(Activations *activations);

#endif
