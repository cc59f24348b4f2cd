// Matrix products and convolutions (cuda/arguments.h: forward, input, weight) as implicit GEMM: the
// matrix of patches is never written; tiles of it are gathered into shared memory by asynchronous
// copies, three tiles of 32 k deep, while the matrix units work on the one before.
//
// A block's four warps compute 128 x 128, 128 x 64 or 64 x 64 of the result, each a quarter:
// 64 x 64 at most. What limits: on layers with few channels the memory, else the shared memory's
// bandwidth (a lane reads a word for each matrix instruction of tf32 at 64 x 64, one and a half at
// 64 x 32, and twice as many of bf16, whose operands lie there as floats) and the matrix unit
// itself, which this instruction drives at about 60 % of its peak on Hopper.
//
// Precision: tf32 and bf16 round the operands once; of a tf32 operand the unit reads 10 bits of
// fraction, and one multiplication before that takes the place of rounding. Exact writes each
// operand as the sum of two tf32 numbers and leaves out only the product of the two small ones
// (about 2^-22); since the matrix unit rounds its own sums toward zero, each tile of k is summed
// from zero and added by itself.
#include "cuda/kernels/product.h"

enum { STAGES = 3, THREADS = 128, MOST_DOWN = 4, MOST_ACROSS = 8 };

// The 16 x 8 tiles of a warp: two warps go down the block's tile, two across.
DEVICE int tiles_down(const Plan *plan)
{
    return plan->tile_m / 32;
}
DEVICE int tiles_across(const Plan *plan)
{
    return plan->tile_n / 16;
}

// ---- The product of two tiles. Along k whole 8 x 4 tiles are loaded at once, four of them; along
// m each value by itself ----

// place(row + g + more, k + t) along m for the lane's g and t: row a multiple of 32, more of 8, k
// of 4. In this form all but a few offsets are constants of the instructions.
DEVICE int lane_place(const int tile, int row, const int more, int k)
{
    const int g = (int)threadIdx.x % WARP / 4, t = (int)threadIdx.x % 4;
    return t * tile + row + g % 4 + k * tile + more / 32 * 32 +
           ((more % 32 / 4 + g / 4) ^ 2 * t) * 4;
}

// Where this lane's row of the four tiles lies: rows row + more .. + 15 of k .. k + 7 (k a
// multiple of 8), the tiles in the order down, then along k, or the other way round.
DEVICE int tile_row(bool down_first, int row, const int more, int k)
{
    const int lane = (int)threadIdx.x % WARP, first = lane / 8 % 2, second = lane / 16;
    const int down = down_first ? first : second, along = down_first ? second : first;
    return (row + down * 8 + lane % 8) * TILE_K + more * TILE_K + (k / 4 ^ along ^ lane % 8) * 4;
}

// The four values of A's 16 x 8 tile that this lane holds.
DEVICE void read_a(const Plan *plan, const float *tile, int row, const int more, int k,
                   float *values)
{
    if (a_along_k(plan)) {
        load_tiles(tile + tile_row(true, row, more, k), values);
        return;
    }
    values[0] = tile[lane_place(plan->tile_m, row, more, k)];
    values[1] = tile[lane_place(plan->tile_m, row, more + 8, k)];
    values[2] = tile[lane_place(plan->tile_m, row, more, k + 4)];
    values[3] = tile[lane_place(plan->tile_m, row, more + 8, k + 4)];
}
// The two values of each of two 8 x 8 tiles of B, side by side.
DEVICE void read_b(const Plan *plan, const float *tile, int column, const int more, int k,
                   float *values)
{
    if (b_along_k(plan)) {
        load_tiles(tile + tile_row(false, column, more, k), values);
        return;
    }
    values[0] = tile[lane_place(plan->tile_n, column, more, k)];
    values[1] = tile[lane_place(plan->tile_n, column, more, k + 4)];
    values[2] = tile[lane_place(plan->tile_n, column, more + 8, k)];
    values[3] = tile[lane_place(plan->tile_n, column, more + 8, k + 4)];
}

typedef struct Fragments {
    uint32_t a[MOST_DOWN][4], b[MOST_ACROSS][2];
} Fragments;

