// The names of all kernels, by the file of cuda/kernels/ that they stand in.
#ifndef SIEVE_CUDA_KERNEL_LIST_H
#define SIEVE_CUDA_KERNEL_LIST_H

// clang-format off

// In the order of UnaryOp and of BinaryOp (core/kernels.h).
#define KERNELS_OF_ELEMENTWISE(X)                                                              \
    X(unary_relu) X(unary_leaky_relu) X(unary_elu) X(unary_sigmoid) X(unary_tanh)              \
    X(unary_tanhshrink) X(unary_softplus) X(unary_exp) X(unary_log) X(unary_sqrt)              \
    X(unary_square) X(unary_abs) X(unary_clamp) X(unary_affine)                                \
    X(unary_relu_backward) X(unary_leaky_relu_backward) X(unary_elu_backward)                  \
    X(unary_sigmoid_backward) X(unary_tanh_backward) X(unary_tanhshrink_backward)              \
    X(unary_softplus_backward) X(unary_exp_backward) X(unary_log_backward)                     \
    X(unary_sqrt_backward) X(unary_square_backward) X(unary_abs_backward)                      \
    X(unary_clamp_backward) X(unary_affine_backward)                                           \
    X(binary_add) X(binary_sub) X(binary_mul) X(binary_div)                                    \
    X(accumulate) X(fill) X(copy)
#define KERNELS_OF_REDUCE(X)                                                                   \
    X(sum_rows) X(dot_rows) X(finish_rows) X(sum_columns) X(max_along) X(max_backward)         \
    X(norm2_rows_backward)
#define KERNELS_OF_LOSS(X)                                                                     \
    X(softmax) X(softmax_backward) X(log_softmax) X(log_softmax_backward) X(cross_entropy)     \
    X(cross_entropy_backward)
#define KERNELS_OF_NORM(X)                                                                     \
    X(norm_statistics) X(norm_finish_statistics) X(inverse_deviation) X(norm_apply)            \
    X(norm_gradient_sums) X(norm_finish_sums) X(norm_input_gradient)
#define KERNELS_OF_GROUP_NORM(X)                                                               \
    X(group_norm_statistics) X(group_norm_finish_statistics) X(group_norm_apply)               \
    X(group_norm_gradient_sums) X(group_norm_slopes) X(group_norm_input_gradient)
#define KERNELS_OF_POOL(X)                                                                     \
    X(max_pool2d) X(max_pool2d_backward) X(avg_pool2d) X(avg_pool2d_backward)                  \
    X(adaptive_avg_pool2d) X(adaptive_avg_pool2d_backward)
#define KERNELS_OF_RESAMPLE(X)                                                                 \
    X(resample2d) X(grid_sample) X(grid_sample_x_gradient) X(grid_sample_grid_gradient)
#define KERNELS_OF_NOISE(X) X(dropout) X(dropout_backward) X(uniform) X(normal)
#define KERNELS_OF_DATA(X) X(batch_images) X(gather_rows) X(write_words)
#define KERNELS_OF_OPTIMIZER(X) X(sgd) X(adam)
// MODE_KIND_TILE, in the order of matrix.c's kinds: forward, input gradient, weight gradient.
#define KERNELS_OF_MATRIX(X)                                                                   \
    X(exact_forward_64) X(exact_input_64) X(exact_weight_64)                                   \
    X(exact_forward_any) X(exact_input_any) X(exact_weight_any)                                \
    X(tf32_forward_128) X(tf32_input_128) X(tf32_weight_128)                                   \
    X(tf32_forward_128_64) X(tf32_input_128_64) X(tf32_weight_128_64)                         \
    X(tf32_forward_64) X(tf32_input_64) X(tf32_weight_64)                                      \
    X(tf32_forward_any) X(tf32_input_any) X(tf32_weight_any)                                   \
    X(bf16_forward_128) X(bf16_input_128) X(bf16_weight_128)                                   \
    X(bf16_forward_128_64) X(bf16_input_128_64) X(bf16_weight_128_64)                         \
    X(bf16_forward_64) X(bf16_input_64) X(bf16_weight_64)                                      \
    X(finish_splits) X(finish_splits_wide) X(turn_weights) X(frozen_gradient)
// Of compute capability 9.0 alone.
#define KERNELS_OF_WARPGROUP(X) X(warpgroup_128) X(warpgroup_64)
#define KERNELS_OF_GRAM(X) X(gram_16) X(gram_64)

#define ALL_KERNELS(X)                                                                         \
    KERNELS_OF_ELEMENTWISE(X) KERNELS_OF_REDUCE(X) KERNELS_OF_LOSS(X) KERNELS_OF_NORM(X)       \
    KERNELS_OF_GROUP_NORM(X) KERNELS_OF_POOL(X) KERNELS_OF_RESAMPLE(X) KERNELS_OF_NOISE(X)     \
    KERNELS_OF_DATA(X) KERNELS_OF_OPTIMIZER(X) KERNELS_OF_MATRIX(X) KERNELS_OF_GRAM(X)     \
    KERNELS_OF_WARPGROUP(X)

// clang-format on

#define NUMBER_OF(name) KERNEL_##name,
typedef enum KernelNumber { ALL_KERNELS(NUMBER_OF) KERNEL_COUNT } KernelNumber;
#undef NUMBER_OF

#endif
