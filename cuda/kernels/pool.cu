// Pooling of N,H,W,C images: a thread for each element of the result. Backward passes gather from
// the windows that contain the pixel, in the windows' order, so nothing is added atomically.
// Limited by memory, windows being small; adaptive pooling over whole images by few threads.
#include "cuda/kernel.h"

typedef struct Span {
    int32_t begin, end;
} Span;

DEVICE Span window_at(const PoolArguments *a, int32_t o, int32_t in)
{
    const int32_t begin = o * a->stride - a->padding, end = begin + a->kernel;
    Span span;
    span.begin = begin < 0 ? 0 : begin;
    span.end = end < in ? end : in;
    return span;
}

// The windows with pixel i.
DEVICE Span windows_with(const PoolArguments *a, int32_t i, int32_t out)
{
    const int32_t last = i + a->padding, first = last - a->kernel + 1, end = last / a->stride + 1;
    Span span;
    span.begin = first > 0 ? (first + a->stride - 1) / a->stride : 0;
    span.end = end < out ? end : out;
    return span;
}

// Adaptive: window o covers floor(o in / out) .. ceil((o + 1) in / out) - 1.
DEVICE Span adaptive_window_at(int32_t o, int32_t in, int32_t out)
{
    Span span;
    span.begin = o * in / out;
    span.end = ((o + 1) * in + out - 1) / out;
    return span;
}

DEVICE Span adaptive_windows_with(int32_t i, int32_t in, int32_t out)
{
    Span span;
    span.begin = i * out / in;
    span.end = ((i + 1) * out - 1) / in + 1;
    return span;
}

// Element i of images of this size.
typedef struct Element {
    int32_t image, y, x, channel;
} Element;

DEVICE Element element_of(int32_t i, int32_t height, int32_t width, int32_t channels)
{
    Element e;
    e.channel = i % channels;
    i /= channels;
    e.x = i % width;
    i /= width;
    e.y = i % height;
    e.image = i / height;
    return e;
}

// The first of the largest values in the window; a NaN is larger than all.
KERNEL(max_pool2d, PoolArguments)
{
    const int32_t i = (int32_t)thread_number();
    if (i >= a.count) return;
    const Element e = element_of(i, a.out_height, a.out_width, a.channels);
    const Span rows = window_at(&a, e.y, a.in_height), columns = window_at(&a, e.x, a.in_width);
    const float *x = a.x + (int64_t)e.image * a.in_height * a.in_width * a.channels + e.channel;
    int32_t place = rows.begin * a.in_width + columns.begin;
    float best = x[(int64_t)place * a.channels];
    for (int32_t iy = rows.begin; iy < rows.end; iy++)
        for (int32_t ix = columns.begin; ix < columns.end; ix++) {
            const int32_t position = iy * a.in_width + ix;
            const float value = x[(int64_t)position * a.channels];
            if (best < value || (value != value && best == best)) {
                best = value;
                place = position;
            }
        }
    a.out[i] = best;
    a.index[i] = place;
}

KERNEL(max_pool2d_backward, PoolArguments)
{
    const int32_t i = (int32_t)thread_number();
    if (i >= a.count) return;
    const Element e = element_of(i, a.in_height, a.in_width, a.channels);
    const Span rows = windows_with(&a, e.y, a.out_height);
    const Span columns = windows_with(&a, e.x, a.out_width);
    float sum = 0;
    for (int32_t oy = rows.begin; oy < rows.end; oy++)
        for (int32_t ox = columns.begin; ox < columns.end; ox++) {
            const int64_t o =
                (((int64_t)e.image * a.out_height + oy) * a.out_width + ox) * a.channels +
                e.channel;
            if (a.saved[o] == e.y * a.in_width + e.x) sum += a.dy[o];
        }
    a.out[i] = sum;
}

DEVICE float share_of(Span rows, Span columns)
{
    return 1 / (float)((rows.end - rows.begin) * (columns.end - columns.begin));
}

DEVICE void average(const PoolArguments *a, const bool adaptive)
{
    const int32_t i = (int32_t)thread_number();
    if (i >= a->count) return;
    const Element e = element_of(i, a->out_height, a->out_width, a->channels);
    const Span rows = adaptive ? adaptive_window_at(e.y, a->in_height, a->out_height)
                               : window_at(a, e.y, a->in_height);
    const Span columns = adaptive ? adaptive_window_at(e.x, a->in_width, a->out_width)
                                  : window_at(a, e.x, a->in_width);
    const float *x = a->x + (int64_t)e.image * a->in_height * a->in_width * a->channels + e.channel;
    float sum = 0;
    for (int32_t iy = rows.begin; iy < rows.end; iy++)
        for (int32_t ix = columns.begin; ix < columns.end; ix++)
            sum += x[(int64_t)(iy * a->in_width + ix) * a->channels];
    a->out[i] = sum * share_of(rows, columns);
}

DEVICE void average_backward(const PoolArguments *a, const bool adaptive)
{
    const int32_t i = (int32_t)thread_number();
    if (i >= a->count) return;
    const Element e = element_of(i, a->in_height, a->in_width, a->channels);
    const Span rows = adaptive ? adaptive_windows_with(e.y, a->in_height, a->out_height)
                               : windows_with(a, e.y, a->out_height);
    const Span columns = adaptive ? adaptive_windows_with(e.x, a->in_width, a->out_width)
                                  : windows_with(a, e.x, a->out_width);
    float sum = 0;
    for (int32_t oy = rows.begin; oy < rows.end; oy++)
        for (int32_t ox = columns.begin; ox < columns.end; ox++) {
            const int64_t o =
                (((int64_t)e.image * a->out_height + oy) * a->out_width + ox) * a->channels +
                e.channel;
            const float share =
                adaptive ? share_of(adaptive_window_at(oy, a->in_height, a->out_height),
                                    adaptive_window_at(ox, a->in_width, a->out_width))
                         : share_of(window_at(a, oy, a->in_height), window_at(a, ox, a->in_width));
            sum = fmaf(share, a->dy[o], sum);
        }
    a->out[i] = sum;
}

KERNEL(avg_pool2d, PoolArguments)
{
    average(&a, false);
}

KERNEL(avg_pool2d_backward, PoolArguments)
{
    average_backward(&a, false);
}

KERNEL(adaptive_avg_pool2d, PoolArguments)
{
    average(&a, true);
}

KERNEL(adaptive_avg_pool2d_backward, PoolArguments)
{
    average_backward(&a, true);
}
