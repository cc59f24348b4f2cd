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

// y = x / (1 - p) where kept (never -0), else -0. Eight elements a thread, 16 bits each.
KERNEL(dropout, NoiseArguments)
{
    const int64_t block = thread_number();
    uint32_t words[4];
    if (8 * block >= a.count) return;
    philox(&a, (uint64_t)block, words);
    UNROLL for (int k = 0; k < 8; k++)
    {
        const int64_t i = 8 * block + k;
        const uint32_t half = words[k / 2] >> (k % 2 * 16) & 0xffffu;
        if (i < a.count) a.y[i] = half >= a.threshold ? a.x[i] * a.a + 0.0f : -0.0f;
    }
}

// What was dropped is known from the sign of its zero.
KERNEL(dropout_backward, NoiseArguments)
{
    const int64_t i = thread_number();
    if (i >= a.count) return;
    a.y[i] = bits_of(a.x[i]) == INT32_MIN ? 0 : a.dy[i] * a.a;
}

// The upper 24 bits of a word, as a fraction in [0, 1).
DEVICE float fraction(uint32_t word)
{
    return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

KERNEL(uniform, NoiseArguments)
{
    const int64_t block = thread_number();
    uint32_t words[4];
    if (4 * block >= a.count) return;
    philox(&a, (uint64_t)block, words);
    UNROLL for (int k = 0; k < 4; k++)
    {
        if (4 * block + k < a.count) a.y[4 * block + k] = fmaf(a.b, fraction(words[k]), a.a);
    }
}

// Box and Muller: words pairwise into numbers pairwise.
KERNEL(normal, NoiseArguments)
{
    const int64_t block = thread_number();
    uint32_t words[4];
    if (4 * block >= a.count) return;
    philox(&a, (uint64_t)block, words);
    UNROLL for (int pair = 0; pair < 2; pair++)
    {
        const float radius = sqrtf(-2 * log_vector(fraction(words[2 * pair]) + 0x1p-24f));
        const int64_t i = 4 * block + 2 * pair;
        float cosine, sine;
        cosine_sine_turn(fraction(words[2 * pair + 1]), &cosine, &sine);
        if (i < a.count) a.y[i] = radius * cosine;
        if (i + 1 < a.count) a.y[i + 1] = radius * sine;
    }
}
