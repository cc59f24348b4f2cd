// Vectors for the JPEG decoder's inner loops: a body is written once with the compilers' vector
// types and, on x86-64, compiled twice: for any processor, and for those with AVX2 (chosen as the
// program runs). All arithmetic is of whole numbers, so both give the same bits.
#ifndef SIEVE_DATA_JPEG_VECTOR_H
#define SIEVE_DATA_JPEG_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

#define BODY static inline __attribute__((always_inline))

#ifdef __x86_64__
#define FOR_AVX2 __attribute__((target("avx2")))
#define HAS_AVX2 __builtin_cpu_supports("avx2")
#else
#define FOR_AVX2
#define HAS_AVX2 false
#endif

typedef uint8_t Bytes16 __attribute__((vector_size(16)));
typedef uint32_t Words4 __attribute__((vector_size(16)));

// Lanes of a, then b, by number.
#ifdef __clang__
#define SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (__typeof__(a)){__VA_ARGS__})
#endif

#endif
