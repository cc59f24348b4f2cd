// The list of kernels that a device offers: every operator is written against it and never touches
// memory itself. The CPU has one such list per instruction set (core/cpu/kernels/), CUDA has the
// same names. All arrays are dense and row-major; images are N,H,W,C; sizes are elements. Outputs
// are overwritten unless a comment says otherwise and do not overlap the inputs (unary, binary and
// dropout may work in place). Work is split by shape alone: same bits for any number of threads.
#ifndef SIEVE_CORE_KERNELS_H
#define SIEVE_CORE_KERNELS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/image_pose.h"
#include "core/random.h"

enum { KERNEL_MAX_RANK = 6 };

typedef enum UnaryOp {
    UNARY_RELU,
    UNARY_LEAKY_RELU, // a: slope
    UNARY_ELU,        // alpha = 1
    UNARY_SIGMOID,
    UNARY_TANH,
    UNARY_TANHSHRINK, // x - tanh x
    UNARY_SOFTPLUS,   // log(1 + e^x), no overflow
    UNARY_EXP,
    UNARY_LOG,
    UNARY_SQRT,
    UNARY_SQUARE,
    UNARY_ABS,
    UNARY_CLAMP,  // to [a, b]; the gradient passes inside, bounds included
    UNARY_AFFINE, // a x + b (neg, scale, shift)
    UNARY_COUNT
} UnaryOp;

typedef enum BinaryOp { BINARY_ADD, BINARY_SUB, BINARY_MUL, BINARY_DIV, BINARY_COUNT } BinaryOp;

// y[i...] = a[i . a_step] op b[i . b_step]; y is dense of this shape. A step of 0 repeats that
// input along the dimension; the last dimension's steps are 0 or 1.
typedef struct Broadcast {
    int rank;
    int64_t shape[KERNEL_MAX_RANK], a_step[KERNEL_MAX_RANK], b_step[KERNEL_MAX_RANK];
} Broadcast;

// y[i . y_step] = x[i . x_step] for every index i of the shape: permutation, slice, concatenation,
// padding.
typedef struct StridedCopy {
    int rank;
    int64_t shape[KERNEL_MAX_RANK], x_step[KERNEL_MAX_RANK], y_step[KERNEL_MAX_RANK];
} StridedCopy;

// c[m][n] = (accumulate ? c : 0) + bias[n] + sum_k a[m][k] b[k][n], with element [i][j] of a at
// i*a_row + j*a_column.
typedef struct Gemm {
    int64_t m, n, k;
    int64_t a_row, a_column, b_row, b_column; // one of each pair is 1; c is dense
    bool accumulate;
} Gemm;

// y[n][oy][ox][co] = sum_{ky,kx,ci} x[n][oy*stride - padding + ky*dilation][...][ci] *
// weight[ky][kx][ci][co], zero outside.
typedef struct ConvShape {
    int64_t batch, in_height, in_width, in_channels;
    int64_t out_height, out_width, out_channels;
    int64_t kernel_height, kernel_width;
    int64_t stride, padding, dilation;
} ConvShape;

// What follows a convolution: y = scale * conv + shift + addend, then, with relu, max(0, y).
typedef struct ConvAfter {
    const float *scale, *shift; // of out_channels; NULL: 1, 0; a scale comes with a shift
    bool relu;
    const float *addend; // of y's shape, or NULL
} ConvAfter;

// A convolution whose results go through dropout (probability 0: none), the maximum of each window of
// window x window pixels (side by side, as many as fit) and relu.
typedef struct ConvPool {
    ConvShape conv;
    int64_t window;
    float probability;
    RandomKey key;
} ConvPool;
enum { NO_PLACE = 255 };

typedef struct PoolShape {
    int64_t batch, in_height, in_width, channels, out_height, out_width;
    int64_t kernel, stride, padding; // unused by adaptive pooling
} PoolShape;

// Separable resampling: output row o mixes `taps` input rows: sum_t weight[o*taps+t] *
// x[index[o*taps+t]]; columns likewise.
typedef struct ResampleShape {
    int64_t batch, in_height, in_width, channels, out_height, out_width;
    int taps;                                // 1 nearest, 2 bilinear, 4 bicubic
    const int32_t *row_index, *column_index; // [out][taps], in the host's memory on any device
    const float *row_weight, *column_weight;
} ResampleShape;

