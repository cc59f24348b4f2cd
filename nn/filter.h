// Filters: networks that rebuild an image through a narrow middle layer (autoencoders). A
// variational one makes the middle layer a normal distribution and samples it in training.
#ifndef SIEVE_NN_FILTER_H
#define SIEVE_NN_FILTER_H

#include "nn/layers.h"

enum { FILTER_SKIPPED = 2 };

typedef struct Latent {
    Tensor *mean;                    // (n, size) or (n, height, width, channels)
    Tensor *log_variance;            // the same, in [-10, 10]; NULL for a plain autoencoder
    Tensor *skipped[FILTER_SKIPPED]; // what goes round the middle layer; NULL but in filter D
} Latent;

typedef struct Filter Filter;
struct Filter {
    const char *name; // "filter-c"
    bool variational;
    float momentum; // of the batch norms' running statistics
    int height, width, channels;
    Parameters parameters;
    Latent (*encode)(const Filter *filter, Tensor *images, bool training);
    Tensor *(*decode)(const Filter *filter, Latent latent, Tensor *z, bool training);
    void *network; // the model's own layers
};

typedef struct FilterOptions {
    bool variational;
    float momentum; // 0 means the paper's for this filter
} FilterOptions;

// Weights start at zero (nn/initialize.h, parameters_load). NULL and error for an unknown name.
Filter *filter_create(const char *name, FilterOptions options, Error *error);

// The filter that the paper takes for images of this size, or, where name is not NULL, the one of
// this name if it takes that size. NULL and error where there is none.
const char *filter_for(const char *name, int height, int width, int channels, Error *error);
void filter_free(Filter *filter); // NULL is allowed

// images (n, height, width, channels) in [0, 1]; training: batch statistics.
Latent filter_encode(const Filter *filter, Tensor *images, bool training);
// z: sampled from this latent (latent_sample).
Tensor *filter_decode(const Filter *filter, Latent latent, Tensor *z, bool training);

// The middle layer of a variational filter from its last dimension: the first half is the mean, the
// second the log variance, clamped.
Latent latent_split(Tensor *both);

// z ~ N(mean, exp(log_variance)) in training; the mean otherwise, and always for a plain
// autoencoder.
Tensor *latent_sample(Latent latent, bool training, RandomKey key);

// decode(sample(encode(images))): the filtered images, not clamped.
Tensor *filter_forward(const Filter *filter, Tensor *images, bool training, RandomKey key);

#endif
