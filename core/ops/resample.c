// Resizing of images (n, h, w, c), and sampling them at given places.
//
// Resizing is separable: output row o is a mix of a few input rows, with weights that depend on o
// alone; columns likewise. The tables of rows and weights are made here, the kernel applies them.
#include <math.h>
#include <stddef.h>
#include "core/error.h"
#include "core/ops.h"

enum { MAX_TAPS = 4 };

static double source_position(int64_t o, int64_t in, int64_t out, bool align_corners)
{
    if (align_corners) return out > 1 ? (double)o * (double)(in - 1) / (double)(out - 1) : 0;
    return ((double)o + 0.5) * (double)in / (double)out - 0.5;
}

static int32_t inside(int64_t i, int64_t size)
{
    return (int32_t)(i < 0 ? 0 : i >= size ? size - 1 : i);
}

// Keys' cubic with A = -0.75, PyTorch's: the weight at distance x.
static double cubic(double x)
{
    const double a = -0.75;
    x = fabs(x);
    if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

typedef struct Axis {
    int32_t *index;
    float *weight;
} Axis;

static void taps_of(ResampleMode mode, double position, int64_t in, int32_t *index, float *weight)
{
    int64_t base = (int64_t)floor(position);
    double t = position - (double)base;
    if (mode == RESAMPLE_BILINEAR) {
        if (position < 0) { // half-pixel positions before the first pixel are the first pixel
            base = 0;
            t = 0;
        }
        index[0] = inside(base, in);
        index[1] = inside(base + 1, in);
        weight[0] = (float)(1 - t);
        weight[1] = (float)t;
        return;
    }
    for (int k = 0; k < MAX_TAPS; k++) {
        index[k] = inside(base - 1 + k, in);
        weight[k] = (float)cubic(t + 1 - k);
    }
}

static Axis axis_of(Tape *tape, ResampleMode mode, int taps, int64_t in, int64_t out,
                    bool align_corners)
{
    Axis axis = {tape_allocate_host(tape, out * taps * 4),
                 tape_allocate_host(tape, out * taps * 4)};
    for (int64_t o = 0; o < out; o++) {
        if (mode == RESAMPLE_NEAREST) {
            axis.index[o] = (int32_t)(o * in / out);
            axis.weight[o] = 1;
        } else {
            taps_of(mode, source_position(o, in, out, align_corners), in, axis.index + o * taps,
                    axis.weight + o * taps);
        }
    }
    return axis;
}

// y = sum of weights x over the taps;   dx = weights dy, added up over the outputs that read each
// pixel
static void resample2d_backward(Node *node)
{
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(node->output->tape)->resample2d_backward(node->saved, node->output->grad, dx);
    grad_end(node, 0);
}

Tensor *resample2d(Tensor *x, int64_t height, int64_t width, ResampleMode mode, bool align_corners)
{
    if (x->rank != 4 || height < 1 || width < 1 || x->shape[1] < 1 || x->shape[2] < 1)
        panic("resample2d: images %s to %lldx%lld", shape_text(x), (long long)height,
              (long long)width);
    static const int taps_by_mode[] = {1, 2, MAX_TAPS};
    Tape *tape = tape_of(1, &x);
    int taps = taps_by_mode[mode];
    Axis rows = axis_of(tape, mode, taps, x->shape[1], height, align_corners);
    Axis columns = axis_of(tape, mode, taps, x->shape[2], width, align_corners);
    ResampleShape shape = {.batch = x->shape[0],
                           .in_height = x->shape[1],
                           .in_width = x->shape[2],
                           .channels = x->shape[3],
                           .out_height = height,
                           .out_width = width,
                           .taps = taps,
                           .row_index = rows.index,
                           .column_index = columns.index,
                           .row_weight = rows.weight,
                           .column_weight = columns.weight};
    Tensor *y = tape_tensor(tape, SHAPE(x->shape[0], height, width, x->shape[3]));
    tape_kernels(tape)->resample2d(&shape, x->data, y->data);
    record(y, resample2d_backward, 1, &x, &shape, sizeof shape);
    return y;
}

// y = the four pixels around (gx, gy), mixed bilinearly;   dx: dy spread over them,   dgrid: dy
// against their differences
static void grid_sample_backward(Node *node)
{
    const Tensor *x = node->inputs[0], *grid = node->inputs[1], *y = node->output;
    float *dx = grad_begin_or_spare(node, 0), *dgrid = grad_begin_or_spare(node, 1);
    tape_kernels(y->tape)->grid_sample_backward(node->saved, x->data, grid->data, y->grad, dx,
                                                dgrid);
    grad_end(node, 0);
    grad_end(node, 1);
}

Tensor *grid_sample(Tensor *x, Tensor *grid)
{
    if (x->rank != 4 || grid->rank != 4 || grid->shape[0] != x->shape[0] || grid->shape[3] != 2)
        panic("grid_sample: images %s at %s", shape_text(x), shape_text(grid));
    Tensor *inputs[] = {x, grid};
    Tape *tape = tape_of(2, inputs);
    GridShape shape = {x->shape[0], x->shape[1],    x->shape[2],
                       x->shape[3], grid->shape[1], grid->shape[2]};
    Tensor *y = tape_tensor(tape, SHAPE(x->shape[0], grid->shape[1], grid->shape[2], x->shape[3]));
    tape_kernels(tape)->grid_sample(&shape, x->data, grid->data, y->data);
    record(y, grid_sample_backward, 2, inputs, &shape, sizeof shape);
    return y;
}
