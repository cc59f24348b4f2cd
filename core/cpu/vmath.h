// Elementary functions on Vector: range reduction, then a short polynomial (coefficients of exp,
// log, sine and cosine from S. Moshier's Cephes library). Every step is an IEEE operation or a
// named fused multiply-add, so the bits are the same on every fused instruction set. Errors are
// below 3 units in the last place (tests/core/test_kernels.c measures them); NaN passes through.
#ifndef SIEVE_CORE_CPU_VMATH_H
#define SIEVE_CORE_CPU_VMATH_H

#include "core/cpu/simd.h"

// fma_vector's arithmetic on one number: for loops in plain C, which the compiler may vectorise
// without changing a bit.
static inline float multiply_add(float a, float b, float c)
{
#if defined(SIEVE_ISA_baseline)
    return a * b + c;
#else
    return fmaf(a, b, c);
#endif
}

static inline float first_lane(Vector v)
{
    float lanes[LANES];
    store(lanes, v);
    return lanes[0];
}

// coefficients[0] x^(count-1) + ... + coefficients[count-1].
static inline __attribute__((always_inline)) Vector polynomial(Vector x, int count,
                                                               const float *coefficients)
{
    Vector sum = splat(coefficients[0]);
    for (int i = 1; i < count; i++) sum = fma_vector(sum, x, splat(coefficients[i]));
    return sum;
}

// log 2 in two parts: n * LOG2_HIGH is exact for the exponents n that occur.
#define LOG2_HIGH 0.693359375f
#define LOG2_LOW (-2.12194440e-4f)

