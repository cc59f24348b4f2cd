// The micro-kernel under matrix products and convolutions: a tile of up to TILE_ROWS rows by
// TILE_COLUMNS columns of the result stays in registers while k runs; each step loads one row of B,
// broadcasts one value of each row of A, and does TILE_ROWS x TILE_VECTORS fused multiply-adds (12
// sums or more hide the latency of the two FMA pipes, which are what limits it).
//
// Every result is one chain of multiply-adds in the order of k, whatever the tile, the width, or
// the cut of k into blocks (accumulators are put back and taken up again unchanged): hence the same
// bits on every instruction set.
#ifndef SIEVE_CORE_CPU_KERNELS_TILE_H
#define SIEVE_CORE_CPU_KERNELS_TILE_H

#include <stdbool.h>
#include "core/cpu/simd.h"

#if LANES >= 8
enum { TILE_VECTORS = 2 };
#elif defined(SIEVE_ISA_baseline)
enum { TILE_VECTORS = 2 }; // only 16 registers
#else
enum { TILE_VECTORS = 4 };
#endif
#if LANES == 16
enum { TILE_ROWS = 8 }; // 32 registers: 16 sums, and images' sizes are powers of two as a rule
#else
enum { TILE_ROWS = 6 };    // 16 registers: 12 sums
#endif
enum { TILE_COLUMNS = TILE_VECTORS * LANES };
enum { LINE = 16 };                      // floats in a cache line
enum { TILE_AHEAD = 16 * TILE_COLUMNS }; // how far ahead B is fetched: the second level's latency

// k is cut into runs: A's values lie a_step apart inside a run, and run r begins a_offset[r] after
// the row's pointer. B's rows follow each other b_step apart through all runs.
// Row i of A begins a_row[i] after a, row i of C c_row[i] after c: numbers from tables that were
// written long before (pointers just written would hold the tile up on their way through memory).
typedef struct Tile {
    const float *a;
    float *c;
    const int64_t *a_row, *c_row;
    const float *b;
    const float *bias; // NULL: start at zero
    bool accumulate;   // start at what c holds (bias is then not used)
    int64_t columns;   // how many of TILE_COLUMNS exist in c and bias; B always has them all
    int64_t run_count, run_length, a_step, b_step;
    const int64_t *a_offset;
} Tile;

// Where rows begin that lie `step` apart.
typedef struct TileSteps {
    int64_t at[TILE_ROWS];
} TileSteps;

static inline TileSteps tile_steps(int64_t step)
{
    TileSteps steps;
    for (int64_t i = 0; i < TILE_ROWS; i++) steps.at[i] = i * step;
    return steps;
}

// One value of k. The sums are an array only if all loops over it are unrolled early: hence the pragmas.
static inline __attribute__((always_inline)) void tile_step(const int rows, const int vectors,
                                                            const float *const *a, int64_t at,
                                                            const float *b,
                                                            Vector sum[TILE_ROWS][TILE_VECTORS])
{
    Vector row[TILE_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        row[v] = load(b + v * LANES);
        __builtin_prefetch(b + TILE_AHEAD + v * LANES);
    }
    UNROLL
    for (int i = 0; i < rows; i++) {
        Vector value = splat(a[i][at]);
        UNROLL
        for (int v = 0; v < vectors; v++) sum[i][v] = fma_vector(value, row[v], sum[i][v]);
    }
}

