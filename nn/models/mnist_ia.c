// The MNIST classifier of the input-aware attack's code, two 5x5 convolutions without padding and
// two linear layers:
//   x -> conv1 -> relu -> dropout .1 -> pool 2 -> conv5 -> relu -> dropout .1 -> pool 2
//     -> linear6 -> relu -> dropout .1 -> linear9
// relu keeps the order of values and commutes with dropout, so it may as well follow the pooling,
// where a quarter of the values is left: the same results and gradients.
#include "nn/models/models.h"

typedef struct MnistIa {
    Conv2dLayer conv1, conv5;
    Linear linear6, linear9;
} MnistIa;

static const Pool2d half = {.kernel = 2};
static const float dropped = .1f;

static Tensor *scores(const Classifier *classifier, Tensor *map, Mode mode)
{
    const MnistIa *net = classifier->network;
    Tensor *x = flatten_channels_first(map);
    x = features_shown(relu(linear_forward(&net->linear6, x)));
    return linear_forward(&net->linear9, dropout_forward(x, dropped, "linear6", mode));
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const MnistIa *net = classifier->network;
    Tensor *x = features_shown(
        conv_dropout_pool_relu_forward(&net->conv1, images, dropped, "conv1", half, mode));
    x = conv_dropout_pool_relu_forward(&net->conv5, x, dropped, "conv5", half, mode);
    return scores(classifier, features_shown(x), mode);
}

// Pixels along a side after two valid 5x5 convolutions, each with its pooling.
static int64_t side_left(int side)
{
    return ((side - 4) / 2 - 4) / 2;
}

bool mnist_ia_build(Classifier *classifier, Error *error)
{
    int64_t height = side_left(classifier->height), width = side_left(classifier->width);
    if (height < 1 || width < 1)
        return fail(error, "mnist-ia needs images of at least 16x16, not %dx%d", classifier->height,
                    classifier->width);
    Parameters *parameters = &classifier->parameters;
    MnistIa *net = classifier->network = allocate(sizeof *net);
    LayerShape conv1 = {.in = classifier->channels, .out = 32, .kernel = 5, .bias = true};
    LayerShape conv5 = {.in = 32, .out = 64, .kernel = 5, .bias = true};
    net->conv1 = conv_create(parameters, "conv1", conv1, (Conv2d){0});
    net->conv5 = conv_create(parameters, "conv5", conv5, (Conv2d){0});
    LayerShape linear6 = {.in = 64 * height * width, .out = 512, .bias = true};
    LayerShape linear9 = {.in = 512, .out = classifier->classes, .bias = true};
    net->linear6 = linear_create(parameters, "linear6", linear6);
    net->linear9 = linear_create(parameters, "linear9", linear9);
    neurons_add(classifier, (NeuronLayer){.watched = net->conv1.weight,
                                          .made_by = {net->conv1.weight, net->conv1.bias},
                                          .read_by = net->conv5.weight});
    neurons_add(classifier, (NeuronLayer){.watched = net->conv5.weight,
                                          .made_by = {net->conv5.weight, net->conv5.bias},
                                          .read_by = net->linear6.weight});
    neurons_add(classifier, (NeuronLayer){.watched = net->linear6.weight,
                                          .made_by = {net->linear6.weight, net->linear6.bias},
                                          .read_by = net->linear9.weight});
    classifier->forward = forward;
    classifier->scores = scores;
    return true;
}
