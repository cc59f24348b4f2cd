// Pooling of N,H,W,C images; the channels of a pixel lie side by side and make the vectors. Forward
// passes take one output row at a time. Backward passes take one input row at a time and gather
// from the windows that contain each pixel, in the windows' order: no two tasks write the same
// place, and nothing needs to be zeroed first.
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/ranges.h"
#include "core/cpu/vmath.h"

typedef struct Span {
    int64_t begin, end;
} Span;

// The inputs of one window, or the windows of one input, along one axis.
typedef Span SpanOf(const PoolShape *shape, int64_t i, int64_t in, int64_t out);

static Span window_at(const PoolShape *shape, int64_t o, int64_t in, int64_t out)
{
    (void)out;
    int64_t begin = o * shape->stride - shape->padding;
    return (Span){larger(0, begin), smaller(in, begin + shape->kernel)};
}

static Span windows_with(const PoolShape *shape, int64_t i, int64_t in, int64_t out)
{
    (void)in;
    int64_t last = i + shape->padding, first = last - shape->kernel + 1;
    return (Span){first > 0 ? (first + shape->stride - 1) / shape->stride : 0,
                  smaller(out, last / shape->stride + 1)};
}

// Adaptive: window o covers floor(o in / out) .. ceil((o + 1) in / out) - 1.
static Span adaptive_window_at(const PoolShape *shape, int64_t o, int64_t in, int64_t out)
{
    (void)shape;
    return (Span){o * in / out, ((o + 1) * in + out - 1) / out};
}

static Span adaptive_windows_with(const PoolShape *shape, int64_t i, int64_t in, int64_t out)
{
    (void)shape;
    return (Span){i * out / in, ((i + 1) * out - 1) / in + 1};
}

// The windows with each column, in the thread's scratch memory: they cost divisions, and every row
// needs them again.
static const Span *columns_of(SpanOf *windows, const PoolShape *shape, int thread)
{
    Span *columns = scratch(thread, shape->in_width * (int64_t)sizeof(Span));
    for (int64_t i = 0; i < shape->in_width; i++)
        columns[i] = windows(shape, i, shape->in_width, shape->out_width);
    return columns;
}

typedef struct PoolCall {
    const PoolShape *shape;
    SpanOf *window, *windows;
    const float *x; // forward: x, backward: dy
    float *y;       // forward: y, backward: dx
    int32_t *index;
    const int32_t *saved_index;
} PoolCall;

// ---- Maximum
// -------------------------------------------------------------------------------------

// LANES channels of one output: the first of the largest values in the window (a NaN is larger than
// all), and where it is.
static void max_of_window(const PoolShape *shape, Span rows, Span columns, const float *x, float *y,
                          int32_t *index)
{
    Vector best = load(x + (rows.begin * shape->in_width + columns.begin) * shape->channels);
    VectorInt place = splat_int((int32_t)(rows.begin * shape->in_width + columns.begin));
    for (int64_t iy = rows.begin; iy < rows.end; iy++)
        for (int64_t ix = columns.begin; ix < columns.end; ix++) {
            int64_t position = iy * shape->in_width + ix;
            Vector value = load(x + position * shape->channels);
            VectorInt better = less(best, value) | (~equal(value, value) & equal(best, best));
            best = select_vector(better, value, best);
            place = (splat_int((int32_t)position) & better) | (place & ~better);
        }
    store(y, best);
    memcpy(index, &place, sizeof place);
}

static void max_of_window_channel(const PoolShape *shape, Span rows, Span columns, const float *x,
                                  float *y, int32_t *index)
{
    int64_t place = rows.begin * shape->in_width + columns.begin;
    float best = x[place * shape->channels];
    for (int64_t iy = rows.begin; iy < rows.end; iy++)
        for (int64_t ix = columns.begin; ix < columns.end; ix++) {
            int64_t position = iy * shape->in_width + ix;
            float value = x[position * shape->channels];
            if (best < value || (value != value && best == best)) {
                best = value;
                place = position;
            }
        }
    *y = best;
    *index = (int32_t)place;
}

