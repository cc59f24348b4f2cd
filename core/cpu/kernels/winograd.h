// Winograd's minimal filtering over six points (0, 1, -1, 2, -2 and infinity; Lavin and Gray, "Fast
// Algorithms for Convolutional Neural Networks", 2016). From 6x6 values d come 4x4 results of a 3x3
// correlation, F(4x4, 3x3), or 2x2 of a 5x5 one, F(2x2, 5x5): 36 multiplications instead of 144 or
// 100. For one tile of results y and weights g,
//     y  = A^T [ (G g G^T) . (B^T d B) ] A,
// where . multiplies element by element. It is linear in d and in g, so the gradients are adjoints:
//     dd = B [ (G g G^T) . (A dy A^T) ] B^T,     dg = G^T [ (A dy A^T) . (B^T d B) ] G.
//
//           4  0 -5  0  1  0         1/4    0    0    0    0
//           0 -4 -4  1  1  0        -1/6 -1/6 -1/6 -1/6 -1/6          1  1  1  1  1  0
//     B^T = 0  4 -4 -1  1  0    G = -1/6  1/6 -1/6  1/6 -1/6    A^T = 0  1 -1  2 -2  0
//           0 -2 -1  2  1  0        1/24 1/12  1/6  1/3  2/3          0  1  1  4  4  0
//           0  2 -1 -2  1  0        1/24 -1/12 1/6 -1/3  2/3          0  1 -1  8 -8  1
//           0  4  0 -5  0  1          0    0    0    0    1
//
// (G's first columns and A's first rows; the last one of each has a 1 for the point at infinity.)
// Each matrix is one function below; both_ways applies it to the columns and then to the rows of a
// square of vectors (LANES channels at once). Roundings are spelled out: the same bits everywhere.
#ifndef SIEVE_CORE_CPU_KERNELS_WINOGRAD_H
#define SIEVE_CORE_CPU_KERNELS_WINOGRAD_H

#include "core/cpu/simd.h"

enum { POINTS = 6, FREQUENCIES = POINTS * POINTS };

typedef Vector Square[POINTS][POINTS];
typedef void Transform(const Vector *x, Vector *y);

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE void input_transform(const Vector *d, Vector *y) // B^T d
{
    const Vector four = splat(4), five = splat(5), two = splat(2);
    Vector even = fma_vector(-four, d[2], d[4]), odd = fma_vector(-four, d[1], d[3]);
    Vector even2 = d[4] - d[2], odd2 = two * (d[3] - d[1]);
    y[0] = fma_vector(four, d[0], fma_vector(-five, d[2], d[4]));
    y[1] = even + odd;
    y[2] = even - odd;
    y[3] = even2 + odd2;
    y[4] = even2 - odd2;
    y[5] = fma_vector(four, d[1], fma_vector(-five, d[3], d[5]));
}

ALWAYS_INLINE void input_adjoint(const Vector *x, Vector *dd) // B x
{
    const Vector four = splat(4), five = splat(5), two = splat(2);
    Vector difference = x[1] - x[2], sum = x[1] + x[2];
    Vector difference2 = x[3] - x[4], sum2 = x[3] + x[4];
    dd[0] = four * x[0];
    dd[1] = fma_vector(-four, difference, fma_vector(-two, difference2, four * x[5]));
    dd[2] = fma_vector(-five, x[0], fma_vector(-four, sum, -sum2));
    dd[3] = fma_vector(two, difference2, fma_vector(-five, x[5], difference));
    dd[4] = x[0] + sum + sum2;
    dd[5] = x[5];
}

ALWAYS_INLINE void weight_transform3(const Vector *g, Vector *y) // G g
{
    const Vector sixth = splat(1.0f / 6), twelfth = splat(1.0f / 12);
    Vector outer = sixth * (g[0] + g[2]), inner = sixth * g[1];
    Vector outer2 = fma_vector(splat(1.0f / 24), g[0], sixth * g[2]), inner2 = twelfth * g[1];
    y[0] = splat(0.25f) * g[0];
    y[1] = -outer - inner;
    y[2] = inner - outer;
    y[3] = outer2 + inner2;
    y[4] = outer2 - inner2;
    y[5] = g[2];
}

