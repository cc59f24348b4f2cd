// Matrix products and convolutions (cuda/arguments.h: forward, input, weight) as implicit GEMM: the
// matrix of patches is never written; tiles of it are gathered into shared memory by asynchronous
// copies, three tiles of 32 k deep, while the matrix units work on the one before.
//
// A block computes 128 x 128 of the result with eight warps of 64 x 32, or 64 x 64 with four of
// 32 x 32. What limits: on layers with few channels the memory, else the shared memory's bandwidth
// (24 words read by a lane for 16 matrix instructions), which is about that of mma.sync.
//
// In shared memory an operand lies as it comes, along k or along m (n), in chunks of four floats;
// chunks change places by an exclusive or, so that neither the copies nor the reads of a fragment
// meet in a bank:   along k  [row][chunk ^ row % 8],   along m  [k][chunk ^ 2 (k % 4)].
//
// Precision: tf32 and bf16 round the operands once. Exact writes each operand as the sum of two
// tf32 numbers and leaves out only the product of the two small ones (about 2^-22); since the matrix
// unit rounds its own sums toward zero, each tile of k is summed from zero and added by itself.
#include "cuda/kernel.h"

enum { EXACT, TF32, BF16 };      // mode
enum { FORWARD, INPUT, WEIGHT }; // kind
enum { TILE_K = 32, STAGES = 3, MOST_COPIES = 16, TILES_ACROSS = 4, OUTSIDE = -(1 << 28) };

// What does not change from tile to tile of k; constant where the compiler can see it.
typedef struct Plan {
    int mode, kind, tile, threads, vector; // tile x tile results; floats of a copy
} Plan;

DEVICE bool a_along_k(const Plan *plan)
{
    return plan->kind != WEIGHT;
}
DEVICE bool b_along_k(const Plan *plan)
{
    return plan->kind == INPUT;
}

DEVICE int place(const bool along_k, const int tile, int row, int k)
{
    return along_k ? row * TILE_K + ((k / 4 ^ (row & 7)) * 4 | k % 4)
                   : k * tile + ((row / 4 ^ (k & 3) << 1) * 4 | row % 4);
}

DEVICE void copy_in(const int vector, float *shared, const float *global, bool inside)
{
    if (vector == 4)
        copy_async_16(shared, global, inside);
    else
        copy_async_4(shared, global, inside);
}

// ---- Where this thread's copies come from: an operand's element (row, k) is at a fixed k for all
// copies along k, at a fixed row for all copies along m ----

typedef struct Gather {
    int ty, tx, channel;                // tap and channel: of k, or of the fixed row
    int k, end;                         // next tile's first k; where this block's part of k ends
    int y[MOST_COPIES], x[MOST_COPIES]; // along k: the pixel's place in its image;
    int base[MOST_COPIES];              // .. along m: (row, column, image) of pixel k
} Gather;

// Lines are rows where a thread's copies go along k, else values of k.
DEVICE int line_length(const Plan *plan, bool along_k)
{
    return (along_k ? TILE_K : plan->tile) / plan->vector;
}
DEVICE int line_of(const Plan *plan, bool along_k, int copy)
{
    const int length = line_length(plan, along_k);
    return (int)threadIdx.x / length + copy * (plan->threads / length);
}
DEVICE int along_line(const Plan *plan, bool along_k)
{
    return (int)threadIdx.x % line_length(plan, along_k) * plan->vector;
}
DEVICE int copies_of(const Plan *plan)
{
    return plan->tile * TILE_K / plan->vector / plan->threads;
}

DEVICE void set_tap(const MatrixArguments *a, Gather *g, int value)
{
    const int tap = value / a->inner;
    g->channel = value % a->inner;
    g->ty = tap / a->taps_wide;
    g->tx = tap % a->taps_wide;
}

