// Operators that move elements without computing. All are linear with one input element for each
// output element, so the gradient takes the way back.
#include <string.h>
#include "core/ops/common.h"

// Reverses a copy: what was written is read.
static StridedCopy reversed(const StridedCopy *copy)
{
    StridedCopy back = *copy;
    memcpy(back.x_step, copy->y_step, sizeof back.x_step);
    memcpy(back.y_step, copy->x_step, sizeof back.y_step);
    return back;
}

// ---- reshape: y is x's memory under another shape ----

static void reshape_backward(Node *node)
{
    grad_pass(node, 0);
}

// The one size of -1 becomes what is left of x's elements.
static void complete_shape(const Tensor *x, Tensor *y)
{
    int64_t known = 1;
    int open = -1;
    for (int d = 0; d < y->rank; d++) {
        if (y->shape[d] >= 0)
            known *= y->shape[d];
        else if (open < 0)
            open = d;
    }
    if (open >= 0 && known > 0) {
        y->shape[open] = x->count / known;
        known *= y->shape[open];
    }
    if (known != x->count || (open >= 0 && y->shape[open] < 0))
        panic("reshape: %s cannot become %s", shape_text(x), shape_text(y));
}

Tensor *reshape(Tensor *x, int rank, const int64_t *shape)
{
    if (rank < 0 || rank > TENSOR_MAX_RANK)
        panic("reshape: %s to rank %d: ranks are 0 to %d", shape_text(x), rank, TENSOR_MAX_RANK);
    Tensor *y = tape_input(tape_of(1, &x), x);
    y->rank = rank;
    memcpy(y->shape, shape, (size_t)rank * sizeof *shape);
    complete_shape(x, y);
    record(y, reshape_backward, 1, &x, NULL, 0);
    return y;
}

// ---- permute: y.shape[i] = x.shape[dims[i]] ----

static void permute_backward(Node *node)
{
    StridedCopy back = reversed(node->saved);
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(node->output->tape)->copy(&back, node->output->grad, dx);
    grad_end(node, 0);
}

static StridedCopy permutation(const Tensor *x, const int *dims)
{
    StridedCopy copy = {.rank = x->rank};
    int64_t step[TENSOR_MAX_RANK], next = 1;
    unsigned seen = 0;
    for (int d = x->rank - 1; d >= 0; d--) {
        step[d] = next;
        next *= x->shape[d];
    }
    next = 1;
    for (int i = x->rank - 1; i >= 0; i--) {
        int d = dims[i];
        if (d < 0 || d >= x->rank || seen >> d & 1)
            panic("permute: dimension %d is not one of %s, or comes twice", d, shape_text(x));
        seen |= 1u << d;
        copy.shape[i] = x->shape[d];
        copy.x_step[i] = step[d];
        copy.y_step[i] = next;
        next *= x->shape[d];
    }
    return copy;
}

Tensor *permute(Tensor *x, const int *dims)
{
    Tape *tape = float_inputs("permute", 1, &x);
    StridedCopy copy = permutation(x, dims);
    Tensor *y = tape_tensor(tape, copy.rank, copy.shape);
    tape_kernels(tape)->copy(&copy, x->data, y->data);
    record(y, permute_backward, 1, &x, &copy, (int64_t)sizeof copy);
    return y;
}

// ---- concat and slice: a band of one dimension ----

// The copy of a band of `rows` of the axis' count between an array of `x_count` and one of
// `y_count`.
static StridedCopy band(Axis axis, int64_t rows, int64_t x_count, int64_t y_count)
{
    return (StridedCopy){.rank = 2,
                         .shape = {axis.outer, rows * axis.inner},
                         .x_step = {x_count * axis.inner, 1},
                         .y_step = {y_count * axis.inner, 1}};
}

typedef struct Concat {
    int dim;
} Concat;

// y = x0, x1, ... one behind the other:   dx_i = its band of dy
static void concat_backward(Node *node)
{
    const Concat *concat_saved = node->saved;
    Tensor *y = node->output;
    int64_t start = 0;
    for (int i = 0; i < node->input_count; i++) {
        Axis axis = axis_of("concat", node->inputs[i], concat_saved->dim);
        float *dx = grad_begin(node, i);
        if (dx) {
            StridedCopy copy = band(axis, axis.count, y->shape[concat_saved->dim], axis.count);
            tape_kernels(y->tape)->copy(&copy, y->grad + start * axis.inner, dx);
            grad_end(node, i);
        }
        start += axis.count;
    }
}

static void concat_shape(int count, Tensor *const *x, int dim, int64_t *shape)
{
    if (count < 1 || count > NODE_MAX_INPUTS)
        panic("concat: %d inputs: 1 to %d are possible", count, NODE_MAX_INPUTS);
    axis_of("concat", x[0], dim);
    memcpy(shape, x[0]->shape, sizeof x[0]->shape);
    for (int i = 1; i < count; i++) {
        bool fits = x[i]->rank == x[0]->rank;
        for (int d = 0; fits && d < x[0]->rank; d++) fits = d == dim || x[i]->shape[d] == shape[d];
        if (!fits)
            panic("concat along dimension %d: %s and %s differ elsewhere", dim, shape_text(x[0]),
                  shape_text(x[i]));
        shape[dim] += x[i]->shape[dim];
    }
}

