// The language of the kernels in cuda/kernels/: C with CUDA's names (threadIdx, __syncthreads,
// __shfl_xor_sync), so that one source compiles for the device (nvcc makes the PTX text that lies
// beside it) and, through cuda/emulate.h, for the processor, where every memory access is checked.
// A kernel takes one struct (cuda/arguments.h), called `a`.
#ifndef SIEVE_CUDA_KERNEL_H
#define SIEVE_CUDA_KERNEL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include "cuda/arguments.h"

#ifdef __CUDACC__

#define DEVICE static __device__ __forceinline__
#define KERNEL(name, Arguments) \
    extern "C" __global__ void __launch_bounds__(MOST_THREADS) name(const Arguments a)
// For kernels that registers limit: threads of a block, blocks that should fit a multiprocessor.
#define KERNEL_WITH(name, Arguments, threads, blocks) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name(const Arguments a)
extern __shared__ __align__(1024) float4 shared_memory[]; // as warpgroup.h wants it
#define SHARED_MEMORY(type, name) type *const name = (type *)(void *)shared_memory
#define UNROLL _Pragma("unroll")
#define NO_UNROLL _Pragma("unroll 1")

// cp.async: global to shared memory past the registers. Zeros arrive where not `inside`.
DEVICE uint32_t shared_address(const void *shared)
{
    return (uint32_t)__cvta_generic_to_shared(shared);
}
DEVICE void copy_async_16(float *shared, const float *global, bool inside)
{
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(shared)),
                 "l"(__cvta_generic_to_global(global)), "r"(inside ? 16 : 0)
                 : "memory");
}
DEVICE void copy_async_4(float *shared, const float *global, bool inside)
{
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;" ::"r"(shared_address(shared)),
                 "l"(__cvta_generic_to_global(global)), "r"(inside ? 4 : 0)
                 : "memory");
}
DEVICE void copy_async_commit(void)
{
    asm volatile("cp.async.commit_group;" ::: "memory");
}
// Until at most `pending` (a constant) of this thread's newest groups are under way.
#define copy_async_wait(pending) asm volatile("cp.async.wait_group %0;" ::"n"(pending) : "memory")

// Four 8 x 4 tiles of floats from shared memory at once: lane i brings the place of row i % 8 of
// tile i / 8 (16 bytes) and gets value (i / 4, i % 4) of each tile.
DEVICE void load_tiles(const float *row, float *values)
{
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=f"(values[0]), "=f"(values[1]), "=f"(values[2]), "=f"(values[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// Rounding to the matrix unit's operands: 10 bits of fraction, ties away from zero; two bf16, ties
// to even, `low` in the low half.
DEVICE uint32_t to_tf32(float x)
{
    uint32_t bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
    return bits;
}
DEVICE uint32_t to_bf16_pair(float low, float high)
{
    uint32_t bits;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(bits) : "f"(high), "f"(low));
    return bits;
}

// The matrix instruction on a warp's `rows` x `columns` tiles of 16x8: c[i][j] += a[i] b[j].
#define MULTIPLY_TILES(name, instruction)                                               \
    DEVICE void name(const int rows, const int columns, float(*c)[4], uint32_t(*a)[4],  \
                     uint32_t(*b)[2])                                                   \
    {                                                                                   \
        UNROLL for (int i = 0; i < rows; i++) UNROLL for (int j = 0; j < columns; j++)  \
        {                                                                               \
            float *d = c[i * columns + j];                                              \
            asm(instruction " {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"    \
                : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])                        \
                : "r"(a[i][0]), "r"(a[i][1]), "r"(a[i][2]), "r"(a[i][3]), "r"(b[j][0]), \
                  "r"(b[j][1]));                                                        \
        }                                                                               \
    }
MULTIPLY_TILES(multiply_tiles_tf32, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32")
MULTIPLY_TILES(multiply_tiles_bf16, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32")

#define static static __device__ // for the functions of vmath.h

#else

#include "cuda/emulate.h"

#endif

// ---- core/cpu/vmath.h for a vector of one lane: the same functions, so the same bits ----

#define SIEVE_CORE_CPU_SIMD_H // in place of core/cpu/simd.h
#define LANES 1
typedef float Vector;
typedef int32_t VectorInt;

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
static inline VectorInt equal(Vector a, Vector b)
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
}
static inline Vector fma_vector(Vector a, Vector b, Vector c)
{
    return fmaf(a, b, c);
}
static inline Vector sqrt_vector(Vector v)
{
    return sqrtf(v);
}
static inline Vector select_vector(VectorInt where, Vector a, Vector b)
{
    return where ? a : b;
}
static inline Vector max_vector(Vector a, Vector b)
{
    return a < b ? b : a;
}
static inline Vector min_vector(Vector a, Vector b)
{
    return b < a ? b : a;
}
static inline Vector abs_vector(Vector v)
{
    return from_bits(bits_of(v) & 0x7fffffff);
}
static inline void store(float *p, Vector v)
{
    *p = v;
}

#include "core/cpu/vmath.h"

#undef static

// ---- What several families share ----

enum { WARP = 32 };

// The running number of this thread, over all blocks of a one-dimensional grid.
DEVICE int64_t thread_number(void)
{
    return (int64_t)blockIdx.x * blockDim.x + threadIdx.x;
}

DEVICE float4 load4(const float *p)
{
    return *(const float4 *)(const void *)p;
}

DEVICE void store4(float *p, float4 v)
{
    *(float4 *)(void *)p = v;
}

// One element, or four neighbours: 1 or 4 lanes.
DEVICE void load_lanes(const int lanes, const float *p, float *v)
{
    if (lanes == 1) {
        v[0] = p[0];
        return;
    }
    const float4 four = load4(p);
    v[0] = four.x, v[1] = four.y, v[2] = four.z, v[3] = four.w;
}
DEVICE void store_lanes(const int lanes, float *p, const float *v)
{
    if (lanes == 1) {
        p[0] = v[0];
        return;
    }
    const float4 four = {v[0], v[1], v[2], v[3]};
    store4(p, four);
}

// The sum over a warp's lanes, in every lane, by one fixed tree.
DEVICE double warp_sum(double value)
{
    UNROLL for (int distance = WARP / 2; distance > 0; distance /= 2) value +=
        __shfl_xor_sync(0xffffffffu, value, distance);
    return value;
}

// The sum over a block's threads, in thread 0; shared: a value for each warp.
DEVICE double block_sum(double value, double *shared)
{
    const int warps = (int)blockDim.x / WARP;
    value = warp_sum(value);
    if (threadIdx.x % WARP == 0) shared[threadIdx.x / WARP] = value;
    __syncthreads();
    double sum = 0;
    if (threadIdx.x == 0)
        for (int i = 0; i < warps; i++) sum += shared[i];
    __syncthreads();
    return sum;
}

#endif
