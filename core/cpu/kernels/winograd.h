// Winograd's minimal filtering (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// 2016). From n x n values d come 2x2 results of a 3x3 correlation, F(2x2, 3x3), n = 4, over the
// points 0, 1, -1 and infinity; or 4x4, F(4x4, 3x3), n = 6, with 2 and -2 as well; or 4x4 of a 5x5
// correlation, F(4x4, 5x5), n = 8, with 1/2 and -1/2 as well: 16 multiplications in the place of 36,
// 36 of 144, 64 of 400. For one tile of results y and weights g,
//     y  = A^T [ (G g G^T) . (B^T d B) ] A,
// where . multiplies element by element. It is linear in d and in g, so the gradients are adjoints:
//     dd = B [ (G g G^T) . (A dy A^T) ] B^T,     dg = G^T [ (A dy A^T) . (B^T d B) ] G.
// B^T has a row for each point p: the product of (x - q) over all other points q, its coefficients
// by rising powers of x (for infinity over all q):
//
//           4  0 -5  0  1  0           1   0  -21/4   0    21/4   0   -1  0
//           0 -4 -4  1  1  0           0   1    1   -17/4 -17/4   1    1  0
//     B^T = 0  4 -4 -1  1  0           0  -1    1    17/4 -17/4  -1    1  0
//           0 -2 -1  2  1  0    and    0  1/2  1/4  -5/2  -5/4   2    1  0
//           0  2 -1 -2  1  0           0 -1/2  1/4   5/2  -5/4  -2    1  0
//           0  4  0 -5  0  1           0   2    4   -5/2   -5   1/2   1  0
//                                      0  -2    4    5/2   -5  -1/2   1  0
//                                      0  -1    0   21/4    0 -21/4   0  1
//
// (the second one's first row times -1). G's row is the powers of p over what that product is at p,
// A^T's column the powers of p; of infinity a 1 for the highest power. So for n = 6
//
//          1  1  1  1  1  0            1/4 -1/6 -1/6 1/24  1/24  0
//    A^T = 0  1 -1  2 -2  0  and G^T =   0 -1/6  1/6 1/12 -1/12  0
//          0  1  1  4  4  0              0 -1/6 -1/6  1/6   1/6  1
//          0  1 -1  8 -8  1
//
// Each matrix is one function below, of a column or row of vectors (LANES channels at once).
// Roundings are spelled out: the same bits everywhere.
#ifndef SIEVE_CORE_CPU_KERNELS_WINOGRAD_H
#define SIEVE_CORE_CPU_KERNELS_WINOGRAD_H

#include "core/cpu/simd.h"

enum { MOST_POINTS = 8, MOST_FREQUENCIES = MOST_POINTS * MOST_POINTS };

typedef Vector Line[MOST_POINTS];
typedef void Transform(const Vector *x, Vector *y);

#define ALWAYS_INLINE static inline __attribute__((always_inline))

// ---- four points: a 3x3 kernel, 2x2 results ----

ALWAYS_INLINE void input_transform4(const Vector *d, Vector *y) // B^T d
{
    y[0] = d[2] - d[0];
    y[1] = d[1] + d[2];
    y[2] = d[2] - d[1];
    y[3] = d[3] - d[1];
}

ALWAYS_INLINE void input_adjoint4(const Vector *x, Vector *dd) // B x
{
    dd[0] = -x[0];
    dd[1] = (x[1] - x[2]) - x[3];
    dd[2] = x[0] + (x[1] + x[2]);
    dd[3] = x[3];
}

ALWAYS_INLINE void weight_transform4(const Vector *g, Vector *y) // G g
{
    const Vector half = splat(0.5f);
    Vector even = half * (g[0] + g[2]), odd = half * g[1];
    y[0] = -g[0];
    y[1] = even + odd;
    y[2] = even - odd;
    y[3] = g[2];
}

ALWAYS_INLINE void weight_adjoint4(const Vector *x, Vector *dg) // G^T x
{
    const Vector half = splat(0.5f);
    Vector even = half * (x[1] + x[2]);
    dg[0] = even - x[0];
    dg[1] = half * (x[1] - x[2]);
    dg[2] = even + x[3];
}

