// Layers with weights: small structs of tensors that live in a network's Parameters, and their
// forward functions. A layer is made once under its PyTorch name ("encoder.0.1") and owns nothing
// itself. Each shows its result to the tape's observer (core/tape.h), if there is one: of a batch
// norm that is joined to a relu, the joint result.
#ifndef SIEVE_NN_LAYERS_H
#define SIEVE_NN_LAYERS_H

#include "core/ops.h"
#include "nn/module.h"

// How a network runs. Zero is evaluation: running statistics, no dropout.
typedef struct Mode {
    bool training;        // batch statistics, and dropout
    bool without_dropout; // .. except the dropout
    bool dropout;         // in evaluation: running statistics, but dropout
    RandomKey
        key; // of the dropout masks: {.seed, .step}; each layer mixes its name into the purpose
} Mode;

typedef struct Linear {
    Tensor *weight, *bias; // (in, out), (out) or NULL
} Linear;

typedef struct Conv2dLayer {
    Tensor *weight, *bias; // (kh, kw, ci, co), (co) or NULL
    Conv2d how;
} Conv2dLayer;

typedef struct ConvTransposeLayer {
    Tensor *weight, *bias; // (kh, kw, co, ci), (co) or NULL
    Conv2d how;
} ConvTransposeLayer;

typedef struct BatchNormLayer {
    Tensor *weight, *bias, *running_mean, *running_variance; // (channels)
    float momentum, epsilon;
    int64_t groups; // 0; else it is group norm with so many groups, without running tensors
} BatchNormLayer;

// What a new layer is: kernels are square. Its random start is PyTorch's default, or where
// weight_deviation is not 0 normal with these deviations (bias_deviation 0: biases start at 0).
typedef struct LayerShape {
    int64_t in, out, kernel;
    bool bias;
    float weight_deviation, bias_deviation;
    float weight_rate, bias_rate; // of training (nn/module.h); 0: 1
    bool bias_undecayed;
} LayerShape;

// sqrt(2 / (kernel^2 out)): He's deviation that keeps the size of gradients through relu.
float he_deviation(int64_t kernel, int64_t out);

Linear linear_create(Parameters *parameters, const char *name, LayerShape shape);
Conv2dLayer conv_create(Parameters *parameters, const char *name, LayerShape shape, Conv2d how);
ConvTransposeLayer conv_transpose_create(Parameters *parameters, const char *name, LayerShape shape,
                                         Conv2d how);
// epsilon is 1e-5. Where parameters->group_norm it is group norm with 32 groups, or the most below
// that divide the channels.
BatchNormLayer batch_norm_create(Parameters *parameters, const char *name, int64_t channels,
                                 float momentum);

// Shows x, with NULL for a weight, as features of the images, and returns it: a network does so with
// the map (n, height, width, channels) that each group of its layers ends with, after its
// activation, and last with what its class scores are computed from, (n, features) or a map.
Tensor *features_shown(Tensor *x);

Tensor *linear_forward(const Linear *layer, Tensor *x);
Tensor *conv_forward(const Conv2dLayer *layer, Tensor *x);
// conv(x) + addend, in one pass.
Tensor *conv_add_forward(const Conv2dLayer *layer, Tensor *x, Tensor *addend);
// norm(conv(x)), then relu where wanted. Where both are frozen and not in training, in one pass.
Tensor *conv_norm_forward(const Conv2dLayer *conv, const BatchNormLayer *norm, Tensor *x, bool relu,
                          bool training);
Tensor *conv_transpose_forward(const ConvTransposeLayer *layer, Tensor *x);
Tensor *batch_norm_forward(const BatchNormLayer *layer, Tensor *x, bool training);
Tensor *batch_norm_relu_forward(const BatchNormLayer *layer, Tensor *x, bool training);
Tensor *relu_batch_norm_forward(const BatchNormLayer *layer, Tensor *x, bool training);
// The name keeps the masks of a network's several dropouts apart.
Tensor *dropout_forward(Tensor *x, float probability, const char *name, Mode mode);
// A convolution, dropout, pooling and relu (core/ops.h).
Tensor *conv_dropout_pool_relu_forward(const Conv2dLayer *layer, Tensor *x, float probability,
                                       const char *name, Pool2d how, Mode mode);

#endif
