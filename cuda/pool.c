// Host side of kernels/pool.cu: blocks for rows of the result.
#include "cuda/launch.h"

static int64_t input_size(const PoolShape *s)
{
    return s->batch * s->in_height * s->in_width * s->channels;
}

static int64_t output_size(const PoolShape *s)
{
    return s->batch * s->out_height * s->out_width * s->channels;
}

static PoolArguments arguments_of(const PoolShape *s)
{
    return (PoolArguments){.in_height = index_of(s->in_height),
                           .in_width = index_of(s->in_width),
                           .channels = index_of(s->channels),
                           .out_height = index_of(s->out_height),
                           .out_width = index_of(s->out_width),
                           .kernel = index_of(s->kernel),
                           .stride = index_of(s->stride),
                           .padding = index_of(s->padding)};
}

// Channels in fours and arrays at multiples of 16 bytes: four channels a thread.
static bool wide(const PoolShape *s, const void *a, const void *b, const void *c)
{
    return s->channels % 4 == 0 && at_16_bytes(a, b, c);
}

static Grid grid_of(const PoolArguments *s, int64_t rows, int64_t width)
{
    const int64_t size = width * s->channels;
    return size > 0 ? grid_of_rows(rows, s->wide ? size / 4 : size) : (Grid){0};
}

static void forward(KernelNumber kernel, const PoolShape *shape, const float *x, float *y,
                    int32_t *index)
{
    PoolArguments s = arguments_of(shape);
    const int64_t size = output_size(shape);
    s.wide = wide(shape, x, y, index);
    s.x = x;
    s.out = y;
    s.index = index;
    LAUNCH(kernel, grid_of(&s, shape->batch * shape->out_height, shape->out_width), s,
           READS(s.x, input_size(shape)), WRITES(s.out, size), WRITES(s.index, size));
}

static void backward(KernelNumber kernel, const PoolShape *shape, const int32_t *index,
                     const float *dy, float *dx)
{
    PoolArguments s = arguments_of(shape);
    const int64_t size = output_size(shape);
    s.wide = wide(shape, index, dy, dx);
    s.dy = dy;
    s.saved = index;
    s.out = dx;
    LAUNCH(kernel, grid_of(&s, shape->batch * shape->in_height, shape->in_width), s,
           READS(s.dy, size), READS(s.saved, size), WRITES(s.out, input_size(shape)));
}

static void max_pool2d(const PoolShape *shape, const float *x, float *y, int32_t *index)
{
    forward(KERNEL_max_pool2d, shape, x, y, index);
}

static void max_pool2d_backward(const PoolShape *shape, const int32_t *index, const float *dy,
                                float *dx)
{
    backward(KERNEL_max_pool2d_backward, shape, index, dy, dx);
}

static void avg_pool2d(const PoolShape *shape, const float *x, float *y)
{
    forward(KERNEL_avg_pool2d, shape, x, y, NULL);
}

static void avg_pool2d_backward(const PoolShape *shape, const float *dy, float *dx)
{
    backward(KERNEL_avg_pool2d_backward, shape, NULL, dy, dx);
}

static void adaptive_avg_pool2d(const PoolShape *shape, const float *x, float *y)
{
    forward(KERNEL_adaptive_avg_pool2d, shape, x, y, NULL);
}

static void adaptive_avg_pool2d_backward(const PoolShape *shape, const float *dy, float *dx)
{
    backward(KERNEL_adaptive_avg_pool2d_backward, shape, NULL, dy, dx);
}

void cuda_enter_pool(Kernels *table)
{
    table->max_pool2d = max_pool2d;
    table->max_pool2d_backward = max_pool2d_backward;
    table->avg_pool2d = avg_pool2d;
    table->avg_pool2d_backward = avg_pool2d_backward;
    table->adaptive_avg_pool2d = adaptive_avg_pool2d;
    table->adaptive_avg_pool2d_backward = adaptive_avg_pool2d_backward;
}
