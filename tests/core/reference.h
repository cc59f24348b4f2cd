// The operators once more, as plain loops in double: what core/ops.h must compute, written from the
// formulas and sharing nothing with the library. Gradients come from differences of these.
#ifndef SIEVE_TESTS_CORE_REFERENCE_H
#define SIEVE_TESTS_CORE_REFERENCE_H

#include "core/ops.h"

typedef struct Array {
    int rank;
    int64_t shape[TENSOR_MAX_RANK], count;
    double *values;
} Array;

Array array_create(int rank, const int64_t *shape); // zeros
void array_free(Array *array);

// The attributes of any operator; each reads its own.
typedef struct How {
    double (*function)(double);          // elementwise operators: what they compute
    double (*function2)(double, double); // the same of two elements
    double number[2];                    // slope; bounds; momentum and epsilon; probability
    int64_t whole[4];                    // a dimension, positions, sizes, a new shape's sizes
    unsigned dims;
    bool keep, training, align_corners;
    Conv2d conv;
    Pool2d pool;
    ResampleMode mode;
    RandomKey key;
    const int32_t *labels;
} How;

// Fills y, which it creates, from the inputs x[0], x[1], ...
typedef void Reference(const Array *x, const How *how, Array *y);

Reference reference_unary, reference_binary, reference_clamp, reference_leaky_relu;
Reference reference_dropout, reference_add_noise;
Reference reference_sum, reference_mean, reference_max, reference_norm2_rows;
Reference reference_reshape, reference_permute, reference_concat, reference_slice, reference_pad2d;
Reference reference_flatten, reference_unflatten;
Reference reference_linear; // and matmul: without a third input
Reference reference_conv2d; // x[3]: the addend
Reference reference_conv_transpose2d;
Reference reference_max_pool2d, reference_avg_pool2d, reference_adaptive_avg_pool2d;
Reference reference_batch_norm; // x[3], x[4]: the running values
Reference reference_group_norm;
Reference reference_resample2d, reference_grid_sample;
Reference reference_softmax, reference_log_softmax, reference_cross_entropy;
Reference reference_mse_loss, reference_l1_loss, reference_kl_standard_normal;

#endif
