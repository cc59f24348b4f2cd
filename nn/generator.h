// Conditional generators: random noise and a class in, an image with values in (0, 1) out. The body
// is the decoder of the filter of the same name (nn/filter.h), with as many output channels as
// asked for; a linear block before it ("input") makes the filter's middle layer from noise and
// class, a sigmoid follows it. A last layer that ends in relu is plain here: a relu before the
// sigmoid would leave only values from 1/2 up.
#ifndef SIEVE_NN_GENERATOR_H
#define SIEVE_NN_GENERATOR_H

#include "nn/blocks.h"

enum { GENERATOR_NOISE = 128 };

typedef struct Generator Generator;
struct Generator {
    const char *name;                                 // "filter-mnist"
    int latent_height, latent_width, latent_channels; // of z; height 0: it is (n, channels)
    int channels, classes;
    Parameters parameters;
    LinearBlock input;
    Tensor *(*decode)(const Generator *generator, Tensor *z, bool training); // before the sigmoid
    void *network; // the model's own layers
};

// Weights start at zero (nn/initialize.h, parameters_load). NULL and error for an unknown name.
Generator *generator_create(const char *name, int channels, int classes, Error *error);
void generator_free(Generator *generator); // NULL is allowed

// Images (n, height, width, channels) from noise (n, GENERATOR_NOISE), an input of this step, and
// int32 classes (n).
Tensor *generate(const Generator *generator, Tensor *noise, const Tensor *classes, bool training);

#endif
