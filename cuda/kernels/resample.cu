// Resizing and sampling of N,H,W,C images. Backward passes gather: each input pixel takes from the
// outputs that read it, in the outputs' order, so nothing is added atomically.
//
// Resizing is limited by memory. It is separable, and so is its gradient: in both a pixel of the
// result mixes some rows and columns of the source, which the host lists (cuda/resample.c).
#include "cuda/kernel.h"

DEVICE void add_lanes(const int lanes, float weight, const float *x, float *sum)
{
    UNROLL for (int k = 0; k < lanes; k++) sum[k] = fmaf(weight, x[k], sum[k]);
}

// Block (row of the results, part of it). Rows are mixed first, as the CPU does; two at a time, to
// have more loads under way.
DEVICE void resample(const ResampleArguments *a, const int lanes)
{
    const int32_t i = (int32_t)(blockIdx.y * blockDim.x + threadIdx.x) * lanes;
    if (i >= a->width * a->channels) return;
    const uint32_t image = blockIdx.x / (uint32_t)a->height, y = blockIdx.x % (uint32_t)a->height;
    const uint32_t x = (uint32_t)i / (uint32_t)a->channels;
    const int32_t pitch = a->source_width * a->channels;
    const float *source =
        a->x + (int64_t)image * a->source_height * pitch + (i - (int32_t)x * a->channels);
    const int32_t begin = a->rows.start[y], end = a->rows.start[y + 1];
    float sum[4] = {0, 0, 0, 0}, one[4], other[4];
    const int32_t last = a->columns.start[x + 1];
    NO_UNROLL for (int32_t c = a->columns.start[x]; c < last; c++)
    {
        const int32_t column = a->columns.index[c] * a->channels;
        float mixed[4] = {0, 0, 0, 0};
        NO_UNROLL for (int32_t r = begin; r < end; r += 2)
        {
            const bool two = r + 1 < end;
            load_lanes(lanes, source + (column + a->rows.index[r] * pitch), one);
            if (two) load_lanes(lanes, source + (column + a->rows.index[r + 1] * pitch), other);
            add_lanes(lanes, a->rows.weight[r], one, mixed);
            if (two) add_lanes(lanes, a->rows.weight[r + 1], other, mixed);
        }
        add_lanes(lanes, a->columns.weight[c], mixed, sum);
    }
    store_lanes(lanes, a->y + (int64_t)blockIdx.x * a->width * a->channels + i, sum);
}

KERNEL(resample2d, ResampleArguments)
{
    if (a.wide)
        resample(&a, 4);
    else
        resample(&a, 1);
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
