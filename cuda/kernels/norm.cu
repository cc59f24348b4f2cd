// Batch normalisation of x (rows, channels). Limited by memory: statistics read x once, apply reads
// and writes it once, backward reads x and dy twice. Sums go down the columns in double, in pieces
// of rows that a second kernel adds in order.
#include "cuda/kernel.h"

// The place of this thread in a block of 32 channels by 8 rows, block (channel tile, piece).
typedef struct Place {
    int32_t channel;
    int64_t row, end; // rows row, row + ROW_THREADS, .. of the piece
} Place;

DEVICE Place place_of(const NormArguments *a)
{
    Place place;
    const int64_t first = (int64_t)blockIdx.y * a->height;
    place.channel = (int32_t)(blockIdx.x * COLUMN_THREADS + threadIdx.x % COLUMN_THREADS);
    place.row = first + threadIdx.x / COLUMN_THREADS;
    place.end = first + a->height < a->rows ? first + a->height : a->rows;
    return place;
}

// Adds two sums of each channel over the block's rows, in order, and writes them as this piece's.
DEVICE void write_piece(const NormArguments *a, int32_t channel, double first, double second)
{
    SHARED_MEMORY(double, sums);
    sums[threadIdx.x] = first;
    sums[MOST_THREADS + threadIdx.x] = second;
    __syncthreads();
    if (threadIdx.x >= COLUMN_THREADS || channel >= a->channels) return;
    for (uint32_t i = 1; i < ROW_THREADS; i++) {
        first += sums[i * COLUMN_THREADS + threadIdx.x];
        second += sums[MOST_THREADS + i * COLUMN_THREADS + threadIdx.x];
    }
    double *out = a->partial + (int64_t)blockIdx.y * 2 * a->channels;
    out[channel] = first;
    out[a->channels + channel] = second;
}

// The sum over all pieces of this channel; second: 0 or 1.
DEVICE double sum_pieces(const NormArguments *a, int32_t channel, int second)
{
    double sum = 0;
    for (int32_t i = 0; i < a->pieces; i++)
        sum += a->partial[((int64_t)i * 2 + second) * a->channels + channel];
    return sum;
}

DEVICE float rectified(bool relu, float x)
{
    return relu && !(x > 0) ? (x != x ? x : 0) : x;
}

// Sums of x - s and (x - s)^2, s the channel's first value: no cancellation where all are alike.
KERNEL(norm_statistics, NormArguments)
{
    const Place place = place_of(&a);
    double sum = 0, squares = 0;
    if (place.channel < a.channels) {
        const double shift = (double)rectified(a.relu_before, a.x[place.channel]);
        for (int64_t row = place.row; row < place.end; row += ROW_THREADS) {
            const float x = rectified(a.relu_before, a.x[row * a.channels + place.channel]);
            const double distance = (double)x - shift;
            sum += distance;
            squares += distance * distance;
        }
    }
    write_piece(&a, place.channel, sum, squares);
}

KERNEL(norm_finish_statistics, NormArguments)
{
    const int32_t channel = (int32_t)thread_number();
    if (channel >= a.channels) return;
    const double shift = (double)rectified(a.relu_before, a.x[channel]), rows = (double)a.rows;
    const double mean = sum_pieces(&a, channel, 0) / rows;
    const double variance = sum_pieces(&a, channel, 1) / rows - mean * mean;
    a.mean_out[channel] = (float)(shift + mean);
    a.variance_out[channel] = (float)(variance < 0 ? 0 : variance);
}

// (x - mean) / deviation * scale + shift, in the CPU kernels' operations.
DEVICE float normalised(const NormArguments *a, int32_t channel, float x)
{
    const float factor = a->inverse_deviation[channel] * a->scale[channel];
    return fmaf(x - a->mean[channel], factor, a->shift[channel]);
}

