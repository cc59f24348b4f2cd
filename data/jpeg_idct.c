// The inverse DCT of libjpeg's jidctint.c ("islow"; Loeffler, Ligtenberg and Moschytz, "Practical
// fast 1-D DCT algorithms with 11 multiplications", ICASSP 1989), over columns, then rows, in whole
// numbers with the same roundings, so that each sample is the same as libjpeg's. Four columns or
// rows at once; words are unsigned so that nonsense wraps instead of being undefined.
#include <string.h>
#include "data/jpeg_parts.h"
#include "data/jpeg_vector.h"

typedef Words4 Words;
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

// Rounded division by 2^shift of signed numbers.
BODY Words descale(Words v, int shift)
{
    return (Words)((SignedWords)(v + (1u << (shift - 1))) >> shift);
}

BODY Words load_words(const int16_t *from)
{
    Shorts shorts;
    memcpy(&shorts, from, sizeof shorts);
    return (Words) __builtin_convertvector(shorts, SignedWords);
}

// v[k]: the k-th inputs of four transforms; then their k-th outputs.
BODY void transform(Words v[8], int shift)
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

BODY void transpose(Words v[4])
{
    Words a = SHUFFLE(v[0], v[1], 0, 4, 1, 5), b = SHUFFLE(v[0], v[1], 2, 6, 3, 7);
    Words c = SHUFFLE(v[2], v[3], 0, 4, 1, 5), d = SHUFFLE(v[2], v[3], 2, 6, 3, 7);
    v[0] = SHUFFLE(a, c, 0, 1, 4, 5);
    v[1] = SHUFFLE(a, c, 2, 3, 6, 7);
    v[2] = SHUFFLE(b, d, 0, 1, 4, 5);
    v[3] = SHUFFLE(b, d, 2, 3, 6, 7);
}

// Into 0 to 255, around 128.
BODY Words to_sample(Words v)
{
    SignedWords value = (SignedWords)v + 128;
    value &= ~(value >> 31);
    return (Words)((value | (255 - value) >> 31) & 255);
}

// Four samples of a row in the order of memory, for four rows.
BODY Words beside(const Words columns[4])
{
    Words a = to_sample(columns[0]), b = to_sample(columns[1]);
    Words c = to_sample(columns[2]), d = to_sample(columns[3]);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return a << 24 | b << 16 | c << 8 | d;
#else
    return a | b << 8 | c << 16 | d << 24;
#endif
}

// Four rows of samples; columns[k]: their k-th columns.
BODY void store_rows(const Words columns[8], uint8_t *to, size_t stride)
{
    Words left = beside(columns), right = beside(columns + 4);
    Words rows[2] = {SHUFFLE(left, right, 0, 4, 1, 5), SHUFFLE(left, right, 2, 6, 3, 7)};
    for (int row = 0; row < 4; row++)
        memcpy(to + (size_t)row * stride, (const uint8_t *)rows + 8 * row, 8);
}

// extent: 8, or 4 where all coefficients but the first four in the first four rows are zero; what
// is multiplied by them then falls away.
BODY void inverse_dct(const int16_t block[JPEG_BLOCK], int extent, uint8_t *to, size_t stride)
{
    Words left[8] = {0}, right[8] = {0}; // rows of columns 0 to 3, 4 to 7
    for (int row = 0; row < extent; row++) {
        left[row] = load_words(block + 8 * row);
        if (extent > 4) right[row] = load_words(block + 8 * row + 4);
    }
    transform(left, FRACTION_BITS - PASS_BITS);
    if (extent > 4) transform(right, FRACTION_BITS - PASS_BITS);
    for (int half = 0; half < 2; half++) {
        Words columns[8] = {0};
        for (int k = 0; k < 4; k++) {
            columns[k] = left[4 * half + k];
            if (extent > 4) columns[4 + k] = right[4 * half + k];
        }
        transpose(columns);
        if (extent > 4) transpose(columns + 4);
        transform(columns, FRACTION_BITS + PASS_BITS + 3);
        store_rows(columns, to + (size_t)half * 4 * stride, stride);
    }
}

BODY void chosen_by_extent(const int16_t block[JPEG_BLOCK], unsigned places, uint8_t *to,
                           size_t stride)
{
    if (places & (4 | 4 * 8))
        inverse_dct(block, 8, to, stride);
    else
        inverse_dct(block, 4, to, stride);
}

FOR_AVX2 static void chosen_avx2(const int16_t block[JPEG_BLOCK], unsigned places, uint8_t *to,
                                 size_t stride)
{
    chosen_by_extent(block, places, to, stride);
}

// A block of one value.
static void flat(int coefficient, uint8_t *to, size_t stride)
{
    int value = ((coefficient + 4) >> 3) + 128;
    uint8_t sample = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    for (int row = 0; row < 8; row++) memset(to + (size_t)row * stride, sample, 8);
}

void jpeg_inverse_dct(const int16_t block[JPEG_BLOCK], unsigned places, uint8_t *to, size_t stride)
{
    if (places == 0)
        flat(block[0], to, stride);
    else if (HAS_AVX2)
        chosen_avx2(block, places, to, stride);
    else
        chosen_by_extent(block, places, to, stride);
}
