// NONE's neurons (none.c): how suspicious each one is, the worst of each layer, and their reset as the
// authors' code does it. For studies of the reset by itself.
#ifndef SIEVE_EXPERIMENTS_DEFENSES_NONE_H
#define SIEVE_EXPERIMENTS_DEFENSES_NONE_H

#include "experiments/activations.h"

// Some neurons of each layer, the worst first.
typedef struct Compromised {
    int64_t *neurons; // [layers][room], numbers within the layer
    int64_t *count;   // [layers]
    int64_t room;
} Compromised;

// gap_n of every neuron, with the code's lambda_l, lambda_h and lambda; the caller's to free.
double *confidence_gaps(const Activations *a, double low, double high, double lambda);

// The `share` (rounded up; 0: one) of each layer's neurons with the greatest suspicion (one number a
// neuron, all layers together), as far as that is at least `least`.
Compromised compromised_choose(const Activations *a, const double *suspicion, double share,
                               double least);
void compromised_free(Compromised *chosen);

// What makes the neurons and what reads them becomes 0.
void compromised_cut(const Classifier *classifier, const Compromised *chosen);

#endif
