// Classifiers by name: images in [0, 1] in, class scores out. One file in nn/models/ for each
// family, one line in the table of nn/classifier.c; whoever trains or attacks one sees only this
// struct. A name may end in a variant: vgg11-bn has batch norm, resnet18-elu another activation; and
// with -gn any network has group norm in place of batch norm (for gradients sample by sample).
#ifndef SIEVE_NN_CLASSIFIER_H
#define SIEVE_NN_CLASSIFIER_H

#include "nn/layers.h"

typedef struct Classifier Classifier;
struct Classifier {
    char *name; // "mnist-ia"
    int height, width, channels, classes;
    int seen_height, seen_width; // what the network sees: larger where it wants a black margin
    Parameters parameters;
    Tensor *mean, *deviation; // (channels) each; NULL: images enter as they are
    // Class scores (n, classes) of already normalised images (n, seen_height, seen_width, channels).
    Tensor *(*forward)(const Classifier *classifier, Tensor *images, Mode mode);
    void *network; // the model's own layers
};

// Weights start at zero (nn/initialize.h, parameters_load). NULL and error for an unknown name
// (lists the known ones) or a size that the model cannot take.
Classifier *classifier_create(const char *name, int height, int width, int channels, int classes,
                              Error *error);
void classifier_free(Classifier *classifier); // NULL is allowed

// From now on the network sees (image - mean) / deviation, per channel; nothing happens to images
// where all means are 0 and all deviations 1.
void classifier_set_mean_std(Classifier *classifier, const float *mean, const float *deviation);

// Class scores (n, classes) of images in [0, 1], (n, height, width, channels).
Tensor *classify(const Classifier *classifier, Tensor *images, Mode mode);

#endif
