// Resizing and sampling of N,H,W,C images: a thread for each element of the result. Forward passes
// are limited by memory. Backward passes gather: each input pixel looks for the outputs that read
// it, in the outputs' order, so nothing is added atomically; they are limited by that search.
#include "cuda/kernel.h"

typedef struct Taps {
    int32_t index[4];
    float weight[4];
} Taps;

// Keys' cubic with A = -0.75: the weight at distance x.
DEVICE double cubic(double x)
{
    const double k = -0.75;
    x = x < 0 ? -x : x;
    if (x <= 1) return ((k + 2) * x - (k + 3)) * x * x + 1;
    return x < 2 ? ((k * x - 5 * k) * x + 8 * k) * x - 4 * k : 0;
}

DEVICE int32_t inside(int32_t i, int32_t size)
{
    return i < 0 ? 0 : i >= size ? size - 1 : i;
}

// The input positions that output o mixes, and their weights: core/ops/resample.c's tables, by the
// same formulas.
DEVICE Taps taps_of(const ResampleArguments *a, int32_t o, int32_t in, int32_t out)
{
    Taps taps = {{0, 0, 0, 0}, {1, 0, 0, 0}};
    if (a->taps == 1) {
        taps.index[0] = (int32_t)((int64_t)o * in / out);
        return taps;
    }
    double position = ((double)o + 0.5) * (double)in / (double)out - 0.5;
    if (a->align_corners) position = out > 1 ? (double)o * (double)(in - 1) / (double)(out - 1) : 0;
    int32_t base = (int32_t)floor(position);
    double t = position - (double)base;
    if (a->taps == 2) {
        if (position < 0) base = 0, t = 0;
        taps.index[0] = inside(base, in);
        taps.index[1] = inside(base + 1, in);
        taps.weight[0] = (float)(1 - t);
        taps.weight[1] = (float)t;
        return taps;
    }
    UNROLL for (int k = 0; k < 4; k++)
    {
        taps.index[k] = inside(base - 1 + k, in);
        taps.weight[k] = (float)cubic(t + 1 - k);
    }
    return taps;
}

KERNEL(resample2d, ResampleArguments)
{
    int32_t i = (int32_t)thread_number();
    if (i >= a.count) return;
    const int32_t element = i, channel = i % a.channels;
    i /= a.channels;
    const Taps columns = taps_of(&a, i % a.out_width, a.in_width, a.out_width);
    i /= a.out_width;
    const Taps rows = taps_of(&a, i % a.out_height, a.in_height, a.out_height);
    const float *x = a.x + (int64_t)(i / a.out_height) * a.in_height * a.in_width * a.channels;
    float sum = 0;
    UNROLL for (int c = 0; c < 4; c++)
    {
        if (c >= a.taps) break;
        float mixed = 0; // rows first, as the CPU does
        UNROLL for (int r = 0; r < 4; r++)
        {
            if (r >= a.taps) break;
            const int64_t pixel = (int64_t)rows.index[r] * a.in_width + columns.index[c];
            mixed = fmaf(rows.weight[r], x[pixel * a.channels + channel], mixed);
        }
        sum = fmaf(columns.weight[c], mixed, sum);
    }
    a.y[element] = sum;
}

// The outputs o that may read input i: those whose position is within three of it, and at an edge
// all beyond it.
DEVICE void readers_of(const ResampleArguments *a, int32_t i, int32_t in, int32_t out,
                       int32_t *begin, int32_t *end)
{
    double scale = (double)out / (double)in, shift = 0.5;
    if (a->align_corners && a->taps > 1) {
        scale = in > 1 ? (double)(out - 1) / (double)(in - 1) : (double)out;
        shift = 0;
    }
    const double low = ((double)(i - 3) + shift) * scale - shift;
    const double high = ((double)(i + 3) + shift) * scale + 2;
    *begin = i <= 2 || low < 0 ? 0 : (int32_t)low;
    *end = i >= in - 3 || high > (double)out ? out : (int32_t)high;
}

// How much of input i is in the output with these taps.
DEVICE float share_of(const ResampleArguments *a, Taps taps, int32_t i)
{
    float share = 0;
    UNROLL for (int k = 0; k < 4; k++)
    {
        if (k < a->taps && taps.index[k] == i) share += taps.weight[k];
    }
    return share;
}

KERNEL(resample2d_backward, ResampleArguments)
{
    int32_t i = (int32_t)thread_number();
    if (i >= a.count) return;
    const int32_t element = i, channel = i % a.channels;
    i /= a.channels;
    const int32_t x = i % a.in_width, y = i / a.in_width % a.in_height;
    const int32_t image = i / a.in_width / a.in_height;
    const float *dy = a.x + (int64_t)image * a.out_height * a.out_width * a.channels + channel;
    int32_t first_row, last_row, first_column, last_column;
    readers_of(&a, y, a.in_height, a.out_height, &first_row, &last_row);
    readers_of(&a, x, a.in_width, a.out_width, &first_column, &last_column);
    float sum = 0;
    for (int32_t ox = first_column; ox < last_column; ox++) {
        const float column = share_of(&a, taps_of(&a, ox, a.in_width, a.out_width), x);
        if (column == 0) continue;
        float mixed = 0;
        for (int32_t oy = first_row; oy < last_row; oy++) {
            const float row = share_of(&a, taps_of(&a, oy, a.in_height, a.out_height), y);
            if (row != 0)
                mixed = fmaf(row, dy[((int64_t)oy * a.out_width + ox) * a.channels], mixed);
        }
        sum = fmaf(column, mixed, sum);
    }
    a.y[element] = sum;
}

