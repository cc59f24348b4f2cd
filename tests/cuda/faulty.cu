// Kernels with one fault each, for tests/cuda/test_emulator.c: what the emulator must find.
#include "cuda/warpgroup.h"

KERNEL(right, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    const int i = (int)threadIdx.x, count = (int)blockDim.x;
    shared[i] = a.x[i];
    __syncthreads();
    a.out[i] = shared[(i + 1) % count];
}

KERNEL(reads_outside, UnaryArguments)
{
    a.out[threadIdx.x] = a.x[threadIdx.x + 1];
}

KERNEL(writes_outside, UnaryArguments)
{
    a.out[(int)threadIdx.x - 1] = 1;
}

KERNEL(writes_what_is_only_read, UnaryArguments)
{
    ((float *)a.x)[threadIdx.x] = 1;
}

KERNEL(forgets_the_barrier, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    const int i = (int)threadIdx.x, count = (int)blockDim.x;
    shared[i] = 0;
    __syncthreads();
    shared[i] = a.x[i];
    a.out[i] = shared[(i + 1) % count];
}

KERNEL(overwrites_what_others_read, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    const int i = (int)threadIdx.x, count = (int)blockDim.x;
    shared[i] = a.x[i];
    __syncthreads();
    const float value = shared[(i + 1) % count];
    shared[i] = value;
    a.out[i] = value;
}

KERNEL(reads_what_nobody_wrote, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    a.out[threadIdx.x] = shared[threadIdx.x];
}

KERNEL(goes_beyond_shared_memory, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    shared[threadIdx.x + 1] = a.x[threadIdx.x];
}

KERNEL(all_threads_write_one_place, UnaryArguments)
{
    a.out[0] = a.x[threadIdx.x];
}

KERNEL(blocks_share_a_result, UnaryArguments)
{
    if (threadIdx.x == 0) a.out[0] = a.out[0] + a.x[blockIdx.x];
}

KERNEL(some_threads_miss_the_barrier, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    if (threadIdx.x < 16) __syncthreads();
    shared[threadIdx.x] = (float)warp_sum((double)a.x[threadIdx.x]);
}

KERNEL(does_not_wait_for_the_copy, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    copy_async_4(shared + threadIdx.x, a.x + threadIdx.x, true);
    copy_async_commit();
    copy_async_wait(1);
    a.out[threadIdx.x] = shared[threadIdx.x];
}

KERNEL(waits_but_has_no_barrier, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    const int i = (int)threadIdx.x, count = (int)blockDim.x;
    shared[i] = 0;
    __syncthreads();
    copy_async_4(shared + i, a.x + i, true);
    copy_async_commit();
    copy_async_wait(0);
    a.out[i] = shared[(i + 1) % count];
}

KERNEL(copies_to_an_odd_place, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    if (threadIdx.x == 0) copy_async_16(shared + 1, a.x, true);
    copy_async_wait(0);
}

// A warpgroup's product: what it reads has not been fenced.
KERNEL(forgets_the_fence, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    float sums[8][4] = {{0}};
    for (int i = (int)threadIdx.x; i < (int)a.count; i += (int)blockDim.x) shared[i] = a.x[0];
    __syncthreads();
    warpgroup_multiply_64(sums, shared, shared);
    warpgroup_commit();
    warpgroup_wait(0);
    a.out[threadIdx.x] = sums[0][0];
}

// What it reads is overwritten before the wait.
KERNEL(overwrites_what_is_multiplied, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    float sums[8][4] = {{0}};
    for (int i = (int)threadIdx.x; i < (int)a.count; i += (int)blockDim.x) shared[i] = a.x[0];
    fence_for_unit();
    __syncthreads();
    warpgroup_multiply_64(sums, shared, shared);
    warpgroup_commit();
    if (threadIdx.x == 127) shared[0] = 0;
    warpgroup_wait(0);
    a.out[threadIdx.x] = sums[0][0];
}