DEVICE void start_gather(const MatrixArguments *a, const Plan *plan, int first_m, int first_k,
                         Gather *g)
{
    const bool along_k = a_along_k(plan);
    g->k = first_k;
    set_tap(a, g, along_line(plan, along_k) + (along_k ? first_k : first_m));
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan)) break;
        const int pixel = line_of(plan, along_k, i) + (along_k ? first_m : first_k);
        const int column = pixel % a->columns, row = pixel / a->columns % a->rows;
        const int image = pixel / a->columns / a->rows;
        g->y[i] = row;
        g->x[i] = column;
        g->base[i] = image;
        if (!along_k) continue;
        const int y = row * a->step + a->first_row, x = column * a->step + a->first_column;
        g->y[i] = pixel < a->m ? y : OUTSIDE;
        g->x[i] = x;
        g->base[i] = ((image * a->image_height + y) * a->image_width + x) * a->a_stride;
    }
}

// A's tile of TILE_K k, from g->k on.
DEVICE void copy_a_along_k(const MatrixArguments *a, const Plan *plan, const Gather *g, float *tile)
{
    const int k = along_line(plan, true), dy = g->ty * a->tap_step, dx = g->tx * a->tap_step;
    const int shift = (dy * a->image_width + dx) * a->a_stride + g->channel;
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan)) break;
        const bool inside = g->k + k < g->end &&
                            (unsigned)(g->y[i] + dy) < (unsigned)a->image_height &&
                            (unsigned)(g->x[i] + dx) < (unsigned)a->image_width;
        copy_in(plan->vector, tile + place(true, plan->tile, line_of(plan, true, i), k),
                a->a + (inside ? g->base[i] + shift : 0), inside);
    }
}

DEVICE void copy_a_along_m(const MatrixArguments *a, const Plan *plan, int first_m, const Gather *g,
                           float *tile)
{
    const int m = along_line(plan, false);
    const int dy = g->ty * a->tap_step + a->first_row, dx = g->tx * a->tap_step + a->first_column;
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan)) break;
        const int line = line_of(plan, false, i);
        const int y = g->y[i] * a->step + dy, x = g->x[i] * a->step + dx;
        const bool inside = g->k + line < g->end && first_m + m < a->m &&
                            (unsigned)y < (unsigned)a->image_height &&
                            (unsigned)x < (unsigned)a->image_width;
        const int at =
            ((g->base[i] * a->image_height + y) * a->image_width + x) * a->a_stride + g->channel;
        copy_in(plan->vector, tile + place(false, plan->tile, m, line), a->a + (inside ? at : 0),
                inside);
    }
}

DEVICE void copy_b_along_k(const MatrixArguments *a, const Plan *plan, int first_n, const Gather *g,
                           float *tile)
{
    const int k = along_line(plan, true);
    const int tap = (a->kernel_row + g->ty * a->kernel_step) * a->kernel_width + a->kernel_column +
                    g->tx * a->kernel_step;
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan)) break;
        const int line = line_of(plan, true, i), n = first_n + line;
        const bool inside = g->k + k < g->end && n < a->n;
        copy_in(plan->vector, tile + place(true, plan->tile, line, k),
                a->b + (inside ? (tap * a->n + n) * a->b_stride + g->channel : 0), inside);
    }
}

DEVICE void copy_b_along_n(const MatrixArguments *a, const Plan *plan, int first_n, const Gather *g,
                           float *tile)
{
    const int n = along_line(plan, false);
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan)) break;
        const int line = line_of(plan, false, i), k = g->k + line;
        const bool inside = k < g->end && first_n + n < a->n;
        copy_in(plan->vector, tile + place(false, plan->tile, n, line),
                a->b + (inside ? k * a->b_stride + first_n + n : 0), inside);
    }
}

// On to the next tile of k, without a division.
DEVICE void advance(const MatrixArguments *a, const Plan *plan, Gather *g)
{
    g->k += TILE_K;
    if (a_along_k(plan)) {
        for (g->channel += TILE_K; g->channel >= a->inner;) {
            g->channel -= a->inner;
            if (++g->tx == a->taps_wide) g->tx = 0, g->ty++;
        }
        return;
    }
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan)) break;
        for (g->x[i] += TILE_K; g->x[i] >= a->columns;) {
            g->x[i] -= a->columns;
            if (++g->y[i] == a->rows) g->y[i] = 0, g->base[i]++;
        }
    }
}

