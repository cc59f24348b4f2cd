// Classifiers by name: images in [0, 1] in, class scores out. One file in nn/models/ for each
// family, one line in the table of nn/classifier.c; whoever trains or attacks one sees only this
// struct. A name may end in a variant: vgg11-bn has batch norm, resnet18-elu another activation; and
// with -gn any network has group norm in place of batch norm (for gradients sample by sample).
#ifndef SIEVE_NN_CLASSIFIER_H
#define SIEVE_NN_CLASSIFIER_H

#include "nn/layers.h"

// A layer of neurons, for methods that watch single neurons and change them: which layer's result
// holds their values before the activation, and which values of which parameters are theirs.
enum { NEURON_MAKERS = 4 };
typedef struct NeuronLayer {
    const Tensor *watched; // weight of the layer whose result's last dimension is the neurons'
    Tensor *made_by[NEURON_MAKERS]; // what computes them (weight, bias, norm): last dimension the
                                    // neurons'; NULL behind the last
    Tensor *read_by; // weight of the layer that reads them, (kh, kw, in, out) or (in, out) where
                     // `in` is the neurons', or a multiple: each one's places; NULL: none alone
} NeuronLayer;

typedef struct Classifier Classifier;
struct Classifier {
    char *name; // "mnist-ia"
    int height, width, channels, classes;
    int seen_height, seen_width; // what the network sees: larger where it wants a black margin
    Parameters parameters;
    Tensor *mean, *deviation; // (channels) each; NULL: images enter as they are
    bool sees_raw_images;     // by its recipe: they always do
    const Kernels *kernels;   // of the device that it is on; NULL: the processor
    // Class scores (n, classes) of already normalised images (n, seen_height, seen_width, channels).
    Tensor *(*forward)(const Classifier *classifier, Tensor *images, Mode mode);
    // The last part of forward: class scores from the last map (n, height, width, channels) that
    // features_shown is given; in a network without maps from its features (n, features).
    Tensor *(*scores)(const Classifier *classifier, Tensor *map, Mode mode);
    void *network;        // the model's own layers
    NeuronLayer *neurons; // those that NONE watches, from the first on; none: no such model
    int neuron_layers;
};

// Weights start at zero (nn/initialize.h, parameters_load). NULL and error for an unknown name
// (lists the known ones) or a size that the model cannot take.
Classifier *classifier_create(const char *name, int height, int width, int channels, int classes,
                              Error *error);
void classifier_free(Classifier *classifier);                         // NULL is allowed
void classifier_move(Classifier *classifier, const Kernels *kernels); // as tensor_move
const Kernels *classifier_kernels(const Classifier *classifier);

// From now on the network sees (image - mean) / deviation, per channel; nothing happens to images
// where all means are 0 and all deviations 1, or where the network sees raw images.
void classifier_set_mean_std(Classifier *classifier, const float *mean, const float *deviation);

// Where in its parameters the tensors of its last layer begin.
int classifier_last_layer(const Classifier *classifier);

// Another classifier of the same name with the same weights, not frozen, with the same tensors kept
// (parameters_keep), on the same device; NULL and error as create's.
Classifier *classifier_copy(const Classifier *classifier, Error *error);

// What another classifier of images of the same size does before its network: the normalisation, and
// the device.
enum { CLASSIFIER_MOST_CHANNELS = 3 };
void classifier_take_input(Classifier *classifier, const Classifier *from);

// The weights of another classifier of the same model, which this one takes over.
void classifier_take_weights(Classifier *classifier, const Classifier *from);

int64_t neuron_count(const NeuronLayer *layer);
// The PyTorch name of the layer, "layer2.0.conv1": of the first parameter that makes the neurons,
// less ".weight". In text, cut off at its size.
void neuron_layer_name(const Classifier *classifier, const NeuronLayer *layer, char *text,
                       size_t size);

// Some neurons' values among the parameters that make them become those of another classifier of
// the same model, e.g. a freshly initialised one. Each classifier may be on any device.
void neurons_copy(const NeuronLayer *layer, const NeuronLayer *from, int64_t count,
                  const int64_t *chosen);
// They become 0, and so does what reads the neurons.
void neurons_cut(const NeuronLayer *layer, int64_t count, const int64_t *chosen);

// Class scores (n, classes) of images in [0, 1], (n, height, width, channels).
Tensor *classify(const Classifier *classifier, Tensor *images, Mode mode);

#endif
