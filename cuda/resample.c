// Host side of kernels/resample.cu.
#include "cuda/launch.h"

static void resample(KernelNumber kernel, const ResampleShape *shape, bool backward, const float *x,
                     float *y)
{
    const int64_t in = shape->batch * shape->in_height * shape->in_width * shape->channels;
    const int64_t out = shape->batch * shape->out_height * shape->out_width * shape->channels;
    ResampleArguments s = {.in_height = index_of(shape->in_height),
                           .in_width = index_of(shape->in_width),
                           .channels = index_of(shape->channels),
                           .out_height = index_of(shape->out_height),
                           .out_width = index_of(shape->out_width),
                           .taps = shape->taps,
                           .align_corners = shape->align_corners,
                           .count = index_of(backward ? in : out),
                           .x = x,
                           .y = y};
    LAUNCH(kernel, grid_over(s.count), s, READS(s.x, backward ? out : in), WRITES(s.y, s.count));
}

static void resample2d(const ResampleShape *shape, const float *x, float *y)
{
    resample(KERNEL_resample2d, shape, false, x, y);
}

static void resample2d_backward(const ResampleShape *shape, const float *dy, float *dx)
{
    resample(KERNEL_resample2d_backward, shape, true, dy, dx);
}

// A grid kernel with `count` threads, which writes `written` elements.
static void sample(KernelNumber kernel, const GridShape *shape, int64_t count, int64_t written,
                   const float *x, const float *grid, const float *dy, float *out)
{
    const int64_t pixels = shape->batch * shape->out_height * shape->out_width;
    GridArguments s = {.in_height = index_of(shape->in_height),
                       .in_width = index_of(shape->in_width),
                       .channels = index_of(shape->channels),
                       .out_height = index_of(shape->out_height),
                       .out_width = index_of(shape->out_width),
                       .count = index_of(count),
                       .x = x,
                       .grid = grid,
                       .dy = dy,
                       .out = out};
    LAUNCH(kernel, grid_over(count), s,
           READS(s.x, shape->batch * shape->in_height * shape->in_width * shape->channels),
           READS(s.grid, 2 * pixels), READS(s.dy, pixels * shape->channels),
           WRITES(s.out, written));
}

static void grid_sample(const GridShape *shape, const float *x, const float *grid, float *y)
{
    const int64_t out = shape->batch * shape->out_height * shape->out_width * shape->channels;
    sample(KERNEL_grid_sample, shape, out, out, x, grid, NULL, y);
}

static void grid_sample_backward(const GridShape *shape, const float *x, const float *grid,
                                 const float *dy, float *dx, float *dgrid)
{
    const int64_t in = shape->batch * shape->in_height * shape->in_width * shape->channels;
    const int64_t pixels = shape->batch * shape->out_height * shape->out_width;
    sample(KERNEL_grid_sample_x_gradient, shape, in, in, NULL, grid, dy, dx);
    sample(KERNEL_grid_sample_grid_gradient, shape, pixels, 2 * pixels, x, grid, dy, dgrid);
}

void cuda_enter_resample(Kernels *table)
{
    table->resample2d = resample2d;
    table->resample2d_backward = resample2d_backward;
    table->grid_sample = grid_sample;
    table->grid_sample_backward = grid_sample_backward;
}
