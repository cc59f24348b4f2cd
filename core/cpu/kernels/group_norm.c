// Group normalisation of x (batch, positions, channels): each sample by itself, over the positions
// and a group of neighbouring channels. A task is one sample. Sums go down the columns in float, in
// blocks of positions; blocks and the channels of a group are added in double. The loops are plain
// C over independent columns: the compiler makes vectors of them, which changes no bit.
#include <string.h>
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/ranges.h"
#include "core/cpu/vmath.h"
#include "core/error.h"

enum { BLOCK = 64, WIDEST = 4096 }; // positions in a block; channels taken at once

typedef struct GroupCall {
    const GroupNormShape *shape;
    const float *x, *dy;
    float *mean, *inverse_deviation; // (batch, groups)
    float *dscale, *dshift;          // (batch, channels)
    float *out;
} GroupCall;

// What a column's sum is of: x, (x - mean)^2, dy, or dy (x - mean).
typedef enum Summand { SUM_X, SUM_SQUARES, SUM_DY, SUM_PRODUCTS } Summand;

static inline __attribute__((always_inline)) void
add_block(const Summand summand, int64_t rows, int64_t stride, int64_t columns,
          const float *restrict x, const float *restrict dy, const float *restrict mean,
          float *restrict sums)
{
    memset(sums, 0, (size_t)columns * sizeof(float));
    for (int64_t row = 0; row < rows; row++, x += stride, dy += stride)
        for (int64_t c = 0; c < columns; c++) {
            float deviation = summand == SUM_X ? 0 : x[c] - mean[c];
            if (summand == SUM_X) sums[c] += x[c];
            if (summand == SUM_SQUARES) sums[c] = multiply_add(deviation, deviation, sums[c]);
            if (summand == SUM_DY) sums[c] += dy[c];
            if (summand == SUM_PRODUCTS) sums[c] = multiply_add(dy[c], deviation, sums[c]);
        }
}

// total[c] over all positions of `columns` channels.
static inline __attribute__((always_inline)) void
sum_positions(const GroupNormShape *s, const Summand summand, int64_t columns, const float *x,
              const float *dy, const float *mean, double *total)
{
    float sums[WIDEST];
    memset(total, 0, (size_t)columns * sizeof(double));
    for (int64_t row = 0; row < s->positions; row += BLOCK) {
        int64_t rows = smaller(BLOCK, s->positions - row), at = row * s->channels;
        add_block(summand, rows, s->channels, columns, x + at, dy + at, mean, sums);
        for (int64_t c = 0; c < columns; c++) total[c] += (double)sums[c];
    }
}

// The mean of each group's totals, as a value for each of its channels.
static void mean_of_groups(const GroupNormShape *s, int64_t columns, const double *total,
                           float *value)
{
    const int64_t width = s->channels / s->groups;
    for (int64_t first = 0; first < columns; first += width) {
        double sum = 0;
        for (int64_t c = 0; c < width; c++) sum += total[first + c];
        float mean = (float)(sum / (double)(s->positions * width));
        for (int64_t c = 0; c < width; c++) value[first + c] = mean;
    }
}

// Whole groups that fit in WIDEST channels.
static int64_t columns_at_once(const GroupNormShape *s)
{
    const int64_t width = s->channels / s->groups;
    return smaller(s->channels, larger(1, WIDEST / width) * width);
}

static void normalise_columns(const GroupNormShape *s, int64_t first, int64_t columns,
                              const float *restrict x, const float *restrict mean,
                              const float *restrict variance, float *restrict y)
{
    float factor[WIDEST];
    for (int64_t c = 0; c < columns; c++)
        factor[c] = 1 / sqrtf(variance[c] + s->epsilon) * s->scale[first + c];
    for (int64_t row = 0; row < s->positions; row++)
        for (int64_t c = 0; c < columns; c++) {
            int64_t at = row * s->channels + c;
            y[at] = multiply_add(x[at] - mean[c], factor[c], s->shift[first + c]);
        }
}

static void normalise_samples(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const GroupCall *call = context;
    const GroupNormShape *s = call->shape;
    const int64_t width = s->channels / s->groups, step = columns_at_once(s);
    float mean[WIDEST], variance[WIDEST];
    double total[WIDEST];
    for (int64_t n = begin; n < end; n++)
        for (int64_t first = 0; first < s->channels; first += step) {
            const int64_t columns = smaller(step, s->channels - first);
            const int64_t at = n * s->positions * s->channels + first;
            sum_positions(s, SUM_X, columns, call->x + at, call->x + at, mean, total);
            mean_of_groups(s, columns, total, mean);
            sum_positions(s, SUM_SQUARES, columns, call->x + at, call->x + at, mean, total);
            mean_of_groups(s, columns, total, variance);
            normalise_columns(s, first, columns, call->x + at, mean, variance, call->out + at);
            for (int64_t c = 0; c < columns; c += width) {
                int64_t group = n * s->groups + (first + c) / width;
                call->mean[group] = mean[c];
                call->inverse_deviation[group] = 1 / sqrtf(variance[c] + s->epsilon);
            }
        }
}

static void require_narrow_groups(const GroupNormShape *s)
{
    if (s->channels / s->groups > WIDEST)
        panic("group_norm: groups of %lld channels, at most %d",
              (long long)(s->channels / s->groups), WIDEST);
}

static void group_norm(const GroupNormShape *s, const float *x, float *mean,
                       float *inverse_deviation, float *y)
{
    require_narrow_groups(s);
    GroupCall call = {s, .x = x, .mean = mean, .inverse_deviation = inverse_deviation, .out = y};
    parallel_ranges(s->batch, s->positions * s->channels, normalise_samples, &call);
}