// Four elements a thread: four channels of one row where `wide`.
KERNEL(norm_apply, NormArguments)
{
    const int64_t first = 4 * thread_number(), size = a.rows * a.channels;
    if (first >= size) return;
    const int32_t channel = (int32_t)((uint32_t)first % (uint32_t)a.channels);
    if (!a.wide) {
        for (int64_t i = first; i < first + 4 && i < size; i++) {
            const float x = rectified(a.relu_before, a.x[i]);
            a.out[i] = rectified(a.relu_after, normalised(&a, (int32_t)(i % a.channels), x));
        }
        return;
    }
    float4 v = load4(a.x + first);
    v.x = normalised(&a, channel, rectified(a.relu_before, v.x));
    v.y = normalised(&a, channel + 1, rectified(a.relu_before, v.y));
    v.z = normalised(&a, channel + 2, rectified(a.relu_before, v.z));
    v.w = normalised(&a, channel + 3, rectified(a.relu_before, v.w));
    v.x = rectified(a.relu_after, v.x);
    v.y = rectified(a.relu_after, v.y);
    v.z = rectified(a.relu_after, v.z);
    v.w = rectified(a.relu_after, v.w);
    store4(a.out + first, v);
}

// dy, or 0 where a relu after let nothing through; *value becomes what was normalised.
DEVICE float arriving(const NormArguments *a, int32_t channel, float x, float dy, float *value)
{
    *value = rectified(a->relu_before, x);
    return a->relu_after && !(normalised(a, channel, x) > 0) ? 0 : dy;
}

// Sums of g and g (x - mean).
KERNEL(norm_gradient_sums, NormArguments)
{
    const Place place = place_of(&a);
    double sum = 0, products = 0;
    if (place.channel < a.channels) {
        const float mean = a.mean[place.channel];
        for (int64_t row = place.row; row < place.end; row += ROW_THREADS) {
            const int64_t i = row * a.channels + place.channel;
            float value;
            const float g = arriving(&a, place.channel, a.x[i], a.dy[i], &value);
            sum += (double)g;
            products += (double)g * (double)(value - mean);
        }
    }
    write_piece(&a, place.channel, sum, products);
}

KERNEL(norm_finish_sums, NormArguments)
{
    const int32_t channel = (int32_t)thread_number();
    if (channel >= a.channels) return;
    const float inverse = a.inverse_deviation[channel];
    const float dshift = (float)sum_pieces(&a, channel, 0);
    const float dscale = (float)sum_pieces(&a, channel, 1) * inverse;
    const float share = a.training ? inverse * a.scale[channel] / (float)a.rows : 0;
    a.dshift[channel] = dshift;
    a.dscale[channel] = dscale;
    a.slope[channel] = -share * inverse * dscale;
    a.slope[a.channels + channel] = -share * dshift;
}

// dx = factor g + slope (x - mean) + offset
DEVICE float input_gradient(const NormArguments *a, int32_t channel, float x, float dy)
{
    const float factor = a->inverse_deviation[channel] * a->scale[channel];
    float value;
    const float g = arriving(a, channel, x, dy, &value);
    const float through_statistics =
        fmaf(a->slope[channel], value - a->mean[channel], a->slope[a->channels + channel]);
    return a->relu_before && !(x > 0) ? 0 : fmaf(factor, g, through_statistics);
}

KERNEL(norm_input_gradient, NormArguments)
{
    const int64_t first = 4 * thread_number(), size = a.rows * a.channels;
    if (first >= size) return;
    const int32_t channel = (int32_t)((uint32_t)first % (uint32_t)a.channels);
    if (!a.wide) {
        for (int64_t i = first; i < first + 4 && i < size; i++)
            a.out[i] = input_gradient(&a, (int32_t)(i % a.channels), a.x[i], a.dy[i]);
        return;
    }
    const float4 x = load4(a.x + first);
    float4 v = load4(a.dy + first);
    v.x = input_gradient(&a, channel, x.x, v.x);
    v.y = input_gradient(&a, channel + 1, x.y, v.y);
    v.z = input_gradient(&a, channel + 2, x.z, v.z);
    v.w = input_gradient(&a, channel + 3, x.w, v.w);
    store4(a.out + first, v);
}
