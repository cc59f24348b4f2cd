// Kernels that treat every element alone. Memory limits all of them: four elements a thread keep
// enough loads under way. The functions are those of core/cpu/kernels/elementwise.c, in the same
// operations, so the results have the same bits.
#include "cuda/kernel.h"

DEVICE float relu(float x, float a, float b)
{
    (void)a, (void)b;
    return x < 0 ? 0 : x;
}
DEVICE float relu_gradient(float x, float y, float dy, float a, float b)
{
    (void)y, (void)a, (void)b;
    return x <= 0 ? 0 : dy;
}
DEVICE float leaky_relu(float x, float a, float b)
{
    (void)b;
    return 0 < x ? x : a * x;
}
DEVICE float leaky_relu_gradient(float x, float y, float dy, float a, float b)
{
    (void)y, (void)b;
    return 0 < x ? dy : a * dy;
}
DEVICE float elu(float x, float a, float b)
{
    (void)a, (void)b;
    return 0 < x ? x : exp_minus_one_negative(min_vector(x, 0));
}
DEVICE float elu_gradient(float x, float y, float dy, float a, float b)
{
    (void)a, (void)b;
    return 0 < x ? dy : dy * (y + 1);
}
DEVICE float sigmoid(float x, float a, float b)
{
    (void)a, (void)b;
    return sigmoid_vector(x);
}
DEVICE float sigmoid_gradient(float x, float y, float dy, float a, float b)
{
    (void)x, (void)a, (void)b;
    return dy * (y * (1 - y));
}
DEVICE float hyperbolic_tangent(float x, float a, float b)
{
    (void)a, (void)b;
    return tanh_vector(x);
}
DEVICE float hyperbolic_tangent_gradient(float x, float y, float dy, float a, float b)
{
    (void)x, (void)a, (void)b;
    return dy * fmaf(-y, y, 1);
}
DEVICE float tanhshrink(float x, float a, float b)
{
    (void)a, (void)b;
    return tanhshrink_vector(x);
}
DEVICE float tanhshrink_gradient(float x, float y, float dy, float a, float b)
{
    (void)y, (void)a, (void)b;
    const float t = tanh_vector(x);
    return dy * (t * t);
}
DEVICE float softplus(float x, float a, float b)
{
    (void)a, (void)b;
    return softplus_vector(x);
}
DEVICE float softplus_gradient(float x, float y, float dy, float a, float b)
{
    (void)y, (void)a, (void)b;
    return dy * sigmoid_vector(x);
}
DEVICE float exponential(float x, float a, float b)
{
    (void)a, (void)b;
    return exp_vector(x);
}
DEVICE float exponential_gradient(float x, float y, float dy, float a, float b)
{
    (void)x, (void)a, (void)b;
    return dy * y;
}
DEVICE float logarithm(float x, float a, float b)
{
    (void)a, (void)b;
    return log_vector(x);
}
DEVICE float logarithm_gradient(float x, float y, float dy, float a, float b)
{
    (void)y, (void)a, (void)b;
    return dy / x;
}
DEVICE float square_root(float x, float a, float b)
{
    (void)a, (void)b;
    return sqrtf(x);
}
DEVICE float square_root_gradient(float x, float y, float dy, float a, float b)
{
    (void)x, (void)a, (void)b;
    return dy / (y + y);
}
DEVICE float square(float x, float a, float b)
{
    (void)a, (void)b;
    return x * x;
}
DEVICE float square_gradient(float x, float y, float dy, float a, float b)
{
    (void)y, (void)a, (void)b;
    return dy * (x + x);
}
DEVICE float absolute(float x, float a, float b)
{
    (void)a, (void)b;
    return abs_vector(x);
}
DEVICE float absolute_gradient(float x, float y, float dy, float a, float b)
{
    (void)y, (void)a, (void)b;
    return x == 0 ? 0 : x < 0 ? -dy : dy;
}
DEVICE float clamp(float x, float a, float b)
{
    return min_vector(max_vector(x, a), b);
}
DEVICE float clamp_gradient(float x, float y, float dy, float a, float b)
{
    (void)y;
    return a <= x && x <= b ? dy : 0;
}
DEVICE float affine(float x, float a, float b)
{
    return fmaf(a, x, b);
}
DEVICE float affine_gradient(float x, float y, float dy, float a, float b)
{
    (void)x, (void)y, (void)b;
    return a * dy;
}

