// Batch normalisation of x (rows, channels). Limited by memory: statistics read x once, apply reads
// and writes it once, backward reads x and dy twice. Sums go down the columns in double, in pieces
// of rows that a second kernel adds by a fixed tree.
#include "cuda/kernel.h"

// Block (tile of 32 channels, piece); its threads stand in 32 / lanes columns and lanes x 8 rows.
typedef struct Place {
    int32_t channel;
    int32_t left;  // rows of the piece from this thread's first on, of which it takes every
                   // (lanes x 8)-th
    int64_t first; // element
} Place;

DEVICE Place place_of(const NormArguments *a, const int lanes)
{
    Place place;
    const uint32_t columns = (uint32_t)(COLUMN_THREADS / lanes), row = threadIdx.x / columns;
    const uint32_t channel = threadIdx.x % columns * (uint32_t)lanes;
    const int64_t begin = (int64_t)blockIdx.y * a->height, rows = a->rows - begin;
    place.channel = (int32_t)(blockIdx.x * COLUMN_THREADS + channel);
    place.left = (int32_t)(rows < a->height ? rows : a->height) - (int32_t)row;
    place.first = (begin + row) * a->channels + place.channel;
    if (place.channel >= a->channels) place.left = 0;
    return place;
}

// Adds two sums of each channel over the block's rows and writes them as this piece's: over the
// threads of a warp by a tree, then over the warps in order.
DEVICE void write_piece(const NormArguments *a, const int lanes, double *first, double *second)
{
    SHARED_MEMORY(double, sums);
    const int columns = COLUMN_THREADS / lanes;
    const uint32_t warp = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    UNROLL for (int k = 0; k < lanes; k++)
    {
        UNROLL for (int distance = columns; distance < WARP; distance *= 2)
        {
            first[k] += __shfl_xor_sync(0xffffffffu, first[k], distance);
            second[k] += __shfl_xor_sync(0xffffffffu, second[k], distance);
        }
        if (lane >= (uint32_t)columns) continue;
        const uint32_t at = warp * COLUMN_THREADS + lane * (uint32_t)lanes + (uint32_t)k;
        sums[at] = first[k];
        sums[MOST_THREADS + at] = second[k];
    }
    __syncthreads();
    const int32_t channel = (int32_t)(blockIdx.x * COLUMN_THREADS + lane);
    if (warp >= 2 || channel >= a->channels) return;
    double sum = 0;
    UNROLL for (uint32_t i = 0; i < ROW_THREADS; i++) sum +=
        sums[warp * MOST_THREADS + i * COLUMN_THREADS + lane];
    a->partial[((int64_t)warp * a->channels + channel) * a->pieces + blockIdx.y] = sum;
}

// The sum over all pieces of this channel, by a warp; second: 0 or 1.
DEVICE double sum_pieces(const NormArguments *a, int32_t channel, int second)
{
    const double *partial = a->partial + ((int64_t)second * a->channels + channel) * a->pieces;
    double sum = 0;
    for (int32_t i = (int32_t)threadIdx.x % WARP; i < a->pieces; i += WARP) sum += partial[i];
    return warp_sum(sum);
}

DEVICE float rectified(bool relu, float x)
{
    return relu && !(x > 0) ? (x != x ? x : 0) : x;
}

// Sums of x - s and (x - s)^2, s the channel's first value: no cancellation where all are alike.
// Loads of four rows are under way at once.
DEVICE void statistics(const NormArguments *a, const int lanes)
{
    enum { TOGETHER = 4 };
    const Place place = place_of(a, lanes);
    const int32_t step = ROW_THREADS * lanes;
    const float *next = a->x + place.first;
    float shift[4] = {0, 0, 0, 0}, x[TOGETHER][4];
    double sum[4] = {0, 0, 0, 0}, squares[4] = {0, 0, 0, 0};
    if (place.left > 0) load_lanes(lanes, a->x + place.channel, shift);
    for (int32_t left = place.left; left > 0; left -= TOGETHER * step) {
        UNROLL for (int r = 0; r < TOGETHER; r++, next += (int64_t)step * a->channels)
        {
            if (r * step < left) load_lanes(lanes, next, x[r]);
        }
        UNROLL for (int r = 0; r < TOGETHER; r++) UNROLL for (int k = 0; k < lanes; k++)
        {
            if (r * step >= left) break;
            const double distance = (double)rectified(a->relu_before, x[r][k]) -
                                    (double)rectified(a->relu_before, shift[k]);
            sum[k] += distance;
            squares[k] += distance * distance;
        }
    }
    write_piece(a, lanes, sum, squares);
}

