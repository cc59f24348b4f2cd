// Softmax, its logarithm, cross-entropy: a warp takes a row of class scores. Rows are short, so
// these are limited by the start of the kernel, not by memory.
#include "cuda/kernel.h"

DEVICE int64_t row_of_warp(void)
{
    return thread_number() / WARP;
}

DEVICE int lane(void)
{
    return (int)threadIdx.x % WARP;
}

DEVICE float row_max(int32_t count, const float *x)
{
    float most = -INFINITY;
    for (int32_t i = lane(); i < count; i += WARP) most = most < x[i] ? x[i] : most;
    UNROLL for (int distance = WARP / 2; distance > 0; distance /= 2)
    {
        const float other = __shfl_xor_sync(0xffffffffu, most, distance);
        most = most < other ? other : most;
    }
    return most;
}

// Every lane keeps its own elements from pass to pass: what it wrote, it reads.
DEVICE float row_exp(int32_t count, const float *x, float shift, float *y)
{
    double sum = 0;
    for (int32_t i = lane(); i < count; i += WARP) {
        const float value = exp_vector(x[i] - shift);
        y[i] = value;
        sum += (double)value;
    }
    return (float)warp_sum(sum);
}

DEVICE void softmax_row(const LossArguments *a, int64_t row)
{
    const float *x = a->x + row * a->classes;
    float *y = a->out + row * a->classes;
    const float most = row_max(a->classes, x), total = row_exp(a->classes, x, most, y);
    for (int32_t i = lane(); i < a->classes; i += WARP) y[i] /= total;
    if (a->losses && lane() == 0) a->losses[row] = (most - x[a->labels[row]]) + log_vector(total);
}

KERNEL(softmax, LossArguments)
{
    if (row_of_warp() < a.rows) softmax_row(&a, row_of_warp());
}

KERNEL(cross_entropy, LossArguments)
{
    if (row_of_warp() < a.rows) softmax_row(&a, row_of_warp());
}

// dx = y (dy - sum y dy)
KERNEL(softmax_backward, LossArguments)
{
    const int64_t row = row_of_warp();
    if (row >= a.rows) return;
    const float *y = a.y + row * a.classes, *dy = a.dy + row * a.classes;
    double sum = 0;
    for (int32_t i = lane(); i < a.classes; i += WARP) sum += (double)y[i] * (double)dy[i];
    const float total = (float)warp_sum(sum);
    for (int32_t i = lane(); i < a.classes; i += WARP)
        a.out[row * a.classes + i] = y[i] * (dy[i] - total);
}

// y = x - max - log sum e^(x - max)
KERNEL(log_softmax, LossArguments)
{
    const int64_t row = row_of_warp();
    if (row >= a.rows) return;
    const float *x = a.x + row * a.classes;
    float *y = a.out + row * a.classes;
    const float most = row_max(a.classes, x);
    const float log_total = log_vector(row_exp(a.classes, x, most, y));
    for (int32_t i = lane(); i < a.classes; i += WARP) y[i] = (x[i] - most) - log_total;
}

// dx = dy - e^y sum dy
KERNEL(log_softmax_backward, LossArguments)
{
    const int64_t row = row_of_warp();
    if (row >= a.rows) return;
    const float *y = a.y + row * a.classes, *dy = a.dy + row * a.classes;
    double sum = 0;
    for (int32_t i = lane(); i < a.classes; i += WARP) sum += (double)dy[i];
    const float total = (float)warp_sum(sum);
    for (int32_t i = lane(); i < a.classes; i += WARP)
        a.out[row * a.classes + i] = fmaf(-total, exp_vector(y[i]), dy[i]);
}

// dlogits = dloss (p - [label])
KERNEL(cross_entropy_backward, LossArguments)
{
    const int64_t row = row_of_warp();
    if (row >= a.rows) return;
    const float *p = a.y + row * a.classes;
    const int32_t label = a.labels[row];
    for (int32_t i = lane(); i < a.classes; i += WARP)
        a.out[row * a.classes + i] = a.dy[row] * (i == label ? p[i] - 1 : p[i]);
}
