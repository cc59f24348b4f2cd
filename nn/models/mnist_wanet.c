// The MNIST classifier of WaNet's code: three convolutions of stride 2, two of them after batch
// norm and relu (the last one's result goes on without), and two linear layers:
//   x -> conv1 -> relu -> layer2 -> layer3 -> linear6 -> relu -> dropout .3 -> linear9,  layer: bn1
//   -> relu -> conv1
#include "nn/models/models.h"

#include <stdio.h>

typedef struct Block {
    BatchNormLayer bn1;
    Conv2dLayer conv1;
} Block;

typedef struct MnistWanet {
    Conv2dLayer conv1;
    Block layer2, layer3;
    Linear linear6, linear9;
} MnistWanet;

static const Conv2d halving = {.stride = 2, .padding = 1};

static Block block_create(Parameters *parameters, const char *name, int64_t in)
{
    char bn1[32], conv1[32];
    snprintf(bn1, sizeof bn1, "%s.bn1", name);
    snprintf(conv1, sizeof conv1, "%s.conv1", name);
    LayerShape shape = {.in = in, .out = 64, .kernel = 3};
    return (Block){.bn1 = batch_norm_create(parameters, bn1, in, .1f),
                   .conv1 = conv_create(parameters, conv1, shape, halving)};
}

static Tensor *block_forward(const Block *block, Tensor *x, bool training)
{
    return conv_forward(&block->conv1, batch_norm_relu_forward(&block->bn1, x, training));
}

static Tensor *scores(const Classifier *classifier, Tensor *map, Mode mode)
{
    const MnistWanet *net = classifier->network;
    Tensor *x = flatten_channels_first(map);
    x = features_shown(relu(linear_forward(&net->linear6, x)));
    return linear_forward(&net->linear9, dropout_forward(x, .3f, "linear6", mode));
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const MnistWanet *net = classifier->network;
    Tensor *x = features_shown(relu(conv_forward(&net->conv1, images)));
    x = features_shown(block_forward(&net->layer2, x, mode.training));
    x = features_shown(block_forward(&net->layer3, x, mode.training));
    return scores(classifier, x, mode);
}

// Pixels along a side after three convolutions of stride 2: each rounds up.
static int64_t side_left(int side)
{
    return (side + 7) / 8;
}

bool mnist_wanet_build(Classifier *classifier, Error *error)
{
    (void)error; // any size will do
    Parameters *parameters = &classifier->parameters;
    MnistWanet *net = classifier->network = allocate(sizeof *net);
    int64_t features = 64 * side_left(classifier->height) * side_left(classifier->width);
    LayerShape conv1 = {.in = classifier->channels, .out = 32, .kernel = 3, .bias = true};
    LayerShape linear6 = {.in = features, .out = 512, .bias = true};
    LayerShape linear9 = {.in = 512, .out = classifier->classes, .bias = true};
    net->conv1 = conv_create(parameters, "conv1", conv1, halving);
    net->layer2 = block_create(parameters, "layer2", 32);
    net->layer3 = block_create(parameters, "layer3", 64);
    net->linear6 = linear_create(parameters, "linear6", linear6);
    net->linear9 = linear_create(parameters, "linear9", linear9);
    classifier->forward = forward;
    classifier->scores = scores;
    return true;
}
