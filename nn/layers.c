// Layers with weights. Each starts at zero (batch norm at the identity); fan_in and deviations are
// kept for nn/initialize.c. PyTorch takes a transposed convolution's fan_in from the second size of
// its stored weight, the output channels.
#include "nn/layers.h"

#include <math.h>

enum { MOST_GROUPS = 32 };

float he_deviation(int64_t kernel, int64_t out)
{
    return (float)sqrt(2 / (double)(kernel * kernel * out));
}

static Parameter weight_of(Layout layout, LayerShape shape, int64_t fan_in)
{
    return (Parameter){.layout = layout,
                       .trainable = true,
                       .fan_in = fan_in,
                       .deviation = shape.weight_deviation,
                       .rate = shape.weight_rate};
}

static Tensor *add_bias(Parameters *parameters, const char *name, LayerShape shape, int64_t fan_in)
{
    if (!shape.bias) return NULL;
    bool uniform = shape.weight_deviation == 0;
    Parameter how = {.trainable = true,
                     .fan_in = uniform ? fan_in : 0,
                     .deviation = uniform ? 0 : shape.bias_deviation,
                     .rate = shape.bias_rate,
                     .undecayed = shape.bias_undecayed};
    return parameters_add(parameters, name, "bias", how, SHAPE(shape.out));
}

Linear linear_create(Parameters *parameters, const char *name, LayerShape shape)
{
    Parameter how = weight_of(LAYOUT_LINEAR, shape, shape.in);
    Linear layer;
    layer.weight = parameters_add(parameters, name, "weight", how, SHAPE(shape.in, shape.out));
    layer.bias = add_bias(parameters, name, shape, how.fan_in);
    return layer;
}

Conv2dLayer conv_create(Parameters *parameters, const char *name, LayerShape shape, Conv2d how)
{
    int64_t kernel = shape.kernel, fan_in = kernel * kernel * shape.in;
    Parameter weight = weight_of(LAYOUT_CONV, shape, fan_in);
    Conv2dLayer layer = {.how = how};
    layer.weight = parameters_add(parameters, name, "weight", weight,
                                  SHAPE(kernel, kernel, shape.in, shape.out));
    layer.bias = add_bias(parameters, name, shape, fan_in);
    return layer;
}

ConvTransposeLayer conv_transpose_create(Parameters *parameters, const char *name, LayerShape shape,
                                         Conv2d how)
{
    int64_t kernel = shape.kernel, fan_in = kernel * kernel * shape.out;
    Parameter weight = weight_of(LAYOUT_CONV, shape, fan_in);
    ConvTransposeLayer layer = {.how = how};
    layer.weight = parameters_add(parameters, name, "weight", weight,
                                  SHAPE(kernel, kernel, shape.out, shape.in));
    layer.bias = add_bias(parameters, name, shape, fan_in);
    return layer;
}

static int64_t groups_for(int64_t channels)
{
    int64_t groups = channels < MOST_GROUPS ? channels : MOST_GROUPS;
    while (channels % groups != 0) groups--;
    return groups;
}

BatchNormLayer batch_norm_create(Parameters *parameters, const char *name, int64_t channels,
                                 float momentum)
{
    Parameter one = {.trainable = true, .start = 1}, zero = {.trainable = true};
    Parameter kept_one = {.start = 1}, kept_zero = {0};
    BatchNormLayer layer = {.momentum = momentum, .epsilon = 1e-5f};
    layer.weight = parameters_add(parameters, name, "weight", one, SHAPE(channels));
    layer.bias = parameters_add(parameters, name, "bias", zero, SHAPE(channels));
    if (parameters->group_norm) {
        layer.groups = groups_for(channels);
        return layer;
    }
    layer.running_mean =
        parameters_add(parameters, name, "running_mean", kept_zero, SHAPE(channels));
    layer.running_variance =
        parameters_add(parameters, name, "running_var", kept_one, SHAPE(channels));
    return layer;
}

// The layer's result, after the tape's observer has seen it.
static Tensor *shown(const Tensor *weight, Tensor *result)
{
    const Observer *observer = tape_observer(result->tape);
    if (observer) observer->see(observer->context, weight, result);
    return result;
}

