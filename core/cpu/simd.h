// The vector type of the kernels: Vector holds LANES floats, as wide as the instruction set that
// this copy of the source is compiled for (reference 1, baseline 4, neon 4, avx2 8, avx512 16).
// Kernels are written once against these few names.
//
// Same bits on every instruction set: an elementwise kernel does the same operations per element
// whatever the width; a sum always runs over 16 interleaved partial sums (Sum16) that are combined
// by one fixed tree; fma is one rounding everywhere (baseline, for processors without FMA, rounds
// twice and says so).
#ifndef SIEVE_CORE_CPU_SIMD_H
#define SIEVE_CORE_CPU_SIMD_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(SIEVE_ISA_avx512)
#include <immintrin.h>
#define LANES 16
#elif defined(SIEVE_ISA_avx2)
#include <immintrin.h>
#define LANES 8
#elif defined(SIEVE_ISA_neon)
#include <arm_neon.h>
#define LANES 4
#elif defined(SIEVE_ISA_baseline)
#include <immintrin.h>
#define LANES 4
#else
#define LANES 1
#endif

// Before a loop of a constant number of turns, all of which are to be written out: arrays that such
// loops alone use stay in registers.
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

// name_avx2, name_reference, ...: each copy of the kernels has its own names, collected by its
// table (table.c).
#define KERNEL_JOIN2(name, isa) name##_##isa
#define KERNEL_JOIN(name, isa) KERNEL_JOIN2(name, isa)
#define KERNEL(name) KERNEL_JOIN(name, SIEVE_ISA)

#if LANES == 1
typedef float Vector;
typedef int32_t VectorInt; // the bits of a Vector, or a comparison's result: all ones where true
#else
typedef float Vector __attribute__((vector_size(4 * LANES)));
typedef int32_t VectorInt __attribute__((vector_size(4 * LANES)));
#endif

static inline Vector load(const float *p)
{
    Vector v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void store(float *p, Vector v)
{
    memcpy(p, &v, sizeof v);
}

// The first count lanes (0 <= count <= LANES); the others read as zero and are not written.
static inline Vector load_part(const float *p, int64_t count)
{
    float lanes[LANES] = {0};
    for (int64_t i = 0; i < count; i++) lanes[i] = p[i];
    return load(lanes);
}

static inline void store_part(float *p, Vector v, int64_t count)
{
    float lanes[LANES];
    store(lanes, v);
    for (int64_t i = 0; i < count; i++) p[i] = lanes[i];
}

#if LANES == 1
static inline Vector splat(float x)
{
    return x;
}
static inline VectorInt splat_int(int32_t x)
{
    return x;
}
static inline VectorInt bits_of(Vector v)
{
    VectorInt i;
    memcpy(&i, &v, sizeof i);
    return i;
}
static inline Vector from_bits(VectorInt i)
{
    Vector v;
    memcpy(&v, &i, sizeof v);
    return v;
}
static inline VectorInt less(Vector a, Vector b)
{
    return -(a < b);
}
static inline VectorInt less_equal(Vector a, Vector b)
{
    return -(a <= b);
}
static inline VectorInt equal(Vector a, Vector b)
{
    return -(a == b);
}
static inline VectorInt equal_int(VectorInt a, VectorInt b)
{
    return -(a == b);
}
static inline Vector to_float(VectorInt i)
{
    return (float)i;
}
static inline VectorInt to_int(Vector v)
{
    return (int32_t)v;
} // toward zero; |v| < 2^31
#else
static inline Vector splat(float x)
{
    return x - (Vector){0};
}
static inline VectorInt splat_int(int32_t x)
{
    return x - (VectorInt){0};
}
static inline VectorInt bits_of(Vector v)
{
    return (VectorInt)v;
}
static inline Vector from_bits(VectorInt i)
{
    return (Vector)i;
}
static inline VectorInt less(Vector a, Vector b)
{
    return (VectorInt)(a < b);
}
static inline VectorInt less_equal(Vector a, Vector b)
{
    return (VectorInt)(a <= b);
}
static inline VectorInt equal(Vector a, Vector b)
{
    return (VectorInt)(a == b);
}
static inline VectorInt equal_int(VectorInt a, VectorInt b)
{
    return (VectorInt)(a == b);
}
static inline Vector to_float(VectorInt i)
{
    return __builtin_convertvector(i, Vector);
}
static inline VectorInt to_int(Vector v)
{
    return __builtin_convertvector(v, VectorInt);
}
#endif

// a * b + c in one rounding.
static inline Vector fma_vector(Vector a, Vector b, Vector c)
{
#if defined(SIEVE_ISA_avx512)
    return (Vector)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(SIEVE_ISA_avx2)
    return (Vector)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(SIEVE_ISA_neon)
    return vfmaq_f32(c, a, b);
#elif defined(SIEVE_ISA_baseline)
    return a * b + c; // two roundings: last bits differ from every other instruction set
#else
    return fmaf(a, b, c);
#endif
}

static inline Vector sqrt_vector(Vector v)
{
#if defined(SIEVE_ISA_avx512)
    return (Vector)_mm512_sqrt_ps((__m512)v);
#elif defined(SIEVE_ISA_avx2)
    return (Vector)_mm256_sqrt_ps((__m256)v);
#elif defined(SIEVE_ISA_neon)
    return vsqrtq_f32(v);
#elif defined(SIEVE_ISA_baseline)
    return (Vector)_mm_sqrt_ps((__m128)v);
#else
    return sqrtf(v);
#endif
}

// where ? a : b, lane by lane; where comes from a comparison.
static inline Vector select_vector(VectorInt where, Vector a, Vector b)
{
    return from_bits((bits_of(a) & where) | (bits_of(b) & ~where));
}

static inline Vector max_vector(Vector a, Vector b)
{
    return select_vector(less(a, b), b, a);
}
static inline Vector min_vector(Vector a, Vector b)
{
    return select_vector(less(b, a), b, a);
}
static inline Vector abs_vector(Vector v)
{
    return from_bits(bits_of(v) & splat_int(0x7fffffff));
}

// Sixteen partial sums, whatever the width: element i of a row is always added to partial sum i
// % 16.
enum { SUM_LANES = 16, SUM_VECTORS = SUM_LANES / LANES };

typedef struct Sum16 {
    Vector part[SUM_VECTORS];
} Sum16;

// ((0+8)+(4+12)) + ((2+10)+(6+14)) and so on: halves are folded onto each other until one is left.
static inline float sum_total(const Sum16 *sum)
{
    float lanes[SUM_LANES];
    memcpy(lanes, sum->part, sizeof lanes);
    for (int width = SUM_LANES / 2; width > 0; width /= 2)
        for (int i = 0; i < width; i++) lanes[i] += lanes[i + width];
    return lanes[0];
}

#endif
