// Network in network (Lin, Chen and Yan, 2013): convolutions, each followed by two 1x1 ones, relu
// after every one (the class scores included: they are not negative), and the mean over all places.
//   small images (NONE's code, CIFAR-10)       large images (the authors' net for ImageNet)
//    0 5x5 192   2 1x1 160   4 1x1  96          0 11x11 stride 4  96   2 1x1   96   4 1x1   96
//    max pool 3 stride 2 pad 1, dropout .5      max pool 3 stride 2
//    8 5x5 192  10 1x1 192  12 1x1 192          7 5x5 256   9 1x1  256  11 1x1  256
//    average pool 3 stride 2 pad 1, dropout     max pool 3 stride 2
//   16 3x3 192  18 1x1 192  20 1x1 classes     14 3x3 384  16 1x1  384  18 1x1  384
//                                              max pool 3 stride 2, dropout .5
//                                              22 3x3 1024 24 1x1 1024  26 1x1 classes
// The numbers are places in PyTorch's list: "classifier.0.weight", ... Average pooling divides by 9
// at the border too; the large net's pooling rounds sides up. Weights start normal with deviation
// .05, biases with .001. The recipe's learning rates: class scores a tenth, other biases twice the
// others', biases without weight decay.
#include "nn/models/models.h"

#include <stdio.h>

enum { MOST = 12, CLASSES = 0 };
typedef enum After { AFTER_NOTHING, AFTER_MAX, AFTER_MAX_DROPOUT, AFTER_MEAN_DROPOUT } After;

typedef struct Row {
    int index;
    int64_t out, kernel, stride, padding;
    After after;
} Row;
static const Row small[] = {
    {0, 192, 5, 1, 2, 0},  {2, 160, 1, 1, 0, 0},  {4, 96, 1, 1, 0, AFTER_MAX_DROPOUT},
    {8, 192, 5, 1, 2, 0},  {10, 192, 1, 1, 0, 0}, {12, 192, 1, 1, 0, AFTER_MEAN_DROPOUT},
    {16, 192, 3, 1, 1, 0}, {18, 192, 1, 1, 0, 0}, {20, CLASSES, 1, 1, 0, 0}};
static const Row large[] = {
    {0, 96, 11, 4, 0, 0},   {2, 96, 1, 1, 0, 0},    {4, 96, 1, 1, 0, AFTER_MAX},
    {7, 256, 5, 1, 2, 0},   {9, 256, 1, 1, 0, 0},   {11, 256, 1, 1, 0, AFTER_MAX},
    {14, 384, 3, 1, 1, 0},  {16, 384, 1, 1, 0, 0},  {18, 384, 1, 1, 0, AFTER_MAX_DROPOUT},
    {22, 1024, 3, 1, 1, 0}, {24, 1024, 1, 1, 0, 0}, {26, CLASSES, 1, 1, 0, 0}};

typedef struct Nin {
    Form form;
    const Row *rows;
    int length;
    Conv2dLayer conv[MOST];
} Nin;

// Kernel 3, stride 2. No value is negative after relu, so that a margin of zeros never is the
// maximum where another value is positive.
static Tensor *pool(Tensor *x, Form form, bool average)
{
    if (form == FORM_SMALL) {
        Pool2d how = {.kernel = 3, .stride = 2};
        return average ? avg_pool2d(pad2d(x, 1, 1, 1, 1), how)
                       : max_pool2d(x, (Pool2d){.kernel = 3, .stride = 2, .padding = 1});
    }
    int64_t right = (x->shape[2] - 1) % 2, bottom = (x->shape[1] - 1) % 2; // rounds up
    if (right || bottom) x = pad2d(x, 0, right, 0, bottom);
    return max_pool2d(x, (Pool2d){.kernel = 3, .stride = 2});
}

static Tensor *scores(const Classifier *classifier, Tensor *map, Mode mode)
{
    const Nin *net = classifier->network;
    Tensor *x = relu(conv_forward(&net->conv[net->length - 1], map));
    (void)mode;
    return flatten_channels_first(adaptive_avg_pool2d(x, 1, 1));
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const Nin *net = classifier->network;
    Tensor *x = images;
    for (int i = 0; i + 1 < net->length; i++) {
        After after = net->rows[i].after;
        x = relu(conv_forward(&net->conv[i], x));
        if (after != AFTER_NOTHING || i + 2 == net->length) features_shown(x);
        if (after != AFTER_NOTHING) x = pool(x, net->form, after == AFTER_MEAN_DROPOUT);
        if (after == AFTER_MAX_DROPOUT) x = dropout_forward(x, .5f, "after max", mode);
        if (after == AFTER_MEAN_DROPOUT) x = dropout_forward(x, .5f, "after mean", mode);
    }
    return scores(classifier, x, mode);
}

bool nin_build(Classifier *classifier, Error *error)
{
    Form form = network_form(classifier, error);
    if (form == FORM_NONE) return false;
    Nin *net = classifier->network = allocate(sizeof *net);
    net->form = form;
    net->rows = form == FORM_SMALL ? small : large;
    net->length = (int)(form == FORM_SMALL ? sizeof small : sizeof large) / (int)sizeof(Row);
    int64_t in = classifier->channels;
    for (int i = 0; i < net->length; i++) {
        char name[32];
        const Row *row = &net->rows[i];
        int64_t out = row->out == CLASSES ? classifier->classes : row->out;
        bool last = row->out == CLASSES;
        LayerShape shape = {.in = in,
                            .out = out,
                            .kernel = row->kernel,
                            .bias = true,
                            .weight_deviation = .05f,
                            .bias_deviation = .001f,
                            .weight_rate = last ? .1f : 1,
                            .bias_rate = last ? .1f : 2,
                            .bias_undecayed = true};
        Conv2d how = {.stride = row->stride, .padding = row->padding};
        snprintf(name, sizeof name, "classifier.%d", row->index);
        net->conv[i] = conv_create(&classifier->parameters, name, shape, how);
        in = out;
    }
    for (int i = 0; i + 1 < net->length; i++) // all but the class scores
        neurons_add(classifier, (NeuronLayer){.watched = net->conv[i].weight,
                                              .made_by = {net->conv[i].weight, net->conv[i].bias},
                                              .read_by = net->conv[i + 1].weight});
    classifier->forward = forward;
    classifier->scores = scores;
    return true;
}
