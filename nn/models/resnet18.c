// ResNet18 (He et al., 2015 and 2016) for small images:
//   x -> conv1 3x3 -> layer1 .. layer4, two blocks each -> average pool 4 -> linear
// with 64, 128, 256, 512 channels, the first block of layers 2 to 4 with stride 2. No convolution
// has a bias. f is relu but in the last row's variants.
//
// preact-resnet18 (the input-aware and WaNet attacks' code for CIFAR-10, GTSRB) normalises before
// each convolution,
//   a = f(bn1(x)),   y = conv2(f(bn2(conv1(a)))) + shortcut,
// where the shortcut is x itself or, when the shape changes, a 1x1 convolution of a. Nothing
// normalises after the last block.
//
// resnet18-celeba (the same code for CelebA, 64x64) normalises after each convolution, conv1
// included,
//   y = f(bn2(conv2(f(bn1(conv1(x))))) + shortcut),
// where the shortcut is x itself or, when the shape changes, bn(1x1 convolution of x).
//
// resnet18-dba (DBA's code for CIFAR-10) is that network with half of the channels, 32 to 256, and
// sees images as they are, in [0, 1].
//
// resnet18 (NONE's code) is resnet18-celeba under other names ("downsample" for "shortcut", "fc"
// for "linear"); its convolutions start normal with deviation sqrt(2 / (kernel^2 out)). From 128 pixels
// on it has ImageNet's form: conv1 7x7 of stride 2, max pool 3 of stride 2, and the mean over all
// places in the end. Its variants have f = leaky relu (slope .01), elu, x - tanh x, softplus.
#include "nn/models/models.h"

#include <stdio.h>

enum { LAYERS = 4, BLOCKS = 2, POOLED = 4, NAME_LIMIT = 64 };

typedef struct Style {
    bool normalise_before;
    const char *shortcut_conv, *shortcut_norm, *linear; // names
    Tensor *(*activation)(Tensor *x);
    bool he_start;
    int64_t width; // channels of the first layers
} Style;

typedef struct Block {
    BatchNormLayer bn1, bn2;
    Conv2dLayer conv1, conv2;
    bool changes_shape;
    Conv2dLayer shortcut;
    BatchNormLayer shortcut_norm; // only where blocks normalise after
} Block;