ALWAYS_INLINE void output_transform4(const Vector *m, Vector *y) // A^T m
{
    y[0] = m[0] + (m[1] + m[2]);
    y[1] = (m[1] - m[2]) + m[3];
}

ALWAYS_INLINE void output_adjoint4(const Vector *dy, Vector *x) // A dy
{
    x[0] = dy[0];
    x[1] = dy[0] + dy[1];
    x[2] = dy[0] - dy[1];
    x[3] = dy[1];
}

// ---- six points: a 3x3 kernel ----

ALWAYS_INLINE void input_transform6(const Vector *d, Vector *y) // B^T d
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

ALWAYS_INLINE void input_adjoint6(const Vector *x, Vector *dd) // B x
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

ALWAYS_INLINE void weight_transform6(const Vector *g, Vector *y) // G g
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

ALWAYS_INLINE void weight_adjoint6(const Vector *x, Vector *dg) // G^T x
{
    const Vector sixth = splat(1.0f / 6);
    Vector sum = x[1] + x[2], sum2 = x[3] + x[4];
    dg[0] = fma_vector(splat(1.0f / 24), sum2, fma_vector(-sixth, sum, splat(0.25f) * x[0]));
    dg[1] = fma_vector(splat(1.0f / 12), x[3] - x[4], sixth * (x[2] - x[1]));
    dg[2] = fma_vector(sixth, sum2 - sum, x[5]);
}

ALWAYS_INLINE void output_transform6(const Vector *m, Vector *y) // A^T m
{
    Vector sum = m[1] + m[2], difference = m[1] - m[2];
    Vector sum2 = m[3] + m[4], difference2 = m[3] - m[4];
    y[0] = m[0] + sum + sum2;
    y[1] = fma_vector(splat(2), difference2, difference);
    y[2] = fma_vector(splat(4), sum2, sum);
    y[3] = fma_vector(splat(8), difference2, difference) + m[5];
}

ALWAYS_INLINE void output_adjoint6(const Vector *dy, Vector *x) // A dy
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

// ---- eight points: a 5x5 kernel ----

// x[1] + x[2], x[3] + x[4], x[5] + x[6], and the differences: what points p and -p share.
typedef struct Pairs {
    Vector sum[3], difference[3];
} Pairs;

ALWAYS_INLINE Pairs pairs_of(const Vector *x)
{
    return (Pairs){{x[1] + x[2], x[3] + x[4], x[5] + x[6]},
                   {x[1] - x[2], x[3] - x[4], x[5] - x[6]}};
}

// The values at points 1, -1, 2, -2, 1/2, -1/2 from those of their even and odd powers.
ALWAYS_INLINE void set_pairs(const Vector even[3], const Vector odd[3], Vector *y)
{
    UNROLL
    for (int i = 0; i < 3; i++) {
        y[1 + 2 * i] = even[i] + odd[i];
        y[2 + 2 * i] = even[i] - odd[i];
    }
}

ALWAYS_INLINE void input_transform8(const Vector *d, Vector *y) // B^T d
{
    const Vector a = splat(5.25f), b = splat(-4.25f);
    Vector even[] = {fma_vector(b, d[4], d[2] + d[6]),
                     fma_vector(splat(-1.25f), d[4], fma_vector(splat(0.25f), d[2], d[6])),
                     fma_vector(splat(-5), d[4], fma_vector(splat(4), d[2], d[6]))};
    Vector middle = splat(-2.5f) * d[3];
    Vector odd[] = {fma_vector(b, d[3], d[1] + d[5]),
                    fma_vector(splat(0.5f), d[1], fma_vector(splat(2), d[5], middle)),
                    fma_vector(splat(2), d[1], fma_vector(splat(0.5f), d[5], middle))};
    y[0] = fma_vector(a, d[4] - d[2], d[0] - d[6]);
    set_pairs(even, odd, y);
    y[7] = fma_vector(a, d[3] - d[5], d[7] - d[1]);
}

