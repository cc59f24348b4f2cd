// The last map of a classifier (nn/classifier.h, scores): where a search for natural Trojans looks
// and turns the knobs. In a network without maps its features count as maps of 1x1.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_LAST_MAP_H
#define SIEVE_EXPERIMENTS_ATTACKS_LAST_MAP_H

#include "data/dataset.h"
#include "nn/classifier.h"

typedef struct LastMap {
    Tensor *scores; // (n, classes)
    Tensor *map;    // (n, height, width, channels) or (n, channels), after its activation
    // Sums over images and places of each channel, (channels): of the map, and of the last layer's
    // result before it that has as many channels; recorded. NULL: not asked for, no such layer.
    Tensor *after, *before;
} LastMap;

// Classifies images of the tape in evaluation mode.
LastMap last_map(const Classifier *classifier, Tape *tape, Tensor *images, bool with_sums);

// These samples (NULL: from `first` on) as images of the tape; their labels (count).
Tensor *sample_images(Tape *tape, const Dataset *dataset, const uint32_t *samples, int64_t first,
                      int64_t count, int32_t *labels);

#endif
