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
// In shared memory an operand lies as it comes, along k or along m (n), in chunks of four floats;
// chunks change places by an exclusive or, so that neither the copies nor the reads of a fragment
// meet in a bank:   along k  [row][chunk ^ row % 8],   along m  [k][chunk ^ 2 (k % 4)].
//
// Precision: tf32 and bf16 round the operands once; of a tf32 operand the unit reads 10 bits of
// fraction, and one multiplication before that takes the place of rounding. Exact writes each
// operand as the sum of two tf32 numbers and leaves out only the product of the two small ones
// (about 2^-22); since the matrix unit rounds its own sums toward zero, each tile of k is summed
// from zero and added by itself.
#include "cuda/kernel.h"

enum { EXACT, TF32, BF16 };      // mode
enum { FORWARD, INPUT, WEIGHT }; // kind
enum { TILE_K = 32, STAGES = 3, THREADS = 128, OUTSIDE = -(1 << 28) };
enum { MOST_COPIES = 16, MOST_DOWN = 4, MOST_ACROSS = 8 };

// What does not change from tile to tile of k; constant where the compiler can see it.
typedef struct Plan {
    int mode, kind, tile_m, tile_n, vector; // tile_m x tile_n results; floats of a copy
} Plan;

// The 16 x 8 tiles of a warp: two warps go down the block's tile, two across.
DEVICE int tiles_down(const Plan *plan)
{
    return plan->tile_m / 32;
}
DEVICE int tiles_across(const Plan *plan)
{
    return plan->tile_n / 16;
}

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

// Lines are rows where a thread's copies go along k, else values of k; length: floats of a line.
DEVICE int line_of(const Plan *plan, const int length, int copy)
{
    const int copies = length / plan->vector;
    return (int)threadIdx.x / copies + copy * (THREADS / copies);
}
DEVICE int along_line(const Plan *plan, const int length)
{
    return (int)threadIdx.x % (length / plan->vector) * plan->vector;
}
// By a thread, of a tile of so many rows (or columns).
DEVICE int copies_of(const Plan *plan, const int tile)
{
    return tile * TILE_K / plan->vector / THREADS;
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
    const int length = along_k ? TILE_K : plan->tile_m;
    g->k = first_k;
    set_tap(a, g, along_line(plan, length) + (along_k ? first_k : first_m));
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan, plan->tile_m)) break;
        const int pixel = line_of(plan, length, i) + (along_k ? first_m : first_k);
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
    const int k = along_line(plan, TILE_K), dy = g->ty * a->tap_step, dx = g->tx * a->tap_step;
    const int shift = (dy * a->image_width + dx) * a->a_stride + g->channel;
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan, plan->tile_m)) break;
        const bool inside = g->k + k < g->end &&
                            (unsigned)(g->y[i] + dy) < (unsigned)a->image_height &&
                            (unsigned)(g->x[i] + dx) < (unsigned)a->image_width;
        copy_in(plan->vector, tile + place(true, plan->tile_m, line_of(plan, TILE_K, i), k),
                a->a + (inside ? g->base[i] + shift : 0), inside);
    }
}

DEVICE void copy_a_along_m(const MatrixArguments *a, const Plan *plan, int first_m, const Gather *g,
                           float *tile)
{
    const int m = along_line(plan, plan->tile_m);
    const int dy = g->ty * a->tap_step + a->first_row, dx = g->tx * a->tap_step + a->first_column;
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan, plan->tile_m)) break;
        const int line = line_of(plan, plan->tile_m, i);
        const int y = g->y[i] * a->step + dy, x = g->x[i] * a->step + dx;
        const bool inside = g->k + line < g->end && first_m + m < a->m &&
                            (unsigned)y < (unsigned)a->image_height &&
                            (unsigned)x < (unsigned)a->image_width;
        const int at =
            ((g->base[i] * a->image_height + y) * a->image_width + x) * a->a_stride + g->channel;
        copy_in(plan->vector, tile + place(false, plan->tile_m, m, line), a->a + (inside ? at : 0),
                inside);
    }
}

