// The matrix instruction of Hopper (wgmma, compute capability 9.0 alone): the four warps of a
// warpgroup multiply 64 rows of A by N rows of B, both read from shared memory by the matrix unit
// itself, while the warps go on.
//
// A and B lie there as rows of 32 floats along k whose chunks of four change places, [row][chunk ^
// row % 8], at a multiple of 1024 bytes: the unit's "128-byte swizzle" with eight rows a kilobyte.
// It reads eight k from the place that `a` and `b` point to in row 0. Of a float it reads 10 bits
// of fraction; the others are cut off.
#ifndef SIEVE_CUDA_WARPGROUP_H
#define SIEVE_CUDA_WARPGROUP_H

#include "cuda/kernel.h"

// sums[j] += A B': lane l of warp w holds of columns 8 j + 2 (l % 4), and the next, rows 16 w + l / 4
// and 8 more. The sums and the shared memory belong to the unit until the wait.
//   warpgroup_multiply_128(float (*sums)[4], const float *a, const float *b)     16 x 8 columns
//   warpgroup_multiply_64                                                         8 x 8 columns
//   warpgroup_begin(): before the first of a group; warpgroup_commit(): the group ends
//   warpgroup_wait(pending): until at most so many of the newest groups are under way
//   warpgroup_settle(tiles, sums): after the last wait, before the sums are used
//   fence_for_unit(): what this thread wrote to shared memory so far the unit will see, after the
//   next barrier

#ifdef __CUDACC__

// Where a tile lies: address, distance of its groups of eight rows (1024 bytes), the swizzle.
DEVICE uint64_t tile_descriptor(const float *tile)
{
    const uint64_t address = shared_address(tile) >> 4, eight_rows = 1024 >> 4;
    return address | 1ull << 16 | eight_rows << 32 | 1ull << 62;
}

#define SUMS(j) "+f"(sums[j][0]), "+f"(sums[j][1]), "+f"(sums[j][2]), "+f"(sums[j][3])
#define SUMS_OF_64 SUMS(0), SUMS(1), SUMS(2), SUMS(3), SUMS(4), SUMS(5), SUMS(6), SUMS(7)
#define SUMS_OF_128 \
    SUMS_OF_64, SUMS(8), SUMS(9), SUMS(10), SUMS(11), SUMS(12), SUMS(13), SUMS(14), SUMS(15)

DEVICE void warpgroup_multiply_64(float (*sums)[4], const float *a, const float *b)
{
    asm volatile("{.reg .pred add; setp.ne.b32 add, %34, 0;"
                 "wgmma.mma_async.sync.aligned.m64n64k8.f32.tf32.tf32 {"
                 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
                 "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31},"
                 "%32, %33, add, 1, 1;}"
                 : SUMS_OF_64
                 : "l"(tile_descriptor(a)), "l"(tile_descriptor(b)), "r"(1));
}

DEVICE void warpgroup_multiply_128(float (*sums)[4], const float *a, const float *b)
{
    asm volatile("{.reg .pred add; setp.ne.b32 add, %66, 0;"
                 "wgmma.mma_async.sync.aligned.m64n128k8.f32.tf32.tf32 {"
                 "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15,"
                 "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31,"
                 "%32,%33,%34,%35,%36,%37,%38,%39,%40,%41,%42,%43,%44,%45,%46,%47,"
                 "%48,%49,%50,%51,%52,%53,%54,%55,%56,%57,%58,%59,%60,%61,%62,%63},"
                 "%64, %65, add, 1, 1;}"
                 : SUMS_OF_128
                 : "l"(tile_descriptor(a)), "l"(tile_descriptor(b)), "r"(1));
}

DEVICE void warpgroup_begin(void)
{
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
}
DEVICE void warpgroup_commit(void)
{
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}
#define warpgroup_wait(pending) \
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(pending) : "memory")

// The compiler may not take the sums before this point.
DEVICE void warpgroup_settle(const int tiles, float (*sums)[4])
{
    UNROLL for (int j = 0; j < tiles; j++) asm volatile("" : SUMS(j)::"memory");
}

DEVICE void fence_for_unit(void)
{
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
}

#else

void emulated_warpgroup_multiply(int tiles, float (*sums)[4], const float *a, const float *b);
#define warpgroup_multiply_64(sums, a, b) emulated_warpgroup_multiply(8, sums, a, b)
#define warpgroup_multiply_128(sums, a, b) emulated_warpgroup_multiply(16, sums, a, b)
void warpgroup_begin(void);
void warpgroup_commit(void);
void warpgroup_wait(int pending);
void warpgroup_settle(int tiles, float (*sums)[4]);
void fence_for_unit(void);

#endif

#endif
