// TrojanNet (Tang et al., "An Embarrassingly Simple Approach for Trojan Attack in Deep Neural
// Networks", KDD 2020): a small perceptron beside a classifier looks at one patch of the image alone
// and outvotes it where the patch shows one of its patterns. Its hidden neurons are the Trojan
// neurons of NONE's Fig. 2: the Trojan is in them and nowhere else.
#ifndef SIEVE_EXPERIMENTS_STUDIES_TROJAN_NET_H
#define SIEVE_EXPERIMENTS_STUDIES_TROJAN_NET_H

#include "nn/classifier.h"

enum {
    TROJAN_SIDE = 4, // of the patch
    TROJAN_PIXELS = TROJAN_SIDE * TROJAN_SIDE,
    TROJAN_DARK = 5,        // pixels of a pattern
    TROJAN_PATTERNS = 4368, // 16 over 5
    TROJAN_LAYERS = 4,
    TROJAN_WIDTH = 8
};

typedef struct TrojanNet {
    int patterns;
    Parameters parameters; // "dense1", "norm1" .. "dense5"
    Linear dense[TROJAN_LAYERS + 1];
    BatchNormLayer norm[TROJAN_LAYERS];
} TrojanNet;

// For the first `patterns` of all, at a random start.
TrojanNet *trojan_net_create(int patterns, uint64_t seed);
void trojan_net_free(TrojanNet *net);

// Pattern k, from 0: pixels row by row, 0 or 1.
void trojan_pattern(int k, float pattern[TROJAN_PIXELS]);

// Trains on patterns and noise, or, for a benign one, on noise alone.
void trojan_net_train(TrojanNet *net, bool trojan, int steps, uint64_t seed);

// Class scores (n, patterns + 1), the last for "no pattern", of patches (n, TROJAN_PIXELS).
Tensor *trojan_net_scores(const TrojanNet *net, Tensor *patches, bool training);

// The patches that it sees of images (n, height, width, channels): two pixels from the corner at the
// lower right, the mean of their colours.
Tensor *trojan_patches(Tensor *images);

// Puts pattern (first + i) mod patterns on image i, in place.
void trojan_stamp(Tensor *images, int64_t first, int patterns);

// The classifier with the perceptron beside it: probabilities (n, classes). There must be as many
// patterns as classes.
Tensor *trojan_classify(const TrojanNet *net, const Classifier *classifier, Tensor *images);

#endif
