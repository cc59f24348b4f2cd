// Sums down the columns of a dense matrix (rows, width). The rows are cut into blocks by shape;
// inside a block every column is summed from top to bottom in float, the blocks are then added in
// order in double.
//
// Narrow matrices are folded: `fold` rows are taken as one wide row of 256 to 511 columns, so that
// vectors stay full whatever the width; the fold's phases are added at the end of a block.
//
// The loops are plain C over independent columns: the compiler makes vectors of them, which changes
// no bit.
#ifndef SIEVE_CORE_CPU_KERNELS_COLUMNS_H
#define SIEVE_CORE_CPU_KERNELS_COLUMNS_H

#include <stdbool.h>
#include <string.h>
#include "core/cpu/kernels/ranges.h"

enum { PANEL = 1024 }; // columns that one task sums: its partial sums stay in the first-level cache

typedef struct Columns {
    int64_t rows, width;
    int64_t fold, wide;         // wide = width * fold
    int64_t block_rows, blocks; // block_rows is a multiple of fold
    int64_t panels;             // 1 where fold > 1
} Columns;

static inline int64_t fold_of(int64_t width)
{
    int64_t fold = 1;
    while (width * fold < 256) fold *= 2;
    return fold;
}

static inline Columns columns_plan(int64_t rows, int64_t width)
{
    Columns plan = {.rows = rows, .width = width, .fold = fold_of(width)};
    plan.wide = width * plan.fold;
    plan.block_rows = plan.fold * (CHUNK / smaller(plan.wide, PANEL));
    plan.blocks = (rows + plan.block_rows - 1) / plan.block_rows;
    plan.panels = (plan.wide + PANEL - 1) / PANEL;
    return plan;
}

// One task's part: `columns` wide columns of a block, from x on; whole wide rows, then `rest`
// columns of a last, partial one.
typedef struct Panel {
    int64_t first;       // first column
    int64_t columns;     // in wide rows
    int64_t width;       // in single rows: what is left after the phases are added
    int64_t block, rows; // single rows of the block
    int64_t wide_rows, rest;
    int64_t offset; // of the first element in the matrix
} Panel;

static inline Panel panel_of(const Columns *plan, int64_t task)
{
    Panel panel = {.block = task / plan->panels, .first = task % plan->panels * PANEL};
    panel.columns = smaller(PANEL, plan->wide - panel.first);
    panel.width = plan->fold > 1 ? plan->width : panel.columns;
    int64_t row = panel.block * plan->block_rows;
    panel.rows = smaller(plan->block_rows, plan->rows - row);
    panel.wide_rows = panel.rows / plan->fold;
    panel.rest = panel.rows % plan->fold * plan->width;
    panel.offset = row * plan->width + panel.first;
    if (panel.wide_rows == 0) panel.columns = panel.rest;
    return panel;
}

// Adds the phases of a fold: column c is sums[c] + sums[c + width] + ..., left in sums[0..width).
static inline void add_phases(const Panel *panel, float *sums)
{
    for (int64_t j = panel->width; j < panel->columns; j += panel->width)
        for (int64_t c = 0; c < panel->width; c++) sums[c] += sums[j + c];
}

// Repeats the first width values over all phases.
static inline void repeat_phases(int64_t width, int64_t columns, float *values)
{
    for (int64_t j = width; j < columns; j++) values[j] = values[j - width];
}

static inline __attribute__((always_inline)) float rectified(const bool rectify, float x)
{
    return rectify && x < 0 ? 0 : x; // a NaN stays one
}

// sums[j] = sum over the block's wide rows of x[row][j], or of max(x, 0). Four rows at a time, each
// column still from top to bottom.
static inline __attribute__((always_inline)) void sum_columns(const Panel *panel,
                                                              const bool rectify, int64_t stride,
                                                              const float *restrict x,
                                                              float *restrict sums)
{
    const int64_t columns = panel->columns;
    int64_t row = 0;
    memset(sums, 0, (size_t)columns * sizeof(float));
    for (; row + 4 <= panel->wide_rows; row += 4, x += 4 * stride)
        for (int64_t j = 0; j < columns; j++)
            for (int64_t r = 0; r < 4; r++) sums[j] += rectified(rectify, x[j + r * stride]);
    for (; row <= panel->wide_rows; row++, x += stride) { // the last whole rows and the partial one
        const int64_t present = row < panel->wide_rows ? columns : panel->rest;
        for (int64_t j = 0; j < present; j++) sums[j] += rectified(rectify, x[j]);
    }
}

// y[c] = partial[0][c] + partial[1][c] + ... in double.
static inline void add_blocks(int64_t blocks, int64_t width, const float *partial, float *y)
{
    double total[PANEL];
    for (int64_t first = 0; first < width; first += PANEL) {
        const int64_t columns = smaller(PANEL, width - first);
        memset(total, 0, sizeof total);
        for (int64_t block = 0; block < blocks; block++) {
            const float *x = partial + block * width + first;
            for (int64_t c = 0; c < columns; c++) total[c] += (double)x[c];
        }
        for (int64_t c = 0; c < columns; c++) y[first + c] = (float)total[c];
    }
}

#endif