// Bilinear, align_corners, zeros outside: grid (batch, out_height, out_width, 2) of (x, y) in [-1,
// 1].
typedef struct GridShape {
    int64_t batch, in_height, in_width, channels, out_height, out_width;
} GridShape;

// A relu joined to a normalisation: y = max(0, normalised x), or y = normalised max(0, x).
typedef enum NormRelu { NORM_RELU_NONE, NORM_RELU_AFTER, NORM_RELU_BEFORE } NormRelu;

// The statistics of x (rows, channels), and those of all batches so far:
//   running = (1 - momentum) running + momentum batch, where the variance is the unbiased estimate
typedef struct BatchStatistics {
    int64_t rows, channels;
    NormRelu relu;
    float momentum, epsilon;
    float *running_mean, *running_variance;
} BatchStatistics;

// Normalisation of (rows, channels); the arrays have a value for each channel.
typedef struct BatchNormShape {
    int64_t rows, channels;
    bool training; // the statistics came from x itself: the gradient flows through them
    NormRelu relu;
    const float *mean, *inverse_deviation, *scale, *shift;
} BatchNormShape;

// Normalisation of x (batch, positions, channels): each sample over its positions and a group of
// channels / groups neighbouring channels. scale and shift have a value for each channel.
typedef struct GroupNormShape {
    int64_t batch, positions, channels, groups;
    float epsilon;
    const float *scale, *shift;
} GroupNormShape;

// `count` images of a batch from `samples` stored ones.
typedef struct BatchShape {
    int64_t count, samples, height, width, channels;
} BatchShape;

typedef struct SgdStep {
    float learning_rate, momentum, weight_decay;
    bool nesterov;
} SgdStep;

typedef struct AdamStep {
    float learning_rate, beta1, beta2, epsilon, weight_decay;
    float correction1, correction2; // 1 - beta1^t and sqrt(1 - beta2^t), from the caller
} AdamStep;

// Where a device keeps its arrays. Nothing crosses between it and the program but through these.
typedef struct DeviceMemory {
    void *(*allocate)(int64_t bytes); // 256-byte aligned, contents undefined; never NULL
    void (*release)(void *memory);    // NULL is allowed
    void (*to_device)(int64_t bytes, const void *host, void *device);
    void (*to_host)(int64_t bytes, const void *device, void *host); // waits for the kernels before
} DeviceMemory;