static void max_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const PoolCall *call = context;
    const PoolShape *shape = call->shape;
    const int64_t channels = shape->channels;
    for (int64_t row = begin; row < end; row++) {
        const float *x =
            call->x + row / shape->out_height * shape->in_height * shape->in_width * channels;
        Span rows = window_at(shape, row % shape->out_height, shape->in_height, shape->out_height);
        for (int64_t ox = 0; ox < shape->out_width; ox++) {
            Span columns = window_at(shape, ox, shape->in_width, shape->out_width);
            float *y = call->y + (row * shape->out_width + ox) * channels;
            int32_t *index = call->index + (row * shape->out_width + ox) * channels;
            int64_t c = 0;
            for (; c + LANES <= channels; c += LANES)
                max_of_window(shape, rows, columns, x + c, y + c, index + c);
            for (; c < channels; c++)
                max_of_window_channel(shape, rows, columns, x + c, y + c, index + c);
        }
    }
}

static void max_pool2d(const PoolShape *shape, const float *x, float *y, int32_t *index)
{
    PoolCall call = {.shape = shape, .x = x, .y = y, .index = index};
    int64_t cost = shape->out_width * shape->channels * shape->kernel * shape->kernel;
    parallel_ranges(shape->batch * shape->out_height, cost, max_rows, &call);
}

// One input pixel of image `image`: the gradients of those windows around it whose maximum it is.
static void max_gradient(const PoolCall *call, int64_t image, int64_t position, Span rows,
                         Span columns, float *restrict dx)
{
    const PoolShape *shape = call->shape;
    const int64_t channels = shape->channels;
    bool first = true;
    for (int64_t oy = rows.begin; oy < rows.end; oy++)
        for (int64_t ox = columns.begin; ox < columns.end; ox++, first = false) {
            int64_t from = ((image * shape->out_height + oy) * shape->out_width + ox) * channels;
            const float *restrict dy = call->x + from;
            const int32_t *restrict index = call->saved_index + from;
            if (first)
                for (int64_t c = 0; c < channels; c++) dx[c] = index[c] == position ? dy[c] : 0;
            else
                for (int64_t c = 0; c < channels; c++) dx[c] += index[c] == position ? dy[c] : 0;
        }
    if (first) memset(dx, 0, (size_t)channels * sizeof(float));
}

static void max_backward_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    const PoolCall *call = context;
    const PoolShape *shape = call->shape;
    const int64_t width = shape->in_width;
    const Span *columns = columns_of(windows_with, shape, thread);
    for (int64_t row = begin; row < end; row++) {
        int64_t iy = row % shape->in_height;
        Span rows = windows_with(shape, iy, shape->in_height, shape->out_height);
        for (int64_t ix = 0; ix < width; ix++)
            max_gradient(call, row / shape->in_height, iy * width + ix, rows, columns[ix],
                         call->y + (row * width + ix) * shape->channels);
    }
}

static void max_pool2d_backward(const PoolShape *shape, const int32_t *index, const float *dy,
                                float *dx)
{
    PoolCall call = {.shape = shape, .x = dy, .y = dx, .saved_index = index};
    parallel_ranges(shape->batch * shape->in_height, shape->in_width * shape->channels,
                    max_backward_rows, &call);
}

// ---- Average
// -------------------------------------------------------------------------------------

static float share_of(Span rows, Span columns)
{
    return 1 / (float)((rows.end - rows.begin) * (columns.end - columns.begin));
}

