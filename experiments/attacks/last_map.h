// The last map of a classifier (nn/classifier.h, scores): where a search for natural Trojans looks
// and turns the knobs. In a network without maps its features count as maps of 1x1.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_LAST_MAP_H
#define SIEVE_EXPERIMENTS_ATTACKS_LAST_MAP_H

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

#endif