// The matrix unit cuts a float's last 13 bits off. After this multiplication (by 1 + 2^-11 ln 2)
// what is cut off is half a unit of what remains on the average, so the products have no bias; a
// value is at most .7 units off instead of .5. One instruction instead of two; infinity and NaN
// stay.
DEVICE uint32_t nearly_tf32(float x)
{
    return (uint32_t)bits_of(x * 1.00033845f);
}

// What is left of x after its tf32 part.
DEVICE uint32_t rest_of(float x, uint32_t large)
{
    return to_tf32(x - from_bits((int32_t)large));
}

// Eight k; `rest`: what is left of each value, for exact products.
DEVICE void read_fragments(const Plan *plan, const float *stage, int row, int column, int k,
                           Fragments *large, Fragments *rest)
{
    const float *b = stage + plan->tile_m * TILE_K;
    UNROLL for (int i = 0; i < MOST_DOWN; i++)
    {
        float x[4];
        if (i >= tiles_down(plan)) break;
        read_a(plan, stage, row, 16 * i, k, x);
        UNROLL for (int r = 0; r < 4; r++)
        {
            large->a[i][r] = plan->mode == EXACT ? to_tf32(x[r]) : nearly_tf32(x[r]);
            if (plan->mode == EXACT) rest->a[i][r] = rest_of(x[r], large->a[i][r]);
        }
    }
    UNROLL for (int j = 0; j < MOST_ACROSS; j += 2)
    {
        float x[4];
        if (j >= tiles_across(plan)) break;
        read_b(plan, b, column, 8 * j, k, x);
        UNROLL for (int r = 0; r < 4; r++)
        {
            uint32_t *large_b = &large->b[j + r / 2][r % 2];
            *large_b = plan->mode == EXACT ? to_tf32(x[r]) : nearly_tf32(x[r]);
            if (plan->mode == EXACT) rest->b[j + r / 2][r % 2] = rest_of(x[r], *large_b);
        }
    }
}

// Sixteen k in pairs. Sums do not depend on k's order: a pair is (k, k + 4), and each half of the
// sixteen is read like eight k of tf32.
DEVICE void read_pairs(const Plan *plan, const float *stage, int row, int column, int k,
                       Fragments *f)
{
    const float *b = stage + plan->tile_m * TILE_K;
    UNROLL for (int i = 0; i < MOST_DOWN; i++)
    {
        float x[4], y[4];
        if (i >= tiles_down(plan)) break;
        read_a(plan, stage, row, 16 * i, k, x);
        read_a(plan, stage, row, 16 * i, k + 8, y);
        f->a[i][0] = to_bf16_pair(x[0], x[2]);
        f->a[i][1] = to_bf16_pair(x[1], x[3]);
        f->a[i][2] = to_bf16_pair(y[0], y[2]);
        f->a[i][3] = to_bf16_pair(y[1], y[3]);
    }
    UNROLL for (int j = 0; j < MOST_ACROSS; j += 2)
    {
        float x[4], y[4];
        if (j >= tiles_across(plan)) break;
        read_b(plan, b, column, 8 * j, k, x);
        read_b(plan, b, column, 8 * j, k + 8, y);
        f->b[j][0] = to_bf16_pair(x[0], x[1]);
        f->b[j][1] = to_bf16_pair(y[0], y[1]);
        f->b[j + 1][0] = to_bf16_pair(x[2], x[3]);
        f->b[j + 1][1] = to_bf16_pair(y[2], y[3]);
    }
}

// sums += the warp's tiles over TILE_K k.
DEVICE void multiply_stage(const Plan *plan, const float *stage, int row, int column,
                           float (*sums)[4])
{
    const int down = tiles_down(plan), across = tiles_across(plan);
    Fragments large, rest;
    if (plan->mode == BF16) {
        UNROLL for (int k = 0; k < TILE_K; k += 16)
        {
            read_pairs(plan, stage, row, column, k, &large);
            multiply_tiles_bf16(down, across, sums, large.a, large.b);
        }
        return;
    }
    if (plan->mode == TF32) {
        UNROLL for (int k = 0; k < TILE_K; k += 8)
        {
            read_fragments(plan, stage, row, column, k, &large, &rest);
            multiply_tiles_tf32(down, across, sums, large.a, large.b);
        }
        return;
    }
    float own[MOST_DOWN * MOST_ACROSS][4];
    UNROLL for (int i = 0; i < MOST_DOWN * MOST_ACROSS; i++)
        UNROLL for (int r = 0; r < 4; r++) if (i < down * across) own[i][r] = 0;
    NO_UNROLL for (int k = 0; k < TILE_K; k += 8)
    {
        read_fragments(plan, stage, row, column, k, &large, &rest);
        multiply_tiles_tf32(down, across, own, rest.a, large.b);
        multiply_tiles_tf32(down, across, own, large.a, rest.b);
        multiply_tiles_tf32(down, across, own, large.a, large.b);
    }
    UNROLL for (int i = 0; i < MOST_DOWN * MOST_ACROSS; i++)
        UNROLL for (int r = 0; r < 4; r++) if (i < down * across) sums[i][r] += own[i][r];
}

