// Projected gradient descent (Madry et al., ICLR 2018): the adversarial examples that the
// label-consistent attack's images are made of.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_PGD_H
#define SIEVE_EXPERIMENTS_ATTACKS_PGD_H

#include "nn/classifier.h"

typedef struct Pgd {
    bool maximum_norm; // the ball's: L_inf; false: L_2, of a whole image
    double epsilon;    // its radius, of pixels in [0, 1]
    double step;       // length of a step in that norm
    int steps;
} Pgd;

// Moves the images (n, height, width, channels), a tensor with a gradient (parameter_create), to
// where the network's loss under these labels (n) is larger, in the ball about where they are and in
// [0, 1]. The network runs as in a test, all three on one device; no gradients of its weights may be
// wanted.
void pgd(const Classifier *network, Tape *tape, Tensor *images, const int32_t *labels, Pgd how);

// Brings `count` values x into the maximum norm's ball about `from`, and into [0, 1].
void keep_near(const float *from, float epsilon, int64_t count, float *x);

#endif
