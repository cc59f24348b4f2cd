// Random arrays from Philox4x32-10, several blocks at a time, in random_word's order
// (core/random.h), and dropout.
//
// A 64-bit lane holds half a block: `low` the words c0 and c1, `high` the words c2 and c3. A round
// multiplies c0 and c2 by constants to 64 bits; with the products P0 and P1, the new halves are
//     low  = (hi P1 ^ c1 ^ k0, lo P1),   high = (hi P0 ^ c3 ^ k1, lo P0).
// The processors meant here are little-endian: the lane's low 32 bits are the first word in memory.
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/ranges.h"
#include "core/cpu/vmath.h"

#if LANES == 1
enum { HALVES = 1 };
typedef uint64_t Half;
#else
enum { HALVES = LANES / 2 };
typedef uint64_t Half __attribute__((vector_size(4 * LANES)));
#endif

enum {
    GROUPS = 4, // vectors that run together
    BATCH = 128 // blocks drawn at a time, into a buffer in the first-level cache; a multiple of
                // every GROUPS * HALVES
};

// The low 32 bits of every lane times a 32-bit constant.
static inline Half multiply_low(Half v, uint32_t constant)
{
#if defined(SIEVE_ISA_avx512)
    return (Half)_mm512_mul_epu32((__m512i)v, _mm512_set1_epi64(constant));
#elif defined(SIEVE_ISA_avx2)
    return (Half)_mm256_mul_epu32((__m256i)v, _mm256_set1_epi64x(constant));
#elif defined(SIEVE_ISA_neon)
    return (Half)vmull_u32(vmovn_u64((uint64x2_t)v), vdup_n_u32(constant));
#elif defined(SIEVE_ISA_baseline)
    return (Half)_mm_mul_epu32((__m128i)v, _mm_set1_epi64x(constant));
#else
    return (v & 0xffffffffu) * constant;
#endif
}

// Several vectors at a time: a round's chain of operations is long, and they hide each other's
// latency.
static inline void philox(RandomKey key, Half low[GROUPS], Half high[GROUPS])
{
    uint32_t k0 = (uint32_t)key.seed, k1 = (uint32_t)(key.seed >> 32);
    for (int round = 0; round < 10; round++, k0 += 0x9E3779B9u, k1 += 0xBB67AE85u)
        for (int g = 0; g < GROUPS; g++) {
            Half p0 = multiply_low(low[g], 0xD2511F53u), p1 = multiply_low(high[g], 0xCD9E8D57u);
            low[g] = ((low[g] ^ p1) >> 32) ^ (p1 << 32) ^ k0;
            high[g] = ((high[g] ^ p0) >> 32) ^ (p0 << 32) ^ k1;
        }
}

// The words of blocks first .. first+count-1, and of up to GROUPS * HALVES - 1 more, for which the
// buffer has room.
static void draw(RandomKey key, int64_t first, int64_t count, uint32_t *words)
{
    enum { TOGETHER = GROUPS * HALVES };
    uint64_t lanes[2][TOGETHER];
    Half counter[GROUPS], stream[GROUPS], low[GROUPS], high[GROUPS];
    for (int i = 0; i < TOGETHER; i++) {
        lanes[0][i] = (uint64_t)(first + i);
        lanes[1][i] = (uint64_t)key.purpose << 32 | key.step;
    }
    memcpy(counter, lanes[0], sizeof counter);
    memcpy(stream, lanes[1], sizeof stream);
    for (int64_t block = 0; block < count; block += TOGETHER) {
        memcpy(low, counter, sizeof low);
        memcpy(high, stream, sizeof high);
        philox(key, low, high);
        for (int g = 0; g < GROUPS; g++) counter[g] += TOGETHER;
        memcpy(lanes[0], low, sizeof low);
        memcpy(lanes[1], high, sizeof high);
        for (int i = 0; i < TOGETHER; i++) {
            memcpy(words + (block + i) * 4, &lanes[0][i], sizeof(uint64_t));
            memcpy(words + (block + i) * 4 + 2, &lanes[1][i], sizeof(uint64_t));
        }
    }
}

typedef struct NoiseCall {
    RandomKey key;
    int64_t count;
    float a, b; // dropout: scale; uniform: low and width
    uint32_t threshold;
    const float *x;
    float *y;
} NoiseCall;

// ---- Dropout: a block decides about eight elements
// ------------------------------------------------

static void drop(const NoiseCall *call, int64_t count, const uint16_t *halves, const float *x,
                 float *y)
{
    int32_t keep[8 * BATCH]; // all ones where kept
    const int32_t threshold = (int32_t)call->threshold;
    for (int64_t i = 0; i < count; i++) keep[i] = -(halves[i] >= threshold);
    const Vector scale = splat(call->a);
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        VectorInt kept;
        memcpy(&kept, keep + i, sizeof kept);
        Vector value = load(x + i) * scale + splat(0); // adding 0 turns -0 into 0
        store(y + i, select_vector(kept, value, splat(-0.0f)));
    }
    for (; i < count; i++) y[i] = halves[i] >= threshold ? x[i] * call->a + 0.0f : -0.0f;
}