DEVICE void copy_tile(const MatrixArguments *a, const Plan *plan, int first_m, int first_n,
                      Gather *g, float *stage)
{
    float *b = stage + plan->tile * TILE_K;
    if (a_along_k(plan))
        copy_a_along_k(a, plan, g, stage);
    else
        copy_a_along_m(a, plan, first_m, g, stage);
    if (b_along_k(plan))
        copy_b_along_k(a, plan, first_n, g, b);
    else
        copy_b_along_n(a, plan, first_n, g, b);
    advance(a, plan, g);
}

// ---- The product of two tiles ----

// place(row + g + more, k + t) for the lane's g and t: row a multiple of 32, more of 8, k of 4. In
// this form all but a few offsets are constants of the instructions.
DEVICE int lane_place(const bool along_k, const int tile, int row, const int more, int k)
{
    const int g = (int)threadIdx.x % WARP / 4, t = (int)threadIdx.x % 4;
    if (along_k) return (row + g) * TILE_K + t + more * TILE_K + (k / 4 ^ g) * 4;
    return t * tile + row + g % 4 + k * tile + more / 32 * 32 +
           ((more % 32 / 4 + g / 4) ^ 2 * t) * 4;
}

// The four values of A's 16 x 8 tile, and the two of B's 8 x 8, that this lane holds.
DEVICE void read_a(const Plan *plan, const float *tile, int row, const int more, int k,
                   float *values)
{
    const bool along_k = a_along_k(plan);
    values[0] = tile[lane_place(along_k, plan->tile, row, more, k)];
    values[1] = tile[lane_place(along_k, plan->tile, row, more + 8, k)];
    values[2] = tile[lane_place(along_k, plan->tile, row, more, k + 4)];
    values[3] = tile[lane_place(along_k, plan->tile, row, more + 8, k + 4)];
}
DEVICE void read_b(const Plan *plan, const float *tile, int column, const int more, int k,
                   float *values)
{
    const bool along_k = b_along_k(plan);
    values[0] = tile[lane_place(along_k, plan->tile, column, more, k)];
    values[1] = tile[lane_place(along_k, plan->tile, column, more, k + 4)];
}

typedef struct Fragments {
    uint32_t a[TILES_ACROSS][4], b[TILES_ACROSS][2];
} Fragments;

// What is left of x after its tf32 part.
DEVICE uint32_t rest_of(float x, uint32_t large)
{
    return to_tf32(x - from_bits((int32_t)large));
}

// Eight k; `rest`: what is left of each value, for exact products.
DEVICE void read_fragments(const Plan *plan, const float *stage, int row, int column, int down,
                           int k, Fragments *large, Fragments *rest)
{
    const float *b = stage + plan->tile * TILE_K;
    UNROLL for (int i = 0; i < TILES_ACROSS; i++)
    {
        float x[4];
        if (i >= down) break;
        read_a(plan, stage, row, 16 * i, k, x);
        UNROLL for (int r = 0; r < 4; r++)
        {
            large->a[i][r] = to_tf32(x[r]);
            if (plan->mode == EXACT) rest->a[i][r] = rest_of(x[r], large->a[i][r]);
        }
    }
    UNROLL for (int j = 0; j < TILES_ACROSS; j++)
    {
        float x[2];
        read_b(plan, b, column, 8 * j, k, x);
        UNROLL for (int r = 0; r < 2; r++)
        {
            large->b[j][r] = to_tf32(x[r]);
            if (plan->mode == EXACT) rest->b[j][r] = rest_of(x[r], large->b[j][r]);
        }
    }
}

