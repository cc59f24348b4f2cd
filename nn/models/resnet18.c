// The two ResNet18 of the input-aware and WaNet attacks' code, for small images:
//   x -> conv1 3x3 -> layer1 .. layer4, two blocks each -> average pool 4 -> linear
// with 64, 128, 256, 512 channels, the first block of layers 2 to 4 with stride 2. No convolution
// has a bias. They differ in their blocks.
//
// PreActResNet18 (CIFAR-10, GTSRB) normalises before each convolution,
//   a = relu(bn1(x)),   y = conv2(relu(bn2(conv1(a)))) + shortcut,
// where the shortcut is x itself or, when the shape changes, a 1x1 convolution of a. Nothing
// normalises after the last block.
//
// ResNet18 (CelebA, 64x64) normalises after each convolution, conv1 included,
//   y = relu(bn2(conv2(relu(bn1(conv1(x))))) + shortcut),
// where the shortcut is x itself or, when the shape changes, bn(1x1 convolution of x).
#include "nn/models/models.h"

#include <stdio.h>

enum { LAYERS = 4, BLOCKS = 2, POOLED = 4, NAME_LIMIT = 64 };

typedef struct Block {
    BatchNormLayer bn1, bn2;
    Conv2dLayer conv1, conv2;
    bool changes_shape;
    Conv2dLayer shortcut;
    BatchNormLayer shortcut_norm; // only where blocks normalise after
} Block;

typedef struct Resnet18 {
    bool normalise_before;
    Conv2dLayer conv1;
    BatchNormLayer bn1; // only where blocks normalise after
    Block blocks[LAYERS][BLOCKS];
    Linear linear;
} Resnet18;

static BatchNormLayer norm_of(Parameters *parameters, const char *block, const char *part,
                              int64_t channels)
{
    char name[NAME_LIMIT];
    snprintf(name, sizeof name, "%s.%s", block, part);
    return batch_norm_create(parameters, name, channels, .1f);
}

static Conv2dLayer conv_of(Parameters *parameters, const char *block, const char *part,
                           LayerShape shape, int64_t stride)
{
    char name[NAME_LIMIT];
    snprintf(name, sizeof name, "%s.%s", block, part);
    return conv_create(parameters, name, shape,
                       (Conv2d){.stride = stride, .padding = shape.kernel / 2});
}

static Block block_create(Parameters *parameters, const char *name, bool normalise_before,
                          int64_t in, int64_t out, int64_t stride)
{
    Block block = {.changes_shape = stride != 1 || in != out};
    LayerShape first = {.in = in, .out = out, .kernel = 3};
    LayerShape second = {.in = out, .out = out, .kernel = 3};
    LayerShape shortcut = {.in = in, .out = out, .kernel = 1};
    if (normalise_before) block.bn1 = norm_of(parameters, name, "bn1", in);
    block.conv1 = conv_of(parameters, name, "conv1", first, stride);
    if (!normalise_before) block.bn1 = norm_of(parameters, name, "bn1", out);
    if (normalise_before) block.bn2 = norm_of(parameters, name, "bn2", out);
    block.conv2 = conv_of(parameters, name, "conv2", second, 1);
    if (!normalise_before) block.bn2 = norm_of(parameters, name, "bn2", out);
    if (!block.changes_shape) return block;
    block.shortcut = conv_of(parameters, name, "shortcut.0", shortcut, stride);
    if (!normalise_before) block.shortcut_norm = norm_of(parameters, name, "shortcut.1", out);
    return block;
}

static Tensor *normalised_before(const Block *block, Tensor *x, bool training)
{
    Tensor *a = batch_norm_relu_forward(&block->bn1, x, training);
    Tensor *shortcut = block->changes_shape ? conv_forward(&block->shortcut, a) : x;
    Tensor *y = conv_norm_forward(&block->conv1, &block->bn2, a, true, training);
    return add_over(conv_forward(&block->conv2, y), shortcut);
}

static Tensor *normalised_after(const Block *block, Tensor *x, bool training)
{
    Tensor *y = conv_norm_forward(&block->conv1, &block->bn1, x, true, training);
    y = conv_norm_forward(&block->conv2, &block->bn2, y, false, training);
    if (block->changes_shape)
        x = conv_norm_forward(&block->shortcut, &block->shortcut_norm, x, false, training);
    return relu(add(y, x));
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const Resnet18 *net = classifier->network;
    Tensor *x = net->normalise_before
                    ? conv_forward(&net->conv1, images)
                    : conv_norm_forward(&net->conv1, &net->bn1, images, true, mode.training);
    for (int i = 0; i < LAYERS * BLOCKS; i++) {
        const Block *block = &net->blocks[i / BLOCKS][i % BLOCKS];
        x = net->normalise_before ? normalised_before(block, x, mode.training)
                                  : normalised_after(block, x, mode.training);
    }
    x = flatten_channels_first(avg_pool2d(x, (Pool2d){.kernel = POOLED}));
    return linear_forward(&net->linear, x);
}

static bool build(Classifier *classifier, bool normalise_before, Error *error)
{
    int height = (classifier->height + 7) / 8 / POOLED;
    int width = (classifier->width + 7) / 8 / POOLED;
    if (height < 1 || width < 1)
        return fail(error, "%s needs images of at least 25x25, not %dx%d", classifier->name,
                    classifier->height, classifier->width);
    Parameters *parameters = &classifier->parameters;
    Resnet18 *net = classifier->network = allocate(sizeof *net);
    net->normalise_before = normalise_before;
    LayerShape first = {.in = classifier->channels, .out = 64, .kernel = 3};
    net->conv1 = conv_create(parameters, "conv1", first, (Conv2d){.padding = 1});
    if (!normalise_before) net->bn1 = batch_norm_create(parameters, "bn1", 64, .1f);
    int64_t in = 64, out = 64;
    for (int l = 0; l < LAYERS; l++, out *= 2)
        for (int b = 0; b < BLOCKS; b++, in = out) {
            char name[32];
            snprintf(name, sizeof name, "layer%d.%d", l + 1, b);
            net->blocks[l][b] =
                block_create(parameters, name, normalise_before, in, out, l > 0 && b == 0 ? 2 : 1);
        }
    LayerShape linear = {.in = 512 * height * width, .out = classifier->classes, .bias = true};
    net->linear = linear_create(parameters, "linear", linear);
    classifier->forward = forward;
    return true;
}

bool preact_resnet18_build(Classifier *classifier, Error *error)
{
    return build(classifier, true, error);
}

bool resnet18_build(Classifier *classifier, Error *error)
{
    return build(classifier, false, error);
}
