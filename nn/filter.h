// Filters: networks that rebuild an image through a narrow middle layer (autoencoders). A
// variational one makes the middle layer a normal distribution and samples it in training.
#ifndef SIEVE_NN_FILTER_H
#define SIEVE_NN_FILTER_H

#include "nn/layers.h"

typedef struct Latent {
    Tensor *mean;         // (n, size)
    Tensor *log_variance; // (n, size), in [-10, 10]; NULL for a plain autoencoder
} Latent;

typedef struct Filter Filter;
struct Filter {
    const char *name; // "filter-mnist"
    bool variational;
    float momentum; // of the batch norms' running statistics
    int height, width, channels;
    Parameters parameters;
    Latent (*encode)(const Filter *filter, Tensor *images, bool training);
    Tensor *(*decode)(const Filter *filter, Tensor *z, bool training);
    void *network; // the model's own layers
};

typedef struct FilterOptions {
    bool variational;
    float momentum; // 0 means the paper's .01
} FilterOptions;

// Weights start at zero (nn/initialize.h, parameters_load). NULL and error for an unknown name.
Filter *filter_create(const char *name, FilterOptions options, Error *error);
void filter_free(Filter *filter); // NULL is allowed

// images (n, height, width, channels) in [0, 1]; training: batch statistics.
Latent filter_encode(const Filter *filter, Tensor *images, bool training);
Tensor *filter_decode(const Filter *filter, Tensor *z, bool training);

// z ~ N(mean, exp(log_variance)) in training; the mean otherwise, and always for a plain
// autoencoder.
Tensor *latent_sample(Latent latent, bool training, RandomKey key);

// decode(sample(encode(images))): the filtered images, not clamped.
Tensor *filter_forward(const Filter *filter, Tensor *images, bool training, RandomKey key);

#endif
