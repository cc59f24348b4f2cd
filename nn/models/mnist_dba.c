// The MNIST classifier of DBA's code (Xie et al., "DBA: Distributed Backdoor Attacks against
// Federated Learning", ICLR 2020), two 5x5 convolutions without padding and two linear layers:
//   x -> conv1 20 -> relu -> pool 2 -> conv2 50 -> relu -> pool 2 -> fc1 500 -> relu -> fc2
// It sees images as they are, in [0, 1]. relu keeps the order of values, so it may as well follow
// the pooling, where a quarter of the values is left.
#include "nn/models/models.h"

typedef struct MnistDba {
    Conv2dLayer conv1, conv2;
    Linear fc1, fc2;
} MnistDba;

// From the last map.
static Tensor *scores(const Classifier *classifier, Tensor *map, Mode mode)
{
    const MnistDba *net = classifier->network;
    (void)mode; // no dropout, no norm
    Tensor *x = relu(linear_forward(&net->fc1, flatten_channels_first(map)));
    return linear_forward(&net->fc2, features_shown(x));
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const MnistDba *net = classifier->network;
    const Pool2d half = {.kernel = 2};
    Tensor *x = features_shown(relu(max_pool2d(conv_forward(&net->conv1, images), half)));
    x = features_shown(relu(max_pool2d(conv_forward(&net->conv2, x), half)));
    return scores(classifier, x, mode);
}

// Pixels along a side after two valid 5x5 convolutions, each with its pooling.
static int64_t side_left(int side)
{
    return ((side - 4) / 2 - 4) / 2;
}

bool mnist_dba_build(Classifier *classifier, Error *error)
{
    int64_t height = side_left(classifier->height), width = side_left(classifier->width);
    if (height < 1 || width < 1)
        return fail(error, "mnist-dba needs images of at least 16x16, not %dx%d",
                    classifier->height, classifier->width);
    Parameters *parameters = &classifier->parameters;
    MnistDba *net = classifier->network = allocate(sizeof *net);
    LayerShape conv1 = {.in = classifier->channels, .out = 20, .kernel = 5, .bias = true};
    LayerShape conv2 = {.in = 20, .out = 50, .kernel = 5, .bias = true};
    LayerShape fc1 = {.in = 50 * height * width, .out = 500, .bias = true};
    LayerShape fc2 = {.in = 500, .out = classifier->classes, .bias = true};
    net->conv1 = conv_create(parameters, "conv1", conv1, (Conv2d){0});
    net->conv2 = conv_create(parameters, "conv2", conv2, (Conv2d){0});
    net->fc1 = linear_create(parameters, "fc1", fc1);
    net->fc2 = linear_create(parameters, "fc2", fc2);
    neurons_add(classifier, (NeuronLayer){.watched = net->conv1.weight,
                                          .made_by = {net->conv1.weight, net->conv1.bias},
                                          .read_by = net->conv2.weight});
    neurons_add(classifier, (NeuronLayer){.watched = net->conv2.weight,
                                          .made_by = {net->conv2.weight, net->conv2.bias},
                                          .read_by = net->fc1.weight});
    neurons_add(classifier, (NeuronLayer){.watched = net->fc1.weight,
                                          .made_by = {net->fc1.weight, net->fc1.bias},
                                          .read_by = net->fc2.weight});
    classifier->sees_raw_images = true;
    classifier->forward = forward;
    classifier->scores = scores;
    return true;
}
