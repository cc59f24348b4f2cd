// The gradient of differentially private SGD (Abadi et al., CCS 2016; Hong et al., "On the
// Effectiveness of Mitigating Data Poisoning Attacks with Gradient Shaping", 2020): each sample's
// gradient is clipped, and noise is added to their sum. An optimizer's step follows as usual.
#ifndef SIEVE_OPTIM_PRIVATE_H
#define SIEVE_OPTIM_PRIVATE_H

#include "core/tape.h"
#include "nn/module.h"

typedef struct PrivateGradient {
    double clip;  // C: no sample's gradient is longer
    double noise; // z: the noise on the sum has deviation z C in each coordinate
} PrivateGradient;

// Instead of backward(loss), for a loss that is the mean over `samples` samples (backward_clipped,
// core/tape.h): p->grad = 1/samples (sum_i min(1, C / ||g_i||) g_i + N(0, z^2 C^2 I)) for the
// trainable tensors. key: fresh for every step.
void backward_private(Tensor *loss, const Parameters *parameters, int64_t samples,
                      PrivateGradient how, RandomKey key);

#endif
