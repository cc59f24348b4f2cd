// Group normalisation of x (batch, positions, channels): each sample over its positions and a group
// of neighbouring channels. Limited by memory: statistics read x once, apply reads and writes it
// once, backward reads x and dy twice. Sums go down the columns of a sample in double; a thread for
// each group adds those of its channels in order.
#include "cuda/kernel.h"

// The place of this thread in a block of 32 channels by 8 positions, block (channel tile, sample).
DEVICE int32_t own_channel(void)
{
    return (int32_t)(blockIdx.x * COLUMN_THREADS + threadIdx.x % COLUMN_THREADS);
}

DEVICE int64_t group_of(const GroupNormArguments *a, int64_t sample, int32_t channel)
{
    return sample * a->groups + channel / a->width;
}

// Adds two sums of each channel over the block's rows, in order; true for the threads that hold them.
DEVICE bool add_rows(const GroupNormArguments *a, double *first, double *second)
{
    SHARED_MEMORY(double, sums);
    sums[threadIdx.x] = *first;
    sums[MOST_THREADS + threadIdx.x] = *second;
    __syncthreads();
    if (threadIdx.x >= COLUMN_THREADS || own_channel() >= a->channels) return false;
    for (uint32_t i = 1; i < ROW_THREADS; i++) {
        *first += sums[i * COLUMN_THREADS + threadIdx.x];
        *second += sums[MOST_THREADS + i * COLUMN_THREADS + threadIdx.x];
    }
    return true;
}

// Where the sums of a group's x are counted from: no cancellation where all values are alike.
DEVICE double origin_of(const GroupNormArguments *a, int64_t sample, int32_t group)
{
    return (double)a->x[sample * a->positions * a->channels + group * a->width];
}

// Sums of x - s and (x - s)^2 of each channel, s the group's first value.
KERNEL(group_norm_statistics, GroupNormArguments)
{
    const int64_t sample = blockIdx.y;
    const int32_t channel = own_channel();
    double sum = 0, squares = 0;
    if (channel < a.channels) {
        const float *x = a.x + sample * a.positions * a.channels + channel;
        const double origin = origin_of(&a, sample, channel / a.width);
        for (int64_t p = threadIdx.x / COLUMN_THREADS; p < a.positions; p += ROW_THREADS) {
            const double distance = (double)x[p * a.channels] - origin;
            sum += distance;
            squares += distance * distance;
        }
    }
    if (!add_rows(&a, &sum, &squares)) return;
    double *out = a.partial + sample * 2 * a.channels;
    out[channel] = sum;
    out[a.channels + channel] = squares;
}

// A thread for each (sample, group).
KERNEL(group_norm_finish_statistics, GroupNormArguments)
{
    const int64_t i = thread_number();
    if (i >= a.batch * a.groups) return;
    const int64_t sample = i / a.groups;
    const int32_t group = (int32_t)(i % a.groups);
    const double *sums = a.partial + sample * 2 * a.channels + group * a.width;
    const double count = (double)a.positions * (double)a.width;
    double sum = 0, squares = 0;
    for (int32_t c = 0; c < a.width; c++) {
        sum += sums[c];
        squares += sums[a.channels + c];
    }
    const double mean = sum / count, variance = squares / count - mean * mean;
    a.mean_out[i] = (float)(origin_of(&a, sample, group) + mean);
    a.inverse_out[i] = 1 / sqrtf((float)(variance < 0 ? 0 : variance) + a.epsilon);
}

// This thread's first element in its sample, of one or, `wide`, four; block (part, sample).
DEVICE uint32_t own_element(const GroupNormArguments *a)
{
    return (blockIdx.x * blockDim.x + threadIdx.x) * (a->wide ? 4u : 1u);
}

