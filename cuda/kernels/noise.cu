// Random arrays from Philox4x32-10, in core/random.h's order, and dropout: element i depends on
// (key, i) alone, so the device draws what the processor draws. A thread takes one block of four
// words. Limited by memory; normal numbers nearly as much by their logarithm and cosine.
#include "cuda/kernel.h"

DEVICE void philox(const NoiseArguments *a, uint64_t index, uint32_t *words)
{
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = a->step, c3 = a->purpose;
    uint32_t k0 = (uint32_t)a->seed, k1 = (uint32_t)(a->seed >> 32);
    UNROLL for (int round = 0; round < 10; round++)
    {
        const uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)p1;
        c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)p0;
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

DEVICE float dropped(const NoiseArguments *a, uint32_t half, float x)
{
    return half >= a->threshold ? x * a->a + 0.0f : -0.0f;
}

// y = x / (1 - p) where kept (never -0), else -0. Eight elements a thread, 16 bits each.
KERNEL(dropout, NoiseArguments)
{
    const int64_t block = thread_number(), first = 8 * block;
    uint32_t words[4];
    float4 x[2];
    if (first >= a.count) return;
    const bool four = a.wide && first + 8 <= a.count;
    if (four) x[0] = load4(a.x + first), x[1] = load4(a.x + first + 4);
    philox(&a, (uint64_t)block, words);
    if (four) {
        UNROLL for (int q = 0; q < 2; q++)
        {
            x[q].x = dropped(&a, words[2 * q] & 0xffffu, x[q].x);
            x[q].y = dropped(&a, words[2 * q] >> 16, x[q].y);
            x[q].z = dropped(&a, words[2 * q + 1] & 0xffffu, x[q].z);
            x[q].w = dropped(&a, words[2 * q + 1] >> 16, x[q].w);
            store4(a.y + first + 4 * q, x[q]);
        }
        return;
    }
    UNROLL for (int k = 0; k < 8; k++)
    {
        const uint32_t half = words[k / 2] >> (k % 2 * 16) & 0xffffu;
        if (first + k < a.count) a.y[first + k] = dropped(&a, half, a.x[first + k]);
    }
}

// What was dropped is known from the sign of its zero.
DEVICE float passed(const NoiseArguments *a, float y, float dy)
{
    return bits_of(y) == INT32_MIN ? 0 : dy * a->a;
}

KERNEL(dropout_backward, NoiseArguments)
{
    int64_t i = 4 * thread_number();
    if (a.wide && i + 4 <= a.count) {
        const float4 y = load4(a.x + i);
        float4 d = load4(a.dy + i);
        d.x = passed(&a, y.x, d.x);
        d.y = passed(&a, y.y, d.y);
        d.z = passed(&a, y.z, d.z);
        d.w = passed(&a, y.w, d.w);
        store4(a.y + i, d);
        return;
    }
    for (int64_t end = i + 4; i < end && i < a.count; i++) a.y[i] = passed(&a, a.x[i], a.dy[i]);
}

// The upper 24 bits of a word, as a fraction in [0, 1).
DEVICE float fraction(uint32_t word)
{
    return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

// Four numbers of which the last may be beyond the end.
DEVICE void write_four(const NoiseArguments *a, int64_t i, float4 v)
{
    if (a->wide && i + 4 <= a->count) {
        store4(a->y + i, v);
        return;
    }
    a->y[i] = v.x;
    if (i + 1 < a->count) a->y[i + 1] = v.y;
    if (i + 2 < a->count) a->y[i + 2] = v.z;
    if (i + 3 < a->count) a->y[i + 3] = v.w;
}

KERNEL(uniform, NoiseArguments)
{
    const int64_t block = thread_number();
    uint32_t words[4];
    if (4 * block >= a.count) return;
    philox(&a, (uint64_t)block, words);
    const float4 v = {fmaf(a.b, fraction(words[0]), a.a), fmaf(a.b, fraction(words[1]), a.a),
                      fmaf(a.b, fraction(words[2]), a.a), fmaf(a.b, fraction(words[3]), a.a)};
    write_four(&a, 4 * block, v);
}

// Box and Muller: words pairwise into numbers pairwise.
KERNEL(normal, NoiseArguments)
{
    const int64_t block = thread_number();
    uint32_t words[4];
    float radius[2], cosine[2], sine[2];
    if (4 * block >= a.count) return;
    philox(&a, (uint64_t)block, words);
    UNROLL for (int pair = 0; pair < 2; pair++)
    {
        radius[pair] = sqrtf(-2 * log_vector(fraction(words[2 * pair]) + 0x1p-24f));
        cosine_sine_turn(fraction(words[2 * pair + 1]), &cosine[pair], &sine[pair]);
    }
    const float4 v = {radius[0] * cosine[0], radius[0] * sine[0], radius[1] * cosine[1],
                      radius[1] * sine[1]};
    write_four(&a, 4 * block, v);
}