static void average_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const PoolCall *call = context;
    const PoolShape *shape = call->shape;
    const int64_t channels = shape->channels, width = shape->in_width;
    for (int64_t row = begin; row < end; row++) {
        const float *image =
            call->x + row / shape->out_height * shape->in_height * width * channels;
        int64_t oy = row % shape->out_height;
        Span rows = call->window(shape, oy, shape->in_height, shape->out_height);
        for (int64_t ox = 0; ox < shape->out_width; ox++) {
            Span columns = call->window(shape, ox, width, shape->out_width);
            float *restrict y = call->y + (row * shape->out_width + ox) * channels;
            memset(y, 0, (size_t)channels * sizeof(float));
            for (int64_t iy = rows.begin; iy < rows.end; iy++)
                for (int64_t ix = columns.begin; ix < columns.end; ix++) {
                    const float *restrict x = image + (iy * width + ix) * channels;
                    for (int64_t c = 0; c < channels; c++) y[c] += x[c];
                }
            const float share = share_of(rows, columns);
            for (int64_t c = 0; c < channels; c++) y[c] *= share;
        }
    }
}

// One input pixel: its share of the gradients of the windows around it.
static void average_gradient(const PoolCall *call, int64_t image, Span rows, Span columns,
                             float *restrict dx)
{
    const PoolShape *shape = call->shape;
    const int64_t channels = shape->channels;
    memset(dx, 0, (size_t)channels * sizeof(float));
    for (int64_t oy = rows.begin; oy < rows.end; oy++)
        for (int64_t ox = columns.begin; ox < columns.end; ox++) {
            const int64_t from = (image * shape->out_height + oy) * shape->out_width + ox;
            const float *restrict dy = call->x + from * channels;
            const float share =
                share_of(call->window(shape, oy, shape->in_height, shape->out_height),
                         call->window(shape, ox, shape->in_width, shape->out_width));
            for (int64_t c = 0; c < channels; c++) dx[c] = multiply_add(share, dy[c], dx[c]);
        }
}

static void average_backward_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    const PoolCall *call = context;
    const PoolShape *shape = call->shape;
    const int64_t width = shape->in_width;
    const Span *columns = columns_of(call->windows, shape, thread);
    for (int64_t row = begin; row < end; row++) {
        int64_t iy = row % shape->in_height;
        Span rows = call->windows(shape, iy, shape->in_height, shape->out_height);
        for (int64_t ix = 0; ix < width; ix++)
            average_gradient(call, row / shape->in_height, rows, columns[ix],
                             call->y + (row * width + ix) * shape->channels);
    }
}

static void average(const PoolShape *shape, SpanOf *window, const float *x, float *y)
{
    PoolCall call = {.shape = shape, .window = window, .x = x, .y = y};
    int64_t cost = shape->in_height * shape->in_width / shape->out_height * shape->channels;
    parallel_ranges(shape->batch * shape->out_height, cost, average_rows, &call);
}

static void average_backward(const PoolShape *shape, SpanOf *window, SpanOf *windows,
                             const float *dy, float *dx)
{
    PoolCall call = {.shape = shape, .window = window, .windows = windows, .x = dy, .y = dx};
    parallel_ranges(shape->batch * shape->in_height, shape->in_width * shape->channels,
                    average_backward_rows, &call);
}

static void avg_pool2d(const PoolShape *shape, const float *x, float *y)
{
    average(shape, window_at, x, y);
}

static void avg_pool2d_backward(const PoolShape *shape, const float *dy, float *dx)
{
    average_backward(shape, window_at, windows_with, dy, dx);
}

static void adaptive_avg_pool2d(const PoolShape *shape, const float *x, float *y)
{
    average(shape, adaptive_window_at, x, y);
}

static void adaptive_avg_pool2d_backward(const PoolShape *shape, const float *dy, float *dx)
{
    average_backward(shape, adaptive_window_at, adaptive_windows_with, dy, dx);
}

void KERNEL(enter_pool)(Kernels *table)
{
    table->max_pool2d = max_pool2d;
    table->max_pool2d_backward = max_pool2d_backward;
    table->avg_pool2d = avg_pool2d;
    table->avg_pool2d_backward = avg_pool2d_backward;
    table->adaptive_avg_pool2d = adaptive_avg_pool2d;
    table->adaptive_avg_pool2d_backward = adaptive_avg_pool2d_backward;
}
