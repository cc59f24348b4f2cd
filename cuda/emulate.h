// Kernels on the processor. This header gives their language (cuda/kernel.h) to a C compiler; a
// block's threads are coroutines of one processor thread, run in a fixed or a shuffled order from
// one barrier to the next. The kernels are compiled with -fsanitize=thread, but not linked with its
// library: the compiler calls a function of cuda/emulate.c before every load and store, which
// finds accesses outside the arrays named at the launch, races, and reads of shared memory that
// nobody wrote. Not for use outside cuda/.
#ifndef SIEVE_CUDA_EMULATE_H
#define SIEVE_CUDA_EMULATE_H

#include <stdbool.h>
#include <stdint.h>

// ---- For the kernels ----

typedef struct Index3 {
    uint32_t x, y, z;
} Index3;

typedef struct float4 {
    float x, y, z, w;
} __attribute__((aligned(16))) float4;

typedef struct float2 {
    float x, y;
} __attribute__((aligned(8))) float2;

#define DEVICE static inline __attribute__((always_inline))
#define KERNEL(name, Arguments)                       \
    static void name##_thread(const Arguments a);     \
    void emulated_##name(const void *arguments);      \
    void emulated_##name(const void *arguments)       \
    {                                                 \
        name##_thread(*(const Arguments *)arguments); \
    }                                                 \
    static void name##_thread(const Arguments a)
#define KERNEL_WITH(name, Arguments, threads, blocks) KERNEL(name, Arguments)
#define SHARED_MEMORY(type, name) type *const name = emulated_shared_memory()
#define UNROLL
#define NO_UNROLL

// Constant as long as a thread runs, and a thread is a coroutine of its own: hence the attribute.
const Index3 *emulated_thread_index(void) __attribute__((const));
const Index3 *emulated_block_index(void) __attribute__((const));
const Index3 *emulated_block_size(void) __attribute__((const));
const Index3 *emulated_grid_size(void) __attribute__((const));
void *emulated_shared_memory(void) __attribute__((const));
#define threadIdx (*emulated_thread_index())
#define blockIdx (*emulated_block_index())
#define blockDim (*emulated_block_size())
#define gridDim (*emulated_grid_size())

void emulated_barrier(void);
#define __syncthreads() emulated_barrier()

// The value of lane (own lane XOR distance); all 32 lanes of the warp must come.
float emulated_shuffle_float(float value, int distance);
double emulated_shuffle_double(double value, int distance);
#define __shfl_xor_sync(mask, value, distance) \
    _Generic((value), float                    \
             : emulated_shuffle_float, double  \
             : emulated_shuffle_double)(value, distance)

void emulated_copy_async(float *shared, const float *global, int bytes, bool inside);
void copy_async_commit(void);
void copy_async_wait(int pending);
#define copy_async_16(shared, global, inside) emulated_copy_async(shared, global, 16, inside)
#define copy_async_4(shared, global, inside) emulated_copy_async(shared, global, 4, inside)

// ldmatrix: cuda/kernel.h.
void load_tiles(const float *row, float *values);

uint32_t to_tf32(float x);
uint32_t to_bf16_pair(float low, float high);
// mma.sync.m16n8k8 (tf32) and m16n8k16 (bf16), with the fragments of the PTX ISA.
void multiply_tiles_tf32(int rows, int columns, float (*c)[4], uint32_t (*a)[4], uint32_t (*b)[2]);
void multiply_tiles_bf16(int rows, int columns, float (*c)[4], uint32_t (*a)[4], uint32_t (*b)[2]);

#endif
