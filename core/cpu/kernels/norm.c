// Batch normalisation of x (rows, channels). Per channel sums go down the columns in fixed blocks
// (columns.h).
#include "core/cpu/kernels/columns.h"
#include "core/cpu/kernels/list.h"
#include "core/cpu/vmath.h"

// ---- Statistics: two passes over each block while it is in the cache, first its mean m, then the
// sums of x - m and (x - m)^2. Both are small whatever the offset of x, so float suffices; the
// blocks are combined in double (Chan, Golub, LeVeque 1983). ----

typedef struct StatisticsCall {
    Columns plan;
    bool rectify; // x is max(x, 0)
    const float *x;
    float *blocks; // (blocks, 3, channels): m, sum of x - m, sum of (x - m)^2
} StatisticsCall;

static inline __attribute__((always_inline)) void
sum_deviations(const Panel *panel, const bool rectify, int64_t stride, const float *restrict x,
               const float *restrict mean, float *restrict sums, float *restrict squares)
{
    memset(sums, 0, (size_t)panel->columns * sizeof(float));
    memset(squares, 0, (size_t)panel->columns * sizeof(float));
    for (int64_t row = 0; row <= panel->wide_rows; row++, x += stride) { // the last one is partial
        const int64_t present = row < panel->wide_rows ? panel->columns : panel->rest;
        for (int64_t j = 0; j < present; j++) {
            float deviation = rectified(rectify, x[j]) - mean[j];
            sums[j] += deviation;
            squares[j] = multiply_add(deviation, deviation, squares[j]);
        }
    }
}

static inline __attribute__((always_inline)) void panel_statistics(const StatisticsCall *call,
                                                                   const bool rectify, int64_t task)
{
    const Columns *plan = &call->plan;
    float mean[PANEL], sums[PANEL], squares[PANEL];
    Panel panel = panel_of(plan, task);
    const float *x = call->x + panel.offset;
    sum_columns(&panel, rectify, plan->wide, x, mean);
    add_phases(&panel, mean);
    for (int64_t c = 0; c < panel.width; c++) mean[c] /= (float)panel.rows;
    repeat_phases(panel.width, panel.columns, mean);
    sum_deviations(&panel, rectify, plan->wide, x, mean, sums, squares);
    add_phases(&panel, sums);
    add_phases(&panel, squares);
    float *out = call->blocks + panel.block * 3 * plan->width + panel.first;
    const size_t bytes = (size_t)panel.width * sizeof(float);
    memcpy(out, mean, bytes);
    memcpy(out + plan->width, sums, bytes);
    memcpy(out + 2 * plan->width, squares, bytes);
}

