// Matrix product. B is packed once into panels of TILE_COLUMNS columns (k rows each, zero-padded);
// the result is cut into blocks of rows and columns, one task each, in which k advances in blocks
// that keep a panel in the first-level cache.
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/tile.h"
#include "core/cpu/transpose.h"
#include "core/thread.h"

enum { ROW_BLOCK = 96, K_BLOCK = 256, MAX_COLUMN_BLOCK = 512, MIN_COLUMN_BLOCK = 64 };
enum {
    A_ROW = K_BLOCK + 16
}; // distance of packed rows of A: not a power of two, so that they do not share cache lines' sets

typedef struct GemmTask {
    const Gemm *shape;
    const float *a, *b, *bias;
    float *c, *packed;
    int64_t column_block, column_blocks;
} GemmTask;

// packed[panel][k][TILE_COLUMNS].
static void pack_panel(void *context, int64_t panel, int thread)
{
    (void)thread;
    const GemmTask *task = context;
    const Gemm *s = task->shape;
    float *out = task->packed + panel * s->k * TILE_COLUMNS;
    const float *b = task->b + panel * TILE_COLUMNS * s->b_column;
    int64_t columns = tile_min(TILE_COLUMNS, s->n - panel * TILE_COLUMNS);
    if (columns < TILE_COLUMNS) memset(out, 0, (size_t)(s->k * TILE_COLUMNS) * sizeof(float));
    if (s->b_column != 1) {
        transpose(columns, s->k, b, s->b_column, out, TILE_COLUMNS);
        return;
    }
    for (int64_t k = 0; k < s->k; k++)
        memcpy(out + k * TILE_COLUMNS, b + k * s->b_row, (size_t)columns * sizeof(float));
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
    for (int64_t row = 0; row < rows; row += TILE_ROWS) {
        int64_t count = tile_min(TILE_ROWS, rows - row);
        for (int64_t i = 0; i < count; i++) {
            tile.a[i] = a + (row + i) * A_ROW;
            tile.c[i] = task->c + (first_row + row + i) * s->n + column;
        }
        tile_run(count, &tile);
    }
}

static void gemm_task(void *context, int64_t number, int thread)
{
    const GemmTask *task = context;
    const Gemm *s = task->shape;
    float *a = scratch(thread, (int64_t)sizeof(float) * ROW_BLOCK * A_ROW);
    int64_t first_row = number / task->column_blocks * ROW_BLOCK;
    int64_t rows = tile_min(ROW_BLOCK, s->m - first_row);
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

static void gemm(const Gemm *shape, const float *a, const float *b, const float *bias, float *c)
{
    int64_t panels = tile_panels(shape->n), row_blocks = (shape->m + ROW_BLOCK - 1) / ROW_BLOCK;
    int64_t bytes = (int64_t)sizeof(float) * panels * TILE_COLUMNS * (shape->k > 0 ? shape->k : 1);
    int64_t block = MAX_COLUMN_BLOCK;
    while (block > MIN_COLUMN_BLOCK && row_blocks * ((shape->n + block - 1) / block) < 16)
        block /= 2;
    GemmTask task = {
        shape, a, b, bias, c, scratch(-1, bytes), block, (shape->n + block - 1) / block};
    parallel_for(panels, pack_panel, &task);
    parallel_for(row_blocks * task.column_blocks, gemm_task, &task);
}

void KERNEL(enter_gemm)(Kernels *table)
{
    table->gemm = gemm;
}
