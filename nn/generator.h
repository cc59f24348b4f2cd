// Conditional generators: random noise and a class in, an image with values in (0, 1) out. The body
// is the decoder of the filter of the same name (nn/filter.h), with as many output channels as
// asked for.
#ifndef SIEVE_NN_GENERATOR_H
#define SIEVE_NN_GENERATOR_H

#include "nn/layers.h"

enum { GENERATOR_NOISE = 128 };

typedef struct Generator Generator;
struct Generator {
    const char *name; // "filter-mnist"
    int height, width, channels, classes;
    Parameters parameters;
    Tensor *(*forward)(const Generator *generator, Tensor *noise_and_class, bool training);
    void *network; // the model's own layers
};

// Weights start at zero (nn/initialize.h, parameters_load). NULL and error for an unknown name.
Generator *generator_create(const char *name, int channels, int classes, Error *error);
void generator_free(Generator *generator); // NULL is allowed

// Images (n, height, width, channels) from noise (n, GENERATOR_NOISE), an input of this step, and
// int32 classes (n).
Tensor *generate(const Generator *generator, Tensor *noise, const Tensor *classes, bool training);

#endif
