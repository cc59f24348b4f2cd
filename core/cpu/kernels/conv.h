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

// conv_winograd.c: kernel 3x3 or 5x5, stride 1, dilation 1, channels in multiples of
// WINOGRAD_CHANNELS.
enum { WINOGRAD_CHANNELS = 32 };
void KERNEL(conv2d_winograd)(const ConvShape *shape, const float *x, const float *weight,
                             const float *bias, float *y);
void KERNEL(conv2d_input_gradient_winograd)(const ConvShape *shape, const float *dy,
                                            const float *weight, const float *bias, float *dx);
void KERNEL(conv2d_weight_gradient_winograd)(const ConvShape *shape, const float *x,
                                             const float *dy, float *dweight);

#endif
