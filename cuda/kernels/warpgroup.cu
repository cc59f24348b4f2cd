// Convolutions and their input gradients (matrix.cu's forward and input) with Hopper's matrix
// instruction: compute capability 9.0 alone, and the first choice there for tf32 and bf16.
//
// A block's two warpgroups compute 256 x 128 or 256 x 64 of the result, each 128 rows. Tiles of 32
// k are four deep: one that is multiplied, one whose multiplication may still be ending, two that
// arrive. The unit reads them from shared memory at twice the rate that the older instruction gets
// from registers; what limits is what all blocks read from the second-level cache, a quarter (a
// sixth at 64 columns) less than with tiles of 128 x 128 (of 128 x 64), and with one block a
// multiprocessor nothing overlaps its first copies and last lines.
//
// The weights lie along k: for a convolution they are turned before (turn_weights in matrix.cu),
// after which it is its own transposed convolution's input gradient, tap for tap.
//
// Precision: the unit cuts the last 13 bits of each operand off, so that a product is too small by
// a factor of (1 - 2^-11 ln 2)^2 on the average; the sums are multiplied by its inverse.
#include "cuda/kernels/product.h"
#include "cuda/warpgroup.h"

enum { STAGES = 4, THREADS = 256, HALF = 64 }; // rows of one instruction

DEVICE void multiply_rows(const Plan *plan, float (*sums)[4], const float *a, const float *b)
{
    if (plan->tile_n == 128)
        warpgroup_multiply_128(sums, a, b);
    else
        warpgroup_multiply_64(sums, a, b);
}

// sums += the warpgroup's 2 x 64 rows over TILE_K k, as one group.
DEVICE void multiply_stage(const Plan *plan, const float *stage, float (*sums)[16][4])
{
    const float *a = stage + (int)threadIdx.x / 128 * 2 * HALF * TILE_K;
    const float *b = stage + plan->tile_m * TILE_K;
    warpgroup_begin();
    UNROLL for (int k = 0; k < TILE_K; k += 8)
    {
        multiply_rows(plan, sums[0], a + k, b + k);
        multiply_rows(plan, sums[1], a + HALF * TILE_K + k, b + k);
    }
    warpgroup_commit();
}

DEVICE void write_rows(const MatrixArguments *a, const Plan *plan, int row, int column,
                       float (*sums)[4])
{
    const float unbiased = 1.0006770f; // 1 / (1 - 2^-11 ln 2)^2
    warpgroup_settle(plan->tile_n / 8, sums);
    UNROLL for (int j = 0; j < plan->tile_n / 8; j++) UNROLL for (int r = 0; r < 4; r++)
        sums[j][r] *= unbiased;
    write_tiles(a, 1, plan->tile_n / 8, row, column, sums);
}

DEVICE void multiply(const MatrixArguments *a, const Plan *plan)
{
    SHARED_MEMORY(float, stages);
    const int stage_size = (plan->tile_m + plan->tile_n) * TILE_K;
    const int first_m = (int)blockIdx.x * plan->tile_m, first_n = (int)blockIdx.y * plan->tile_n;
    const int begin = (int)blockIdx.z * a->split_k, left = a->k - begin;
    const int length = left < a->split_k ? left : a->split_k;
    const int tiles = (length + TILE_K - 1) / TILE_K;
    float sums[2][16][4];
    Gather gather;
    UNROLL for (int i = 0; i < 2; i++) UNROLL for (int j = 0; j < plan->tile_n / 8; j++)
        UNROLL for (int r = 0; r < 4; r++) sums[i][j][r] = 0;
    gather.end = begin + length;
    start_gather(a, plan, first_m, begin, &gather);
    for (int i = 0; i < STAGES - 2; i++) {
        if (i < tiles) copy_tile(a, plan, first_m, first_n, &gather, stages + i * stage_size);
        copy_async_commit();
    }
    int i = 0, now = 0, next = STAGES - 2;
    do { // at least once: else the sums would be moved while the unit has them
        copy_async_wait(STAGES - 3);
        fence_for_unit();
        __syncthreads(); // both warpgroups have waited for all products but the last
        multiply_stage(plan, stages + now * stage_size, sums);
        if (i + STAGES - 2 < tiles)
            copy_tile(a, plan, first_m, first_n, &gather, stages + next * stage_size);
        copy_async_commit();
        now = now == STAGES - 1 ? 0 : now + 1;
        next = next == STAGES - 1 ? 0 : next + 1;
        warpgroup_wait(1);
    } while (++i < tiles);
    copy_async_wait(0);
    warpgroup_wait(0);
    const int warp = (int)threadIdx.x / WARP;
    const int row = first_m + warp / 4 * 2 * HALF + warp % 4 * 16;
    write_rows(a, plan, row, first_n, sums[0]);
    write_rows(a, plan, row + HALF, first_n, sums[1]);
}

#define WARPGROUP_KERNEL(name, tile_n)                            \
    KERNEL_WITH(name, MatrixArguments, THREADS, 1)                \
    {                                                             \
        const Plan plan = {TF32, INPUT, 256, tile_n, 4, THREADS}; \
        multiply(&a, &plan);                                      \
    }

WARPGROUP_KERNEL(warpgroup_128, 128)
WARPGROUP_KERNEL(warpgroup_64, 64)
