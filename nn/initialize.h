// Random starting weights, of all tensors that are not kept. Each tensor draws from its own stream, keyed by its name, so a network
// starts the same whatever was drawn before and whatever other layers it has.
#ifndef SIEVE_NN_INITIALIZE_H
#define SIEVE_NN_INITIALIZE_H

#include "core/random.h"
#include "nn/module.h"

// Each layer's own start (nn/layers.h): PyTorch's default, weights and biases uniform in
// +-1/sqrt(fan_in), or the normal distribution that the network's code asks for; batch norm 1 and
// 0, running statistics 0 and 1. key: seed, and a purpose that tells networks of one run apart.
void initialize_default(Parameters *parameters, RandomKey key);

// He: weights normal with deviation sqrt(2/fan_in), biases zero; the rest as above.
void initialize_he(Parameters *parameters, RandomKey key);

#endif