// ---- Sampling at positions: bilinear, align_corners, zeros outside ----

typedef struct Neighbours {
    int32_t index; // of the first; the second is the next
    float weight[2];
    bool inside[2];
} Neighbours;

DEVICE Neighbours neighbours_of(float position, int32_t size)
{
    const float at = (position + 1) * 0.5f * (float)(size - 1);
    Neighbours n = {0, {0, 0}, {false, false}};
    if (!(at >= -1 && at < (float)size)) return n; // no neighbour inside, or not a number
    n.index = (int32_t)(at + 1) - 1;
    if ((float)n.index > at) n.index--; // at + 1 was rounded up
    n.weight[1] = at - (float)n.index;
    n.weight[0] = 1 - n.weight[1];
    n.inside[0] = n.index >= 0 && n.index < size;
    n.inside[1] = n.index + 1 >= 0 && n.index + 1 < size;
    return n;
}

// The weight of pixel i, 0 where it is not one of the two.
DEVICE float weight_at(const Neighbours *n, int32_t i)
{
    if (n->inside[0] && i == n->index) return n->weight[0];
    return n->inside[1] && i == n->index + 1 ? n->weight[1] : 0;
}

KERNEL(grid_sample, GridArguments)
{
    int32_t i = (int32_t)thread_number();
    if (i >= a.count) return;
    const int32_t element = i, channel = i % a.channels;
    i /= a.channels;
    const Neighbours columns = neighbours_of(a.grid[2 * (int64_t)i], a.in_width);
    const Neighbours rows = neighbours_of(a.grid[2 * (int64_t)i + 1], a.in_height);
    const int64_t image = i / (a.out_height * a.out_width);
    float sum = 0;
    UNROLL for (int k = 0; k < 4; k++)
    {
        const int r = k / 2, c = k % 2;
        const int64_t pixel =
            (image * a.in_height + rows.index + r) * a.in_width + columns.index + c;
        if (rows.inside[r] && columns.inside[c])
            sum = fmaf(rows.weight[r] * columns.weight[c], a.x[pixel * a.channels + channel], sum);
    }
    a.out[element] = sum;
}

// A thread for each element of dx: it goes through all positions of its image. As long as images
// are small (32x32: a thousand positions) that costs less than ordering what arrives.
KERNEL(grid_sample_x_gradient, GridArguments)
{
    int32_t i = (int32_t)thread_number();
    if (i >= a.count) return;
    const int32_t element = i, channel = i % a.channels, positions = a.out_height * a.out_width;
    i /= a.channels;
    const int32_t x = i % a.in_width, y = i / a.in_width % a.in_height;
    const int64_t first = (int64_t)(i / a.in_width / a.in_height) * positions;
    float sum = 0;
    for (int64_t p = first; p < first + positions; p++) {
        const Neighbours rows = neighbours_of(a.grid[2 * p + 1], a.in_height);
        const float row = weight_at(&rows, y);
        if (row == 0) continue;
        const Neighbours columns = neighbours_of(a.grid[2 * p], a.in_width);
        const float weight = row * weight_at(&columns, x);
        if (weight != 0) sum = fmaf(weight, a.dy[p * a.channels + channel], sum);
    }
    a.out[element] = sum;
}

// A thread for each position: its gradient through the four neighbours' values.
KERNEL(grid_sample_grid_gradient, GridArguments)
{
    const int32_t p = (int32_t)thread_number();
    if (p >= a.count) return;
    const Neighbours columns = neighbours_of(a.grid[2 * (int64_t)p], a.in_width);
    const Neighbours rows = neighbours_of(a.grid[2 * (int64_t)p + 1], a.in_height);
    const int64_t image = p / (a.out_height * a.out_width);
    const float *dy = a.dy + (int64_t)p * a.channels;
    float column_slope = 0, row_slope = 0;
    UNROLL for (int k = 0; k < 4; k++)
    {
        const int r = k / 2, c = k % 2;
        const int64_t pixel =
            (image * a.in_height + rows.index + r) * a.in_width + columns.index + c;
        if (!rows.inside[r] || !columns.inside[c]) continue;
        float product = 0;
        for (int32_t i = 0; i < a.channels; i++)
            product = fmaf(a.x[pixel * a.channels + i], dy[i], product);
        column_slope = fmaf(c ? rows.weight[r] : -rows.weight[r], product, column_slope);
        row_slope = fmaf(r ? columns.weight[c] : -columns.weight[c], product, row_slope);
    }
    a.out[2 * (int64_t)p] = column_slope * (0.5f * (float)(a.in_width - 1));
    a.out[2 * (int64_t)p + 1] = row_slope * (0.5f * (float)(a.in_height - 1));
}
