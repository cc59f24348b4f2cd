// The inverse DCT of libjpeg's jidctint.c ("islow"; Loeffler, Ligtenberg and Moschytz, "Practical
// fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989), over columns, then rows, in whole
// numbers with the same roundings, so that each sample is the same as libjpeg's. Four columns or
// rows at once; words are unsigned so that nonsense wraps instead of being undefined.
#include <string.h>
#include "data/jpeg_parts.h"

typedef uint32_t Words __attribute__((vector_size(16)));
typedef int32_t SignedWords __attribute__((vector_size(16)));
typedef int16_t Shorts __attribute__((vector_size(8)));

enum {
    FRACTION_BITS = 13, // of the constants
    PASS_BITS = 2,      // kept between the passes
    C_0_298 = 2446,     // round(0.298631336 * 2^13), ...
    C_0_390 = 3196,
    C_0_541 = 4433,
    C_0_765 = 6270,
    C_0_899 = 7373,
    C_1_175 = 9633,
    C_1_501 = 12299,
    C_1_847 = 15137,
    C_1_961 = 16069,
    C_2_053 = 16819,
    C_2_562 = 20995,
    C_3_072 = 25172,
};

#ifdef __clang__
#define SHUFFLE(a, b, i, j, k, l) __builtin_shufflevector(a, b, i, j, k, l)
#else
#define SHUFFLE(a, b, i, j, k, l) __builtin_shuffle(a, b, (Words){i, j, k, l})
#endif

// Rounded division by 2^shift of signed numbers.
static inline Words descale(Words v, int shift)
{
    return (Words)((SignedWords)(v + (1u << (shift - 1))) >> shift);
}

// v[k]: the k-th inputs of four transforms; then their k-th outputs.
static inline void transform(Words v[8], int shift)
{
    Words z1 = (v[2] + v[6]) * C_0_541;
    Words e2 = z1 - v[6] * C_1_847, e3 = z1 + v[2] * C_0_765;
    Words e0 = (v[0] + v[4]) << FRACTION_BITS, e1 = (v[0] - v[4]) << FRACTION_BITS;
    Words even[4] = {e0 + e3, e1 + e2, e1 - e2, e0 - e3};

    Words z5 = (v[7] + v[3] + v[5] + v[1]) * C_1_175;
    Words y1 = (v[7] + v[1]) * C_0_899, y2 = (v[5] + v[3]) * C_2_562;
    Words y3 = z5 - (v[7] + v[3]) * C_1_961, y4 = z5 - (v[5] + v[1]) * C_0_390;
    Words odd[4] = {v[1] * C_1_501 - y1 + y4, v[3] * C_3_072 - y2 + y3, v[5] * C_2_053 - y2 + y4,
                    v[7] * C_0_298 - y1 + y3};
    for (int k = 0; k < 4; k++) {
        v[k] = descale(even[k] + odd[k], shift);
        v[7 - k] = descale(even[k] - odd[k], shift);
    }
}

static inline void transpose(Words v[4])
{
    Words a = SHUFFLE(v[0], v[1], 0, 4, 1, 5), b = SHUFFLE(v[0], v[1], 2, 6, 3, 7);
    Words c = SHUFFLE(v[2], v[3], 0, 4, 1, 5), d = SHUFFLE(v[2], v[3], 2, 6, 3, 7);
    v[0] = SHUFFLE(a, c, 0, 1, 4, 5);
    v[1] = SHUFFLE(a, c, 2, 3, 6, 7);
    v[2] = SHUFFLE(b, d, 0, 1, 4, 5);
    v[3] = SHUFFLE(b, d, 2, 3, 6, 7);
}

static inline uint8_t clamp(int value)
{
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

// Four rows of samples; columns[k]: their k-th columns.
static inline void store_rows(Words columns[8], uint8_t *to, size_t stride)
{
    transpose(columns);
    transpose(columns + 4);
    for (int row = 0; row < 4; row++) {
        int32_t values[8];
        memcpy(values, &columns[row], 16);
        memcpy(values + 4, &columns[4 + row], 16);
        uint8_t samples[8];
        for (int k = 0; k < 8; k++) samples[k] = clamp(values[k] + 128);
        memcpy(to + (size_t)row * stride, samples, 8);
    }
}

void jpeg_inverse_dct(const int16_t block[JPEG_BLOCK], uint8_t *to, size_t stride)
{
    Words left[8], right[8]; // rows of columns 0 to 3, 4 to 7
    for (int row = 0; row < 8; row++) {
        Shorts halves[2];
        memcpy(halves, block + 8 * row, sizeof halves);
        left[row] = (Words) __builtin_convertvector(halves[0], SignedWords);
        right[row] = (Words) __builtin_convertvector(halves[1], SignedWords);
    }
    transform(left, FRACTION_BITS - PASS_BITS);
    transform(right, FRACTION_BITS - PASS_BITS);
    for (int half = 0; half < 2; half++) {
        Words columns[8];
        for (int k = 0; k < 4; k++) {
            columns[k] = left[4 * half + k];
            columns[4 + k] = right[4 * half + k];
        }
        transpose(columns);
        transpose(columns + 4);
        transform(columns, FRACTION_BITS + PASS_BITS + 3);
        store_rows(columns, to + (size_t)half * 4 * stride, stride);
    }
}

void jpeg_inverse_dct_flat(int coefficient, uint8_t *to, size_t stride)
{
    uint8_t sample = clamp(((coefficient + 4) >> 3) + 128);
    for (int row = 0; row < 8; row++) memset(to + (size_t)row * stride, sample, 8);
}