DEVICE void multiply(const MatrixArguments *a, const Plan *plan)
{
    SHARED_MEMORY(float, stages);
    const int stage_size = (plan->tile_m + plan->tile_n) * TILE_K;
    const int first_m = (int)blockIdx.x * plan->tile_m, first_n = (int)blockIdx.y * plan->tile_n;
    const int warp = (int)threadIdx.x / WARP;
    const int row = warp / 2 * (plan->tile_m / 2), column = warp % 2 * (plan->tile_n / 2);
    const int begin = (int)blockIdx.z * a->split_k, left = a->k - begin;
    const int length = left < a->split_k ? left : a->split_k;
    const int tiles = (length + TILE_K - 1) / TILE_K;
    float sums[MOST_DOWN * MOST_ACROSS][4];
    Gather gather;
    UNROLL for (int i = 0; i < MOST_DOWN * MOST_ACROSS; i++)
        UNROLL for (int r = 0; r < 4; r++) if (i < tiles_down(plan) * tiles_across(plan))
            sums[i][r] = 0;
    gather.end = begin + length;
    start_gather(a, plan, first_m, begin, &gather);
    for (int i = 1 - STAGES, next = 0, now = 0; i < tiles; i++) {
        if (i >= 0) {
            copy_async_wait(STAGES - 2);
            __syncthreads();
        }
        if (i + STAGES - 1 < tiles)
            copy_tile(a, plan, first_m, first_n, &gather, stages + next * stage_size);
        copy_async_commit();
        next = next == STAGES - 1 ? 0 : next + 1;
        if (i < 0) continue;
        multiply_stage(plan, stages + now * stage_size, row, column, sums);
        now = now == STAGES - 1 ? 0 : now + 1;
    }
    copy_async_wait(0);
    write_tiles(a, tiles_down(plan), tiles_across(plan), first_m + row, first_n + column, sums);
}

#define MATRIX_KERNEL(name, mode, kind, tile_m, tile_n, vector, blocks)  \
    KERNEL_WITH(name, MatrixArguments, THREADS, blocks)                  \
    {                                                                    \
        const Plan plan = {mode, kind, tile_m, tile_n, vector, THREADS}; \
        multiply(&a, &plan);                                             \
    }
