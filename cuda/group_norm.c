// Host side of kernels/group_norm.cu.
#include "cuda/launch.h"

static GroupNormArguments arguments_of(const GroupNormShape *shape, const float *x)
{
    return (GroupNormArguments){.batch = shape->batch,
                                .positions = shape->positions,
                                .channels = index_of(shape->channels),
                                .groups = index_of(shape->groups),
                                .width = index_of(shape->channels / shape->groups),
                                .epsilon = shape->epsilon,
                                .x = x,
                                .scale = shape->scale,
                                .shift = shape->shift};
}

// Samples are the second size of every grid.
static int64_t checked_batch(const GroupNormArguments *s)
{
    enum { BATCH_LIMIT = 65535 };
    if (s->batch > BATCH_LIMIT)
        panic("group_norm: a batch of %lld, at most %d on a device", (long long)s->batch,
              BATCH_LIMIT);
    return s->batch;
}

// Blocks (part of the sample's elements, sample): four elements a thread where they have one group.
static Grid grid_of_elements(GroupNormArguments *s)
{
    const int64_t size = index_of(s->positions * s->channels);
    s->wide = s->width % 4 == 0 && at_16_bytes(s->x, s->dy, s->out);
    Grid grid = grid_over(s->wide ? size / 4 : size);
    grid.y = checked_batch(s);
    return grid;
}

// Blocks (32 channels, sample), each over all positions.
static Grid grid_of_samples(const GroupNormArguments *s)
{
    return (Grid){.x = (s->channels + COLUMN_THREADS - 1) / COLUMN_THREADS,
                  .y = checked_batch(s),
                  .threads = COLUMN_THREADS * ROW_THREADS,
                  .shared = 2 * MOST_THREADS * (int)sizeof(double)};
}

static int64_t size_of(const GroupNormArguments *s)
{
    return s->batch * s->positions * s->channels;
}

#define READS_STATISTICS(s) \
    READS((s).mean, (s).batch *(s).groups), READS((s).inverse_deviation, (s).batch *(s).groups)

static void group_norm(const GroupNormShape *shape, const float *x, float *mean,
                       float *inverse_deviation, float *y)
{
    GroupNormArguments s = arguments_of(shape, x);
    const int64_t size = size_of(&s), partial = 2 * s.batch * s.channels;
    const int64_t groups = s.batch * s.groups;
    s.partial = device_scratch(partial * (int64_t)sizeof(double));
    s.mean_out = mean;
    s.inverse_out = inverse_deviation;
    LAUNCH(KERNEL_group_norm_statistics, grid_of_samples(&s), s, READS(s.x, size),
           WRITES(s.partial, partial));
    LAUNCH(KERNEL_group_norm_finish_statistics, grid_over(groups), s, READS(s.x, size),
           READS(s.partial, partial), WRITES(s.mean_out, groups), WRITES(s.inverse_out, groups));
    s.mean = mean;
    s.inverse_deviation = inverse_deviation;
    s.out = y;
    Grid grid = grid_of_elements(&s);
    LAUNCH(KERNEL_group_norm_apply, grid, s, READS(s.x, size), READS_STATISTICS(s),
           READS(s.scale, s.channels), READS(s.shift, s.channels), WRITES(s.out, size));
}

static void group_norm_sums(const GroupNormShape *shape, const float *x, const float *dy,
                            const float *mean, const float *inverse_deviation, float *dscale,
                            float *dshift)
{
    GroupNormArguments s = arguments_of(shape, x);
    const int64_t size = size_of(&s), sums = s.batch * s.channels;
    s.dy = dy;
    s.mean = mean;
    s.inverse_deviation = inverse_deviation;
    s.dscale_out = dscale;
    s.dshift_out = dshift;
    LAUNCH(KERNEL_group_norm_gradient_sums, grid_of_samples(&s), s, READS(s.x, size),
           READS(s.dy, size), READS_STATISTICS(s), WRITES(s.dscale_out, sums),
           WRITES(s.dshift_out, sums));
}

static void group_norm_backward(const GroupNormShape *shape, const float *x, const float *dy,
                                const float *mean, const float *inverse_deviation,
                                const float *dscale, const float *dshift, float *dx)
{
    GroupNormArguments s = arguments_of(shape, x);
    const int64_t size = size_of(&s), sums = s.batch * s.channels, groups = s.batch * s.groups;
    s.slope = device_scratch(2 * groups * (int64_t)sizeof(float));
    s.dy = dy;
    s.mean = mean;
    s.inverse_deviation = inverse_deviation;
    s.dscale = dscale;
    s.dshift = dshift;
    s.out = dx;
    LAUNCH(KERNEL_group_norm_slopes, grid_over(groups), s, READS_STATISTICS(s),
           READS(s.scale, s.channels), READS(s.dscale, sums), READS(s.dshift, sums),
           WRITES(s.slope, 2 * groups));
    Grid grid = grid_of_elements(&s);
    LAUNCH(KERNEL_group_norm_input_gradient, grid, s, READS(s.x, size), READS(s.dy, size),
           READS_STATISTICS(s), READS(s.scale, s.channels), READS(s.slope, 2 * groups),
           WRITES(s.out, size));
}

void cuda_enter_group_norm(Kernels *table)
{
    table->group_norm = group_norm;
    table->group_norm_sums = group_norm_sums;
    table->group_norm_backward = group_norm_backward;
}
