// The two ways of convolution on the CPU: direct (any shape) and Winograd's (3x3 and 5x5 with
// stride 1); conv.c chooses. Arguments as in core/kernels.h.
#ifndef SIEVE_CORE_CPU_KERNELS_CONV_H
#define SIEVE_CORE_CPU_KERNELS_CONV_H

#include "core/cpu/kernels/list.h"

// A convolution's results: an array, or (values NULL) what `then` does with them, `rows` rows of an
// image (at its end fewer) at a time while they are in the cache. Rows are counted through all
// images: row first is the first of `values`. The thread's scratch memory is taken.
typedef void RowsBody(const void *context, int64_t first, int64_t rows, float *values);
typedef struct Results {
    float *values;
    int64_t rows;
    RowsBody *then;
    const void *context;
} Results;

// Writes the gradients of images first .. first+images-1 into `values`. The thread's scratch memory
// is taken.
typedef void ImagesBody(const void *context, int64_t first, int64_t images, float *values);

// Their gradients: an array, or (values NULL) what `make` writes.
typedef struct Gradients {
    const float *values;
    ImagesBody *make;
    const void *context;
} Gradients;

// Those of some images, each of `size` values; buffer has room for them (0 values where there is an
// array: gradients_room).
static inline const float *gradients_of(const Gradients *dy, int64_t first, int64_t images,
                                        int64_t size, float *buffer)
{
    if (dy->values) return dy->values + first * size;
    dy->make(dy->context, first, images, buffer);
    return buffer;
}

static inline int64_t gradients_room(const Gradients *dy, int64_t images, int64_t size)
{
    return dy->values ? 0 : images * size;
}

// conv_direct.c, conv_parts.c, conv_direct_weight.c
void KERNEL(conv2d_direct)(const ConvShape *shape, const float *x, const float *weight,
                           const float *bias, Results y);
void KERNEL(conv2d_input_gradient_direct)(const ConvShape *shape, Gradients dy, const float *weight,
                                          const float *bias, float *dx);
void KERNEL(conv2d_input_gradient_by_parts)(const ConvShape *shape, Gradients dy,
                                            const float *weight, const float *bias, float *dx);
void KERNEL(conv2d_weight_gradient_direct)(const ConvShape *shape, const float *x, Gradients dy,
                                           float *dweight);

// conv_direct_weight.c: sum[i] = the i-th values of the parts, `count` apart, added in their order;
// sum may be `part`.
void KERNEL(add_parts)(int64_t count, int64_t parts, const float *part, float *sum);

// conv_pool.c: the kernels of that name, directly.
bool KERNEL(conv2d_pool_fits)(const ConvPool *shape);
void KERNEL(enter_conv_pool)(Kernels *table);

// conv_patches.c: the input gradient of a first layer, where it says so.
bool KERNEL(conv2d_pool_in_patches)(const ConvPool *shape);
void KERNEL(conv2d_pool_input_gradient_by_patches)(const ConvPool *shape, const uint8_t *places,
                                                   const float *dy, const float *weight, float *dx);

// conv_norms.c
void KERNEL(conv2d_weight_norms)(const ConvShape *shape, const float *x, const float *dy,
                                 float *squares);

// conv_winograd.c, conv_winograd_weight.c: kernel 3x3 or 5x5, stride 1, dilation 1, channels in
// multiples of WINOGRAD_CHANNELS.
// The weights' spectra are made of `weight` unless they are given as `prepared`. Of the input
// gradient, y is read where after has a relu, and bias is over in_channels.
enum { WINOGRAD_CHANNELS = 32 };
int64_t KERNEL(winograd_prepared_count)(const ConvShape *shape);
void KERNEL(winograd_prepare)(const ConvShape *shape, bool input_gradient, const float *weight,
                              float *prepared);
void KERNEL(conv2d_winograd)(const ConvShape *shape, const ConvAfter *after, const float *x,
                             const float *weight, const float *prepared, float *y);
void KERNEL(conv2d_input_gradient_winograd)(const ConvShape *shape, const ConvAfter *after,
                                            const float *y, const float *dy, const float *weight,
                                            const float *prepared, const float *bias, float *dx);
void KERNEL(conv2d_weight_gradient_winograd)(const ConvShape *shape, const float *x,
                                             const float *dy, float *dweight);

#endif