#define MATRIX_KERNELS(name, mode, size, tile_m, tile_n, vector, blocks)                \
    MATRIX_KERNEL(name##_forward_##size, mode, FORWARD, tile_m, tile_n, vector, blocks) \
    MATRIX_KERNEL(name##_input_##size, mode, INPUT, tile_m, tile_n, vector, blocks)     \
    MATRIX_KERNEL(name##_weight_##size, mode, WEIGHT, tile_m, tile_n, vector, blocks)

MATRIX_KERNELS(exact, EXACT, 64, 64, 64, 4, 3)
MATRIX_KERNELS(exact, EXACT, any, 64, 64, 1, 2) // channels that are no multiple of four
MATRIX_KERNELS(tf32, TF32, 128, 128, 128, 4, 2)
MATRIX_KERNELS(tf32, TF32, 128_64, 128, 64, 4, 3)
MATRIX_KERNELS(tf32, TF32, 64, 64, 64, 4, 4)
MATRIX_KERNELS(tf32, TF32, any, 64, 64, 1, 2)
MATRIX_KERNELS(bf16, BF16, 128, 128, 128, 4, 2)
MATRIX_KERNELS(bf16, BF16, 128_64, 128, 64, 4, 3)
MATRIX_KERNELS(bf16, BF16, 64, 64, 64, 4, 4)

// ---- The splits of k, added in one order: the same bits on every run ----

DEVICE void finish_element(const MatrixArguments *a, int32_t i, float sum)
{
    const int n = i % a->n;
    const int64_t place = a->dense ? i - n : row_place(a, i / a->n);
    a->c[place + n] = finish(a, a->addend ? a->addend + place : NULL, n, sum);
}

// The block's threads in `parts` groups; each adds every parts-th split, then the groups' sums are
// added.
KERNEL(finish_splits, MatrixArguments)
{
    SHARED_MEMORY(float, sums);
    const int elements = MOST_THREADS / a.parts, part = (int)threadIdx.x / elements;
    const int at = (int)threadIdx.x % elements, size = a.m * a.n;
    const int32_t i = (int32_t)blockIdx.x * elements + at;
    float sum = 0;
    if (i < size)
        for (int split = part; split < a.splits; split += a.parts)
            sum += a.partial[(int64_t)split * size + i];
    if (a.parts > 1) {
        sums[threadIdx.x] = sum;
        __syncthreads();
        if (part > 0) return;
        for (int other = 1; other < a.parts; other++) sum += sums[other * elements + at];
    }
    if (i < size) finish_element(&a, i, sum);
}

// Few splits of a dense result, four elements a thread.
KERNEL(finish_splits_wide, MatrixArguments)
{
    const int32_t size = a.m * a.n, i = 4 * (int32_t)thread_number();
    if (i >= size) return;
    float4 sum = load4(a.partial + i);
    for (int split = 1; split < a.splits; split++) {
        const float4 more = load4(a.partial + (int64_t)split * size + i);
        sum.x += more.x;
        sum.y += more.y;
        sum.z += more.z;
        sum.w += more.w;
    }
    const int n = i % a.n;
    const float *addend = a.addend ? a.addend + (i - n) : NULL;
    sum.x = finish(&a, addend, n, sum.x);
    sum.y = finish(&a, addend, n + 1, sum.y);
    sum.z = finish(&a, addend, n + 2, sum.z);
    sum.w = finish(&a, addend, n + 3, sum.w);
    store4(a.c + i, sum);
}

// Weights along k for warpgroup.cu: a block turns 32 x 32 of them, a tap for each z.
KERNEL(turn_weights, TurnArguments)
{
    enum { TILE = 32, PITCH = TILE + 1, LINES = MOST_THREADS / TILE };
    SHARED_MEMORY(float, tile);
    const int across = (int)threadIdx.x % TILE, line = (int)threadIdx.x / TILE;
    const int row = (int)blockIdx.x * TILE, column = (int)blockIdx.y * TILE;
    const float *x = a.x + (int64_t)blockIdx.z * a.rows * a.x_stride;
    float *y = a.y + (int64_t)blockIdx.z * a.rows * a.columns;
    for (int i = line; i < TILE; i += LINES)
        if (row + i < a.rows && column + across < a.columns)
            tile[i * PITCH + across] = x[(int64_t)(row + i) * a.x_stride + column + across];
    __syncthreads();
    for (int i = line; i < TILE; i += LINES)
        if (row + across < a.rows && column + i < a.columns)
            y[(int64_t)(column + i) * a.rows + row + across] = tile[across * PITCH + i];
}

DEVICE float frozen(const FrozenArguments *a, int32_t channel, float y, float dy)
{
    dy = a->scale ? dy * a->scale[channel] : dy;
    return a->relu && !(y > 0) ? 0 : dy;
}

// Four elements a thread: four channels of one pixel where `wide`.
KERNEL(frozen_gradient, FrozenArguments)
{
    const int32_t first = 4 * (int32_t)thread_number(), count = (int32_t)a.count;
    if (first >= count) return;
    if (!a.wide) {
        for (int32_t i = first; i < first + 4 && i < count; i++)
            a.dy[i] = frozen(&a, i % a.n, a.y[i], a.dy[i]);
        return;
    }
    const int32_t channel = first % a.n;
    const float4 y = load4(a.y + first);
    float4 dy = load4(a.dy + first);
    dy.x = frozen(&a, channel, y.x, dy.x);
    dy.y = frozen(&a, channel + 1, y.y, dy.y);
    dy.z = frozen(&a, channel + 2, y.z, dy.z);
    dy.w = frozen(&a, channel + 3, y.w, dy.w);
    store4(a.dy + first, dy);
}
