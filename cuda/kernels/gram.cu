// Squared norms of each image's weight gradient of a convolution with few positions T and large
// weights, without forming it ("ghost norm", core/cpu/kernels/conv_norms.c):
//   ||X^T dY||^2 = sum over positions t, u of (X X^T)[t, u] (dY dY^T)[t, u]
// X has a row for each position with all values under the window, dY one of its output channels.
//
// Block (pair of tiles, image): 16 or 64 positions t by as many u, each of 256 threads 1 or 4 x 4
// of the products. Both matrices are symmetric, so only pairs with u's tile at or behind t's are
// visited, those behind it count twice. What limits: the shared memory, 8 words read for 16
// multiply-adds.
#include "cuda/kernel.h"

enum { SIDE = 16, DEPTH = 32, LINE = DEPTH + 1, MOST_EACH = 4 }; // LINE: a word more, against banks

// The tiles of this block.
DEVICE void tiles_of_pair(const GramArguments *a, int *t_tile, int *u_tile)
{
    int pair = (int)blockIdx.x, row = 0;
    while (pair >= a->tiles - row) pair -= a->tiles - row++;
    *t_tile = row;
    *u_tile = row + pair;
}

// Value c of the window's tap at position t: of X, or with one tap of dY.
DEVICE float value_at(const GramArguments *a, const bool of_x, int t, int tap, int c)
{
    const int64_t image = blockIdx.y;
    if (t >= a->positions) return 0;
    if (!of_x) return c < a->outer ? a->dy[(image * a->positions + t) * a->outer + c] : 0;
    const int y = t / a->columns * a->step - a->padding + tap / a->taps_wide * a->dilation;
    const int x = t % a->columns * a->step - a->padding + tap % a->taps_wide * a->dilation;
    if ((unsigned)y >= (unsigned)a->height || (unsigned)x >= (unsigned)a->width || c >= a->inner)
        return 0;
    return a->x[((image * a->height + y) * a->width + x) * a->inner + c];
}

DEVICE void load_lines(const GramArguments *a, const bool of_x, const int tile, int first, int tap,
                       int c, float *lines)
{
    for (int i = (int)threadIdx.x; i < tile * DEPTH; i += MOST_THREADS)
        lines[i / DEPTH * LINE + i % DEPTH] =
            value_at(a, of_x, first + i / DEPTH, tap, c + i % DEPTH);
}

// products[i][j] += the products of rows t and u, for this thread's t = 16 i + .. and u = 16 j + ..
DEVICE void add_products(const GramArguments *a, const bool of_x, const int each, int first_t,
                         int first_u, float *shared, float (*products)[MOST_EACH])
{
    const int tile = SIDE * each, taps = of_x ? a->taps : 1, count = of_x ? a->inner : a->outer;
    float *t_lines = shared, *u_lines = shared + tile * LINE;
    const float *t_own = t_lines + threadIdx.x / SIDE * LINE;
    const float *u_own = u_lines + threadIdx.x % SIDE * LINE;
    for (int tap = 0; tap < taps; tap++)
        for (int c = 0; c < count; c += DEPTH) {
            load_lines(a, of_x, tile, first_t, tap, c, t_lines);
            load_lines(a, of_x, tile, first_u, tap, c, u_lines);
            __syncthreads();
            UNROLL for (int k = 0; k < DEPTH; k++)
            {
                float t[MOST_EACH], u[MOST_EACH];
                UNROLL for (int i = 0; i < MOST_EACH; i++)
                {
                    if (i >= each) break;
                    t[i] = t_own[i * SIDE * LINE + k];
                    u[i] = u_own[i * SIDE * LINE + k];
                }
                UNROLL for (int i = 0; i < MOST_EACH; i++)
                    UNROLL for (int j = 0; j < MOST_EACH; j++) if (i < each && j < each)
                        products[i][j] = fmaf(t[i], u[j], products[i][j]);
            }
            __syncthreads();
        }
}

DEVICE void gram(const GramArguments *a, const int each)
{
    SHARED_MEMORY(float, shared);
    float of_x[MOST_EACH][MOST_EACH], of_dy[MOST_EACH][MOST_EACH];
    int t_tile, u_tile;
    double sum = 0;
    tiles_of_pair(a, &t_tile, &u_tile);
    UNROLL for (int i = 0; i < MOST_EACH; i++) UNROLL for (int j = 0; j < MOST_EACH; j++)
        of_x[i][j] = of_dy[i][j] = 0;
    add_products(a, true, each, t_tile * SIDE * each, u_tile * SIDE * each, shared, of_x);
    add_products(a, false, each, t_tile * SIDE * each, u_tile * SIDE * each, shared, of_dy);
    UNROLL for (int i = 0; i < MOST_EACH; i++)
        UNROLL for (int j = 0; j < MOST_EACH; j++) if (i < each && j < each) sum +=
        (double)of_x[i][j] * (double)of_dy[i][j];
    sum = block_sum(sum, (double *)(void *)shared);
    if (threadIdx.x == 0)
        a->partial[(int64_t)blockIdx.y * gridDim.x + blockIdx.x] = t_tile == u_tile ? sum : 2 * sum;
}

KERNEL(gram_16, GramArguments)
{
    gram(&a, 1);
}

KERNEL(gram_64, GramArguments)
{
    gram(&a, 4);
}
