// Batch normalisation of x (rows, channels). Per channel sums go down the columns in fixed blocks
// (columns.h).
#include "core/cpu/kernels/columns.h"
#include "core/cpu/kernels/list.h"
#include "core/cpu/vmath.h"

// ---- Statistics: two passes over each block while it is in the cache, first its mean m, then the
// sums of x - m and (x - m)^2. Both are small whatever the offset of x, so float suffices; the blocks
// are combined in double (Chan, Golub, LeVeque 1983). ----

typedef struct StatisticsCall {
    Columns plan;
    const float *x;
    float *blocks; // (blocks, 3, channels): m, sum of x - m, sum of (x - m)^2
} StatisticsCall;

static void sum_deviations(const Panel *panel, int64_t stride, const float *restrict x,
                           const float *restrict mean, float *restrict sums,
                           float *restrict squares)
{
    const int64_t columns = panel->columns;
    int64_t row = 0;
    memset(sums, 0, (size_t)columns * sizeof(float));
    memset(squares, 0, (size_t)columns * sizeof(float));
    for (; row + 2 <= panel->wide_rows; row += 2, x += 2 * stride)
        for (int64_t j = 0; j < columns; j++) {
            float first = x[j] - mean[j], second = x[j + stride] - mean[j];
            sums[j] = (sums[j] + first) + second;
            squares[j] = multiply_add(second, second, multiply_add(first, first, squares[j]));
        }
    for (; row <= panel->wide_rows; row++, x += stride) { // the last whole row and the partial one
        const int64_t present = row < panel->wide_rows ? columns : panel->rest;
        for (int64_t j = 0; j < present; j++) {
            float deviation = x[j] - mean[j];
            sums[j] += deviation;
            squares[j] = multiply_add(deviation, deviation, squares[j]);
        }
    }
}

static void statistics_of_panels(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const StatisticsCall *call = context;
    const Columns *plan = &call->plan;
    float mean[PANEL], sums[PANEL], squares[PANEL];
    for (int64_t task = begin; task < end; task++) {
        Panel panel = panel_of(plan, task);
        const float *x = call->x + panel.offset;
        sum_columns(&panel, plan->wide, x, mean);
        add_phases(&panel, mean);
        for (int64_t c = 0; c < panel.width; c++) mean[c] /= (float)panel.rows;
        repeat_phases(panel.width, panel.columns, mean);
        sum_deviations(&panel, plan->wide, x, mean, sums, squares);
        add_phases(&panel, sums);
        add_phases(&panel, squares);
        float *out = call->blocks + panel.block * 3 * plan->width + panel.first;
        const size_t bytes = (size_t)panel.width * sizeof(float);
        memcpy(out, mean, bytes);
        memcpy(out + plan->width, sums, bytes);
        memcpy(out + 2 * plan->width, squares, bytes);
    }
}

// Channels first .. first+count-1. With m the mean of a block of n rows and M that of all, the
// block's sum (x - M)^2 = sum (x - m)^2 + 2 (m - M) sum (x - m) + n (m - M)^2.
static void combine_blocks(const StatisticsCall *call, int64_t first, int64_t count, float *mean,
                           float *variance)
{
    const Columns *plan = &call->plan;
    const int64_t width = plan->width;
    const double rows = (double)plan->rows;
    double total[PANEL] = {0}, squared[PANEL] = {0};
    for (int64_t b = 0; b < plan->blocks; b++) {
        const float *m = call->blocks + b * 3 * width + first, *sums = m + width;
        double n = (double)smaller(plan->block_rows, plan->rows - b * plan->block_rows);
        for (int64_t c = 0; c < count; c++) total[c] += n * (double)m[c] + (double)sums[c];
    }
    for (int64_t c = 0; c < count; c++) total[c] /= rows;
    for (int64_t b = 0; b < plan->blocks; b++) {
        const float *m = call->blocks + b * 3 * width + first;
        const float *sums = m + width, *squares = m + 2 * width;
        double n = (double)smaller(plan->block_rows, plan->rows - b * plan->block_rows);
        for (int64_t c = 0; c < count; c++) {
            double distance = (double)m[c] - total[c];
            squared[c] += (double)squares[c] + distance * (2 * (double)sums[c] + n * distance);
        }
    }
    for (int64_t c = 0; c < count; c++) {
        mean[first + c] = (float)total[c];
        variance[first + c] = (float)(squared[c] < 0 ? 0 : squared[c] / rows);
    }
}

