// The two ways of convolution on the CPU: direct (any shape) and Winograd's (3x3 and 5x5 with
// stride 1); conv.c chooses. Arguments as in core/kernels.h.
#ifndef SIEVE_CORE_CPU_KERNELS_CONV_H
#define SIEVE_CORE_CPU_KERNELS_CONV_H

#include "core/cpu/kernels/list.h"

// conv_direct.c, conv_direct_weight.c
void KERNEL(conv2d_direct)(const ConvShape *shape, const float *x, const float *weight,
                           const float *bias, float *y);
void KERNEL(conv2d_input_gradient_direct)(const ConvShape *shape, const float *dy,
                                          const float *weight, const float *bias, float *dx);
void KERNEL(conv2d_weight_gradient_direct)(const ConvShape *shape, const float *x, const float *dy,
                                           float *dweight);

// conv_norms.c
void KERNEL(conv2d_weight_norms)(const ConvShape *shape, const float *x, const float *dy,
                                 float *squares);

// conv_winograd.c: kernel 3x3 or 5x5, stride 1, dilation 1, channels in multiples of
// WINOGRAD_CHANNELS.
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
