// AlexNet (Krizhevsky, 2014) in torchvision's form, for images of 224x224:
//   features     0: 64 11x11 stride 4 pad 2   pool   3: 192 5x5 pad 2   pool   6: 384 3x3 pad 1
//                8: 256 3x3 pad 1            10: 256 3x3 pad 1          pool
//   classifier   average to 6x6, dropout .5, 1: linear 4096, dropout .5, 4: linear 4096, 6: linear
// relu follows every layer but the last; pooling is max 3, stride 2.
#include "nn/models/models.h"

#include <stdio.h>

enum { CONVS = 5, LINEARS = 3, POOLED = 6, HIDDEN = 4096, SMALLEST = 63 };

typedef struct Row {
    int index;
    int64_t out, kernel, stride, padding;
    bool pooled; // afterwards
} Row;
static const Row rows[CONVS] = {{0, 64, 11, 4, 2, true},
                                {3, 192, 5, 1, 2, true},
                                {6, 384, 3, 1, 1, false},
                                {8, 256, 3, 1, 1, false},
                                {10, 256, 3, 1, 1, true}};

typedef struct Alexnet {
    Conv2dLayer conv[CONVS];
    Linear linear[LINEARS];
} Alexnet;

static const Pool2d pool = {.kernel = 3, .stride = 2};

static Tensor *scores(const Classifier *classifier, Tensor *map, Mode mode)
{
    const Alexnet *net = classifier->network;
    Tensor *x = adaptive_avg_pool2d(max_pool2d(map, pool), POOLED, POOLED);
    x = dropout_forward(flatten_channels_first(x), .5f, "classifier.0", mode);
    x = relu(linear_forward(&net->linear[0], x));
    x = dropout_forward(x, .5f, "classifier.3", mode);
    x = relu(linear_forward(&net->linear[1], x));
    return linear_forward(&net->linear[2], features_shown(x));
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const Alexnet *net = classifier->network;
    Tensor *x = images;
    for (int i = 0; i < CONVS; i++) {
        x = relu(conv_forward(&net->conv[i], x));
        if (rows[i].pooled) features_shown(x);
        if (rows[i].pooled && i + 1 < CONVS) x = max_pool2d(x, pool);
    }
    return scores(classifier, x, mode);
}

bool alexnet_build(Classifier *classifier, Error *error)
{
    if (classifier->height < SMALLEST || classifier->width < SMALLEST)
        return fail(error, "%s needs images of at least %dx%d, not %dx%d", classifier->name,
                    SMALLEST, SMALLEST, classifier->height, classifier->width);
    Parameters *parameters = &classifier->parameters;
    Alexnet *net = classifier->network = allocate(sizeof *net);
    int64_t in = classifier->channels;
    for (int i = 0; i < CONVS; i++) {
        char name[32];
        const Row *row = &rows[i];
        LayerShape shape = {.in = in, .out = row->out, .kernel = row->kernel, .bias = true};
        Conv2d how = {.stride = row->stride, .padding = row->padding};
        snprintf(name, sizeof name, "features.%d", row->index);
        net->conv[i] = conv_create(parameters, name, shape, how);
        in = row->out;
    }
    LayerShape first = {.in = in * POOLED * POOLED, .out = HIDDEN, .bias = true};
    LayerShape second = {.in = HIDDEN, .out = HIDDEN, .bias = true};
    LayerShape last = {.in = HIDDEN, .out = classifier->classes, .bias = true};
    net->linear[0] = linear_create(parameters, "classifier.1", first);
    net->linear[1] = linear_create(parameters, "classifier.4", second);
    net->linear[2] = linear_create(parameters, "classifier.6", last);
    for (int i = 0; i < CONVS + LINEARS - 1; i++) {
        const Linear *linear = &net->linear[i < CONVS ? 0 : i - CONVS]; // or the reader of the last
        Tensor *weight = i < CONVS ? net->conv[i].weight : linear->weight;
        Tensor *bias = i < CONVS ? net->conv[i].bias : linear->bias;
        Tensor *next = i + 1 < CONVS ? net->conv[i + 1].weight : net->linear[i + 1 - CONVS].weight;
        neurons_add(classifier,
                    (NeuronLayer){.watched = weight, .made_by = {weight, bias}, .read_by = next});
    }
    classifier->forward = forward;
    classifier->scores = scores;
    return true;
}
