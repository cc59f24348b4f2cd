// ResNet18 for 64x64 images of faces (CelebA), as in WaNet's code: the plan of PreActResNet18
// (preact_resnet18.c) with blocks that normalise after each convolution,
//   y = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut),
// where the shortcut is x itself or, when the shape changes, bn(1x1 convolution of x).
#include "nn/models/models.h"

#include <stdio.h>

typedef struct Block {
    Conv2dLayer conv1, conv2;
    BatchNormLayer bn1, bn2;
    bool changes_shape;
    Conv2dLayer shortcut;
    BatchNormLayer shortcut_norm;
} Block;

enum { LAYERS = 4, BLOCKS = 2, POOLED = 4 };

typedef struct Resnet18 {
    Conv2dLayer conv1;
    BatchNormLayer bn1;
    Block blocks[LAYERS][BLOCKS];
    Linear linear;
} Resnet18;

static const float norm_momentum = .1f;

static Block block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                          int64_t stride)
{
    char part[64];
    Block block = {.changes_shape = stride != 1 || in != out};
    snprintf(part, sizeof part, "%s.conv1", name);
    block.conv1 = conv_create(parameters, part, (LayerShape){.in = in, .out = out, .kernel = 3},
                              (Conv2d){.stride = stride, .padding = 1});
    snprintf(part, sizeof part, "%s.bn1", name);
    block.bn1 = batch_norm_create(parameters, part, out, norm_momentum);
    snprintf(part, sizeof part, "%s.conv2", name);
    block.conv2 = conv_create(parameters, part, (LayerShape){.in = out, .out = out, .kernel = 3},
                              (Conv2d){.padding = 1});
    snprintf(part, sizeof part, "%s.bn2", name);
    block.bn2 = batch_norm_create(parameters, part, out, norm_momentum);
    if (!block.changes_shape) return block;
    snprintf(part, sizeof part, "%s.shortcut.0", name);
    block.shortcut = conv_create(parameters, part, (LayerShape){.in = in, .out = out, .kernel = 1},
                                 (Conv2d){.stride = stride});
    snprintf(part, sizeof part, "%s.shortcut.1", name);
    block.shortcut_norm = batch_norm_create(parameters, part, out, norm_momentum);
    return block;
}

static Tensor *block_forward(const Block *block, Tensor *x, bool training)
{
    Tensor *y = batch_norm_relu_forward(&block->bn1, conv_forward(&block->conv1, x), training);
    y = batch_norm_forward(&block->bn2, conv_forward(&block->conv2, y), training);
    if (block->changes_shape)
        x = batch_norm_forward(&block->shortcut_norm, conv_forward(&block->shortcut, x), training);
    return relu(add(y, x));
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const Resnet18 *net = classifier->network;
    Tensor *x = conv_forward(&net->conv1, images);
    x = batch_norm_relu_forward(&net->bn1, x, mode.training);
    for (int l = 0; l < LAYERS; l++)
        for (int b = 0; b < BLOCKS; b++) x = block_forward(&net->blocks[l][b], x, mode.training);
    x = flatten_channels_first(avg_pool2d(x, (Pool2d){.kernel = POOLED}));
    return linear_forward(&net->linear, x);
}

bool resnet18_build(Classifier *classifier, Error *error)
{
    int height = (classifier->height + 7) / 8 / POOLED,
        width = (classifier->width + 7) / 8 / POOLED;
    if (height < 1 || width < 1)
        return fail(error, "resnet18-celeba needs images of at least 25x25, not %dx%d",
                    classifier->height, classifier->width);
    Parameters *parameters = &classifier->parameters;
    Resnet18 *net = classifier->network = allocate(sizeof *net);
    LayerShape first = {.in = classifier->channels, .out = 64, .kernel = 3};
    net->conv1 = conv_create(parameters, "conv1", first, (Conv2d){.padding = 1});
    net->bn1 = batch_norm_create(parameters, "bn1", 64, norm_momentum);
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