KERNEL(group_norm_apply, GroupNormArguments)
{
    const uint32_t i = own_element(&a), size = (uint32_t)a.positions * (uint32_t)a.channels;
    if (i >= size) return;
    const int32_t channel = (int32_t)(i % (uint32_t)a.channels);
    const int64_t group = group_of(&a, blockIdx.y, channel), at = (int64_t)blockIdx.y * size + i;
    const float mean = a.mean[group], inverse = a.inverse_deviation[group];
    const float *scale = a.scale + channel, *shift = a.shift + channel;
    if (!a.wide) {
        a.out[at] = fmaf(a.x[at] - mean, inverse * scale[0], shift[0]);
        return;
    }
    float4 v = load4(a.x + at);
    v.x = fmaf(v.x - mean, inverse * scale[0], shift[0]);
    v.y = fmaf(v.y - mean, inverse * scale[1], shift[1]);
    v.z = fmaf(v.z - mean, inverse * scale[2], shift[2]);
    v.w = fmaf(v.w - mean, inverse * scale[3], shift[3]);
    store4(a.out + at, v);
}

// dshift and dscale of each sample and channel: sums of dy and dy (x - mean) / deviation.
KERNEL(group_norm_gradient_sums, GroupNormArguments)
{
    const int64_t sample = blockIdx.y;
    const int32_t channel = own_channel();
    double sum = 0, products = 0;
    if (channel < a.channels) {
        const int64_t first = sample * a.positions * a.channels + channel;
        const float mean = a.mean[group_of(&a, sample, channel)];
        for (int64_t p = threadIdx.x / COLUMN_THREADS; p < a.positions; p += ROW_THREADS) {
            const int64_t i = first + p * a.channels;
            sum += (double)a.dy[i];
            products += (double)a.dy[i] * (double)(a.x[i] - mean);
        }
    }
    if (!add_rows(&a, &sum, &products)) return;
    const int64_t at = sample * a.channels + channel;
    a.dshift_out[at] = (float)sum;
    a.dscale_out[at] =
        (float)(products * (double)a.inverse_deviation[group_of(&a, sample, channel)]);
}

// A thread for each (sample, group): dx = factor dy + slope (x - mean) + offset, with
//   offset = -m / deviation,   slope = -q / deviation^2,
// m and q the means over the group of scale dy and scale dy (x - mean) / deviation.
KERNEL(group_norm_slopes, GroupNormArguments)
{
    const int64_t i = thread_number();
    if (i >= a.batch * a.groups) return;
    const int32_t first = (int32_t)(i % a.groups) * a.width;
    const float *dscale = a.dscale + i / a.groups * a.channels + first;
    const float *dshift = a.dshift + i / a.groups * a.channels + first;
    const double count = (double)a.positions * (double)a.width;
    const float inverse = a.inverse_deviation[i];
    double m = 0, q = 0;
    for (int32_t c = 0; c < a.width; c++) {
        m += (double)a.scale[first + c] * (double)dshift[c];
        q += (double)a.scale[first + c] * (double)dscale[c];
    }
    a.slope[2 * i] = -(float)(q / count) * inverse * inverse;
    a.slope[2 * i + 1] = -(float)(m / count) * inverse;
}

KERNEL(group_norm_input_gradient, GroupNormArguments)
{
    const uint32_t i = own_element(&a), size = (uint32_t)a.positions * (uint32_t)a.channels;
    if (i >= size) return;
    const int32_t channel = (int32_t)(i % (uint32_t)a.channels);
    const int64_t group = group_of(&a, blockIdx.y, channel), at = (int64_t)blockIdx.y * size + i;
    const float mean = a.mean[group], inverse = a.inverse_deviation[group];
    const float slope = a.slope[2 * group], offset = a.slope[2 * group + 1];
    const float *scale = a.scale + channel;
    if (!a.wide) {
        const float through = fmaf(a.x[at] - mean, slope, offset);
        a.out[at] = fmaf(a.dy[at], inverse * scale[0], through);
        return;
    }
    const float4 x = load4(a.x + at);
    float4 v = load4(a.dy + at);
    v.x = fmaf(v.x, inverse * scale[0], fmaf(x.x - mean, slope, offset));
    v.y = fmaf(v.y, inverse * scale[1], fmaf(x.y - mean, slope, offset));
    v.z = fmaf(v.z, inverse * scale[2], fmaf(x.z - mean, slope, offset));
    v.w = fmaf(v.w, inverse * scale[3], fmaf(x.w - mean, slope, offset));
    store4(a.out + at, v);
}