// `count` elements, of which the first belongs to block `begin`.
static void drop_blocks(const NoiseCall *call, int64_t begin, int64_t count, const float *x,
                        float *y)
{
    uint32_t words[4 * BATCH];
    uint16_t halves[8 * BATCH];
    for (; count > 0; begin += BATCH, count -= 8 * BATCH, x += 8 * BATCH, y += 8 * BATCH) {
        int64_t elements = smaller(8 * BATCH, count);
        draw(call->key, begin, (elements + 7) / 8, words);
        memcpy(halves, words, sizeof halves);
        drop(call, elements, halves, x, y);
    }
}

static void dropout_blocks(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const NoiseCall *call = context;
    drop_blocks(call, begin, smaller(end * 8, call->count) - begin * 8, call->x + begin * 8,
                call->y + begin * 8);
}

static NoiseCall dropout_call(float probability, RandomKey key)
{
    return (NoiseCall){.key = key,
                       .a = 1 / (1 - probability),
                       .threshold = (uint32_t)((double)probability * 65536 + 0.5)};
}

static void dropout(int64_t count, float probability, RandomKey key, const float *x, float *y)
{
    NoiseCall call = dropout_call(probability, key);
    call.count = count;
    call.x = x;
    call.y = y;
    parallel_ranges((count + 7) / 8, 8, dropout_blocks, &call);
}

void KERNEL(dropout_part)(float probability, RandomKey key, int64_t first, int64_t count,
                          float *values)
{
    NoiseCall call = dropout_call(probability, key);
    drop_blocks(&call, first / 8, count, values, values);
}

typedef struct DropoutBackward {
    float scale;
    const float *y, *dy;
    float *dx;
} DropoutBackward;

static Vector dropped_gradient(Vector y, Vector dy, Vector scale)
{
    return select_vector(equal_int(bits_of(y), splat_int(INT32_MIN)), splat(0), dy * scale);
}

static void dropout_backward_range(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const DropoutBackward *call = context;
    const Vector scale = splat(call->scale);
    int64_t i = begin;
    for (; i + LANES <= end; i += LANES)
        store(call->dx + i, dropped_gradient(load(call->y + i), load(call->dy + i), scale));
    if (i < end) {
        Vector y = load_part(call->y + i, end - i), dy = load_part(call->dy + i, end - i);
        store_part(call->dx + i, dropped_gradient(y, dy, scale), end - i);
    }
}

static void dropout_backward(int64_t count, float probability, const float *y, const float *dy,
                             float *dx)
{
    DropoutBackward call = {1 / (1 - probability), y, dy, dx};
    parallel_ranges(count, 1, dropout_backward_range, &call);
}

// ---- Uniform and normal numbers: a block makes four
// -----------------------------------------------

// The upper 24 bits of a word, as a fraction in [0, 1).
static inline float fraction(uint32_t word)
{
    return (float)(int32_t)(word >> 8) * 0x1p-24f;
}

static void uniform_blocks(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const NoiseCall *call = context;
    uint32_t words[4 * BATCH];
    for (; begin < end; begin += BATCH) {
        int64_t blocks = smaller(BATCH, end - begin);
        int64_t count = smaller(blocks * 4, call->count - begin * 4);
        float *y = call->y + begin * 4;
        draw(call->key, begin, blocks, words);
        for (int64_t i = 0; i < count; i++)
            y[i] = multiply_add(call->b, fraction(words[i]), call->a);
    }
}

static void uniform(int64_t count, float low, float high, RandomKey key, float *y)
{
    NoiseCall call = {.key = key, .count = count, .a = low, .b = high - low, .y = y};
    parallel_ranges((count + 3) / 4, 4, uniform_blocks, &call);
}

// Box and Muller: words pairwise into numbers pairwise. pairs is a multiple of 16.
static void box_muller(int64_t pairs, const uint32_t *words, float *numbers)
{
    float radius[2 * BATCH], turn[2 * BATCH];
    for (int64_t i = 0; i < pairs; i++) {
        radius[i] = fraction(words[2 * i]) + 0x1p-24f; // in (0, 1], so that its logarithm is finite
        turn[i] = fraction(words[2 * i + 1]);
    }
    for (int64_t i = 0; i < pairs; i += LANES) {
        Vector r = sqrt_vector(splat(-2) * log_vector(load(radius + i))), cosine, sine;
        cosine_sine_turn(load(turn + i), &cosine, &sine);
        store(radius + i, r * cosine);
        store(turn + i, r * sine);
    }
    for (int64_t i = 0; i < pairs; i++) {
        numbers[2 * i] = radius[i];
        numbers[2 * i + 1] = turn[i];
    }
}

static void normal_blocks(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const NoiseCall *call = context;
    uint32_t words[4 * BATCH];
    float numbers[4 * BATCH];
    for (; begin < end; begin += BATCH) {
        int64_t blocks = smaller(BATCH, (end - begin + 7) / 8 * 8); // of two pairs each
        draw(call->key, begin, blocks, words);
        box_muller(blocks * 2, words, numbers);
        int64_t count = smaller(4 * smaller(BATCH, end - begin), call->count - begin * 4);
        memcpy(call->y + begin * 4, numbers, (size_t)count * sizeof(float));
    }
}

static void normal(int64_t count, RandomKey key, float *y)
{
    NoiseCall call = {.key = key, .count = count, .y = y};
    parallel_ranges((count + 3) / 4, 4, normal_blocks, &call);
}

void KERNEL(enter_noise)(Kernels *table)
{
    table->dropout = dropout;
    table->dropout_backward = dropout_backward;
    table->uniform = uniform;
    table->normal = normal;
}
