#include "core/ops/common.h"

Tape *float_inputs(const char *name, int count, Tensor *const *inputs)
{
    for (int i = 0; i < count; i++)
        if (inputs[i] && inputs[i]->type != TENSOR_FLOAT)
            panic("%s: input %d of shape %s is not float", name, i, shape_text(inputs[i]));
    return tape_of(count, inputs);
}

const float *data_of(const Tensor *tensor)
{
    return tensor ? tensor->data : NULL;
}

void require_rank(const char *name, const Tensor *x, int rank)
{
    if (x->rank != rank) panic("%s: shape %s is not of rank %d", name, shape_text(x), rank);
}

Axis axis_of(const char *name, const Tensor *x, int dim)
{
    if (dim < 0 || dim >= x->rank)
        panic("%s: shape %s has no dimension %d", name, shape_text(x), dim);
    Axis axis = {1, x->shape[dim], 1};
    for (int d = 0; d < dim; d++) axis.outer *= x->shape[d];
    for (int d = dim + 1; d < x->rank; d++) axis.inner *= x->shape[d];
    return axis;
}

static bool is_in(unsigned dims, int d)
{
    return dims >> d & 1;
}

int reduced_shape(const Tensor *x, unsigned dims, bool keep, int64_t *shape)
{
    int rank = 0;
    for (int d = 0; d < x->rank; d++) {
        if (!is_in(dims, d))
            shape[rank++] = x->shape[d];
        else if (keep)
            shape[rank++] = 1;
    }
    return rank;
}

// Neighbouring dimensions of the set are one sum over (outer, count, inner). The innermost run goes
// first, so that the later ones have less to read.
void sum_dimensions(Tape *tape, int rank, const int64_t *shape, unsigned dims, const float *x,
                    float *y)
{
    const Kernels *kernels = tape_kernels(tape);
    int64_t before[KERNEL_MAX_RANK + 1] = {1},
                                     inner = 1; // before[d]: product of the sizes before d
    int runs = 0;
    for (int d = 0; d < rank; d++) {
        before[d + 1] = before[d] * shape[d];
        runs += is_in(dims, d) && (d == 0 || !is_in(dims, d - 1));
    }
    if (runs == 0) kernels->copy(&(StridedCopy){1, {before[rank]}, {1}, {1}}, x, y);
    for (int d = rank; runs > 0; runs--) {
        int64_t count = 1;
        for (; !is_in(dims, d - 1); d--) inner *= shape[d - 1];
        for (; d > 0 && is_in(dims, d - 1); d--) count *= shape[d - 1];
        float *sums = runs == 1 ? y : tape_allocate(tape, before[d] * inner * 4);
        kernels->sum(before[d], count, inner, x, sums);
        x = sums;
    }
}

void spread_dimensions(Tape *tape, int rank, const int64_t *shape, unsigned dims, const float *x,
                       float *y)
{
    StridedCopy copy = {.rank = rank};
    int64_t x_step = 1, y_step = 1;
    for (int d = rank - 1; d >= 0; d--) {
        copy.shape[d] = shape[d];
        copy.x_step[d] = is_in(dims, d) ? 0 : x_step;
        copy.y_step[d] = y_step;
        y_step *= shape[d];
        if (!is_in(dims, d)) x_step *= shape[d];
    }
    tape_kernels(tape)->copy(&copy, x, y);
}
