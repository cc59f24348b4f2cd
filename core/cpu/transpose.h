// Transposes a matrix: squares of LANES x LANES in registers, the rest one by one.
#ifndef SIEVE_CORE_CPU_TRANSPOSE_H
#define SIEVE_CORE_CPU_TRANSPOSE_H

#include "core/cpu/simd.h"

// a0 b0 a1 b1 ... from the lower (upper) halves of both.
#if defined(SIEVE_ISA_avx512)
static inline Vector interleave_low(Vector a, Vector b)
{
    const __m512i order = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    return (Vector)_mm512_permutex2var_ps((__m512)a, order, (__m512)b);
}
static inline Vector interleave_high(Vector a, Vector b)
{
    const __m512i order =
        _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
    return (Vector)_mm512_permutex2var_ps((__m512)a, order, (__m512)b);
}
#elif defined(SIEVE_ISA_avx2)
static inline Vector interleave_low(Vector a, Vector b)
{
    __m256 low = _mm256_unpacklo_ps((__m256)a, (__m256)b);
    return (Vector)_mm256_permute2f128_ps(low, _mm256_unpackhi_ps((__m256)a, (__m256)b), 0x20);
}
static inline Vector interleave_high(Vector a, Vector b)
{
    __m256 low = _mm256_unpacklo_ps((__m256)a, (__m256)b);
    return (Vector)_mm256_permute2f128_ps(low, _mm256_unpackhi_ps((__m256)a, (__m256)b), 0x31);
}
#elif defined(SIEVE_ISA_neon)
static inline Vector interleave_low(Vector a, Vector b)
{
    return vzip1q_f32(a, b);
}
static inline Vector interleave_high(Vector a, Vector b)
{
    return vzip2q_f32(a, b);
}
#elif defined(SIEVE_ISA_baseline)
static inline Vector interleave_low(Vector a, Vector b)
{
    return (Vector)_mm_unpacklo_ps((__m128)a, (__m128)b);
}
static inline Vector interleave_high(Vector a, Vector b)
{
    return (Vector)_mm_unpackhi_ps((__m128)a, (__m128)b);
}
#endif

// Interleaving the upper half of the rows with the lower half, once for each bit of a row's number,
// turns the square round.
static inline void transpose_square(const float *from, int64_t from_row, float *to, int64_t to_row)
{
#if LANES == 1
    (void)from_row;
    (void)to_row;
    *to = *from;
#else
    Vector rows[LANES], mixed[LANES];
    for (int i = 0; i < LANES; i++) rows[i] = load(from + i * from_row);
    for (int bit = 1; bit < LANES; bit *= 2) {
        for (int i = 0; i < LANES / 2; i++) {
            mixed[2 * i] = interleave_low(rows[i], rows[i + LANES / 2]);
            mixed[2 * i + 1] = interleave_high(rows[i], rows[i + LANES / 2]);
        }
        for (int i = 0; i < LANES; i++) rows[i] = mixed[i];
    }
    for (int i = 0; i < LANES; i++) store(to + i * to_row, rows[i]);
#endif
}

// to[j * to_row + i] = from[i * from_row + j] for i < rows, j < columns.
static inline void transpose(int64_t rows, int64_t columns, const float *from, int64_t from_row,
                             float *to, int64_t to_row)
{
    const int64_t whole_rows = rows / LANES * LANES, whole_columns = columns / LANES * LANES;
    for (int64_t i = 0; i < whole_rows; i += LANES)
        for (int64_t j = 0; j < whole_columns; j += LANES)
            transpose_square(from + i * from_row + j, from_row, to + j * to_row + i, to_row);
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = i < whole_rows ? whole_columns : 0; j < columns; j++)
            to[j * to_row + i] = from[i * from_row + j];
}

#endif
