// Counter-based random numbers: Philox4x32-10 of J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel
// random numbers: as easy as 1, 2, 3", SC 2011. A bijection of a 128-bit counter, keyed by 64 bits,
// whose outputs pass every known statistical test. The normal numbers use our own logarithm and
// sine in plain double arithmetic, which IEEE 754 fixes to the last bit as long as the compiler
// contracts nothing (-ffp-contract=off), while those of libm differ from one system to the next.
#include "core/random.h"

#include "core/angle.h"

#include <float.h>
#include <math.h>

_Static_assert(FLT_EVAL_METHOD == 0, "float and double must be evaluated in their own precision");

uint32_t random_purpose(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++) hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

void random_block(RandomKey key, uint64_t index, uint32_t words[4])
{
    uint32_t c0 = (uint32_t)index, c1 = (uint32_t)(index >> 32), c2 = key.step, c3 = key.purpose;
    uint32_t k0 = (uint32_t)key.seed, k1 = (uint32_t)(key.seed >> 32);
    for (int round = 0; round < 10; round++) {
        uint64_t product0 = (uint64_t)0xD2511F53u * c0;
        uint64_t product1 = (uint64_t)0xCD9E8D57u * c2;
        c0 = (uint32_t)(product1 >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)product1;
        c2 = (uint32_t)(product0 >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)product0;
        k0 += 0x9E3779B9u; // the golden ratio
        k1 += 0xBB67AE85u; // sqrt(3) - 1
    }
    words[0] = c0;
    words[1] = c1;
    words[2] = c2;
    words[3] = c3;
}

uint32_t random_word(RandomKey key, uint64_t index)
{
    uint32_t words[4];
    random_block(key, index / 4, words);
    return words[index % 4];
}

float random_uniform(RandomKey key, uint64_t index)
{
    return (float)(random_word(key, index) >> 8) * 0x1p-24f;
}

uint32_t random_below(RandomKey key, uint64_t index, uint32_t bound)
{
    return (uint32_t)(((uint64_t)random_word(key, index) * bound) >> 32);
}

// ln(n / 2^32) for n in 1..2^32. n = 2^e * m with m in [1/sqrt 2, sqrt 2); then with s = (m - 1) /
// (m + 1), |s| <= 0.172, ln m = 2 artanh s = 2 (s + s^3/3 + s^5/5 + ...). Relative error below
// 1e-13, also near n = 2^32, where ln is near 0.
static double log_fraction(uint64_t n)
{
    int e = 63 - __builtin_clzll(n);
    double m = (double)n / (double)(1ull << e);
    if (m > 1.4142135623730951) {
        m *= 0.5;
        e++;
    }
    double s = (m - 1) / (m + 1), square = s * s, sum = 0;
    for (int odd = 17; odd >= 1; odd -= 2) sum = sum * square + 1.0 / odd;
    return (e - 32) * 0.69314718055994531 + 2 * s * sum;
}

// Box-Muller: sqrt(-2 ln u) cos(2 pi v) and sqrt(-2 ln u) sin(2 pi v) are two independent standard
// normal numbers. Words 0 and 1 of block index/4 make numbers 0 and 1 of four, words 2 and 3
// numbers 2 and 3.
float random_normal(RandomKey key, uint64_t index)
{
    uint32_t words[4];
    random_block(key, index / 4, words);
    const uint32_t *pair = words + (index & 2);
    float radius = sqrtf((float)(-2 * log_fraction((uint64_t)pair[0] + 1))); // u in (0, 1]
    double side = index & 1 ? turn_sine(pair[1]) : turn_cosine(pair[1]);
    return (float)((double)radius * side);
}

void random_permutation(RandomKey key, uint32_t n, uint32_t *order)
{
    for (uint32_t i = 0; i < n; i++) order[i] = i;
    for (uint32_t i = n; i-- > 1;) {
        uint32_t j = random_below(key, i, i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}
