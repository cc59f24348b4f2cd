// The operators: each takes tensors, finds the tape through them, and returns a new tensor of that
// step whose gradient backward() knows. Shapes that cannot meet stop the program with the operator,
// the shapes, and the place. Where a C library function has the short name, the operator has the
// long one (absolute, exponential).
#ifndef SIEVE_CORE_OPS_H
#define SIEVE_CORE_OPS_H

#include "core/tape.h"

// ---- arithmetic.c: element by element; shapes broadcast as in numpy (aligned at the right, 1
// repeats) ----
Tensor *add(Tensor *a, Tensor *b);
Tensor *subtract(Tensor *a, Tensor *b);
Tensor *multiply(Tensor *a, Tensor *b);
Tensor *divide(Tensor *a, Tensor *b);
Tensor *affine(float factor, Tensor *x, float offset); // factor x + offset
Tensor *scale(float factor, Tensor *x);
Tensor *negate(Tensor *x);
Tensor *sum3(Tensor *a, Tensor *b, Tensor *c);

// ---- activation.c ----
Tensor *relu(Tensor *x);
Tensor *leaky_relu(Tensor *x, float slope);
Tensor *elu(Tensor *x);
Tensor *sigmoid(Tensor *x);
Tensor *hyperbolic_tangent(Tensor *x);
Tensor *tanhshrink(Tensor *x); // x - tanh x
Tensor *softplus(Tensor *x);
Tensor *exponential(Tensor *x);
Tensor *logarithm(Tensor *x);
Tensor *square_root(Tensor *x);
Tensor *square(Tensor *x);
Tensor *absolute(Tensor *x);
Tensor *clamp(Tensor *x, float low, float high);
Tensor *dropout(Tensor *x, float probability, RandomKey key);
Tensor *add_noise(Tensor *mean, Tensor *deviation, RandomKey key); // mean + deviation * N(0, 1)

// ---- reduce.c: dims is a set of dimensions, bit i for dimension i; kept with size 1 where keep
// ----
enum { ALL_DIMENSIONS = 0x3f };
Tensor *sum(Tensor *x, unsigned dims, bool keep);
Tensor *mean(Tensor *x, unsigned dims, bool keep);
Tensor *max(Tensor *x, int dim, bool keep);
Tensor *argmax(Tensor *x, int dim); // int32, first maximum, without gradient
Tensor *norm2_rows(Tensor *x);      // (n, ...) -> (n): the L2 norm of each sample

// ---- shape.c ----
Tensor *reshape(Tensor *x, int rank, const int64_t *shape); // one size may be -1
Tensor *permute(Tensor *x, const int *dims);                // y.shape[i] = x.shape[dims[i]]
Tensor *concat(int count, Tensor *const *x, int dim);
Tensor *slice(Tensor *x, int dim, int64_t start, int64_t stop);
Tensor *pad2d(Tensor *x, int64_t left, int64_t right, int64_t top, int64_t bottom); // NHWC, zeros
// (n,h,w,c) <-> (n, c*h*w) in PyTorch's order (channel first), so that linear weights move both
// ways.
Tensor *flatten_channels_first(Tensor *x);
Tensor *unflatten_channels_first(Tensor *x, int64_t height, int64_t width, int64_t channels);
// y[i] = table[rows[i]] along the first dimension, rows int32 (n); without gradient.
Tensor *gather_rows(Tensor *table, Tensor *rows);

// ---- linear.c ----
Tensor *matmul(Tensor *a, Tensor *b); // (m,k) (k,n) -> (m,n)
Tensor *linear(Tensor *x, Tensor *weight,
               Tensor *bias); // (m,in) (in,out) + (out); bias may be NULL