static inline __attribute__((always_inline)) void tile_of(const int rows, const int vectors,
                                                          const Tile *tile)
{
    Vector sum[TILE_ROWS][TILE_VECTORS];
    UNROLL
    for (int v = 0; v < vectors; v++) {
        Vector bias = tile->bias ? load(tile->bias + v * LANES) : splat(0);
        UNROLL
        for (int i = 0; i < rows; i++)
            sum[i][v] = tile->accumulate ? load(tile->c + tile->c_row[i] + v * LANES) : bias;
    }
    const float *b = tile->b;
    const int64_t length = tile->run_length, a_step = tile->a_step, b_step = tile->b_step;
    const float *a[TILE_ROWS]; // one index moves through all rows alike
    UNROLL
    for (int i = 0; i < rows; i++) a[i] = tile->a + tile->a_row[i];
    if (length == 1)
        for (int64_t run = 0; run < tile->run_count; run++, b += b_step)
            tile_step(rows, vectors, a, tile->a_offset[run], b, sum);
    else
        for (int64_t run = 0; run < tile->run_count; run++) {
            int64_t at = tile->a_offset[run];
            for (int64_t k = 0; k < length; k++, at += a_step, b += b_step)
                tile_step(rows, vectors, a, at, b, sum);
        }
    float *c[TILE_ROWS]; // all read before the first store, behind which the tables might change
    UNROLL
    for (int i = 0; i < rows; i++) c[i] = tile->c + tile->c_row[i];
    UNROLL
    for (int i = 0; i < rows; i++) {
        UNROLL
        for (int v = 0; v < vectors; v++) store(c[i] + v * LANES, sum[i][v]);
    }
}

// The loop above, compiled for each number of rows. The numbers are constants: sums in registers.
static inline __attribute__((always_inline)) void tile_rows(int64_t rows, const int vectors,
                                                            const Tile *tile)
{
    switch (rows) {
    case 1:
        tile_of(1, vectors, tile);
        break;
    case 2:
        tile_of(2, vectors, tile);
        break;
    case 3:
        tile_of(3, vectors, tile);
        break;
    case 4:
        tile_of(4, vectors, tile);
        break;
    case 5:
        tile_of(5, vectors, tile);
        break;
#if LANES == 16
    case 6:
        tile_of(6, vectors, tile);
        break;
    case 7:
        tile_of(7, vectors, tile);
        break;
#endif
    default:
        tile_of(TILE_ROWS, vectors, tile);
        break;
    }
}

static __attribute__((noinline)) void tile_whole(int64_t rows, const Tile *tile)
{
    tile_rows(rows, TILE_VECTORS, tile);
}

static __attribute__((noinline)) void tile_half(int64_t rows, const Tile *tile)
{
    tile_rows(rows, TILE_VECTORS / 2, tile);
}

// Columns that do not fill the vectors: the tile works on copies of c and bias that do.
static __attribute__((noinline)) void tile_partial(int64_t rows, const Tile *tile)
{
    float c[TILE_ROWS * TILE_COLUMNS] = {0}, bias[TILE_COLUMNS] = {0};
    const TileSteps c_row = tile_steps(TILE_COLUMNS);
    const size_t bytes = (size_t)tile->columns * sizeof(float);
    Tile copy = *tile;
    for (int64_t i = 0; i < rows && tile->accumulate; i++)
        memcpy(c + c_row.at[i], tile->c + tile->c_row[i], bytes);
    copy.c = c;
    copy.c_row = c_row.at;
    if (tile->bias) copy.bias = memcpy(bias, tile->bias, bytes);
    if (tile->columns <= TILE_COLUMNS / 2)
        tile_half(rows, &copy);
    else
        tile_whole(rows, &copy);
    for (int64_t i = 0; i < rows; i++) memcpy(tile->c + tile->c_row[i], c + c_row.at[i], bytes);
}

static inline void tile_run(int64_t rows, const Tile *tile)
{
    if (tile->columns == TILE_COLUMNS)
        tile_whole(rows, tile);
    else if (tile->columns == TILE_COLUMNS / 2)
        tile_half(rows, tile);
    else
        tile_partial(rows, tile);
}

// A tile's results, rows at c + c_row[..], are wanted next: they are fetched meanwhile.
static inline void tile_prefetch(const float *c, const int64_t *c_row, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < TILE_COLUMNS; j += LINE) __builtin_prefetch(c + c_row[i] + j, 1, 2);
}

// How many panels of TILE_COLUMNS cover this many columns.
static inline int64_t tile_panels(int64_t columns)
{
    return (columns + TILE_COLUMNS - 1) / TILE_COLUMNS;
}

static inline int64_t tile_min(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
