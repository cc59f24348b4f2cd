// Host side of kernels/norm.cu.
#include "cuda/launch.h"

static bool wide(int64_t channels, const void *a, const void *b, const void *c)
{
    return channels % 4 == 0 && at_16_bytes(a, b, c);
}

// Pieces of rows: as many as fill the device once, together with the tiles of channels.
static NormArguments arguments_of(int64_t rows, int64_t channels, NormRelu relu, const float *x)
{
    enum { LEAST_HEIGHT = 128, FEW_PIECES = 16, MOST_BLOCKS = 512 };
    const int64_t tiles = ceiling(channels, COLUMN_THREADS);
    NormArguments s = {.rows = rows,
                       .channels = index_of(channels),
                       .height = LEAST_HEIGHT,
                       .relu_before = relu == NORM_RELU_BEFORE,
                       .relu_after = relu == NORM_RELU_AFTER,
                       .wide = wide(channels, x, NULL, NULL),
                       .x = x};
    int64_t pieces;
    while ((pieces = ceiling(rows, s.height)) > FEW_PIECES && pieces * tiles > MOST_BLOCKS)
        s.height *= 2;
    s.pieces = index_of(pieces);
    return s;
}

static Grid grid_of_pieces(const NormArguments *s)
{
    return (Grid){.x = ceiling(s->channels, COLUMN_THREADS),
                  .y = s->pieces,
                  .threads = COLUMN_THREADS * ROW_THREADS,
                  .shared = 2 * MOST_THREADS * (int)sizeof(double)};
}

static void batch_norm_statistics(const BatchStatistics *shape, const float *x, float *mean,
                                  float *inverse_deviation)
{
    const int64_t rows = shape->rows, channels = shape->channels;
    NormArguments s = arguments_of(rows, channels, shape->relu, x);
    const int64_t partial = 2 * s.pieces * channels;
    s.partial = device_scratch(partial * (int64_t)sizeof(double));
    s.momentum = shape->momentum;
    s.epsilon = shape->epsilon;
    s.unbiased = rows > 1 ? (float)rows / (float)(rows - 1) : 1;
    s.mean_out = mean;
    s.inverse_out = inverse_deviation;
    s.running_mean = shape->running_mean;
    s.running_variance = shape->running_variance;
    LAUNCH(KERNEL_norm_statistics, grid_of_pieces(&s), s, READS(s.x, rows * channels),
           WRITES(s.partial, partial));
    LAUNCH(KERNEL_norm_finish_statistics, grid_of_warps(s.channels), s, READS(s.x, channels),
           READS(s.partial, partial), WRITES(s.mean_out, channels), WRITES(s.inverse_out, channels),
           WRITES(s.running_mean, channels), WRITES(s.running_variance, channels));
}

static void inverse_deviation(int64_t channels, float epsilon, const float *variance,
                              float *inverse_deviation)
{
    NormArguments s = {.channels = index_of(channels), .epsilon = epsilon};
    s.variance = variance;
    s.inverse_out = inverse_deviation;
    LAUNCH(KERNEL_inverse_deviation, grid_over(channels), s, READS(s.variance, channels),
           WRITES(s.inverse_out, channels));
}

#define READS_COEFFICIENTS(s)                                                  \
    READS((s).mean, (s).channels), READS((s).inverse_deviation, (s).channels), \
        READS((s).scale, (s).channels), READS((s).shift, (s).channels)

// Elementwise kernels: four elements a thread.
static void over_elements(KernelNumber kernel, NormArguments s)
{
    const int64_t size = index_of(s.rows * s.channels);
    s.wide = wide(s.channels, s.x, s.dy, s.out) && at_16_bytes(s.known, NULL, NULL);
    LAUNCH(kernel, grid_over((size + 3) / 4), s, READS(s.x, size), READS(s.dy, size),
           READS(s.known, size), READS_COEFFICIENTS(s), READS(s.slope, 2 * s.channels),
           WRITES(s.out, size));
}

static NormArguments arguments_with(const BatchNormShape *shape, const float *x)
{
    NormArguments s = arguments_of(shape->rows, shape->channels, shape->relu, x);
    s.training = shape->training;
    s.mean = shape->mean;
    s.inverse_deviation = shape->inverse_deviation;
    s.scale = shape->scale;
    s.shift = shape->shift;
    return s;
}

static void batch_norm_apply(const BatchNormShape *shape, const float *x, float *y)
{
    NormArguments s = arguments_with(shape, x);
    s.out = y;
    over_elements(KERNEL_norm_apply, s);
}

static void batch_norm_backward(const BatchNormShape *shape, const float *x, const float *dy,
                                const float *known, float *dx, float *dscale, float *dshift)
{
    const int64_t size = shape->rows * shape->channels;
    NormArguments s = arguments_with(shape, x);
    const int64_t partial = 2 * s.pieces * shape->channels, slope = 2 * shape->channels;
    s.partial = device_scratch(partial * (int64_t)sizeof(double) + slope * (int64_t)sizeof(float));
    s.slope = (float *)(void *)(s.partial + partial);
    s.dy = dy;
    s.wide = wide(s.channels, x, dy, NULL);
    s.known = known;
    s.out = dx;
    s.dscale = dscale;
    s.dshift = dshift;
    LAUNCH(KERNEL_norm_gradient_sums, grid_of_pieces(&s), s, READS(s.x, size), READS(s.dy, size),
           READS_COEFFICIENTS(s), WRITES(s.partial, partial));
    LAUNCH(KERNEL_norm_finish_sums, grid_of_warps(s.channels), s, READS_COEFFICIENTS(s),
           READS(s.partial, partial), WRITES(s.slope, slope), WRITES(s.dscale, shape->channels),
           WRITES(s.dshift, shape->channels));
    if (dx) over_elements(KERNEL_norm_input_gradient, s);
}

void cuda_enter_norm(Kernels *table)
{
    table->batch_norm_statistics = batch_norm_statistics;
    table->inverse_deviation = inverse_deviation;
    table->batch_norm_apply = batch_norm_apply;
    table->batch_norm_backward = batch_norm_backward;
}