// ---- conv.c: NHWC; weight (kh, kw, ci, co), transposed convolution's (kh, kw, co, ci): ci the
// input's channels, so that the one is the adjoint of the other with the same weight; bias (co) or
// NULL ----
typedef struct Conv2d {
    int64_t stride, padding, dilation, output_padding; // 0 means 1, 0, 1, 0
} Conv2d;
Tensor *conv2d(Tensor *x, Tensor *weight, Tensor *bias, Conv2d how);
// conv2d + addend (NULL or of the result's shape), without a pass over memory of its own.
Tensor *conv2d_add(Tensor *x, Tensor *weight, Tensor *bias, Tensor *addend, Conv2d how);
Tensor *conv_transpose2d(Tensor *x, Tensor *weight, Tensor *bias, Conv2d how);
// scale * conv2d(x, weight) + shift per channel, then max(0, that) where relu, of a frozen weight
// (tensor_freeze): what is made of the weight once is kept with it, and the rest costs no pass over
// memory of its own. scale and shift, NULL or (co), are constants; no gradient reaches them. addend,
// NULL or of the result's shape, is added where there are neither scale nor relu.
Tensor *conv2d_frozen(Tensor *x, Tensor *weight, const Tensor *scale, const Tensor *shift,
                      Tensor *addend, Conv2d how, bool relu);

// ---- pool.c: NHWC ----
typedef struct Pool2d {
    int64_t kernel, stride, padding; // stride 0 means kernel
} Pool2d;
Tensor *max_pool2d(Tensor *x, Pool2d how);
// relu(max_pool2d(dropout(x))), without dropout where probability is 0; x is written over, so it
// must be fresh from a convolution and not be used again. Two passes over x instead of six.
Tensor *dropout_pool_relu_over(Tensor *x, float probability, RandomKey key, Pool2d how);
// The same of a convolution (conv.c), in one pass where the device can and the shape allows: the
// convolution's result is then never written. weight may be frozen.
Tensor *conv_dropout_pool_relu(Tensor *x, Tensor *weight, Tensor *bias, Conv2d how,
                               float probability, RandomKey key, Pool2d pool);
Tensor *avg_pool2d(Tensor *x, Pool2d how);
Tensor *adaptive_avg_pool2d(Tensor *x, int64_t height, int64_t width);

// ---- norm.c: over all dimensions but the last. training: batch statistics, and running = (1-m)
// running + m batch (unbiased variance); else the running ones. The running tensors are persistent
// and updated in place, outside the tape. ----
typedef struct BatchNorm {
    float momentum, epsilon;
    bool training;
    NormRelu relu; // relu(batch_norm(x)) or batch_norm(relu(x)) as one operator
} BatchNorm;
// What batch_norm amounts to where its statistics are the running ones: y = scale x + shift, with
// scale = weight / sqrt(running_variance + epsilon), shift = bias - scale running_mean.
typedef struct ScaleShift {
    Tensor *scale, *shift; // (channels), of the step, without gradients
} ScaleShift;
ScaleShift batch_norm_scale_shift(Tape *tape, const Tensor *weight, const Tensor *bias,
                                  const Tensor *running_mean, const Tensor *running_variance,
                                  float epsilon);
Tensor *batch_norm(Tensor *x, Tensor *weight, Tensor *bias, Tensor *running_mean,
                   Tensor *running_variance, BatchNorm how);

// ---- group_norm.c: each sample over all dimensions but the first, and over each of `groups` equal
// parts of the last; weight and bias (channels) ----
Tensor *group_norm(Tensor *x, Tensor *weight, Tensor *bias, int64_t groups, float epsilon);

// ---- resample.c: NHWC ----
typedef enum ResampleMode { RESAMPLE_NEAREST, RESAMPLE_BILINEAR, RESAMPLE_BICUBIC } ResampleMode;
Tensor *resample2d(Tensor *x, int64_t height, int64_t width, ResampleMode mode, bool align_corners);
Tensor *
grid_sample(Tensor *x,
            Tensor *grid); // bilinear, zeros outside, align_corners; grid (n,h,w,2) of (x, y)

// ---- loss.c: each mean over the batch, one element, unless said otherwise ----
Tensor *softmax(Tensor *x); // rows of (n, classes)
Tensor *log_softmax(Tensor *x);
Tensor *cross_entropy(Tensor *logits, Tensor *labels); // labels int32 (n)
Tensor *mse_loss(Tensor *a, Tensor *b);
Tensor *l1_loss(Tensor *a, Tensor *b);
Tensor *
kl_standard_normal(Tensor *mean,
                   Tensor *log_variance); // KL(N(mean, var) || N(0, I)), summed over columns

// ---- the table of all operators, for `sieve ops` ----
typedef struct OperatorInfo {
    const char *name, *formula;
} OperatorInfo;
const OperatorInfo *operator_list(int *count); // core/ops/list.c

#endif
