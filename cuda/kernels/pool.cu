// Pooling of N,H,W,C images: a block for a row of the result, a thread for one channel of a pixel
// or for four: 1 or 4 lanes. Backward passes gather from the windows that contain the pixel, in the
// windows' order, so nothing is added atomically. Limited by memory, windows being small; adaptive
// pooling over whole images by few threads.
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

// i / stride, i >= 0. A stride of 2 is the usual one, and divisions by what the compiler does not
// know would cost more than all the rest.
DEVICE int32_t by_stride(const PoolArguments *a, int32_t i)
{
    return (int32_t)(a->stride == 2 ? (uint32_t)i / 2 : (uint32_t)i / (uint32_t)a->stride);
}

// The windows with pixel i.
DEVICE Span windows_with(const PoolArguments *a, int32_t i, int32_t out)
{
    const int32_t last = i + a->padding, first = last - a->kernel + 1;
    const int32_t end = by_stride(a, last) + 1;
    Span span;
    span.begin = first > 0 ? by_stride(a, first + a->stride - 1) : 0;
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

// This thread's pixel and first channel, in images of this size; inside: there is one.
typedef struct Element {
    bool inside;
    int32_t image, y, x, channel;
    int64_t at; // in the whole array
} Element;

DEVICE Element own_element(const PoolArguments *a, const int lanes, int32_t height, int32_t width)
{
    Element e;
    const uint32_t channels = (uint32_t)a->channels, row = blockIdx.x;
    const uint32_t i = (blockIdx.y * blockDim.x + threadIdx.x) * (uint32_t)lanes;
    e.inside = i < (uint32_t)width * channels;
    e.x = (int32_t)(i / channels);
    e.channel = (int32_t)(i % channels);
    e.y = (int32_t)(row % (uint32_t)height);
    e.image = (int32_t)(row / (uint32_t)height);
    e.at = (int64_t)row * width * a->channels + i;
    return e;
}

// Places of pixels in the image, as floats' bits where four go at once.
DEVICE void load_places(const int lanes, const int32_t *p, int32_t *v)
{
    float bits[4];
    load_lanes(lanes, (const float *)(const void *)p, bits);
    UNROLL for (int k = 0; k < lanes; k++) v[k] = bits_of(bits[k]);
}

DEVICE void store_places(const int lanes, int32_t *p, const int32_t *v)
{
    float bits[4];
    UNROLL for (int k = 0; k < lanes; k++) bits[k] = from_bits(v[k]);
    store_lanes(lanes, (float *)(void *)p, bits);
}

// The first of the largest values in the window; a NaN is larger than all.
DEVICE void largest(const PoolArguments *a, const int lanes)
{
    const Element e = own_element(a, lanes, a->out_height, a->out_width);
    if (!e.inside) return;
    const Span rows = window_at(a, e.y, a->in_height), columns = window_at(a, e.x, a->in_width);
    const float *x = a->x + (int64_t)e.image * a->in_height * a->in_width * a->channels + e.channel;
    const int32_t first = rows.begin * a->in_width + columns.begin;
    int32_t place[4] = {first, first, first, first};
    float best[4], value[4];
    load_lanes(lanes, x + (int64_t)first * a->channels, best);
    NO_UNROLL for (int32_t iy = rows.begin; iy < rows.end; iy++)
        NO_UNROLL for (int32_t ix = columns.begin; ix < columns.end; ix++) {
            const int32_t position = iy * a->in_width + ix;
            load_lanes(lanes, x + (int64_t)position * a->channels, value);
            UNROLL for (int k = 0; k < lanes; k++)
            {
                const bool nan = value[k] != value[k] && best[k] == best[k];
                if (!(best[k] < value[k] || nan)) continue;
                best[k] = value[k];
                place[k] = position;
            }
        }
    store_lanes(lanes, a->out + e.at, best);
    store_places(lanes, a->index + e.at, place);
}

KERNEL(max_pool2d, PoolArguments)
{
    if (a.wide)
        largest(&a, 4);
    else
        largest(&a, 1);
}

// The element of an output array that belongs to window (oy, ox) and the channel of e.
DEVICE int64_t output_at(const PoolArguments *a, Element e, int32_t oy, int32_t ox)
{
    const int64_t row = (int64_t)e.image * a->out_height + oy;
    return (row * a->out_width + ox) * a->channels + e.channel;
}

DEVICE void largest_backward(const PoolArguments *a, const int lanes)
{
    const Element e = own_element(a, lanes, a->in_height, a->in_width);
    if (!e.inside) return;
    const Span rows = windows_with(a, e.y, a->out_height);
    const Span columns = windows_with(a, e.x, a->out_width);
    int32_t place[4];
    float sum[4] = {0, 0, 0, 0}, dy[4];
    NO_UNROLL for (int32_t oy = rows.begin; oy < rows.end; oy++)
        NO_UNROLL for (int32_t ox = columns.begin; ox < columns.end; ox++) {
            const int64_t o = output_at(a, e, oy, ox);
            load_places(lanes, a->saved + o, place);
            load_lanes(lanes, a->dy + o, dy);
            UNROLL for (int k = 0; k < lanes; k++)
            {
                if (place[k] == e.y * a->in_width + e.x) sum[k] += dy[k];
            }
        }
    store_lanes(lanes, a->out + e.at, sum);
}

KERNEL(max_pool2d_backward, PoolArguments)
{
    if (a.wide)
        largest_backward(&a, 4);
    else
        largest_backward(&a, 1);
}

DEVICE float share_of(Span rows, Span columns)
{
    return 1 / (float)((rows.end - rows.begin) * (columns.end - columns.begin));
}

DEVICE void average_lanes(const PoolArguments *a, const bool adaptive, const int lanes)
{
    const Element e = own_element(a, lanes, a->out_height, a->out_width);
    if (!e.inside) return;
    const Span rows = adaptive ? adaptive_window_at(e.y, a->in_height, a->out_height)
                               : window_at(a, e.y, a->in_height);
    const Span columns = adaptive ? adaptive_window_at(e.x, a->in_width, a->out_width)
                                  : window_at(a, e.x, a->in_width);
    const float *x = a->x + (int64_t)e.image * a->in_height * a->in_width * a->channels + e.channel;
    float sum[4] = {0, 0, 0, 0}, value[4];
    NO_UNROLL for (int32_t iy = rows.begin; iy < rows.end; iy++)
        NO_UNROLL for (int32_t ix = columns.begin; ix < columns.end; ix++) {
            load_lanes(lanes, x + (int64_t)(iy * a->in_width + ix) * a->channels, value);
            UNROLL for (int k = 0; k < lanes; k++) sum[k] += value[k];
        }
    UNROLL for (int k = 0; k < lanes; k++) sum[k] *= share_of(rows, columns);
    store_lanes(lanes, a->out + e.at, sum);
}

DEVICE void average(const PoolArguments *a, const bool adaptive)
{
    if (a->wide)
        average_lanes(a, adaptive, 4);
    else
        average_lanes(a, adaptive, 1);
}

DEVICE void average_backward_lanes(const PoolArguments *a, const bool adaptive, const int lanes)
{
    const Element e = own_element(a, lanes, a->in_height, a->in_width);
    if (!e.inside) return;
    const Span rows = adaptive ? adaptive_windows_with(e.y, a->in_height, a->out_height)
                               : windows_with(a, e.y, a->out_height);
    const Span columns = adaptive ? adaptive_windows_with(e.x, a->in_width, a->out_width)
                                  : windows_with(a, e.x, a->out_width);
    float sum[4] = {0, 0, 0, 0}, dy[4];
    NO_UNROLL for (int32_t oy = rows.begin; oy < rows.end; oy++)
        NO_UNROLL for (int32_t ox = columns.begin; ox < columns.end; ox++) {
            const float share =
                adaptive ? share_of(adaptive_window_at(oy, a->in_height, a->out_height),
                                    adaptive_window_at(ox, a->in_width, a->out_width))
                         : share_of(window_at(a, oy, a->in_height), window_at(a, ox, a->in_width));
            load_lanes(lanes, a->dy + output_at(a, e, oy, ox), dy);
            UNROLL for (int k = 0; k < lanes; k++) sum[k] = fmaf(share, dy[k], sum[k]);
        }
    store_lanes(lanes, a->out + e.at, sum);
}

DEVICE void average_backward(const PoolArguments *a, const bool adaptive)
{
    if (a->wide)
        average_backward_lanes(a, adaptive, 4);
    else
        average_backward_lanes(a, adaptive, 1);
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
