// The multilayer perceptron of NONE's experiments in the plane (section 8.1): five hidden layers of
// 100 with relu, and a linear layer. Points of the plane are images of 1x1 with two channels;
// larger images are flattened.
#include "nn/models/models.h"

#include <stdio.h>

enum { LAYERS = 6, HIDDEN = 100 };

typedef struct Mlp {
    Linear linear[LAYERS]; // "linear1" .. "linear6"
} Mlp;

static Tensor *scores(const Classifier *classifier, Tensor *features, Mode mode)
{
    (void)mode; // the same in training
    return linear_forward(&((const Mlp *)classifier->network)->linear[LAYERS - 1], features);
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const Mlp *net = classifier->network;
    Tensor *x = flatten_channels_first(images);
    for (int i = 0; i < LAYERS - 1; i++) x = relu(linear_forward(&net->linear[i], x));
    return scores(classifier, features_shown(x), mode);
}

bool mlp_build(Classifier *classifier, Error *error)
{
    (void)error; // any size will do
    Mlp *net = classifier->network = allocate(sizeof *net);
    int64_t in = (int64_t)classifier->height * classifier->width * classifier->channels;
    for (int i = 0; i < LAYERS; i++) {
        char name[32];
        int64_t out = i < LAYERS - 1 ? HIDDEN : classifier->classes;
        snprintf(name, sizeof name, "linear%d", i + 1);
        LayerShape shape = {.in = in, .out = out, .bias = true};
        net->linear[i] = linear_create(&classifier->parameters, name, shape);
        in = out;
    }
    for (int i = 0; i < LAYERS - 1; i++)
        neurons_add(classifier,
                    (NeuronLayer){.watched = net->linear[i].weight,
                                  .made_by = {net->linear[i].weight, net->linear[i].bias},
                                  .read_by = net->linear[i + 1].weight});
    classifier->forward = forward;
    classifier->scores = scores;
    return true;
}