KERNEL_WITH(norm_statistics, NormArguments, MOST_THREADS, 4)
{
    if (a.wide)
        statistics(&a, 4);
    else
        statistics(&a, 1);
}

DEVICE float inverse_of(float variance, float epsilon)
{
    return 1 / sqrtf(variance + epsilon);
}

// running = (1 - momentum) running + momentum batch
DEVICE void move_running(const NormArguments *a, float factor, float batch, float *running)
{
    *running = fmaf(a->momentum * factor, batch, (1 - a->momentum) * *running);
}

// A warp for each channel.
KERNEL(norm_finish_statistics, NormArguments)
{
    const int32_t channel = (int32_t)(thread_number() / WARP);
    if (channel >= a.channels) return;
    const double shift = (double)rectified(a.relu_before, a.x[channel]), rows = (double)a.rows;
    const double mean = sum_pieces(&a, channel, 0) / rows;
    const double variance = sum_pieces(&a, channel, 1) / rows - mean * mean;
    if (threadIdx.x % WARP > 0) return;
    const float batch_mean = (float)(shift + mean);
    const float batch_variance = (float)(variance < 0 ? 0 : variance);
    a.mean_out[channel] = batch_mean;
    a.inverse_out[channel] = inverse_of(batch_variance, a.epsilon);
    move_running(&a, 1, batch_mean, &a.running_mean[channel]);
    move_running(&a, a.unbiased, batch_variance, &a.running_variance[channel]);
}

KERNEL(inverse_deviation, NormArguments)
{
    const int64_t channel = thread_number();
    if (channel >= a.channels) return;
    a.inverse_out[channel] = inverse_of(a.variance[channel], a.epsilon);
}

// A channel's normalisation.
typedef struct Affine {
    float mean, factor, shift;
} Affine;

DEVICE Affine affine_of(const NormArguments *a, int32_t channel)
{
    const Affine affine = {a->mean[channel], a->inverse_deviation[channel] * a->scale[channel],
                           a->shift[channel]};
    return affine;
}

// (x - mean) / deviation * scale + shift, in the CPU kernels' operations.
DEVICE float normalised(Affine c, float x)
{
    return fmaf(x - c.mean, c.factor, c.shift);
}

DEVICE float applied(const NormArguments *a, int32_t channel, float x)
{
    const float y = normalised(affine_of(a, channel), rectified(a->relu_before, x));
    return rectified(a->relu_after, y);
}

// Four elements a thread: four channels of one row where `wide`.
KERNEL(norm_apply, NormArguments)
{
    const int64_t first = 4 * thread_number(), size = a.rows * a.channels;
    if (first >= size) return;
    const int32_t channel = (int32_t)((uint32_t)first % (uint32_t)a.channels);
    if (!a.wide) {
        for (int64_t i = first; i < first + 4 && i < size; i++)
            a.out[i] = applied(&a, (int32_t)(i % a.channels), a.x[i]);
        return;
    }
    float4 v = load4(a.x + first);
    v.x = applied(&a, channel, v.x);
    v.y = applied(&a, channel + 1, v.y);
    v.z = applied(&a, channel + 2, v.z);
    v.w = applied(&a, channel + 3, v.w);
    store4(a.out + first, v);
}

// dy, or 0 where a relu after let nothing through; *value becomes what was normalised.
DEVICE float arriving(const NormArguments *a, Affine c, float x, float dy, float *value)
{
    *value = rectified(a->relu_before, x);
    return a->relu_after && !(normalised(c, x) > 0) ? 0 : dy;
}

