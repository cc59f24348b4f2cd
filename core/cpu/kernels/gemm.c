// Matrix product. Columns and k are cut into blocks; a block of B is packed into panels of
// TILE_COLUMNS columns (zero-padded), then blocks of rows, one task each, run over its panels. A is
// read where it lies if its rows are contiguous.
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/tile.h"
#include "core/cpu/transpose.h"
#include "core/thread.h"

// The packed block of B and a task's rows of A stay in the second-level cache, one panel in the
// first or near it. What limits: the first touch of A, B and C from beyond the second level, and
// sums being put back and taken up again once for each block of k.
enum { K_BLOCK = LANES == 16 ? 1024 : 256, COLUMN_BLOCK = LANES == 16 ? 256 : 512 };
enum { ROW_BLOCK = 128 };
enum { LEAST_ROWS = 64, LEAST_COLUMNS = 128, TASKS = 8 }; // smaller tasks to occupy more threads
enum { FEW_ROWS = 256, MANY_COLUMNS = 256 }; // where each task packs columns of its own,
enum { OWN_COLUMNS = 64 };                   // so many
enum { PACK_ROWS = 32 };
enum { A_ROW = K_BLOCK + 16 }; // distance of packed rows: powers of two would share lines' sets

// The product restricted to one block of columns and one of k, cut into tasks.
typedef struct GemmBlock {
    const Gemm *shape;
    const float *a, *b, *bias;
    float *c, *packed;
    int64_t first_column, columns, first_k, length;
    int64_t task_rows, task_columns, column_tasks;
} GemmBlock;

// The compiler makes vectors of it: a call of memcpy costs more for a few values.
static inline void copy_values(int64_t count, const float *restrict from, float *restrict to)
{
    for (int64_t i = 0; i < count; i++) to[i] = from[i];
}

// Some rows of the block of B into packed[panel][k][TILE_COLUMNS]: few enough that their pages stay
// in the address cache while the panels go by.
static void pack_rows_of_b(void *context, int64_t number, int thread)
{
    (void)thread;
    const GemmBlock *block = context;
    const Gemm *s = block->shape;
    int64_t first = number * PACK_ROWS, rows = tile_min(PACK_ROWS, block->length - first);
    for (int64_t column = 0; column < block->columns; column += TILE_COLUMNS) {
        float *out = block->packed + column * block->length + first * TILE_COLUMNS;
        const float *b = block->b + (block->first_k + first) * s->b_row +
                         (block->first_column + column) * s->b_column;
        int64_t columns = tile_min(TILE_COLUMNS, block->columns - column);
        if (columns < TILE_COLUMNS) memset(out, 0, (size_t)(rows * TILE_COLUMNS) * sizeof(float));
        if (s->b_column != 1)
            transpose(columns, rows, b, s->b_column, out, TILE_COLUMNS);
        else
            for (int64_t k = 0; k < rows; k++)
                copy_values(columns, b + k * s->b_row, out + k * TILE_COLUMNS);
    }
}

// The task's rows of the result in one panel of columns. While a tile is worked on, the results of
// the next one and a share of the next panel are on their way.
static void multiply_panel(const GemmBlock *block, const float *a, int64_t a_row, float *c,
                           int64_t rows, int64_t column)
{
    const Gemm *s = block->shape;
    const TileSteps a_steps = tile_steps(a_row), c_steps = tile_steps(s->n);
    Tile tile = {.a_row = a_steps.at,
                 .c_row = c_steps.at,
                 .b = block->packed + column * block->length,
                 .bias = block->bias ? block->bias + block->first_column + column : NULL,
                 .accumulate = s->accumulate || block->first_k > 0,
                 .columns = tile_min(TILE_COLUMNS, block->columns - column),
                 .run_count = 1,
                 .run_length = block->length,
                 .a_step = 1,
                 .b_step = TILE_COLUMNS,
                 .a_offset = &(int64_t){0}};
    const float *next = tile.b + block->length * TILE_COLUMNS;
    const bool last = column + TILE_COLUMNS >= block->columns;
    int64_t share = last ? 0 : block->length * TILE_COLUMNS * TILE_ROWS / rows;
    for (int64_t row = 0; row < rows; row += TILE_ROWS, next += share) {
        int64_t count = tile_min(TILE_ROWS, rows - row);
        tile.a = a + row * a_row;
        tile.c = c + row * s->n + column;
        tile_prefetch(tile.c + TILE_ROWS * s->n, c_steps.at, count);
        for (int64_t i = 0; i < share; i += LINE) __builtin_prefetch(next + i, 0, 2);
        tile_run(count, &tile);
    }
}