DEVICE int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#define UNARY(name, f)                                                                            \
    KERNEL(unary_##name, UnaryArguments)                                                          \
    {                                                                                             \
        int64_t i = 4 * thread_number();                                                          \
        if (a.wide && i + 4 <= a.count) {                                                         \
            float4 x = load4(a.x + i);                                                            \
            x.x = f(x.x, a.a, a.b);                                                               \
            x.y = f(x.y, a.a, a.b);                                                               \
            x.z = f(x.z, a.a, a.b);                                                               \
            x.w = f(x.w, a.a, a.b);                                                               \
            store4(a.out + i, x);                                                                 \
            return;                                                                               \
        }                                                                                         \
        for (int64_t end = smaller(i + 4, a.count); i < end; i++) a.out[i] = f(a.x[i], a.a, a.b); \
    }                                                                                             \
    KERNEL(unary_##name##_backward, UnaryArguments)                                               \
    {                                                                                             \
        int64_t i = 4 * thread_number();                                                          \
        if (a.wide && i + 4 <= a.count) {                                                         \
            float4 x = load4(a.x + i), y = load4(a.y + i), d = load4(a.dy + i);                   \
            d.x = f##_gradient(x.x, y.x, d.x, a.a, a.b);                                          \
            d.y = f##_gradient(x.y, y.y, d.y, a.a, a.b);                                          \
            d.z = f##_gradient(x.z, y.z, d.z, a.a, a.b);                                          \
            d.w = f##_gradient(x.w, y.w, d.w, a.a, a.b);                                          \
            store4(a.out + i, d);                                                                 \
            return;                                                                               \
        }                                                                                         \
        for (int64_t end = smaller(i + 4, a.count); i < end; i++)                                 \
            a.out[i] = f##_gradient(a.x[i], a.y[i], a.dy[i], a.a, a.b);                           \
    }

UNARY(relu, relu)
UNARY(leaky_relu, leaky_relu)
UNARY(elu, elu)
UNARY(sigmoid, sigmoid)
UNARY(tanh, hyperbolic_tangent)
UNARY(tanhshrink, tanhshrink)
UNARY(softplus, softplus)
UNARY(exp, exponential)
UNARY(log, logarithm)
UNARY(sqrt, square_root)
UNARY(square, square)
UNARY(abs, absolute)
UNARY(clamp, clamp)
UNARY(affine, affine)

// Where element number i of the walk lies in both arrays.
DEVICE void seek(const Walk *walk, int32_t i, int64_t *first, int64_t *second)
{
    *first = *second = 0;
    UNROLL for (int d = 0; d < MOST_DIMENSIONS; d++)
    {
        if (d >= walk->rank) break;
        const int32_t size = walk->shape[d], at = i % size;
        *first += (int64_t)at * walk->first_step[d];
        *second += (int64_t)at * walk->second_step[d];
        i /= size;
    }
}

// Repeated operands cost divisions, but their values come from the cache.
#define BINARY(name, operator)                                    \
    KERNEL(binary_##name, BinaryArguments)                        \
    {                                                             \
        int64_t i = thread_number(), j, k;                        \
        if (!a.dense) {                                           \
            if (i >= a.count) return;                             \
            seek(&a.walk, (int32_t)i, &j, &k);                    \
            a.y[i] = a.a[j] operator a.b[k];                      \
            return;                                               \
        }                                                         \
        i *= 4;                                                   \
        if (i + 4 <= a.count) {                                   \
            float4 x = load4(a.a + i), y = load4(a.b + i);        \
            x.x = x.x operator y.x;                               \
            x.y = x.y operator y.y;                               \
            x.z = x.z operator y.z;                               \
            x.w = x.w operator y.w;                               \
            store4(a.y + i, x);                                   \
            return;                                               \
        }                                                         \
        for (; i < a.count; i++) a.y[i] = a.a[i] operator a.b[i]; \
    }

BINARY(add, +)
BINARY(sub, -)
BINARY(mul, *)
BINARY(div, /)

// y += scale x
KERNEL(accumulate, AccumulateArguments)
{
    int64_t i = 4 * thread_number();
    if (a.wide && i + 4 <= a.count) {
        const float4 x = load4(a.x + i);
        float4 y = load4(a.y + i);
        y.x = fmaf(a.scale, x.x, y.x);
        y.y = fmaf(a.scale, x.y, y.y);
        y.z = fmaf(a.scale, x.z, y.z);
        y.w = fmaf(a.scale, x.w, y.w);
        store4(a.y + i, y);
        return;
    }
    for (int64_t end = smaller(i + 4, a.count); i < end; i++)
        a.y[i] = fmaf(a.scale, a.x[i], a.y[i]);
}

KERNEL(fill, AccumulateArguments)
{
    int64_t i = 4 * thread_number();
    for (int64_t end = smaller(i + 4, a.count); i < end; i++) a.y[i] = a.scale;
}

// Limited by whichever side is not read or written side by side.
KERNEL(copy, CopyArguments)
{
    const int64_t i = thread_number();
    int64_t from, to;
    if (i >= a.walk.count) return;
    seek(&a.walk, (int32_t)i, &from, &to);
    a.y[to] = a.x[from];
}