DEVICE void copy_b_along_k(const MatrixArguments *a, const Plan *plan, int first_n, const Gather *g,
                           float *tile)
{
    const int k = along_line(plan, TILE_K);
    const int tap = (a->kernel_row + g->ty * a->kernel_step) * a->kernel_width + a->kernel_column +
                    g->tx * a->kernel_step;
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan, plan->tile_n)) break;
        const int line = line_of(plan, TILE_K, i), n = first_n + line;
        const bool inside = g->k + k < g->end && n < a->n;
        copy_in(plan->vector, tile + place(true, plan->tile_n, line, k),
                a->b + (inside ? (tap * a->n + n) * a->b_stride + g->channel : 0), inside);
    }
}

DEVICE void copy_b_along_n(const MatrixArguments *a, const Plan *plan, int first_n, const Gather *g,
                           float *tile)
{
    const int n = along_line(plan, plan->tile_n);
    UNROLL for (int i = 0; i < MOST_COPIES; i++)
    {
        if (i >= copies_of(plan, plan->tile_n)) break;
        const int line = line_of(plan, plan->tile_n, i), k = g->k + line;
        const bool inside = k < g->end && first_n + n < a->n;
        copy_in(plan->vector, tile + place(false, plan->tile_n, n, line),
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
        if (i >= copies_of(plan, plan->tile_m)) break;
        g->x[i] += a->columns_on;
        g->y[i] += a->rows_on;
        g->base[i] += a->images_on;
        if (g->x[i] >= a->columns) g->x[i] -= a->columns, g->y[i]++;
        if (g->y[i] >= a->rows) g->y[i] -= a->rows, g->base[i]++;
    }
}

DEVICE void copy_tile(const MatrixArguments *a, const Plan *plan, int first_m, int first_n,
                      Gather *g, float *stage)
{
    float *b = stage + plan->tile_m * TILE_K;
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

// What follows the sum: batch norm's scale and shift (or a bias), the addend (its row, or NULL),
// relu.
DEVICE float finish(const MatrixArguments *a, const float *addend, int n, float sum)
{
    const float bias = a->bias ? a->bias[n] : 0;
    sum = a->scale ? fmaf(a->scale[n], sum, bias) : sum + bias;
    if (addend) sum += addend[n];
    return a->relu && sum < 0 ? 0 : sum;
}

// Columns n and n + 1 of a row.
DEVICE void write_pair(const MatrixArguments *a, float *row, const float *addend, int n,
                       const float *pair)
{
    if (a->in_pairs && n < a->n) {
        float2 both = {pair[0], pair[1]};
        if (addend) {
            const float2 more = *(const float2 *)(const void *)(addend + n);
            both.x += more.x;
            both.y += more.y;
        }
        *(float2 *)(void *)(row + n) = both;
        return;
    }
    if (n < a->n) row[n] = a->partial ? pair[0] : finish(a, addend, n, pair[0]);
    if (n + 1 < a->n) row[n + 1] = a->partial ? pair[1] : finish(a, addend, n + 1, pair[1]);
}

DEVICE void write_tiles(const MatrixArguments *a, const Plan *plan, int row, int column,
                        float (*sums)[4])
{
    const int g = (int)threadIdx.x % WARP / 4, t = (int)threadIdx.x % 4;
    const int across = tiles_across(plan);
    UNROLL for (int i = 0; i < 2 * MOST_DOWN; i++)
    {
        if (i >= 2 * tiles_down(plan)) break;
        const int m = row + 8 * i + g;
        if (m >= a->m) continue;
        const int64_t place =
            a->partial ? ((int64_t)blockIdx.z * a->m + m) * a->n : row_place(a, m);
        float *to = (a->partial ? a->partial : a->c) + place;
        const float *addend = a->addend && !a->partial ? a->addend + place : NULL;
        UNROLL for (int j = 0; j < MOST_ACROSS; j++) if (j < across)
            write_pair(a, to, addend, column + 8 * j + 2 * t, sums[i / 2 * across + j] + i % 2 * 2);
    }
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
    write_tiles(a, plan, first_m + row, first_n + column, sums);
}

#define MATRIX_KERNEL(name, mode, kind, tile_m, tile_n, vector, blocks) \
    KERNEL_WITH(name, MatrixArguments, THREADS, blocks)                 \
    {                                                                   \
        const Plan plan = {mode, kind, tile_m, tile_n, vector};         \
        multiply(&a, &plan);                                            \
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