// Sixteen k in pairs. Sums do not depend on k's order: a pair is (k, k + 4), and each half of the
// sixteen is read like eight k of tf32.
DEVICE void read_pairs(const Plan *plan, const float *stage, int row, int column, int down, int k,
                       Fragments *f)
{
    const float *b = stage + plan->tile * TILE_K;
    UNROLL for (int i = 0; i < TILES_ACROSS; i++)
    {
        float x[4], y[4];
        if (i >= down) break;
        read_a(plan, stage, row, 16 * i, k, x);
        read_a(plan, stage, row, 16 * i, k + 8, y);
        f->a[i][0] = to_bf16_pair(x[0], x[2]);
        f->a[i][1] = to_bf16_pair(x[1], x[3]);
        f->a[i][2] = to_bf16_pair(y[0], y[2]);
        f->a[i][3] = to_bf16_pair(y[1], y[3]);
    }
    UNROLL for (int j = 0; j < TILES_ACROSS; j++)
    {
        float x[2], y[2];
        read_b(plan, b, column, 8 * j, k, x);
        read_b(plan, b, column, 8 * j, k + 8, y);
        f->b[j][0] = to_bf16_pair(x[0], x[1]);
        f->b[j][1] = to_bf16_pair(y[0], y[1]);
    }
}

// sums += the warp's `down` x 4 tiles over TILE_K k.
DEVICE void multiply_stage(const Plan *plan, const float *stage, int row, int column, int down,
                           float (*sums)[4])
{
    float own[TILES_ACROSS * TILES_ACROSS][4];
    Fragments large, rest;
    if (plan->mode == BF16) {
        UNROLL for (int k = 0; k < TILE_K; k += 16)
        {
            read_pairs(plan, stage, row, column, down, k, &large);
            multiply_tiles_bf16(down, TILES_ACROSS, sums, large.a, large.b);
        }
        return;
    }
    if (plan->mode == TF32) {
        UNROLL for (int k = 0; k < TILE_K; k += 8)
        {
            read_fragments(plan, stage, row, column, down, k, &large, &rest);
            multiply_tiles_tf32(down, TILES_ACROSS, sums, large.a, large.b);
        }
        return;
    }
    UNROLL for (int i = 0; i < TILES_ACROSS * TILES_ACROSS; i++)
        UNROLL for (int r = 0; r < 4; r++) if (i < down * TILES_ACROSS) own[i][r] = 0;
    NO_UNROLL for (int k = 0; k < TILE_K; k += 8)
    {
        read_fragments(plan, stage, row, column, down, k, &large, &rest);
        multiply_tiles_tf32(down, TILES_ACROSS, own, rest.a, large.b);
        multiply_tiles_tf32(down, TILES_ACROSS, own, large.a, rest.b);
        multiply_tiles_tf32(down, TILES_ACROSS, own, large.a, large.b);
    }
    UNROLL for (int i = 0; i < TILES_ACROSS * TILES_ACROSS; i++)
        UNROLL for (int r = 0; r < 4; r++) if (i < down * TILES_ACROSS) sums[i][r] += own[i][r];
}

// ---- The result ----

// Where row m of the product begins in c.
DEVICE int64_t row_place(const MatrixArguments *a, int m)
{
    if (a->dense) return (int64_t)m * a->n;
    const int column = m % a->columns, row = m / a->columns % a->rows;
    const int image = m / a->columns / a->rows;
    const int y = a->out_row + row * a->out_step, x = a->out_column + column * a->out_step;
    return (((int64_t)image * a->out_height + y) * a->out_width + x) * a->n;
}

// What follows the sum: batch norm's scale and shift (or a bias), what c held, relu.
DEVICE float finish(const MatrixArguments *a, const float *row, int n, float sum)
{
    const float bias = a->bias ? a->bias[n] : 0;
    sum = a->scale ? fmaf(a->scale[n], sum, bias) : sum + bias;
    if (a->accumulate) sum += row[n];
    return a->relu && sum < 0 ? 0 : sum;
}

DEVICE void write_result(const MatrixArguments *a, float *row, int n, float sum)
{
    if (n < a->n) row[n] = a->partial ? sum : finish(a, row, n, sum);
}