// Sums of g and g (x - mean). Loads of two rows are under way at once.
DEVICE void gradient_sums(const NormArguments *a, const int lanes)
{
    enum { TOGETHER = 2 };
    const Place place = place_of(a, lanes);
    const int32_t step = ROW_THREADS * lanes;
    int64_t next = place.first;
    Affine affine[4];
    float x[TOGETHER][4], dy[TOGETHER][4];
    double sum[4] = {0, 0, 0, 0}, products[4] = {0, 0, 0, 0};
    UNROLL for (int k = 0; k < lanes; k++)
    {
        if (place.left > 0) affine[k] = affine_of(a, place.channel + k);
    }
    for (int32_t left = place.left; left > 0; left -= TOGETHER * step) {
        UNROLL for (int r = 0; r < TOGETHER; r++, next += (int64_t)step * a->channels)
        {
            if (r * step >= left) break;
            load_lanes(lanes, a->x + next, x[r]);
            load_lanes(lanes, a->dy + next, dy[r]);
        }
        UNROLL for (int r = 0; r < TOGETHER; r++) UNROLL for (int k = 0; k < lanes; k++)
        {
            if (r * step >= left) break;
            float value;
            const float g = arriving(a, affine[k], x[r][k], dy[r][k], &value);
            sum[k] += (double)g;
            products[k] += (double)g * (double)(value - affine[k].mean);
        }
    }
    write_piece(a, lanes, sum, products);
}

KERNEL_WITH(norm_gradient_sums, NormArguments, MOST_THREADS, 4)
{
    if (a.wide)
        gradient_sums(&a, 4);
    else
        gradient_sums(&a, 1);
}

// A warp for each channel.
KERNEL(norm_finish_sums, NormArguments)
{
    const int32_t channel = (int32_t)(thread_number() / WARP);
    if (channel >= a.channels) return;
    const float inverse = a.inverse_deviation[channel];
    const float dshift = (float)sum_pieces(&a, channel, 0);
    const float dscale = (float)sum_pieces(&a, channel, 1) * inverse;
    if (threadIdx.x % WARP > 0) return;
    const float share = a.training ? inverse * a.scale[channel] / (float)a.rows : 0;
    a.dshift[channel] = dshift;
    a.dscale[channel] = dscale;
    a.slope[channel] = -share * inverse * dscale;
    a.slope[a.channels + channel] = -share * dshift;
}

// dx = factor g + slope (x - mean) + offset
DEVICE float input_gradient(const NormArguments *a, int32_t channel, float x, float dy)
{
    const Affine c = affine_of(a, channel);
    float value;
    const float g = arriving(a, c, x, dy, &value);
    const float through_statistics =
        fmaf(a->slope[channel], value - c.mean, a->slope[a->channels + channel]);
    return a->relu_before && !(x > 0) ? 0 : fmaf(c.factor, g, through_statistics);
}

KERNEL(norm_input_gradient, NormArguments)
{
    const int64_t first = 4 * thread_number(), size = a.rows * a.channels;
    if (first >= size) return;
    const int32_t channel = (int32_t)((uint32_t)first % (uint32_t)a.channels);
    if (!a.wide) {
        for (int64_t i = first; i < first + 4 && i < size; i++)
            a.out[i] = (a.known ? a.known[i] : 0) +
                       input_gradient(&a, (int32_t)(i % a.channels), a.x[i], a.dy[i]);
        return;
    }
    const float4 x = load4(a.x + first);
    float4 v = load4(a.dy + first);
    v.x = input_gradient(&a, channel, x.x, v.x);
    v.y = input_gradient(&a, channel + 1, x.y, v.y);
    v.z = input_gradient(&a, channel + 2, x.z, v.z);
    v.w = input_gradient(&a, channel + 3, x.w, v.w);
    if (a.known) {
        const float4 known = load4(a.known + first);
        v.x = known.x + v.x;
        v.y = known.y + v.y;
        v.z = known.z + v.z;
        v.w = known.w + v.w;
    }
    store4(a.out + first, v);
}
