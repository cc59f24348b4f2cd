// What the products of matrix.cu and of warpgroup.cu share: tiles of the implicit matrices gathered
// into shared memory by asynchronous copies, and where sums go in the result.
//
// In shared memory an operand lies as it comes, along k or along m (n), in chunks of four floats;
// chunks change places by an exclusive or, so that neither the copies nor the reads of a fragment
// meet in a bank:   along k  [row][chunk ^ row % 8],   along m  [k][chunk ^ 2 (k % 4)].
#ifndef SIEVE_CUDA_KERNELS_PRODUCT_H
#define SIEVE_CUDA_KERNELS_PRODUCT_H

#include "cuda/kernel.h"

enum { EXACT, TF32, BF16 };      // mode
enum { FORWARD, INPUT, WEIGHT }; // kind
enum { TILE_K = 32, OUTSIDE = -(1 << 28) };
enum { MOST_COPIES = 16 };

// What does not change from tile to tile of k; constant where the compiler can see it.
typedef struct Plan {
    int mode, kind, tile_m, tile_n, vector; // tile_m x tile_n results; floats of a copy
    int threads;                            // of a block
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

// Lines are rows where a thread's copies go along k, else values of k; length: floats of a line.
DEVICE int line_of(const Plan *plan, const int length, int copy)
{
    const int copies = length / plan->vector;
    return (int)threadIdx.x / copies + copy * (plan->threads / copies);
}
DEVICE int along_line(const Plan *plan, const int length)
{
    return (int)threadIdx.x % (length / plan->vector) * plan->vector;
}
// By a thread, of a tile of so many rows (or columns).
DEVICE int copies_of(const Plan *plan, const int tile)
{
    return tile * TILE_K / plan->vector / plan->threads;
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

// A warp's down x across tiles of 16 x 8 sums: of the matrix instruction's layout, in which a lane
// holds rows g and g + 8 of two columns.
DEVICE void write_tiles(const MatrixArguments *a, const int down, const int across, int row,
                        int column, float (*sums)[4])
{
    const int g = (int)threadIdx.x % WARP / 4, t = (int)threadIdx.x % 4;
    UNROLL for (int i = 0; i < 2 * down; i++)
    {
        const int m = row + 8 * i + g;
        if (m >= a->m) continue;
        const int64_t place =
            a->partial ? ((int64_t)blockIdx.z * a->m + m) * a->n : row_place(a, m);
        float *to = (a->partial ? a->partial : a->c) + place;
        const float *addend = a->addend && !a->partial ? a->addend + place : NULL;
        UNROLL for (int j = 0; j < across; j++)
            write_pair(a, to, addend, column + 8 * j + 2 * t, sums[i / 2 * across + j] + i % 2 * 2);
    }
}

#endif