Tensor *features_shown(Tensor *x)
{
    return shown(NULL, x);
}

Tensor *linear_forward(const Linear *layer, Tensor *x)
{
    return shown(layer->weight, linear(x, layer->weight, layer->bias));
}

// conv(x) + addend, which may be NULL.
static Tensor *convolved(const Conv2dLayer *layer, Tensor *x, Tensor *addend)
{
    Tensor *weight = layer->weight, *bias = layer->bias;
    if (weight->frozen) return conv2d_frozen(x, weight, NULL, bias, addend, layer->how, false);
    return conv2d_add(x, weight, bias, addend, layer->how);
}

Tensor *conv_forward(const Conv2dLayer *layer, Tensor *x)
{
    return shown(layer->weight, convolved(layer, x, NULL));
}

Tensor *conv_add_forward(const Conv2dLayer *layer, Tensor *x, Tensor *addend)
{
    if (tape_observer(x->tape)) // to whom the convolution's own result is shown
        return add(conv_forward(layer, x), addend);
    return convolved(layer, x, addend);
}

Tensor *conv_transpose_forward(const ConvTransposeLayer *layer, Tensor *x)
{
    return shown(layer->weight, conv_transpose2d(x, layer->weight, layer->bias, layer->how));
}

static Tensor *normalise(const BatchNormLayer *layer, Tensor *x, bool training, NormRelu relu_place)
{
    if (layer->groups > 0) {
        x = group_norm(relu_place == NORM_RELU_BEFORE ? relu(x) : x, layer->weight, layer->bias,
                       layer->groups, layer->epsilon);
        return shown(layer->weight, relu_place == NORM_RELU_AFTER ? relu(x) : x);
    }
    BatchNorm how = {layer->momentum, layer->epsilon, training, relu_place};
    return shown(layer->weight, batch_norm(x, layer->weight, layer->bias, layer->running_mean,
                                           layer->running_variance, how));
}

Tensor *batch_norm_forward(const BatchNormLayer *layer, Tensor *x, bool training)
{
    return normalise(layer, x, training, NORM_RELU_NONE);
}

Tensor *batch_norm_relu_forward(const BatchNormLayer *layer, Tensor *x, bool training)
{
    return normalise(layer, x, training, NORM_RELU_AFTER);
}

Tensor *relu_batch_norm_forward(const BatchNormLayer *layer, Tensor *x, bool training)
{
    return normalise(layer, x, training, NORM_RELU_BEFORE);
}

Tensor *conv_norm_forward(const Conv2dLayer *conv, const BatchNormLayer *norm, Tensor *x,
                          bool with_relu, bool training)
{
    if (training || !conv->weight->frozen || !norm->weight->frozen || conv->bias ||
        norm->groups > 0 || tape_observer(x->tape)) // to whom the convolution's own result is shown
        return normalise(norm, conv_forward(conv, x), training,
                         with_relu ? NORM_RELU_AFTER : NORM_RELU_NONE);
    ScaleShift s = batch_norm_scale_shift(x->tape, norm->weight, norm->bias, norm->running_mean,
                                          norm->running_variance, norm->epsilon);
    return conv2d_frozen(x, conv->weight, s.scale, s.shift, NULL, conv->how, with_relu);
}

static bool drops(Mode mode)
{
    return (mode.training || mode.dropout) && !mode.without_dropout;
}

static RandomKey mask_key(const char *name, Mode mode)
{
    mode.key.purpose ^= random_purpose(name);
    return mode.key;
}

Tensor *dropout_forward(Tensor *x, float probability, const char *name, Mode mode)
{
    return drops(mode) ? dropout(x, probability, mask_key(name, mode)) : x;
}

Tensor *conv_dropout_pool_relu_forward(const Conv2dLayer *layer, Tensor *x, float probability,
                                       const char *name, Pool2d how, Mode mode)
{
    const RandomKey key = mask_key(name, mode);
    if (!drops(mode)) probability = 0;
    if (tape_observer(x->tape)) // to whom the convolution's own result is shown
        return dropout_pool_relu_over(conv_forward(layer, x), probability, key, how);
    return conv_dropout_pool_relu(x, layer->weight, layer->bias, layer->how, probability, key, how);
}
