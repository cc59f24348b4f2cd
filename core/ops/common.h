// What the operators' files share: the check of their inputs, and views of a shape that several
// rules need. Not for use outside core/ops.
#ifndef SIEVE_CORE_OPS_COMMON_H
#define SIEVE_CORE_OPS_COMMON_H

#include <stddef.h>
#include "core/error.h"
#include "core/ops.h"

// The tape of these inputs, all of which must be float (NULL: an absent optional input).
Tape *float_inputs(const char *name, int count, Tensor *const *inputs);

// NULL for an absent optional input.
const float *data_of(const Tensor *tensor);

// Stops the program unless x has this rank.
void require_rank(const char *name, const Tensor *x, int rank);

// A tensor seen along one dimension: (outer, count, inner).
typedef struct Axis {
    int64_t outer, count, inner;
} Axis;
Axis axis_of(const char *name, const Tensor *x, int dim);

// x's shape without the dimensions in the set, or with 1 in their place where keep; returns the
// rank.
int reduced_shape(const Tensor *x, unsigned dims, bool keep, int64_t *shape);

// y = x (a dense array of this shape) summed over the set of dimensions.
void sum_dimensions(Tape *tape, int rank, const int64_t *shape, unsigned dims, const float *x,
                    float *y);

// y (dense, of this shape) = x repeated along the set of dimensions: the adjoint of
// sum_dimensions.
void spread_dimensions(Tape *tape, int rank, const int64_t *shape, unsigned dims, const float *x,
                       float *y);

#endif