typedef struct Kernels {
    const char *name;           // "avx2"
    const DeviceMemory *memory; // of all arrays below; NULL: the program's own memory
    bool fused; // multiply-add in one rounding: same bits as every other fused instruction set

    // core/cpu/kernels/gemm.c, conv.c (direct, or 3x3 and 5x5 with stride 1 by Winograd's). bias
    // and addend (of y's shape) may be NULL. The input gradient is also transposed convolution's
    // forward: hence its bias over in_channels.
    void (*gemm)(const Gemm *shape, const float *a, const float *b, const float *bias, float *c);
    void (*conv2d)(const ConvShape *shape, const float *x, const float *weight, const float *bias,
                   const float *addend, float *y);
    void (*conv2d_input_gradient)(const ConvShape *shape, const float *dy, const float *weight,
                                  const float *bias, float *dx);
    void (*conv2d_weight_gradient)(const ConvShape *shape, const float *x, const float *dy,
                                   float *dweight);
    // squares[i] = squared norm of the weight gradient of image i alone.
    void (*conv2d_weight_norms)(const ConvShape *shape, const float *x, const float *dy,
                                float *squares);
    // Convolution with frozen weights. prepared: what conv2d_prepare made of them, once, for this
    // direction (conv2d_prepared_count floats, another number for images with other tiles), or NULL.
    // The input gradient reads y where there is a relu, and may overwrite dy.
    int64_t (*conv2d_prepared_count)(const ConvShape *shape); // 0: weights are best as they are
    void (*conv2d_prepare)(const ConvShape *shape, bool input_gradient, const float *weight,
                           float *prepared);
    void (*conv2d_frozen)(const ConvShape *shape, const ConvAfter *after, const float *x,
                          const float *weight, const float *prepared, float *y);
    void (*conv2d_frozen_input_gradient)(const ConvShape *shape, const ConvAfter *after,
                                         const float *y, float *dy, const float *weight,
                                         const float *prepared, float *dx);

    // conv_pool.c: all of ConvPool while the convolution's results are in the cache; they are never
    // written. places: which pixel of the window each result came from, in rows, or NO_PLACE where it
    // is not above 0. dy is that of the results; conv2d_pool_spread makes the convolution's own of
    // it. conv2d_pool_fits says which shapes are taken; NULL, with all of these, on a device that
    // has none of them.
    bool (*conv2d_pool_fits)(const ConvPool *shape);
    void (*conv2d_pool)(const ConvPool *shape, const float *x, const float *weight,
                        const float *bias, float *y, uint8_t *places);
    void (*conv2d_pool_input_gradient)(const ConvPool *shape, const uint8_t *places,
                                       const float *dy, const float *weight, float *dx);
    void (*conv2d_pool_weight_gradient)(const ConvPool *shape, const uint8_t *places,
                                        const float *x, const float *dy, float *dweight);
    void (*conv2d_pool_bias_gradient)(const ConvPool *shape, const uint8_t *places, const float *dy,
                                      float *dbias);
    void (*conv2d_pool_spread)(const ConvPool *shape, const uint8_t *places, const float *dy,
                               float *spread);

    // elementwise.c. unary_backward: dx = dy * f'(x), from whichever of x and y = f(x) is handy;
    // both are given.
    void (*unary)(UnaryOp op, float a, float b, int64_t count, const float *x, float *y);
    void (*unary_backward)(UnaryOp op, float a, float b, int64_t count, const float *x,
                           const float *y, const float *dy, float *dx);
    void (*binary)(BinaryOp op, const Broadcast *shape, const float *a, const float *b, float *y);
    void (*accumulate)(int64_t count, float scale, const float *x, float *y); // y += scale * x
    void (*fill)(int64_t count, float value, float *y);
    void (*copy)(const StridedCopy *shape, const float *x, float *y);

    // reduce.c. x is (outer, count, inner), y is (outer, inner). Sums along rows (inner = 1) are
    // formed in double. max: index of the first maximum along count, int32.
    void (*sum)(int64_t outer, int64_t count, int64_t inner, const float *x, float *y);
    void (*max)(int64_t outer, int64_t count, int64_t inner, const float *x, float *y,
                int32_t *index);
    void (*max_backward)(int64_t outer, int64_t count, int64_t inner, const int32_t *index,
                         const float *dy, float *dx);
    void (*dot_rows)(int64_t rows, int64_t count, const float *a, const float *b,
                     float *y); // y[r] = sum_i a[r][i] b[r][i], in double
    void (*norm2_rows)(int64_t rows, int64_t count, const float *x, float *y); // y[r] = ||x[r]||_2
    void (*norm2_rows_backward)(int64_t rows, int64_t count, const float *x, const float *y,
                                const float *dy, float *dx); // zero rows get a zero gradient

    // loss.c. Rows of class scores. cross_entropy: losses[r] = -log p[r][labels[r]], probabilities
    // = softmax.
    void (*softmax)(int64_t rows, int64_t classes, const float *x, float *y);
    void (*softmax_backward)(int64_t rows, int64_t classes, const float *y, const float *dy,
                             float *dx);
    void (*log_softmax)(int64_t rows, int64_t classes, const float *x, float *y);
    void (*log_softmax_backward)(int64_t rows, int64_t classes, const float *y, const float *dy,
                                 float *dx);
    void (*cross_entropy)(int64_t rows, int64_t classes, const float *logits, const int32_t *labels,
                          float *losses, float *probabilities);
    void (*cross_entropy_backward)(int64_t rows, int64_t classes, const float *probabilities,
                                   const int32_t *labels, const float *dlosses, float *dlogits);

    // norm.c. x is (rows, channels). statistics: mean and 1 / sqrt(biased variance + epsilon) per
    // channel, summed in double over fixed blocks of rows; the running ones move. apply:
    // y = (x - mean) * inverse_deviation * scale + shift.
    void (*batch_norm_statistics)(const BatchStatistics *shape, const float *x, float *mean,
                                  float *inverse_deviation);
    void (*inverse_deviation)(int64_t channels, float epsilon, const float *variance,
                              float *inverse_deviation);
    // backward: dx may be NULL, or dy itself; so may unary_backward's and dropout_backward's.
    // known, where it is not NULL, is added to dx; it may be dx itself.
    void (*batch_norm_apply)(const BatchNormShape *shape, const float *x, float *y);
    void (*batch_norm_backward)(const BatchNormShape *shape, const float *x, const float *dy,
                                const float *known, float *dx, float *dscale, float *dshift);

    // group_norm.c. mean and 1 / sqrt(biased variance + epsilon) are (batch, groups). sums: dscale and
    // dshift of each sample, (batch, channels), which backward wants; dx may be dy itself.
    void (*group_norm)(const GroupNormShape *shape, const float *x, float *mean,
                       float *inverse_deviation, float *y);
    void (*group_norm_sums)(const GroupNormShape *shape, const float *x, const float *dy,
                            const float *mean, const float *inverse_deviation, float *dscale,
                            float *dshift);
    void (*group_norm_backward)(const GroupNormShape *shape, const float *x, const float *dy,
                                const float *mean, const float *inverse_deviation,
                                const float *dscale, const float *dshift, float *dx);

    // pool.c. index: position y*in_width+x of each maximum inside its image. Averages count only
    // the window's true pixels where pooling is adaptive; avg_pool2d has no padding.
    void (*max_pool2d)(const PoolShape *shape, const float *x, float *y, int32_t *index);
    void (*max_pool2d_backward)(const PoolShape *shape, const int32_t *index, const float *dy,
                                float *dx);
    void (*avg_pool2d)(const PoolShape *shape, const float *x, float *y);
    void (*avg_pool2d_backward)(const PoolShape *shape, const float *dy, float *dx);
    void (*adaptive_avg_pool2d)(const PoolShape *shape, const float *x, float *y);
    void (*adaptive_avg_pool2d_backward)(const PoolShape *shape, const float *dy, float *dx);

    // resample.c.
    void (*resample2d)(const ResampleShape *shape, const float *x, float *y);
    void (*resample2d_backward)(const ResampleShape *shape, const float *dy, float *dx);
    void (*grid_sample)(const GridShape *shape, const float *x, const float *grid, float *y);
    void (*grid_sample_backward)(const GridShape *shape, const float *x, const float *grid,
                                 const float *dy, float *dx, float *dgrid);

    // noise.c. Element i depends on (key, i) alone. dropout: y = x / (1 - p) where kept,
    // never -0; else -0, from which the backward pass knows what was dropped. A kept element's
    // 16-bit random number (half i%2 of word i/2) is at least round(65536 p).
    void (*dropout)(int64_t count, float probability, RandomKey key, const float *x, float *y);
    void (*dropout_backward)(int64_t count, float probability, const float *y, const float *dy,
                             float *dx);
    void (*uniform)(int64_t count, float low, float high, RandomKey key, float *y);
    void (*normal)(int64_t count, RandomKey key, float *y);

    // data.c. batch_images: bytes 0..255 become [0, 1]; stored (samples, height, width, channels),
    // poses one for each image. gather_rows: y[r] = table[index[r]], rows of `size` values.
    void (*batch_images)(const BatchShape *shape, const uint8_t *stored, const ImagePose *poses,
                         float *images);
    void (*gather_rows)(int64_t rows, int64_t size, const int32_t *index, int64_t table_rows,
                        const float *table, float *y);

    // optimizer.c. Update parameter and state in place, PyTorch's formulas.
    void (*sgd)(const SgdStep *step, int64_t count, const float *gradient, float *velocity,
                float *parameter); // velocity starts at zero; NULL when momentum is 0
    void (*adam)(const AdamStep *step, int64_t count, const float *gradient, float *first_moment,
                 float *second_moment, float *parameter);
} Kernels;

// The list in use on the processor: chosen at the first call from what the processor can do, or
// from $SIEVE_ISA (reference, baseline, avx2, avx512, neon) and $SIEVE_CONV (fastest, direct). An
// impossible choice ends the program with one sentence and status 1.
const Kernels *cpu_kernels(void);

// How 3x3 and 5x5 convolutions with stride 1 are done: with Winograd's fewer multiplications where
// that pays (their results are as good, but other in the last bits), or always directly.
typedef enum ConvPath { CONV_FASTEST, CONV_DIRECT } ConvPath;

// Another instruction set's list, NULL where the program or the processor lacks it: for tests and
// benchmarks.
const Kernels *cpu_kernels_of(const char *isa, ConvPath path);

// Makes it the list that cpu_kernels returns from now on.
void cpu_kernels_use(const Kernels *kernels);

// What makes the last bits other than everywhere else: "unfused" multiply-adds, "direct" convolutions
// by $SIEVE_CONV, "unfused, direct"; NULL: nothing.
const char *cpu_arithmetic(void);

#endif
