// Batch normalisation, per channel (the last dimension) over all others:
//   y = weight (x - mean) / sqrt(variance + epsilon) + bias
// In training, mean and variance (biased) are x's own, and the gradient flows through them:
//   dx = weight / sd (dy - mean(dy) - xh mean(dy xh)),   xh = (x - mean) / sd
//   dweight = sum dy xh,   dbias = sum dy
// Otherwise they are the running ones, constants: dx = weight / sd dy. With a relu
// after, y is max(0, that), and dy above is dy where y > 0, else 0; with a relu before, x above is
// max(0, x), and dx is 0 where x <= 0: passes over memory less, and no second result to keep.
#include <stddef.h>
#include "core/error.h"
#include "core/ops.h"

static void batch_norm_backward(Node *node)
{
    const Tensor *x = node->inputs[0], *y = node->output;
    float *dweight = grad_begin_or_spare(node, 1), *dbias = grad_begin_or_spare(node, 2);
    const float *known;
    float *dx = grad_begin_adding(node, 0, &known);
    tape_kernels(y->tape)->batch_norm_backward(node->saved, x->data, y->grad, known, dx, dweight,
                                               dbias);
    for (int i = 0; i < 3; i++) grad_end(node, i);
}

ScaleShift batch_norm_scale_shift(Tape *tape, const Tensor *weight, const Tensor *bias,
                                  const Tensor *running_mean, const Tensor *running_variance,
                                  float epsilon)
{
    const Kernels *kernels = tape_kernels(tape);
    const int64_t channels = weight->count;
    const Broadcast each = {1, {channels}, {1}, {1}};
    ScaleShift result = {tape_tensor(tape, 1, &channels), tape_tensor(tape, 1, &channels)};
    float *scale = result.scale->data, *shift = result.shift->data;
    kernels->inverse_deviation(channels, epsilon, running_variance->data, scale);
    kernels->binary(BINARY_MUL, &each, weight->data, scale, scale);
    kernels->binary(BINARY_MUL, &each, running_mean->data, scale, shift);
    kernels->binary(BINARY_SUB, &each, bias->data, shift, shift);
    return result;
}

Tensor *batch_norm(Tensor *x, Tensor *weight, Tensor *bias, Tensor *running_mean,
                   Tensor *running_variance, BatchNorm how)
{
    Tensor *inputs[] = {x, weight, bias};
    Tape *tape = tape_of(3, inputs);
    const Kernels *kernels = tape_kernels(tape);
    int64_t channels = weight->count;
    if (x->rank < 2 || x->shape[x->rank - 1] != channels || !same_shape(weight, bias) ||
        running_mean->count != channels || running_variance->count != channels)
        panic("batch_norm: %s with weight %s, bias %s, running mean %s", shape_text(x),
              shape_text(weight), shape_text(bias), shape_text(running_mean));
    BatchNormShape shape = {.rows = x->count / channels,
                            .channels = channels,
                            .training = how.training,
                            .relu = how.relu};
    float *mean = running_mean->data, *inverse_deviation = tape_allocate(tape, channels * 4);
    if (how.training) {
        const BatchStatistics batch = {.rows = shape.rows,
                                       .channels = channels,
                                       .relu = how.relu,
                                       .momentum = how.momentum,
                                       .epsilon = how.epsilon,
                                       .running_mean = running_mean->data,
                                       .running_variance = running_variance->data};
        mean = tape_allocate(tape, channels * 4);
        kernels->batch_norm_statistics(&batch, x->data, mean, inverse_deviation);
    } else {
        kernels->inverse_deviation(channels, how.epsilon, running_variance->data,
                                   inverse_deviation);
    }
    if (!how.training && tape_recording(tape)) { // the running mean may move before backward comes
        mean = tape_allocate(tape, channels * 4);
        kernels->copy(&(StridedCopy){1, {channels}, {1}, {1}}, running_mean->data, mean);
    }
    shape.mean = mean;
    shape.inverse_deviation = inverse_deviation;
    shape.scale = weight->data;
    shape.shift = bias->data;
    Tensor *y = tape_tensor(tape, x->rank, x->shape);
    kernels->batch_norm_apply(&shape, x->data, y->data);
    record(y, batch_norm_backward, 3, inputs, &shape, sizeof shape);
    return y;
}
