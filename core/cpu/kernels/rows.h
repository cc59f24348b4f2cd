// Sums over a row, in Sum16's order: element i goes to partial sum i % 16. In float, the last,
// partial group is padded with zeros, which leave every partial sum as it is.
#ifndef SIEVE_CORE_CPU_KERNELS_ROWS_H
#define SIEVE_CORE_CPU_KERNELS_ROWS_H

#include "core/cpu/simd.h"

static inline void sum16_clear(Sum16 *sum)
{
    for (int v = 0; v < SUM_VECTORS; v++) sum->part[v] = splat(0);
}

static inline float row_sum(int64_t count, const float *x)
{
    Sum16 sum;
    sum16_clear(&sum);
    int64_t i = 0;
    for (; i + SUM_LANES <= count; i += SUM_LANES)
        for (int v = 0; v < SUM_VECTORS; v++) sum.part[v] += load(x + i + v * LANES);
    if (i < count) {
        float rest[SUM_LANES] = {0};
        memcpy(rest, x + i, (size_t)(count - i) * sizeof(float));
        for (int v = 0; v < SUM_VECTORS; v++) sum.part[v] += load(rest + v * LANES);
    }
    return sum_total(&sum);
}

static inline float row_dot(int64_t count, const float *a, const float *b)
{
    Sum16 sum;
    sum16_clear(&sum);
    int64_t i = 0;
    for (; i + SUM_LANES <= count; i += SUM_LANES)
        for (int v = 0; v < SUM_VECTORS; v++)
            sum.part[v] = fma_vector(load(a + i + v * LANES), load(b + i + v * LANES), sum.part[v]);
    if (i < count) {
        float rest[2][SUM_LANES] = {{0}};
        memcpy(rest[0], a + i, (size_t)(count - i) * sizeof(float));
        memcpy(rest[1], b + i, (size_t)(count - i) * sizeof(float));
        for (int v = 0; v < SUM_VECTORS; v++)
            sum.part[v] =
                fma_vector(load(rest[0] + v * LANES), load(rest[1] + v * LANES), sum.part[v]);
    }
    return sum_total(&sum);
}

// The same in double, for sums of which little may be left: a loss, a gradient of one number. The
// product of two floats is exact in double, so it is the same with or without fused multiply-add.
typedef struct DoubleSum16 {
    double part[SUM_LANES];
} DoubleSum16;

static inline double double_sum_total(DoubleSum16 *sum)
{
    for (int lanes = SUM_LANES / 2; lanes > 0; lanes /= 2)
        for (int l = 0; l < lanes; l++) sum->part[l] += sum->part[l + lanes];
    return sum->part[0];
}

static inline double row_sum_in_double(int64_t count, const float *x)
{
    DoubleSum16 sum = {{0}};
    int64_t i = 0;
    for (; i + SUM_LANES <= count; i += SUM_LANES)
        for (int l = 0; l < SUM_LANES; l++) sum.part[l] += (double)x[i + l];
    for (int l = 0; i < count; i++, l++) sum.part[l] += (double)x[i];
    return double_sum_total(&sum);
}

static inline double row_dot_in_double(int64_t count, const float *a, const float *b)
{
    DoubleSum16 sum = {{0}};
    int64_t i = 0;
    for (; i + SUM_LANES <= count; i += SUM_LANES)
        for (int l = 0; l < SUM_LANES; l++) sum.part[l] += (double)a[i + l] * (double)b[i + l];
    for (int l = 0; i < count; i++, l++) sum.part[l] += (double)a[i] * (double)b[i];
    return double_sum_total(&sum);
}

#endif