// One warp multiplies (16 x 8) (8 x 8), or (16 x 16) (16 x 8) in bf16, from the PTX ISA's fragments.
// x: A row by row, then B row by row; out: C.
KERNEL(one_tile_tf32, UnaryArguments)
{
    const int g = (int)threadIdx.x / 4, t = (int)threadIdx.x % 4;
    const float *matrix = a.x, *b = a.x + 16 * 8;
    uint32_t left[1][4], right_[1][2];
    float c[1][4] = {{0, 0, 0, 0}};
    left[0][0] = to_tf32(matrix[g * 8 + t]);
    left[0][1] = to_tf32(matrix[(g + 8) * 8 + t]);
    left[0][2] = to_tf32(matrix[g * 8 + t + 4]);
    left[0][3] = to_tf32(matrix[(g + 8) * 8 + t + 4]);
    right_[0][0] = to_tf32(b[t * 8 + g]);
    right_[0][1] = to_tf32(b[(t + 4) * 8 + g]);
    multiply_tiles_tf32(1, 1, c, left, right_);
    a.out[g * 8 + 2 * t] = c[0][0];
    a.out[g * 8 + 2 * t + 1] = c[0][1];
    a.out[(g + 8) * 8 + 2 * t] = c[0][2];
    a.out[(g + 8) * 8 + 2 * t + 1] = c[0][3];
}

KERNEL(one_tile_bf16, UnaryArguments)
{
    const int g = (int)threadIdx.x / 4, t = (int)threadIdx.x % 4;
    const float *matrix = a.x, *b = a.x + 16 * 16;
    uint32_t left[1][4], right_[1][2];
    float c[1][4] = {{0, 0, 0, 0}};
    for (int r = 0; r < 4; r++) {
        const float *at = matrix + (g + r % 2 * 8) * 16 + 2 * t + r / 2 * 8;
        left[0][r] = to_bf16_pair(at[0], at[1]);
    }
    for (int r = 0; r < 2; r++) {
        const float *at = b + (2 * t + 8 * r) * 8 + g;
        right_[0][r] = to_bf16_pair(at[0], at[8]);
    }
    multiply_tiles_bf16(1, 1, c, left, right_);
    a.out[g * 8 + 2 * t] = c[0][0];
    a.out[g * 8 + 2 * t + 1] = c[0][1];
    a.out[(g + 8) * 8 + 2 * t] = c[0][2];
    a.out[(g + 8) * 8 + 2 * t + 1] = c[0][3];
}

// A warpgroup multiplies (64 x 8) (8 x 64): a.x holds A row by row, then B's columns one by one.
KERNEL(one_warpgroup, UnaryArguments)
{
    SHARED_MEMORY(float, shared);
    float sums[8][4] = {{0}};
    float *b = shared + 64 * 32;
    for (int i = (int)threadIdx.x; i < 64 * 32; i += (int)blockDim.x) shared[i] = b[i] = 0;
    __syncthreads();
    for (int i = (int)threadIdx.x; i < 64 * 8; i += (int)blockDim.x) {
        const int row = i / 8, k = i % 8, place = row * 32 + ((k / 4 ^ row % 8) * 4 | k % 4);
        shared[place] = a.x[i];
        b[place] = a.x[64 * 8 + i];
    }
    fence_for_unit();
    __syncthreads();
    warpgroup_begin();
    warpgroup_multiply_64(sums, shared, b);
    warpgroup_commit();
    warpgroup_wait(0);
    warpgroup_settle(8, sums);
    const int row = (int)threadIdx.x / WARP * 16 + (int)threadIdx.x % WARP / 4;
    for (int j = 0; j < 8; j++)
        for (int r = 0; r < 4; r++)
            a.out[(row + r / 2 * 8) * 64 + 8 * j + 2 * ((int)threadIdx.x % 4) + r % 2] = sums[j][r];
}
