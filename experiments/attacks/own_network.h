// A network of the attacker's own, for attacks that poison the training set with its help: trained
// on the clean set before anything else.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_OWN_NETWORK_H
#define SIEVE_EXPERIMENTS_ATTACKS_OWN_NETWORK_H

#include "experiments/attack.h"
#include "nn/classifier.h"

enum { OWN_NETWORK_BATCH = 64 };

typedef struct OwnNetwork {
    const char *model;
    int epochs;
    int64_t images;       // of the training set; 0: all
    double learning_rate; // of SGD at first; falls to 0 along a cosine
    int pgd_steps; // on each batch, in the L_inf ball of 8 / 255, so that the network is robust
} OwnNetwork;

// Frozen, on attack->kernels, the caller's; NULL and error where the model does not suit the images
// or they are fewer than a batch. What is drawn is keyed by the attack's seed and name.
Classifier *own_network_train(const Attack *attack, const Dataset *train, OwnNetwork how,
                              Error *error);

#endif
