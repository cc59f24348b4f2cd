// Feature collision: images that look like themselves and are to a network like other images, which
// the hidden trigger attack's poisons are.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_FEATURE_COLLISION_H
#define SIEVE_EXPERIMENTS_ATTACKS_FEATURE_COLLISION_H

#include "nn/classifier.h"

typedef struct FeatureCollision {
    double epsilon; // most that a pixel changes, of pixels in [0, 1]
    int iterations;
    double learning_rate; // halved every 1000 iterations
    double enough;        // largest distance of a pair at which it ends
} FeatureCollision;

// Moves the n images, a tensor with a gradient (parameter_create), to where the network's features
// (nn/layers.h, features_shown; the last ones) are nearer to those of the n others, each image's to
// another one's. The network runs as in a test, all on one device; no gradients of its weights may
// be wanted. The tape must be empty but for what made `others`, and is reset. Returns the largest
// distance || f(other) - f(image) ||^2 of a pair in the end.
double feature_collision(const Classifier *network, Tape *tape, Tensor *others, Tensor *images,
                         FeatureCollision how);

#endif