static void batch_norm_statistics(int64_t rows, int64_t channels, const float *x, float *mean,
                                  float *variance)
{
    StatisticsCall call = {.plan = columns_plan(rows, channels), .x = x};
    const Columns *plan = &call.plan;
    call.blocks = scratch(-1, plan->blocks * 3 * channels * (int64_t)sizeof(float));
    parallel_ranges(plan->blocks * plan->panels, CHUNK, statistics_of_panels, &call);
    for (int64_t first = 0; first < channels; first += PANEL)
        combine_blocks(&call, first, smaller(PANEL, channels - first), mean, variance);
}

// ---- Application: elementwise, with coefficients per channel that are repeated to a wide row ----

typedef struct ApplyCall {
    int64_t count, wide;
    bool relu;
    const float *x, *dy;
    const float *mean, *factor, *shift; // wide rows: (x - mean) * factor + shift
    const float *slope, *offset;        // wide rows, backward
    float *out;
} ApplyCall;

// (x - mean) * factor + shift. The backward pass forms it again, in the same bits, to know what relu
// let through: cheaper than reading y.
static inline float normalised(const ApplyCall *call, float x, int64_t j)
{
    return multiply_add(x - call->mean[j], call->factor[j], call->shift[j]);
}

static void apply_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const ApplyCall call = *(const ApplyCall *)context;
    for (int64_t row = begin; row < end; row++) {
        const float *restrict x = call.x + row * call.wide;
        float *restrict y = call.out + row * call.wide;
        const int64_t columns = smaller(call.wide, call.count - row * call.wide);
        if (call.relu)
            for (int64_t j = 0; j < columns; j++) {
                float value = normalised(&call, x[j], j);
                y[j] = value > 0 ? value : 0;
            }
        else
            for (int64_t j = 0; j < columns; j++) y[j] = normalised(&call, x[j], j);
    }
}

// The first three wide rows of `memory`: mean, factor, shift.
static ApplyCall apply_call(const BatchNormShape *s, int64_t wide, float *memory)
{
    float *mean = memory, *factor = mean + wide, *shift = factor + wide;
    for (int64_t c = 0; c < s->channels; c++) {
        mean[c] = s->mean[c];
        factor[c] = s->inverse_deviation[c] * s->scale[c];
        shift[c] = s->shift[c];
    }
    for (int i = 0; i < 3; i++) repeat_phases(s->channels, wide, memory + i * wide);
    ApplyCall call = {.count = s->rows * s->channels, .wide = wide, .relu = s->relu};
    call.mean = mean;
    call.factor = factor;
    call.shift = shift;
    return call;
}

static void batch_norm_apply(const BatchNormShape *s, const float *x, float *y)
{
    const int64_t wide = s->channels * fold_of(s->channels);
    ApplyCall call = apply_call(s, wide, scratch(-1, 3 * wide * (int64_t)sizeof(float)));
    call.x = x;
    call.out = y;
    parallel_ranges((call.count + wide - 1) / wide, wide, apply_rows, &call);
}

// ---- Backward: with g = dy where relu let through, else 0, and z = (x - mean) / deviation:
//   dshift = sum g,   dscale = sum g z,   dx = scale / deviation (g - mean(g) - z mean(g z))
// where mean and deviation came from x, else scale / deviation g. ----

typedef struct BackwardCall {
    Columns plan;
    ApplyCall apply;
    float *partial; // (blocks, 2, channels): sums of g and of g (x - mean)
} BackwardCall;