Tensor *concat(int count, Tensor *const *x, int dim)
{
    int64_t shape[TENSOR_MAX_RANK], start = 0;
    concat_shape(count, x, dim, shape);
    Tape *tape = float_inputs("concat", count, x);
    Tensor *y = tape_tensor(tape, x[0]->rank, shape);
    for (int i = 0; i < count; i++) {
        Axis axis = axis_of("concat", x[i], dim);
        StridedCopy copy = band(axis, axis.count, axis.count, shape[dim]);
        tape_kernels(tape)->copy(&copy, x[i]->data, y->data + start * axis.inner);
        start += axis.count;
    }
    record(y, concat_backward, count, x, &(Concat){dim}, (int64_t)sizeof(Concat));
    return y;
}

typedef struct Placed {
    StridedCopy copy; // from the input to the output
    int64_t offset;   // of the part in the larger array
} Placed;

// y = x[start .. stop-1] along dim:   dx = dy there, 0 elsewhere
static void slice_backward(Node *node)
{
    const Placed *placed = node->saved;
    const Kernels *kernels = tape_kernels(node->output->tape);
    StridedCopy back = reversed(&placed->copy);
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    kernels->fill(node->inputs[0]->count, 0, dx);
    kernels->copy(&back, node->output->grad, dx + placed->offset);
    grad_end(node, 0);
}

Tensor *slice(Tensor *x, int dim, int64_t start, int64_t stop)
{
    Tape *tape = float_inputs("slice", 1, &x);
    Axis axis = axis_of("slice", x, dim);
    if (start < 0 || start > stop || stop > axis.count)
        panic("slice: %lld to %lld is not within dimension %d of %s", (long long)start,
              (long long)stop, dim, shape_text(x));
    int64_t shape[TENSOR_MAX_RANK], rows = stop - start;
    memcpy(shape, x->shape, sizeof shape);
    shape[dim] = rows;
    Tensor *y = tape_tensor(tape, x->rank, shape);
    Placed placed = {band(axis, rows, axis.count, rows), start * axis.inner};
    tape_kernels(tape)->copy(&placed.copy, x->data + placed.offset, y->data);
    record(y, slice_backward, 1, &x, &placed, (int64_t)sizeof placed);
    return y;
}

// ---- pad2d: y = x inside a frame of zeros;   dx = the inside of dy ----

static void pad2d_backward(Node *node)
{
    const Placed *placed = node->saved;
    StridedCopy back = reversed(&placed->copy);
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(node->output->tape)->copy(&back, node->output->grad + placed->offset, dx);
    grad_end(node, 0);
}

Tensor *pad2d(Tensor *x, int64_t left, int64_t right, int64_t top, int64_t bottom)
{
    Tape *tape = float_inputs("pad2d", 1, &x);
    require_rank("pad2d", x, 4);
    if (left < 0 || right < 0 || top < 0 || bottom < 0)
        panic("pad2d: the padding %lld, %lld, %lld, %lld of %s is negative", (long long)left,
              (long long)right, (long long)top, (long long)bottom, shape_text(x));
    int64_t n = x->shape[0], h = x->shape[1], w = x->shape[2], c = x->shape[3];
    int64_t height = top + h + bottom, width = left + w + right;
    Tensor *y = tape_tensor(tape, 4, (int64_t[]){n, height, width, c});
    Placed placed = {{3, {n, h, w * c}, {h * w * c, w * c, 1}, {height * width * c, width * c, 1}},
                     (top * width + left) * c};
    tape_kernels(tape)->fill(y->count, 0, y->data);
    tape_kernels(tape)->copy(&placed.copy, x->data, y->data + placed.offset);
    record(y, pad2d_backward, 1, &x, &placed, (int64_t)sizeof placed);
    return y;
}

// ---- PyTorch's order of an image's elements, for the linear layers behind convolutions ----

Tensor *flatten_channels_first(Tensor *x)
{
    require_rank("flatten_channels_first", x, 4);
    bool same_order = x->shape[3] == 1 || x->shape[1] * x->shape[2] == 1;
    Tensor *ordered = same_order ? x : permute(x, (int[]){0, 3, 1, 2});
    return reshape(ordered, 2, (int64_t[]){x->shape[0], x->shape[1] * x->shape[2] * x->shape[3]});
}

Tensor *unflatten_channels_first(Tensor *x, int64_t height, int64_t width, int64_t channels)
{
    require_rank("unflatten_channels_first", x, 2);
    int64_t n = x->shape[0];
    if (channels == 1 || height * width == 1)
        return reshape(x, 4, (int64_t[]){n, height, width, channels});
    Tensor *images = reshape(x, 4, (int64_t[]){n, channels, height, width});
    return permute(images, (int[]){0, 2, 3, 1});
}

// ---- gather_rows ----

Tensor *gather_rows(Tensor *table, Tensor *rows)
{
    Tape *tape = tape_of(2, (Tensor *[]){table, rows});
    if (table->type != TENSOR_FLOAT || table->rank < 1 || rows->type != TENSOR_INT ||
        rows->rank != 1 || table->needs_grad)
        panic("gather_rows: rows %s of a table %s, which wants no gradient", shape_text(rows),
              shape_text(table));
    int64_t shape[TENSOR_MAX_RANK];
    memcpy(shape, table->shape, sizeof shape);
    shape[0] = rows->count;
    Tensor *y = tape_tensor(tape, table->rank, shape);
    tape_kernels(tape)->gather_rows(rows->count, y->count / (rows->count ? rows->count : 1),
                                    rows->ints, table->shape[0], table->data, y->data);
    return y;
}