ALWAYS_INLINE void input_adjoint8(const Vector *x, Vector *dd) // B x
{
    const Pairs p = pairs_of(x);
    const Vector *s = p.sum, *d = p.difference;
    const Vector half = splat(0.5f), two = splat(2), a = splat(5.25f), b = splat(-4.25f);
    dd[0] = x[0];
    dd[1] = fma_vector(half, d[1], fma_vector(two, d[2], d[0] - x[7]));
    dd[2] = fma_vector(-a, x[0], fma_vector(splat(0.25f), s[1], fma_vector(splat(4), s[2], s[0])));
    dd[3] = fma_vector(a, x[7], fma_vector(b, d[0], splat(-2.5f) * (d[1] + d[2])));
    dd[4] =
        fma_vector(a, x[0], fma_vector(b, s[0], fma_vector(splat(-1.25f), s[1], splat(-5) * s[2])));
    dd[5] = fma_vector(-a, x[7], fma_vector(two, d[1], fma_vector(half, d[2], d[0])));
    dd[6] = (s[0] - x[0]) + (s[1] + s[2]);
    dd[7] = x[7];
}

ALWAYS_INLINE void weight_transform8(const Vector *g, Vector *y) // G g
{
    const Vector ninths = splat(-2.0f / 9), far = splat(1.0f / 90), near = splat(32.0f / 45);
    const Vector four = splat(4), fourth = splat(0.25f);
    Vector even[] = {ninths * (g[0] + g[2] + g[4]),
                     far * fma_vector(four, fma_vector(four, g[4], g[2]), g[0]),
                     near * fma_vector(fourth, fma_vector(fourth, g[4], g[2]), g[0])};
    Vector odd[] = {ninths * (g[1] + g[3]), splat(1.0f / 45) * fma_vector(four, g[3], g[1]),
                    splat(16.0f / 45) * fma_vector(fourth, g[3], g[1])};
    y[0] = g[0];
    set_pairs(even, odd, y);
    y[7] = g[4];
}

ALWAYS_INLINE void weight_adjoint8(const Vector *x, Vector *dg) // G^T x
{
    const Pairs p = pairs_of(x);
    const Vector *s = p.sum, *d = p.difference;
    const Vector first = splat(-2.0f / 9) * s[0], odd = splat(-2.0f / 9) * d[0];
    const Vector one = splat(1.0f / 45), two = splat(2.0f / 45), four = splat(4.0f / 45);
    const Vector eight = splat(8.0f / 45);
    dg[0] = fma_vector(splat(32.0f / 45), s[2], fma_vector(splat(1.0f / 90), s[1], first + x[0]));
    dg[1] = fma_vector(splat(16.0f / 45), d[2], fma_vector(one, d[1], odd));
    dg[2] = fma_vector(eight, s[2], fma_vector(two, s[1], first));
    dg[3] = fma_vector(four, d[1] + d[2], odd);
    dg[4] = fma_vector(two, s[2], fma_vector(eight, s[1], first + x[7]));
}

ALWAYS_INLINE void output_transform8(const Vector *m, Vector *y) // A^T m
{
    const Pairs p = pairs_of(m);
    const Vector *s = p.sum, *d = p.difference;
    y[0] = (m[0] + s[0]) + (s[1] + s[2]);
    y[1] = fma_vector(splat(2), d[1], fma_vector(splat(0.5f), d[2], d[0]));
    y[2] = fma_vector(splat(4), s[1], fma_vector(splat(0.25f), s[2], s[0]));
    y[3] = fma_vector(splat(8), d[1], fma_vector(splat(0.125f), d[2], d[0] + m[7]));
}

ALWAYS_INLINE void output_adjoint8(const Vector *dy, Vector *x) // A dy
{
    Vector even[] = {dy[0] + dy[2], fma_vector(splat(4), dy[2], dy[0]),
                     fma_vector(splat(0.25f), dy[2], dy[0])};
    Vector odd[] = {dy[1] + dy[3], fma_vector(splat(8), dy[3], splat(2) * dy[1]),
                    fma_vector(splat(0.125f), dy[3], splat(0.5f) * dy[1])};
    x[0] = dy[0];
    set_pairs(even, odd, x);
    x[7] = dy[3];
}

// ---- columns, then rows ----

// The transform of a column of values; column `column` of what the rows are then taken from.
ALWAYS_INLINE void transform_column(Transform *transform, const int out, const Vector *from,
                                    int column, Line *values)
{
    Line to;
    transform(from, to);
    UNROLL
    for (int row = 0; row < out; row++) values[row][column] = to[row];
}

#endif
