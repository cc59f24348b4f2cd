// Shared by op_check and model_check: golden files keep PyTorch's layouts, sieve's memory has its
// own; and the measure of an error.
#ifndef SIEVE_TESTS_GOLDEN_H
#define SIEVE_TESTS_GOLDEN_H

#include "core/tensor.h"

typedef enum GoldenLayout {
    GOLDEN_PLAIN,         // the same in both
    GOLDEN_CHANNELS_LAST, // stored (n, c, ...), in memory (n, ..., c)
    GOLDEN_CONV_WEIGHT,   // stored (b, a, kh, kw), in memory (kh, kw, a, b)
    GOLDEN_LINEAR_WEIGHT  // stored (out, in), in memory (in, out)
} GoldenLayout;

// From the file's layout to the memory's, and back: fills `shape` (rank sizes) and `values`.
// Ranks are at most TENSOR_MAX_RANK; a layout that needs another rank is taken as plain.
void golden_import(GoldenLayout layout, int rank, const int64_t *stored_shape, const float *stored,
                   int64_t *shape, float *values);
void golden_export(GoldenLayout layout, int rank, const int64_t *shape, const float *values,
                   int64_t *stored_shape, float *stored);

// Images; in both functions `shape` is the memory's n, h, w, c.
void golden_from_nchw(const float *stored, const int64_t *shape, float *values);
void golden_to_nchw(const float *values, const int64_t *shape, float *stored);

// Largest absolute difference over the largest absolute expected value (over 1 where all are 0);
// infinite where a value is NaN.
double golden_error(const float *values, const float *expected, int64_t count);

// A copy of the tensor's values or gradient in the program's own memory; to be freed.
float *golden_fetch(const Tensor *tensor, const float *values);

#endif
