// Sums, means, maxima and norms along dimensions.
#include "core/ops/common.h"

// y = factor sum_i x_i over the set of dimensions:   dx_i = factor dy
typedef struct Reduction {
    unsigned dims;
    float factor; // 1, or for a mean 1 / number of terms
} Reduction;

static void reduce_backward(Node *node)
{
    const Reduction *reduction = node->saved;
    Tensor *x = node->inputs[0], *y = node->output;
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    const float *dy = y->grad;
    if (reduction->factor != 1) {
        float *scaled = tape_allocate(y->tape, y->count * 4);
        tape_kernels(y->tape)->unary(UNARY_AFFINE, reduction->factor, 0, y->count, dy, scaled);
        dy = scaled;
    }
    spread_dimensions(y->tape, x->rank, x->shape, reduction->dims, dy, dx);
    grad_end(node, 0);
}

static Tensor *reduce(const char *name, Tensor *x, unsigned dims, bool keep, bool divide_by_count)
{
    Tape *tape = float_inputs(name, 1, &x);
    unsigned own = (1u << x->rank) - 1;
    if (dims != ALL_DIMENSIONS && dims & ~own)
        panic("%s: the set of dimensions %#x has more than shape %s", name, dims, shape_text(x));
    Reduction reduction = {dims & own, 1};
    int64_t shape[TENSOR_MAX_RANK];
    int rank = reduced_shape(x, reduction.dims, keep, shape);
    Tensor *y = tape_tensor(tape, rank, shape);
    sum_dimensions(tape, x->rank, x->shape, reduction.dims, x->data, y->data);
    if (divide_by_count && x->count > y->count) {
        reduction.factor = (float)((double)y->count / (double)x->count);
        tape_kernels(tape)->unary(UNARY_AFFINE, reduction.factor, 0, y->count, y->data, y->data);
    }
    record(y, reduce_backward, 1, &x, &reduction, (int64_t)sizeof reduction);
    return y;
}

Tensor *sum(Tensor *x, unsigned dims, bool keep)
{
    return reduce("sum", x, dims, keep, false);
}

Tensor *mean(Tensor *x, unsigned dims, bool keep)
{
    return reduce("mean", x, dims, keep, true);
}

// y = max_i x_i:   dx_i = dy for the first i where x_i = y, else 0
typedef struct Maximum {
    Axis axis;
    const int32_t *index;
} Maximum;

static void max_backward(Node *node)
{
    const Maximum *maximum = node->saved;
    const Axis *axis = &maximum->axis;
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(node->output->tape)
        ->max_backward(axis->outer, axis->count, axis->inner, maximum->index, node->output->grad,
                       dx);
    grad_end(node, 0);
}

static Axis maximum_axis(const char *name, const Tensor *x, int dim)
{
    Axis axis = axis_of(name, x, dim);
    if (axis.count == 0) panic("%s: dimension %d of shape %s is empty", name, dim, shape_text(x));
    return axis;
}

Tensor *max(Tensor *x, int dim, bool keep)
{
    Tape *tape = float_inputs("max", 1, &x);
    Axis axis = maximum_axis("max", x, dim);
    int64_t shape[TENSOR_MAX_RANK];
    int rank = reduced_shape(x, 1u << dim, keep, shape);
    Tensor *y = tape_tensor(tape, rank, shape);
    int32_t *index = tape_allocate(tape, y->count * 4);
    tape_kernels(tape)->max(axis.outer, axis.count, axis.inner, x->data, y->data, index);
    record(y, max_backward, 1, &x, &(Maximum){axis, index}, (int64_t)sizeof(Maximum));
    return y;
}

// y = the first i that maximises x_i; constant almost everywhere, so there is no gradient
Tensor *argmax(Tensor *x, int dim)
{
    Tape *tape = float_inputs("argmax", 1, &x);
    Axis axis = maximum_axis("argmax", x, dim);
    int64_t shape[TENSOR_MAX_RANK];
    int rank = reduced_shape(x, 1u << dim, false, shape);
    Tensor *y = tape_tensor_int(tape, rank, shape);
    float *largest = tape_allocate(tape, y->count * 4);
    tape_kernels(tape)->max(axis.outer, axis.count, axis.inner, x->data, largest, y->ints);
    return y;
}

// y = sqrt(sum_i x_i^2) of each sample:   dx_i = dy x_i / y, 0 where y = 0
static void norm2_rows_backward(Node *node)
{
    Tensor *x = node->inputs[0], *y = node->output;
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    Axis axis = axis_of("norm2_rows", x, 0);
    tape_kernels(y->tape)->norm2_rows_backward(axis.count, axis.inner, x->data, y->data, y->grad,
                                               dx);
    grad_end(node, 0);
}

Tensor *norm2_rows(Tensor *x)
{
    Tape *tape = float_inputs("norm2_rows", 1, &x);
    Axis axis = axis_of("norm2_rows", x, 0);
    Tensor *y = tape_tensor(tape, 1, x->shape);
    tape_kernels(tape)->norm2_rows(axis.count, axis.inner, x->data, y->data);
    record(y, norm2_rows_backward, 1, &x, NULL, 0);
    return y;
}