// ---- Backward: with z = (x - mean) / sd, for each sample
//   dshift = sum dy,   dscale = sum dy z,   dx = (scale dy - m - z q) / sd
// where m and q are the means of scale dy and scale dy z over the group. ----

// A group's value for each of its channels.
static void spread_groups(const GroupNormShape *s, int64_t n, int64_t first, int64_t columns,
                          const float *of_groups, float *value)
{
    const int64_t width = s->channels / s->groups;
    for (int64_t c = 0; c < columns; c++) value[c] = of_groups[n * s->groups + (first + c) / width];
}

static void sum_gradients(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const GroupCall *call = context;
    const GroupNormShape *s = call->shape;
    const int64_t step = columns_at_once(s);
    float mean[WIDEST], inverse[WIDEST];
    double total[WIDEST];
    for (int64_t n = begin; n < end; n++)
        for (int64_t first = 0; first < s->channels; first += step) {
            const int64_t columns = smaller(step, s->channels - first);
            const int64_t at = n * s->positions * s->channels + first;
            float *dscale = call->dscale + n * s->channels + first;
            float *dshift = call->dshift + n * s->channels + first;
            spread_groups(s, n, first, columns, call->mean, mean);
            spread_groups(s, n, first, columns, call->inverse_deviation, inverse);
            sum_positions(s, SUM_DY, columns, call->x + at, call->dy + at, mean, total);
            for (int64_t c = 0; c < columns; c++) dshift[c] = (float)total[c];
            sum_positions(s, SUM_PRODUCTS, columns, call->x + at, call->dy + at, mean, total);
            for (int64_t c = 0; c < columns; c++)
                dscale[c] = (float)(total[c] * (double)inverse[c]);
        }
}

static void group_norm_sums(const GroupNormShape *s, const float *x, const float *dy,
                            const float *mean, const float *inverse_deviation, float *dscale,
                            float *dshift)
{
    require_narrow_groups(s);
    GroupCall call = {
        s,      x,      dy,  (float *)(uintptr_t)mean, (float *)(uintptr_t)inverse_deviation,
        dscale, dshift, NULL};
    parallel_ranges(s->batch, s->positions * s->channels, sum_gradients, &call);
}

// Minus the mean over each group of scale times these sums, over sd: a part of every dx.
static void group_offsets(const GroupNormShape *s, int64_t first, int64_t columns,
                          const float *sums, const float *inverse, float *offset)
{
    const int64_t width = s->channels / s->groups;
    for (int64_t c = 0; c < columns; c += width) {
        double total = 0;
        for (int64_t i = c; i < c + width; i++)
            total += (double)s->scale[first + i] * (double)sums[first + i];
        float mean = (float)(total / (double)(s->positions * width));
        for (int64_t i = c; i < c + width; i++) offset[i] = -mean * inverse[i];
    }
}

// dx holds dy.
static void input_gradient_columns(const GroupNormShape *s, int64_t columns,
                                   const float *restrict x, const float *restrict mean,
                                   const float *restrict factor, const float *restrict slope,
                                   const float *restrict offset, float *restrict dx)
{
    for (int64_t row = 0; row < s->positions; row++)
        for (int64_t c = 0; c < columns; c++) {
            int64_t at = row * s->channels + c;
            float value = multiply_add(x[at] - mean[c], slope[c], offset[c]);
            dx[at] = multiply_add(dx[at], factor[c], value);
        }
}

static void input_gradients(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const GroupCall *call = context;
    const GroupNormShape *s = call->shape;
    const int64_t step = columns_at_once(s);
    float mean[WIDEST], inverse[WIDEST], factor[WIDEST], slope[WIDEST], offset[WIDEST];
    for (int64_t n = begin; n < end; n++) {
        const int64_t size = s->positions * s->channels;
        if (call->out != call->dy)
            memcpy(call->out + n * size, call->dy + n * size, (size_t)size * sizeof(float));
        for (int64_t first = 0; first < s->channels; first += step) {
            const int64_t columns = smaller(step, s->channels - first), at = n * size + first;
            spread_groups(s, n, first, columns, call->mean, mean);
            spread_groups(s, n, first, columns, call->inverse_deviation, inverse);
            group_offsets(s, first, columns, call->dshift + n * s->channels, inverse, offset);
            group_offsets(s, first, columns, call->dscale + n * s->channels, inverse, slope);
            for (int64_t c = 0; c < columns; c++) {
                slope[c] *= inverse[c];
                factor[c] = inverse[c] * s->scale[first + c];
            }
            input_gradient_columns(s, columns, call->x + at, mean, factor, slope, offset,
                                   call->out + at);
        }
    }
}

static void group_norm_backward(const GroupNormShape *s, const float *x, const float *dy,
                                const float *mean, const float *inverse_deviation,
                                const float *dscale, const float *dshift, float *dx)
{
    require_narrow_groups(s);
    GroupCall call = {s,
                      x,
                      dy,
                      (float *)(uintptr_t)mean,
                      (float *)(uintptr_t)inverse_deviation,
                      (float *)(uintptr_t)dscale,
                      (float *)(uintptr_t)dshift,
                      dx};
    parallel_ranges(s->batch, s->positions * s->channels, input_gradients, &call);
}

void KERNEL(enter_group_norm)(Kernels *table)
{
    table->group_norm = group_norm;
    table->group_norm_sums = group_norm_sums;
    table->group_norm_backward = group_norm_backward;
}