static inline __attribute__((always_inline)) void
sum_gradients(const ApplyCall *call, const bool relu, const Panel *panel, const float *restrict x,
              const float *restrict dy, float *restrict sums, float *restrict products)
{
    memset(sums, 0, (size_t)panel->columns * sizeof(float));
    memset(products, 0, (size_t)panel->columns * sizeof(float));
    for (int64_t row = 0; row <= panel->wide_rows; row++, x += call->wide, dy += call->wide) {
        const int64_t present = row < panel->wide_rows ? panel->columns : panel->rest;
        for (int64_t j = 0; j < present; j++) {
            float g = relu && !(normalised(call, x[j], j) > 0) ? 0 : dy[j];
            sums[j] += g;
            products[j] = multiply_add(g, x[j] - call->mean[j], products[j]);
        }
    }
}

static void gradients_of_panels(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const BackwardCall *all = context;
    const Columns *plan = &all->plan;
    float sums[PANEL], products[PANEL];
    for (int64_t task = begin; task < end; task++) {
        Panel panel = panel_of(plan, task);
        ApplyCall call = all->apply;
        call.mean += panel.first, call.factor += panel.first, call.shift += panel.first;
        const float *x = call.x + panel.offset, *dy = call.dy + panel.offset;
        if (call.relu)
            sum_gradients(&call, true, &panel, x, dy, sums, products);
        else
            sum_gradients(&call, false, &panel, x, dy, sums, products);
        add_phases(&panel, sums);
        add_phases(&panel, products);
        float *out = all->partial + panel.block * 2 * plan->width + panel.first;
        memcpy(out, sums, (size_t)panel.width * sizeof(float));
        memcpy(out + plan->width, products, (size_t)panel.width * sizeof(float));
    }
}

static void input_gradient_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const ApplyCall call = *(const ApplyCall *)context;
    const float *restrict slope = call.slope, *restrict offset = call.offset;
    for (int64_t row = begin; row < end; row++) {
        const float *restrict x = call.x + row * call.wide;
        const float *restrict dy = call.dy + row * call.wide;
        float *restrict dx = call.out + row * call.wide;
        const int64_t columns = smaller(call.wide, call.count - row * call.wide);
        for (int64_t j = 0; j < columns; j++) {
            float through_statistics = multiply_add(slope[j], x[j] - call.mean[j], offset[j]);
            float g = call.relu && !(normalised(&call, x[j], j) > 0) ? 0 : dy[j];
            dx[j] = multiply_add(call.factor[j], g, through_statistics);
        }
    }
}

static void batch_norm_backward(const BatchNormShape *s, const float *x, const float *dy, float *dx,
                                float *dscale, float *dshift)
{
    const int64_t channels = s->channels;
    BackwardCall sums = {.plan = columns_plan(s->rows, channels)};
    const int64_t wide = sums.plan.wide, blocks = sums.plan.blocks;
    float *memory = scratch(-1, (5 * wide + 2 * channels * (1 + blocks)) * (int64_t)sizeof(float));
    float *slope = memory + 3 * wide, *offset = slope + wide, *total = offset + wide;
    ApplyCall call = apply_call(s, wide, memory);
    call.x = x;
    call.dy = dy;
    sums.apply = call;
    sums.partial = total + 2 * channels;
    parallel_ranges(blocks * sums.plan.panels, CHUNK, gradients_of_panels, &sums);
    add_blocks(blocks, 2 * channels, sums.partial, total);
    for (int64_t c = 0; c < channels; c++) {
        dshift[c] = total[c];
        dscale[c] = total[channels + c] * s->inverse_deviation[c];
        float share = s->training ? call.factor[c] / (float)s->rows : 0;
        slope[c] = -share * s->inverse_deviation[c] * dscale[c];
        offset[c] = -share * dshift[c];
    }
    repeat_phases(channels, wide, slope);
    repeat_phases(channels, wide, offset);
    call.slope = slope;
    call.offset = offset;
    call.out = dx;
    parallel_ranges((call.count + wide - 1) / wide, wide, input_gradient_rows, &call);
}

void KERNEL(enter_norm)(Kernels *table)
{
    table->batch_norm_statistics = batch_norm_statistics;
    table->batch_norm_apply = batch_norm_apply;
    table->batch_norm_backward = batch_norm_backward;
}
