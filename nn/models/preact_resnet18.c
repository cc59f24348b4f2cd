// PreActResNet18 for small images (CIFAR-10, GTSRB), as in the input-aware and WaNet attacks' code:
//   x -> conv1 3x3 -> layer1 .. layer4, two blocks each -> average pool 4 -> linear
// with 64, 128, 256, 512 channels, the first block of layers 2 to 4 with stride 2. A block is
//   a = relu(bn1(x)),   y = conv2(relu(bn2(conv1(a)))) + shortcut,
// where the shortcut is x itself or, when the shape changes, a 1x1 convolution of a. Nothing
// normalises after the last block. No convolution has a bias.
#include "nn/models/models.h"

#include <stdio.h>

typedef struct Block {
    BatchNormLayer bn1, bn2;
    Conv2dLayer conv1, conv2;
    bool changes_shape;
    Conv2dLayer shortcut;
} Block;

enum { LAYERS = 4, BLOCKS = 2, POOLED = 4 };

typedef struct PreactResnet18 {
    Conv2dLayer conv1;
    Block blocks[LAYERS][BLOCKS];
    Linear linear;
} PreactResnet18;

static const float norm_momentum = .1f;

static Block block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                          int64_t stride)
{
    char part[64];
    Block block = {.changes_shape = stride != 1 || in != out};
    snprintf(part, sizeof part, "%s.bn1", name);
    block.bn1 = batch_norm_create(parameters, part, in, norm_momentum);
    snprintf(part, sizeof part, "%s.conv1", name);
    block.conv1 = conv_create(parameters, part, (LayerShape){.in = in, .out = out, .kernel = 3},
                              (Conv2d){.stride = stride, .padding = 1});
    snprintf(part, sizeof part, "%s.bn2", name);
    block.bn2 = batch_norm_create(parameters, part, out, norm_momentum);
    snprintf(part, sizeof part, "%s.conv2", name);
    block.conv2 = conv_create(parameters, part, (LayerShape){.in = out, .out = out, .kernel = 3},
                              (Conv2d){.padding = 1});
    if (!block.changes_shape) return block;
    snprintf(part, sizeof part, "%s.shortcut.0", name);
    block.shortcut = conv_create(parameters, part, (LayerShape){.in = in, .out = out, .kernel = 1},
                                 (Conv2d){.stride = stride});
    return block;
}

static Tensor *block_forward(const Block *block, Tensor *x, bool training)
{
    Tensor *a = batch_norm_relu_forward(&block->bn1, x, training);
    Tensor *shortcut = block->changes_shape ? conv_forward(&block->shortcut, a) : x;
    Tensor *y = conv_forward(&block->conv1, a);
    y = conv_forward(&block->conv2, batch_norm_relu_forward(&block->bn2, y, training));
    return add_over(y, shortcut);
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const PreactResnet18 *net = classifier->network;
    Tensor *x = conv_forward(&net->conv1, images);
    for (int l = 0; l < LAYERS; l++)
        for (int b = 0; b < BLOCKS; b++) x = block_forward(&net->blocks[l][b], x, mode.training);
    x = flatten_channels_first(avg_pool2d(x, (Pool2d){.kernel = POOLED}));
    return linear_forward(&net->linear, x);
}

bool preact_resnet18_build(Classifier *classifier, Error *error)
{
    int height = (classifier->height + 7) / 8 / POOLED,
        width = (classifier->width + 7) / 8 / POOLED;
    if (height < 1 || width < 1)
        return fail(error, "preact-resnet18 needs images of at least 25x25, not %dx%d",
                    classifier->height, classifier->width);
    Parameters *parameters = &classifier->parameters;
    PreactResnet18 *net = classifier->network = allocate(sizeof *net);
    LayerShape first = {.in = classifier->channels, .out = 64, .kernel = 3};
    net->conv1 = conv_create(parameters, "conv1", first, (Conv2d){.padding = 1});
    int64_t in = 64, out = 64;
    for (int l = 0; l < LAYERS; l++, out *= 2)
        for (int b = 0; b < BLOCKS; b++, in = out) {
            char name[32];
            snprintf(name, sizeof name, "layer%d.%d", l + 1, b);
            net->blocks[l][b] = block_create(parameters, name, in, out, l > 0 && b == 0 ? 2 : 1);
        }
    LayerShape linear = {.in = 512 * height * width, .out = classifier->classes, .bias = true};
    net->linear = linear_create(parameters, "linear", linear);
    classifier->forward = forward;
    return true;
}