typedef struct Resnet18 {
    Style style;
    Form form;
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

static LayerShape shape_of(const Style *style, int64_t in, int64_t out, int64_t kernel)
{
    float deviation = style->he_start ? he_deviation(kernel, out) : 0;
    return (LayerShape){.in = in, .out = out, .kernel = kernel, .weight_deviation = deviation};
}

static Block block_create(Parameters *parameters, const char *name, const Style *style, int64_t in,
                          int64_t out, int64_t stride)
{
    Block block = {.changes_shape = stride != 1 || in != out};
    bool before = style->normalise_before;
    if (before) block.bn1 = norm_of(parameters, name, "bn1", in);
    block.conv1 = conv_of(parameters, name, "conv1", shape_of(style, in, out, 3), stride);
    if (!before) block.bn1 = norm_of(parameters, name, "bn1", out);
    if (before) block.bn2 = norm_of(parameters, name, "bn2", out);
    block.conv2 = conv_of(parameters, name, "conv2", shape_of(style, out, out, 3), 1);
    if (!before) block.bn2 = norm_of(parameters, name, "bn2", out);
    if (!block.changes_shape) return block;
    block.shortcut =
        conv_of(parameters, name, style->shortcut_conv, shape_of(style, in, out, 1), stride);
    if (!before) block.shortcut_norm = norm_of(parameters, name, style->shortcut_norm, out);
    return block;
}

// f(bn(x))
static Tensor *activated(const Style *style, const BatchNormLayer *norm, Tensor *x, bool training)
{
    if (style->activation == relu) return batch_norm_relu_forward(norm, x, training);
    return style->activation(batch_norm_forward(norm, x, training));
}

// f(bn(conv(x)))
static Tensor *conv_activated(const Style *style, const Conv2dLayer *conv,
                              const BatchNormLayer *norm, Tensor *x, bool training)
{
    bool joined = style->activation == relu;
    Tensor *y = conv_norm_forward(conv, norm, x, joined, training);
    return joined ? y : style->activation(y);
}

static Tensor *normalised_before(const Style *style, const Block *block, Tensor *x, bool training)
{
    Tensor *a = activated(style, &block->bn1, x, training);
    Tensor *shortcut = block->changes_shape ? conv_forward(&block->shortcut, a) : x;
    Tensor *y = conv_activated(style, &block->conv1, &block->bn2, a, training);
    return conv_add_forward(&block->conv2, y, shortcut);
}

static Tensor *normalised_after(const Style *style, const Block *block, Tensor *x, bool training)
{
    Tensor *y = conv_activated(style, &block->conv1, &block->bn1, x, training);
    y = conv_norm_forward(&block->conv2, &block->bn2, y, false, training);
    if (block->changes_shape)
        x = conv_norm_forward(&block->shortcut, &block->shortcut_norm, x, false, training);
    return style->activation(add(y, x));
}

static Tensor *scores(const Classifier *classifier, Tensor *map, Mode mode)
{
    const Resnet18 *net = classifier->network;
    Tensor *x = net->form == FORM_LARGE ? adaptive_avg_pool2d(map, 1, 1)
                                        : avg_pool2d(map, (Pool2d){.kernel = POOLED});
    (void)mode;
    return linear_forward(&net->linear, features_shown(flatten_channels_first(x)));
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    const Resnet18 *net = classifier->network;
    const Style *style = &net->style;
    Tensor *x = style->normalise_before
                    ? conv_forward(&net->conv1, images)
                    : conv_activated(style, &net->conv1, &net->bn1, images, mode.training);
    if (net->form == FORM_LARGE)
        x = max_pool2d(x, (Pool2d){.kernel = 3, .stride = 2, .padding = 1});
    for (int i = 0; i < LAYERS * BLOCKS; i++) {
        const Block *block = &net->blocks[i / BLOCKS][i % BLOCKS];
        x = style->normalise_before ? normalised_before(style, block, x, mode.training)
                                    : normalised_after(style, block, x, mode.training);
        if (i % BLOCKS == BLOCKS - 1) features_shown(x);
    }
    return scores(classifier, x, mode);
}

static void layers_create(Resnet18 *net, Parameters *parameters)
{
    int64_t in = net->style.width, out = in;
    for (int l = 0; l < LAYERS; l++, out *= 2)
        for (int b = 0; b < BLOCKS; b++, in = out) {
            char name[32];
            snprintf(name, sizeof name, "layer%d.%d", l + 1, b);
            net->blocks[l][b] =
                block_create(parameters, name, &net->style, in, out, l > 0 && b == 0 ? 2 : 1);
        }
}

static NeuronLayer neurons_of(const Conv2dLayer *conv, const BatchNormLayer *norm, Tensor *read_by)
{
    return (NeuronLayer){.watched = conv->weight,
                         .made_by = {conv->weight, norm->weight, norm->bias},
                         .read_by = read_by};
}

// As NONE's code lists them: layers 2 to 4, each convolution's result before its norm, the
// shortcut's after it. Of the readers of a block's result the next block's conv1, or the linear
// layer, is taken; a shortcut's result has none of its own.
static void neurons_list(const Resnet18 *net, Classifier *classifier)
{
    for (int i = BLOCKS; i < LAYERS * BLOCKS; i++) {
        const Block *block = &net->blocks[i / BLOCKS][i % BLOCKS];
        bool last = i + 1 == LAYERS * BLOCKS;
        Tensor *next = last ? net->linear.weight
                            : net->blocks[(i + 1) / BLOCKS][(i + 1) % BLOCKS].conv1.weight;
        neurons_add(classifier, neurons_of(&block->conv1, &block->bn1, block->conv2.weight));
        if (block->changes_shape) {
            NeuronLayer shortcut = neurons_of(&block->shortcut, &block->shortcut_norm, NULL);
            shortcut.watched = block->shortcut_norm.weight;
            neurons_add(classifier, shortcut);
        }
        neurons_add(classifier, neurons_of(&block->conv2, &block->bn2, next));
    }
}

static bool build(Classifier *classifier, Style style, Form form, Error *error)
{
    int height = (classifier->seen_height + 7) / 8 / POOLED;
    int width = (classifier->seen_width + 7) / 8 / POOLED;
    if (height < 1 || width < 1)
        return fail(error, "%s needs images of at least 25x25, not %dx%d", classifier->name,
                    classifier->height, classifier->width);
    Parameters *parameters = &classifier->parameters;
    Resnet18 *net = classifier->network = allocate(sizeof *net);
    net->style = style;
    net->form = form;
    bool large = form == FORM_LARGE;
    LayerShape first = shape_of(&style, classifier->channels, style.width, large ? 7 : 3);
    Conv2d how = {.stride = large ? 2 : 1, .padding = first.kernel / 2};
    net->conv1 = conv_create(parameters, "conv1", first, how);
    if (!style.normalise_before) net->bn1 = batch_norm_create(parameters, "bn1", style.width, .1f);
    layers_create(net, parameters);
    int64_t places = large ? 1 : height * width;
    LayerShape linear = {
        .in = 8 * style.width * places, .out = classifier->classes, .bias = true};
    net->linear = linear_create(parameters, style.linear, linear);
    if (!style.normalise_before) neurons_list(net, classifier);
    classifier->forward = forward;
    classifier->scores = scores;
    return true;
}

bool preact_resnet18_build(Classifier *classifier, Error *error)
{
    Style style = {true, "shortcut.0", "shortcut.1", "linear", relu, false, 64};
    return build(classifier, style, FORM_SMALL, error);
}

bool resnet18_celeba_build(Classifier *classifier, Error *error)
{
    Style style = {false, "shortcut.0", "shortcut.1", "linear", relu, false, 64};
    return build(classifier, style, FORM_SMALL, error);
}

bool resnet18_dba_build(Classifier *classifier, Error *error)
{
    Style style = {false, "shortcut.0", "shortcut.1", "linear", relu, false, 32};
    classifier->sees_raw_images = true;
    return build(classifier, style, FORM_SMALL, error);
}

static bool build_with(Tensor *(*activation)(Tensor *x), Classifier *classifier, Error *error)
{
    Style style = {false, "downsample.0", "downsample.1", "fc", activation, true, 64};
    Form form = network_form(classifier, error);
    return form != FORM_NONE && build(classifier, style, form, error);
}

static Tensor *leaky(Tensor *x)
{
    return leaky_relu(x, .01f);
}

bool resnet18_build(Classifier *classifier, Error *error)
{
    return build_with(relu, classifier, error);
}

bool resnet18_leaky_relu_build(Classifier *classifier, Error *error)
{
    return build_with(leaky, classifier, error);
}

bool resnet18_elu_build(Classifier *classifier, Error *error)
{
    return build_with(elu, classifier, error);
}

bool resnet18_tanhshrink_build(Classifier *classifier, Error *error)
{
    return build_with(tanhshrink, classifier, error);
}

bool resnet18_softplus_build(Classifier *classifier, Error *error)
{
    return build_with(softplus, classifier, error);
}