static void statistics_of_panels(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const StatisticsCall *call = context;
    for (int64_t task = begin; task < end; task++) {
        if (call->rectify)
            panel_statistics(call, true, task);
        else
            panel_statistics(call, false, task);
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

static void inverse_deviation(int64_t channels, float epsilon, const float *variance,
                              float *inverse_deviation)
{
    for (int64_t c = 0; c < channels; c++) inverse_deviation[c] = 1 / sqrtf(variance[c] + epsilon);
}

static void move_running(int64_t channels, float momentum, float factor, const float *batch,
                         float *running)
{
    for (int64_t c = 0; c < channels; c++)
        running[c] = multiply_add(momentum * factor, batch[c], (1 - momentum) * running[c]);
}

static void batch_norm_statistics(const BatchStatistics *s, const float *x, float *mean,
                                  float *deviation) // variances until the end
{
    const int64_t channels = s->channels;
    StatisticsCall call = {
        .plan = columns_plan(s->rows, channels), .rectify = s->relu == NORM_RELU_BEFORE, .x = x};
    const Columns *plan = &call.plan;
    call.blocks = scratch(-1, plan->blocks * 3 * channels * (int64_t)sizeof(float));
    parallel_ranges(plan->blocks * plan->panels, CHUNK, statistics_of_panels, &call);
    for (int64_t first = 0; first < channels; first += PANEL)
        combine_blocks(&call, first, smaller(PANEL, channels - first), mean, deviation);
    const float unbiased = s->rows > 1 ? (float)s->rows / (float)(s->rows - 1) : 1;
    move_running(channels, s->momentum, 1, mean, s->running_mean);
    move_running(channels, s->momentum, unbiased, deviation, s->running_variance);
    inverse_deviation(channels, s->epsilon, deviation, deviation);
}

// ---- Application: elementwise, with coefficients per channel that are repeated to a wide row ----

typedef struct ApplyCall {
    int64_t count, wide;
    NormRelu relu;
    const float *x, *dy;
    const float *mean, *factor, *shift; // wide rows: (x - mean) * factor + shift
    const float *slope, *offset;        // wide rows, backward
    const float *known;                 // backward: NULL, or what is added
    float *out;
} ApplyCall;

// (x - mean) * factor + shift. The backward pass forms it again, in the same bits, to know what
// relu let through: cheaper than reading y.
static inline float normalised(const ApplyCall *call, float x, int64_t j)
{
    return multiply_add(x - call->mean[j], call->factor[j], call->shift[j]);
}

static inline __attribute__((always_inline)) void apply_row(const ApplyCall *call,
                                                            const NormRelu relu, int64_t columns,
                                                            const float *restrict x,
                                                            float *restrict y)
{
    for (int64_t j = 0; j < columns; j++) {
        float value = normalised(call, rectified(relu == NORM_RELU_BEFORE, x[j]), j);
        y[j] = rectified(relu == NORM_RELU_AFTER, value);
    }
}

static void apply_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const ApplyCall call = *(const ApplyCall *)context;
    for (int64_t row = begin; row < end; row++) {
        const float *x = call.x + row * call.wide;
        float *y = call.out + row * call.wide;
        const int64_t columns = smaller(call.wide, call.count - row * call.wide);
        if (call.relu == NORM_RELU_AFTER)
            apply_row(&call, NORM_RELU_AFTER, columns, x, y);
        else if (call.relu == NORM_RELU_BEFORE)
            apply_row(&call, NORM_RELU_BEFORE, columns, x, y);
        else
            apply_row(&call, NORM_RELU_NONE, columns, x, y);
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

// ---- Backward: with g = dy where a relu after let through, else 0, and z = (x - mean) / sd:
//   dshift = sum g,   dscale = sum g z,   dx = scale / sd (g - mean(g) - z mean(g z))
// where mean and sd came from x, else scale / sd g. With a relu before, x is max(x, 0), and dx is
// zero where that is. ----

// dy at element j, or 0 where relu let nothing through; *value becomes what was normalised.
static inline __attribute__((always_inline)) float
arriving(const ApplyCall *call, const NormRelu relu, float x, float dy, int64_t j, float *value)
{
    *value = rectified(relu == NORM_RELU_BEFORE, x);
    return relu == NORM_RELU_AFTER && !(normalised(call, x, j) > 0) ? 0 : dy;
}

typedef struct BackwardCall {
    Columns plan;
    ApplyCall apply;
    float *partial; // (blocks, 2, channels): sums of g and of g (x - mean)
} BackwardCall;

static inline __attribute__((always_inline)) void
sum_gradients(const ApplyCall *call, const NormRelu relu, const Panel *panel,
              const float *restrict x, const float *restrict dy, float *restrict sums,
              float *restrict products)
{
    memset(sums, 0, (size_t)panel->columns * sizeof(float));
    memset(products, 0, (size_t)panel->columns * sizeof(float));
    for (int64_t row = 0; row <= panel->wide_rows; row++, x += call->wide, dy += call->wide) {
        const int64_t present = row < panel->wide_rows ? panel->columns : panel->rest;
        for (int64_t j = 0; j < present; j++) {
            float value, g = arriving(call, relu, x[j], dy[j], j, &value);
            sums[j] += g;
            products[j] = multiply_add(g, value - call->mean[j], products[j]);
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
        if (call.relu == NORM_RELU_AFTER)
            sum_gradients(&call, NORM_RELU_AFTER, &panel, x, dy, sums, products);
        else if (call.relu == NORM_RELU_BEFORE)
            sum_gradients(&call, NORM_RELU_BEFORE, &panel, x, dy, sums, products);
        else
            sum_gradients(&call, NORM_RELU_NONE, &panel, x, dy, sums, products);
        add_phases(&panel, sums);
        add_phases(&panel, products);
        float *out = all->partial + panel.block * 2 * plan->width + panel.first;
        memcpy(out, sums, (size_t)panel.width * sizeof(float));
        memcpy(out + plan->width, products, (size_t)panel.width * sizeof(float));
    }
}

// gradient: dy, becomes dx; where `adds`, known is added to it. (Decided in the loop, vectors of
// `known` would be loaded with no lane wanted, which from NULL costs more than all the rest.)
static inline __attribute__((always_inline)) void
input_gradient(const ApplyCall *call, const NormRelu relu, const bool adds, int64_t columns,
               const float *restrict x, const float *restrict known, float *restrict gradient)
{
    for (int64_t j = 0; j < columns; j++) {
        float value, g = arriving(call, relu, x[j], gradient[j], j, &value);
        float through_statistics =
            multiply_add(call->slope[j], value - call->mean[j], call->offset[j]);
        float dx = multiply_add(call->factor[j], g, through_statistics);
        dx = relu == NORM_RELU_BEFORE && !(x[j] > 0) ? 0 : dx;
        gradient[j] = adds ? known[j] + dx : dx;
    }
}

static inline __attribute__((always_inline)) void
input_gradient_row(const ApplyCall *call, const NormRelu relu, int64_t columns, const float *x,
                   const float *known, float *gradient)
{
    if (known)
        input_gradient(call, relu, true, columns, x, known, gradient);
    else
        input_gradient(call, relu, false, columns, x, NULL, gradient);
}

static void input_gradient_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    const ApplyCall call = *(const ApplyCall *)context;
    float *sums = call.known ? scratch(thread, call.wide * (int64_t)sizeof(float)) : NULL;
    for (int64_t row = begin; row < end; row++) {
        const float *x = call.x + row * call.wide, *dy = call.dy + row * call.wide;
        float *dx = call.out + row * call.wide;
        const float *known = call.known ? call.known + row * call.wide : NULL;
        const int64_t columns = smaller(call.wide, call.count - row * call.wide);
        const size_t bytes = (size_t)columns * sizeof(float);
        if (known) memcpy(sums, known, bytes); // known may be dx
        if (dx != dy) memcpy(dx, dy, bytes);
        if (call.relu == NORM_RELU_AFTER)
            input_gradient_row(&call, NORM_RELU_AFTER, columns, x, known ? sums : NULL, dx);
        else if (call.relu == NORM_RELU_BEFORE)
            input_gradient_row(&call, NORM_RELU_BEFORE, columns, x, known ? sums : NULL, dx);
        else
            input_gradient_row(&call, NORM_RELU_NONE, columns, x, known ? sums : NULL, dx);
    }
}

static void batch_norm_backward(const BatchNormShape *s, const float *x, const float *dy,
                                const float *known, float *dx, float *dscale, float *dshift)
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
    if (!dx) return;
    repeat_phases(channels, wide, slope);
    repeat_phases(channels, wide, offset);
    call.slope = slope;
    call.offset = offset;
    call.known = known;
    call.out = dx;
    parallel_ranges((call.count + wide - 1) / wide, wide, input_gradient_rows, &call);
}

void KERNEL(enter_norm)(Kernels *table)
{
    table->batch_norm_statistics = batch_norm_statistics;
    table->inverse_deviation = inverse_deviation;
    table->batch_norm_apply = batch_norm_apply;
    table->batch_norm_backward = batch_norm_backward;
}
