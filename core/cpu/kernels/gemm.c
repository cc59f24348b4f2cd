// Matrix product. B is packed once into panels of TILE_COLUMNS columns (k rows each, zero-padded);
// the result is cut into blocks of rows and columns, one task each, in which k advances in blocks
// that keep a panel in the first-level cache.
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/tile.h"
#include "core/cpu/transpose.h"
#include "core/thread.h"

// A block's rows of A stay in the second-level cache, a panel of B in the first or near it. What
// limits: sums are put back and taken up again once for each block of k.
enum { K_BLOCK = LANES == 16 ? 512 : 256, ROW_BLOCK = 256, COLUMN_BLOCK = 1024 };
enum { LEAST_ROWS = 64, LEAST_COLUMNS = 128, TASKS = 8 }; // smaller blocks to occupy more threads
enum { PACK_ROWS = 32, LINE = 16 };                       // floats in a cache line
enum { A_ROW = K_BLOCK + 16 }; // distance of packed rows: powers of two would share lines' sets

typedef struct GemmTask {
    const Gemm *shape;
    const float *a, *b, *bias;
    float *c, *packed;
    int64_t row_block, row_blocks, column_block, column_blocks;
} GemmTask;

// The compiler makes vectors of it: a call of memcpy costs more for a few values.
static inline void copy_values(int64_t count, const float *restrict from, float *restrict to)
{
    for (int64_t i = 0; i < count; i++) to[i] = from[i];
}

// Some rows of B, k = first .. first+PACK_ROWS-1, into packed[panel][k][TILE_COLUMNS]: few enough
// that their pages stay in the address cache while the panels go by.
static void pack_rows_of_b(void *context, int64_t number, int thread)
{
    (void)thread;
    const GemmTask *task = context;
    const Gemm *s = task->shape;
    int64_t first = number * PACK_ROWS, rows = tile_min(PACK_ROWS, s->k - first);
    for (int64_t column = 0; column < s->n; column += TILE_COLUMNS) {
        float *out = task->packed + column * s->k + first * TILE_COLUMNS;
        const float *b = task->b + first * s->b_row + column * s->b_column;
        int64_t columns = tile_min(TILE_COLUMNS, s->n - column);
        if (columns < TILE_COLUMNS) memset(out, 0, (size_t)(rows * TILE_COLUMNS) * sizeof(float));
        if (s->b_column != 1)
            transpose(columns, rows, b, s->b_column, out, TILE_COLUMNS);
        else
            for (int64_t k = 0; k < rows; k++)
                copy_values(columns, b + k * s->b_row, out + k * TILE_COLUMNS);
    }
}

// Rows of A, k-contiguous: out[row][k].
static void pack_rows(const Gemm *s, const float *a, int64_t rows, int64_t length, float *out)
{
    if (s->a_column == 1) {
        for (int64_t i = 0; i < rows; i++)
            memcpy(out + i * A_ROW, a + i * s->a_row, (size_t)length * sizeof(float));
    } else {
        transpose(length, rows, a, s->a_column, out, A_ROW);
    }
}

// One block of rows, one panel of columns, one block of k.
static void multiply_block(const GemmTask *task, const float *a, int64_t first_row, int64_t rows,
                           int64_t panel, int64_t first_k, int64_t length)
{
    const Gemm *s = task->shape;
    int64_t column = panel * TILE_COLUMNS;
    Tile tile = {.b = task->packed + (panel * s->k + first_k) * TILE_COLUMNS,
                 .bias = task->bias ? task->bias + column : NULL,
                 .accumulate = s->accumulate || first_k > 0,
                 .columns = tile_min(TILE_COLUMNS, s->n - column),
                 .run_count = 1,
                 .run_length = length,
                 .a_step = 1,
                 .b_step = TILE_COLUMNS,
                 .a_offset = &(int64_t){0}};
    const float *next = tile.b + s->k * TILE_COLUMNS; // the next panel, a share of it for each tile
    int64_t share = length * TILE_COLUMNS * TILE_ROWS / rows;
    for (int64_t row = 0; row < rows; row += TILE_ROWS, next += share) {
        int64_t count = tile_min(TILE_ROWS, rows - row);
        for (int64_t i = 0; i < count; i++) {
            tile.a[i] = a + (row + i) * A_ROW;
            tile.c[i] = task->c + (first_row + row + i) * s->n + column;
        }
        for (int64_t i = 0; i < share; i += LINE) __builtin_prefetch(next + i, 0, 2);
        tile_run(count, &tile);
    }
}

static void gemm_task(void *context, int64_t number, int thread)
{
    const GemmTask *task = context;
    const Gemm *s = task->shape;
    float *a = scratch(thread, (int64_t)sizeof(float) * task->row_block * A_ROW);
    int64_t first_row = number / task->column_blocks * task->row_block;
    int64_t rows = tile_min(task->row_block, s->m - first_row);
    int64_t first_panel = number % task->column_blocks * (task->column_block / TILE_COLUMNS);
    int64_t last_panel =
        tile_min(first_panel + task->column_block / TILE_COLUMNS, tile_panels(s->n));
    for (int64_t k = 0; k == 0 || k < s->k; k += K_BLOCK) {
        int64_t length = tile_min(K_BLOCK, s->k - k);
        pack_rows(s, task->a + first_row * s->a_row + k * s->a_column, rows, length, a);
        for (int64_t panel = first_panel; panel < last_panel; panel++)
            multiply_block(task, a, first_row, rows, panel, k, length);
    }
}

static void cut_into_blocks(GemmTask *task)
{
    const Gemm *s = task->shape;
    task->row_block = ROW_BLOCK;
    task->column_block = COLUMN_BLOCK;
    for (;;) {
        task->row_blocks = (s->m + task->row_block - 1) / task->row_block;
        task->column_blocks = (s->n + task->column_block - 1) / task->column_block;
        if (task->row_blocks * task->column_blocks >= TASKS) return;
        if (task->column_block > LEAST_COLUMNS && s->n > LEAST_COLUMNS)
            task->column_block /= 2;
        else if (task->row_block > LEAST_ROWS)
            task->row_block /= 2;
        else
            return;
    }
}

static void gemm(const Gemm *shape, const float *a, const float *b, const float *bias, float *c)
{
    int64_t values = tile_panels(shape->n) * TILE_COLUMNS * (shape->k > 0 ? shape->k : 1);
    GemmTask task = {.shape = shape, .a = a, .b = b, .bias = bias, .c = c};
    task.packed = scratch(-1, values * (int64_t)sizeof(float));
    cut_into_blocks(&task);
    parallel_for((shape->k + PACK_ROWS - 1) / PACK_ROWS, pack_rows_of_b, &task);
    parallel_for(task.row_blocks * task.column_blocks, gemm_task, &task);
}

void KERNEL(enter_gemm)(Kernels *table)
{
    table->gemm = gemm;
}