DEVICE void write_tiles(const MatrixArguments *a, int row, int column, int down, float (*sums)[4])
{
    const int g = (int)threadIdx.x % WARP / 4, t = (int)threadIdx.x % 4;
    UNROLL for (int i = 0; i < 2 * TILES_ACROSS; i++)
    {
        if (i >= 2 * down) break;
        const int m = row + 8 * i + g;
        if (m >= a->m) continue;
        float *to = a->partial ? a->partial + ((int64_t)blockIdx.z * a->m + m) * a->n
                                  : a->c + row_place(a, m);
        UNROLL for (int j = 0; j < TILES_ACROSS; j++)
        {
            const float *pair = sums[i / 2 * TILES_ACROSS + j] + i % 2 * 2;
            write_result(a, to, column + 8 * j + 2 * t, pair[0]);
            write_result(a, to, column + 8 * j + 2 * t + 1, pair[1]);
        }
    }
}

DEVICE void multiply(const MatrixArguments *a, const Plan *plan)
{
    SHARED_MEMORY(float, stages);
    const int stage_size = 2 * plan->tile * TILE_K, down = plan->tile / 32;
    const int first_m = (int)blockIdx.x * plan->tile, first_n = (int)blockIdx.y * plan->tile;
    const int warp = (int)threadIdx.x / WARP, warps_across = plan->tile / 32;
    const int row = warp / warps_across * 16 * down, column = warp % warps_across * 32;
    const int begin = (int)blockIdx.z * a->split_k, left = a->k - begin;
    const int length = left < a->split_k ? left : a->split_k;
    const int tiles = (length + TILE_K - 1) / TILE_K;
    float sums[TILES_ACROSS * TILES_ACROSS][4];
    Gather gather;
    UNROLL for (int i = 0; i < TILES_ACROSS * TILES_ACROSS; i++)
        UNROLL for (int r = 0; r < 4; r++) if (i < down * TILES_ACROSS) sums[i][r] = 0;
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
        multiply_stage(plan, stages + now * stage_size, row, column, down, sums);
        now = now == STAGES - 1 ? 0 : now + 1;
    }
    copy_async_wait(0);
    write_tiles(a, first_m + row, first_n + column, down, sums);
}

#define MATRIX_KERNEL(name, mode, kind, tile, vector, blocks)                    \
    KERNEL_WITH(name, MatrixArguments, (tile) == 128 ? 256 : 128, blocks)        \
    {                                                                            \
        const Plan plan = {mode, kind, tile, (tile) == 128 ? 256 : 128, vector}; \
        multiply(&a, &plan);                                                     \
    }
#define MATRIX_KERNELS(name, mode, size, tile, vector, blocks)                \
    MATRIX_KERNEL(name##_forward_##size, mode, FORWARD, tile, vector, blocks) \
    MATRIX_KERNEL(name##_input_##size, mode, INPUT, tile, vector, blocks)     \
    MATRIX_KERNEL(name##_weight_##size, mode, WEIGHT, tile, vector, blocks)

MATRIX_KERNELS(exact, EXACT, 64, 64, 4, 3)
MATRIX_KERNELS(exact, EXACT, any, 64, 1, 2) // channels that are no multiple of four
MATRIX_KERNELS(tf32, TF32, 128, 128, 4, 2)
MATRIX_KERNELS(tf32, TF32, 64, 64, 4, 4)
MATRIX_KERNELS(tf32, TF32, any, 64, 1, 2)
MATRIX_KERNELS(bf16, BF16, 128, 128, 4, 2)
MATRIX_KERNELS(bf16, BF16, 64, 64, 4, 4)

// The splits of k, added in order: the same bits on every run.
KERNEL(finish_splits, MatrixArguments)
{
    const int64_t i = thread_number(), size = (int64_t)a.m * a.n;
    if (i >= size) return;
    const int m = (int)(i / a.n), n = (int)(i % a.n);
    float sum = 0;
    for (int split = 0; split < a.splits; split++) sum += a.partial[split * size + i];
    float *row = a.c + row_place(&a, m);
    row[n] = finish(&a, row, n, sum);
}

KERNEL(frozen_gradient, FrozenArguments)
{
    const int64_t i = thread_number();
    if (i >= a.count) return;
    const float dy = a.scale ? a.dy[i] * a.scale[i % a.n] : a.dy[i];
    a.dy[i] = a.relu && !(a.y[i] > 0) ? 0 : dy;
}