static void gemm_task(void *context, int64_t number, int thread)
{
    const GemmBlock *block = context;
    const Gemm *s = block->shape;
    int64_t first_row = number / block->column_tasks * block->task_rows;
    int64_t first_column = number % block->column_tasks * block->task_columns;
    int64_t rows = tile_min(block->task_rows, s->m - first_row), a_row = s->a_row;
    int64_t end = tile_min(first_column + block->task_columns, block->columns);
    const float *a = block->a + first_row * s->a_row + block->first_k * s->a_column;
    if (s->a_column != 1) {
        a_row = A_ROW;
        float *turned = scratch(thread, (int64_t)sizeof(float) * block->task_rows * a_row);
        transpose(block->length, rows, a, s->a_column, turned, a_row);
        a = turned;
    }
    float *c = block->c + first_row * s->n + block->first_column;
    for (int64_t column = first_column; column < end; column += TILE_COLUMNS)
        multiply_panel(block, a, a_row, c, rows, column);
}

// Cuts a block into at least TASKS tasks where it is large enough; returns their number.
static int64_t cut_into_tasks(GemmBlock *block)
{
    block->task_rows = ROW_BLOCK;
    block->task_columns = COLUMN_BLOCK;
    for (;;) {
        int64_t row_tasks = (block->shape->m + block->task_rows - 1) / block->task_rows;
        block->column_tasks = (block->columns + block->task_columns - 1) / block->task_columns;
        int64_t tasks = row_tasks * block->column_tasks;
        if (tasks >= TASKS) return tasks;
        if (block->task_columns > LEAST_COLUMNS && block->columns > LEAST_COLUMNS)
            block->task_columns /= 2;
        else if (block->task_rows > LEAST_ROWS)
            block->task_rows /= 2;
        else
            return tasks;
    }
}

static int64_t rows_tasks(int64_t rows)
{
    return (rows + PACK_ROWS - 1) / PACK_ROWS;
}

// All rows of the result in a few columns, for which the task packs B by itself: it stays in that
// thread's own cache, and the product is one job. Few rows: packing is a large share of the work,
// and all of A stays in the cache.
static void columns_task(void *context, int64_t number, int thread)
{
    GemmBlock block = *(const GemmBlock *)context;
    const Gemm *s = block.shape;
    block.first_column = number * block.task_columns;
    block.columns = tile_min(block.task_columns, s->n - block.first_column);
    block.packed = scratch(thread, K_BLOCK * block.task_columns * (int64_t)sizeof(float));
    for (; block.first_k == 0 || block.first_k < s->k; block.first_k += K_BLOCK) {
        block.length = tile_min(K_BLOCK, s->k - block.first_k);
        for (int64_t i = 0; i < rows_tasks(block.length); i++) pack_rows_of_b(&block, i, thread);
        for (int64_t column = 0; column < block.columns; column += TILE_COLUMNS)
            multiply_panel(&block, block.a + block.first_k, s->a_row, block.c + block.first_column,
                           s->m, column);
    }
}

static void gemm_of_few_rows(GemmBlock *block)
{
    block->task_columns = OWN_COLUMNS;
    parallel_for((block->shape->n + OWN_COLUMNS - 1) / OWN_COLUMNS, columns_task, block);
}

static void gemm(const Gemm *shape, const float *a, const float *b, const float *bias, float *c)
{
    int64_t depth = tile_min(K_BLOCK, shape->k), width = tile_min(COLUMN_BLOCK, shape->n);
    int64_t values = tile_panels(width) * TILE_COLUMNS * (depth > 0 ? depth : 1);
    GemmBlock block = {.shape = shape, .a = a, .b = b, .bias = bias, .c = c};
    if (shape->m <= FEW_ROWS && shape->n >= MANY_COLUMNS && shape->a_column == 1) {
        gemm_of_few_rows(&block);
        return;
    }
    block.packed = scratch(-1, values * (int64_t)sizeof(float));
    for (int64_t column = 0; column < shape->n; column += COLUMN_BLOCK) {
        for (int64_t k = 0; k == 0 || k < shape->k; k += K_BLOCK) {
            block.first_column = column;
            block.columns = tile_min(COLUMN_BLOCK, shape->n - column);
            block.first_k = k;
            block.length = tile_min(K_BLOCK, shape->k - k);
            parallel_for(rows_tasks(block.length), pack_rows_of_b, &block);
            parallel_for(cut_into_tasks(&block), gemm_task, &block);
        }
    }
}

void KERNEL(enter_gemm)(Kernels *table)
{
    table->gemm = gemm;
}
