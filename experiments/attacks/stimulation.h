// Stimulation analysis of ABS (Liu et al., "ABS: Scanning Neural Networks for Back-doors by
// Artificial Brain Stimulation", CCS 2019): which channels of the last map, set to a high value
// throughout, raise one class above all others whatever the image.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_STIMULATION_H
#define SIEVE_EXPERIMENTS_ATTACKS_STIMULATION_H

#include "data/dataset.h"
#include "nn/classifier.h"

typedef struct Suspect {
    int64_t channel;
    int label;     // that it raises
    double margin; // by how much more than any other class, at least
} Suspect;

// The suspicious channels on these samples, the greatest margin first, one for each label and at
// most `most`; returns how many.
int suspects_find(const Classifier *classifier, const Dataset *dataset, const uint32_t *samples,
                  int64_t count, int most, Suspect *suspects);

#endif