ALWAYS_INLINE void weight_transform5(const Vector *g, Vector *y) // G g
{
    const Vector sixth = splat(1.0f / 6), twenty_fourth = splat(1.0f / 24), four = splat(4);
    Vector even = g[0] + g[2] + g[4], odd = g[1] + g[3];
    Vector even2 = fma_vector(four, fma_vector(four, g[4], g[2]), g[0]);
    Vector odd2 = splat(2) * fma_vector(four, g[3], g[1]);
    y[0] = splat(0.25f) * g[0];
    y[1] = -sixth * (even + odd);
    y[2] = -sixth * (even - odd);
    y[3] = twenty_fourth * (even2 + odd2);
    y[4] = twenty_fourth * (even2 - odd2);
    y[5] = g[4];
}

ALWAYS_INLINE void weight_adjoint3(const Vector *x, Vector *dg) // G^T x
{
    const Vector sixth = splat(1.0f / 6);
    Vector sum = x[1] + x[2], sum2 = x[3] + x[4];
    dg[0] = fma_vector(splat(1.0f / 24), sum2, fma_vector(-sixth, sum, splat(0.25f) * x[0]));
    dg[1] = fma_vector(splat(1.0f / 12), x[3] - x[4], sixth * (x[2] - x[1]));
    dg[2] = fma_vector(sixth, sum2 - sum, x[5]);
}

ALWAYS_INLINE void weight_adjoint5(const Vector *x, Vector *dg) // G^T x
{
    const Vector sixth = splat(1.0f / 6);
    Vector sum = x[1] + x[2], sum2 = x[3] + x[4];
    Vector difference = x[2] - x[1], difference2 = x[3] - x[4];
    dg[0] = fma_vector(splat(1.0f / 24), sum2, fma_vector(-sixth, sum, splat(0.25f) * x[0]));
    dg[1] = fma_vector(splat(1.0f / 12), difference2, sixth * difference);
    dg[2] = sixth * (sum2 - sum);
    dg[3] = fma_vector(splat(1.0f / 3), difference2, sixth * difference);
    dg[4] = fma_vector(splat(2.0f / 3), sum2, fma_vector(-sixth, sum, x[5]));
}

ALWAYS_INLINE void output_transform4(const Vector *m, Vector *y) // A^T m
{
    Vector sum = m[1] + m[2], difference = m[1] - m[2];
    Vector sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    y[0] = m[0] + sum + sum2;
    y[1] = fma_vector(splat(2), difference2, difference);
    y[2] = fma_vector(splat(4), sum2, sum);
    y[3] = fma_vector(splat(8), difference2, difference) + m[5];
}

ALWAYS_INLINE void output_transform2(const Vector *m, Vector *y) // A^T m
{
    y[0] = m[0] + (m[1] + m[2]) + (m[3] + m[4]);
    y[1] = fma_vector(splat(2), m[3] - m[4], m[1] - m[2]) + m[5];
}

ALWAYS_INLINE void output_adjoint4(const Vector *dy, Vector *x) // A dy
{
    Vector even = dy[0] + dy[2], odd = dy[1] + dy[3];
    Vector even2 = fma_vector(splat(4), dy[2], dy[0]);
    Vector odd2 = fma_vector(splat(8), dy[3], splat(2) * dy[1]);
    x[0] = dy[0];
    x[1] = even + odd;
    x[2] = even - odd;
    x[3] = even2 + odd2;
    x[4] = even2 - odd2;
    x[5] = dy[3];
}

ALWAYS_INLINE void output_adjoint2(const Vector *dy, Vector *x) // A dy
{
    Vector twice = splat(2) * dy[1];
    x[0] = dy[0];
    x[1] = dy[0] + dy[1];
    x[2] = dy[0] - dy[1];
    x[3] = dy[0] + twice;
    x[4] = dy[0] - twice;
    x[5] = dy[1];
}

// The transform of the columns of x (in x in values), then of the rows: out x out values.
ALWAYS_INLINE void both_ways(Transform *transform, int in, int out, Square x)
{
#pragma GCC unroll 6
    for (int column = 0; column < in; column++) {
        Vector from[POINTS], to[POINTS];
#pragma GCC unroll 6
        for (int row = 0; row < in; row++) from[row] = x[row][column];
        transform(from, to);
#pragma GCC unroll 6
        for (int row = 0; row < out; row++) x[row][column] = to[row];
    }
#pragma GCC unroll 6
    for (int row = 0; row < out; row++) {
        Vector to[POINTS];
        transform(x[row], to);
#pragma GCC unroll 6
        for (int column = 0; column < out; column++) x[row][column] = to[column];
    }
}

#endif