// x = n log 2 + r with |r| <= log(2)/2; returns e^r - 1. |x| < 10^6, not NaN.
static inline Vector exp_reduced(Vector x, VectorInt *n)
{
    static const float coefficients[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f,
                                         4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
    const Vector round = splat(12582912.0f); // 1.5 * 2^23: adding it rounds to an integer
    Vector rounded = fma_vector(x, splat(1.44269504f), round);
    *n = bits_of(rounded) - bits_of(round);
    rounded -= round;
    Vector r = fma_vector(rounded, splat(-LOG2_HIGH), x);
    r = fma_vector(rounded, splat(-LOG2_LOW), r);
    return fma_vector(polynomial(r, 6, coefficients), r * r, r);
}

// 2^n for -127 < n < 128.
static inline Vector power_of_two(VectorInt n)
{
    return from_bits((n + splat_int(127)) << 23);
}

// e^x: infinity above 88.7, subnormal, then zero below -103.9.
static inline Vector exp_vector(Vector x)
{
    VectorInt n;
    Vector inside = min_vector(splat(89), max_vector(splat(-104), x)); // also makes NaN a number
    Vector y = exp_reduced(inside, &n) + splat(1);
    VectorInt half = n >> 1; // 2^n itself may be out of range
    y = y * power_of_two(half) * power_of_two(n - half);
    return select_vector(equal(x, x), y, x);
}

// e^x - 1 for x <= 0, without cancellation near 0.
static inline Vector exp_minus_one_negative(Vector x)
{
    VectorInt n;
    Vector y = exp_reduced(max_vector(splat(-30), x), &n);
    Vector scale = power_of_two(n);
    y = fma_vector(scale, y, scale - splat(1));
    return select_vector(equal(x, x), y, x);
}

// n log 2 + log(1 + f) for f in [sqrt(1/2) - 1, sqrt(2) - 1].
static inline Vector log_reduced(Vector n, Vector f)
{
    static const float coefficients[] = {7.0376836292e-2f,  -1.1514610310e-1f, 1.1676998740e-1f,
                                         -1.2420140846e-1f, 1.4249322787e-1f,  -1.6668057665e-1f,
                                         2.0000714765e-1f,  -2.4999993993e-1f, 3.3333331174e-1f};
    Vector square = f * f;
    Vector y = f * square * polynomial(f, 9, coefficients);
    y = fma_vector(n, splat(LOG2_LOW), y);
    y = fma_vector(splat(-0.5f), square, y);
    return fma_vector(n, splat(LOG2_HIGH), f + y);
}

// log x: minus infinity at 0, NaN below.
static inline Vector log_vector(Vector x)
{
    const Vector zero = splat(0), infinity = splat(INFINITY);
    VectorInt positive = less(zero, x), tiny = less(x, splat(0x1p-126f));
    Vector normal =
        select_vector(tiny, x * splat(0x1p23f), x); // subnormal numbers brought into range
    normal = select_vector(positive, normal, splat(1));
    // The exponent is counted from sqrt(1/2), so that the fraction lies between it and sqrt(2).
    VectorInt exponent = bits_of(normal) - splat_int(0x3f3504f3);
    Vector fraction = from_bits(bits_of(normal) - (exponent & splat_int(-0x800000)));
    Vector n = to_float(exponent >> 23) - select_vector(tiny, splat(23), zero);
    Vector y = log_reduced(n, fraction - splat(1));
    y = select_vector(positive, y, select_vector(equal(x, zero), splat(-INFINITY), splat(NAN)));
    return select_vector(less(x, infinity), y, x); // infinity and NaN are their own logarithm
}

static inline Vector tanh_vector(Vector x)
{
    Vector e = exp_minus_one_negative(splat(-2) * abs_vector(x));
    Vector y = abs_vector(e / (e + splat(2)));
    return from_bits(bits_of(y) | (bits_of(x) & splat_int(-0x7fffffff - 1)));
}

// x - tanh x; near zero, where the difference cancels, x^3 (1/3 - 2/15 x^2 + ...), fitted for |x|
// <= 1.
static inline Vector tanhshrink_vector(Vector x)
{
    static const float coefficients[] = {-0.000143828816f, 0.000927147514f, -0.00321185379f,
                                         0.00870132074f,   -0.0218307786f,  0.0539636239f,
                                         -0.133333117f,    0.333333343f};
    Vector square = x * x;
    Vector near = x * square * polynomial(square, 8, coefficients);
    return select_vector(less(abs_vector(x), splat(1)), near, x - tanh_vector(x));
}

// 1 / (1 + e^-x), written with e^-|x| so that both tails keep their relative accuracy.
static inline Vector sigmoid_vector(Vector x)
{
    Vector e = exp_vector(-abs_vector(x));
    return select_vector(less(x, splat(0)), e, splat(1)) / (splat(1) + e);
}

// log(1 + u) for u in [0, 1]: exact for tiny u, since 1 + u is never formed there.
static inline Vector log_one_plus(Vector u)
{
    VectorInt small = less(u, splat(0.41421354f));
    Vector f = select_vector(small, u, (u - splat(1)) * splat(0.5f)); // 1 + u = 1 + f or 2 (1 + f)
    return log_reduced(select_vector(small, splat(0), splat(1)), f);
}

// log(1 + e^x) = max(x, 0) + log(1 + e^-|x|).
static inline Vector softplus_vector(Vector x)
{
    return max_vector(x, splat(0)) + log_one_plus(exp_vector(-abs_vector(x)));
}

// Cosine and sine of 2 pi u, u in [0, 1): u = q/4 + f exactly, |f| <= 1/8, then the quadrant q
// swaps and negates.
static inline void cosine_sine_turn(Vector u, Vector *cosine, Vector *sine)
{
    static const float cosine_coefficients[] = {2.443315711809948e-5f, -1.388731625493765e-3f,
                                                4.166664568298827e-2f};
    static const float sine_coefficients[] = {-1.9515295891e-4f, 8.3321608736e-3f,
                                              -1.6666654611e-1f};
    VectorInt quadrant = to_int(fma_vector(u, splat(4), splat(0.5f)));
    Vector x = fma_vector(to_float(quadrant), splat(-0.25f), u) * splat(6.28318531f);
    Vector square = x * x;
    Vector c = polynomial(square, 3, cosine_coefficients) * square;
    c = fma_vector(c, square, fma_vector(splat(-0.5f), square, splat(1)));
    Vector s = fma_vector(polynomial(square, 3, sine_coefficients) * square, x, x);
    const VectorInt one = splat_int(1), sign = splat_int(-0x7fffffff - 1);
    VectorInt odd = -(quadrant & one), upper = -(quadrant >> 1 & one);
    // A quarter turn makes (c, s) into (-s, c).
    *cosine = from_bits(bits_of(select_vector(odd, s, c)) ^ ((odd ^ upper) & sign));
    *sine = from_bits(bits_of(select_vector(odd, c, s)) ^ (upper & sign));
}

#endif
