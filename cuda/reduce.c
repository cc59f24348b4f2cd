// Host side of kernels/reduce.cu.
#include "cuda/launch.h"

// Sums of rows of a, or of products of a and b; grids have at most ROWS_LIMIT rows.
enum { ROWS_LIMIT = 32768, SHORT_ROW = 1024 };

void finish_rows(int64_t rows, int64_t pieces, double *partial, bool root, float *y)
{
    RowsArguments s = {
        .rows = rows, .pieces = index_of(pieces), .root = root, .partial = partial, .y = y};
    LAUNCH(KERNEL_finish_rows, grid_of_warps(rows), s, READS(s.partial, rows * pieces),
           WRITES(s.y, rows));
}

static void sum_rows(bool product, bool root, int64_t rows, int64_t count, const float *a,
                     const float *b, float *y)
{
    for (; rows > ROWS_LIMIT; rows -= ROWS_LIMIT) {
        sum_rows(product, root, ROWS_LIMIT, count, a, b, y);
        a += ROWS_LIMIT * count, b += ROWS_LIMIT * count, y += ROWS_LIMIT;
    }
    if (rows == 0) return;
    RowsArguments s = {.rows = rows, .count = count, .root = root, .a = a, .b = b, .y = y};
    s.pieces = index_of(ceiling(count > 0 ? count : 1, PIECE));
    int64_t partial = s.pieces > 1 ? rows * s.pieces : 0;
    if (partial > 0) s.partial = device_scratch(partial * (int64_t)sizeof(double));
    Grid grid = {.x = s.pieces,
                 .y = rows,
                 .threads = count <= SHORT_ROW ? 32 : MOST_THREADS,
                 .shared = MOST_THREADS / 32 * (int)sizeof(double)};
    LAUNCH(product ? KERNEL_dot_rows : KERNEL_sum_rows, grid, s, READS(s.a, rows * count),
           READS(s.b, rows * count), WRITES(s.partial, partial), WRITES(s.y, rows));
    if (partial > 0) finish_rows(rows, s.pieces, s.partial, root, y);
}

static void sum_columns(int64_t outer, int64_t count, int64_t inner, const float *x, float *y)
{
    enum { HEIGHT = 512, OUTER_LIMIT = 32768 };
    for (; outer > OUTER_LIMIT; outer -= OUTER_LIMIT) {
        sum_columns(OUTER_LIMIT, count, inner, x, y);
        x += OUTER_LIMIT * count * inner, y += OUTER_LIMIT * inner;
    }
    ColumnsArguments s = {.count = count, .inner = inner, .height = HEIGHT, .x = x, .y = y};
    s.wide = inner % 4 == 0 && at_16_bytes(x, NULL, NULL);
    while (ceiling(count, s.height) > 1024) s.height *= 2;
    s.pieces = index_of(ceiling(count > 0 ? count : 1, s.height));
    int64_t partial = s.pieces > 1 ? outer * s.pieces * inner : 0;
    if (partial > 0) s.partial = device_scratch(partial * (int64_t)sizeof(double));
    Grid grid = {.x = ceiling(inner, COLUMN_THREADS),
                 .y = s.pieces,
                 .z = outer,
                 .threads = COLUMN_THREADS * ROW_THREADS,
                 .shared = COLUMN_THREADS * ROW_THREADS * (int)sizeof(double)};
    LAUNCH(KERNEL_sum_columns, grid, s, READS(s.x, outer * count * inner),
           WRITES(s.partial, partial), WRITES(s.y, outer * inner));
    if (partial > 0) finish_rows(outer * inner, s.pieces, s.partial, false, y);
}

static void sum(int64_t outer, int64_t count, int64_t inner, const float *x, float *y)
{
    if (outer == 0 || inner == 0) return;
    if (inner == 1)
        sum_rows(false, false, outer, count, x, x, y);
    else
        sum_columns(outer, count, inner, x, y);
}

static void max(int64_t outer, int64_t count, int64_t inner, const float *x, float *y,
                int32_t *index)
{
    MaxArguments s = {.results = outer * inner, .count = index_of(count), .inner = index_of(inner)};
    s.x = x;
    s.y = y;
    s.index = index;
    LAUNCH(KERNEL_max_along, grid_over(s.results), s, READS(s.x, s.results * count),
           WRITES(s.y, s.results), WRITES(s.index, s.results));
}

static void max_backward(int64_t outer, int64_t count, int64_t inner, const int32_t *index,
                         const float *dy, float *dx)
{
    int64_t results = outer * inner;
    MaxArguments s = {results * count, index_of(count), index_of(inner), dy, dx, NULL, index};
    LAUNCH(KERNEL_max_backward, grid_over(s.results), s, READS(s.x, results),
           READS(s.saved, results), WRITES(s.y, s.results));
}

int64_t dot_rows_scratch(int64_t rows, int64_t count)
{
    const int64_t pieces = ceiling(count > 0 ? count : 1, PIECE);
    return pieces > 1 ? rows * pieces * (int64_t)sizeof(double) : 0;
}

void dot_rows(int64_t rows, int64_t count, const float *a, const float *b, float *y)
{
    sum_rows(true, false, rows, count, a, b, y);
}

static void norm2_rows(int64_t rows, int64_t count, const float *x, float *y)
{
    sum_rows(true, true, rows, count, x, x, y);
}

static void norm2_rows_backward(int64_t rows, int64_t count, const float *x, const float *y,
                                const float *dy, float *dx)
{
    NormRowsArguments s = {count, rows * count, x, y, dy, dx};
    LAUNCH(KERNEL_norm2_rows_backward, grid_over(s.size), s, READS(s.x, s.size), READS(s.y, rows),
           READS(s.dy, rows), WRITES(s.dx, s.size));
}

void cuda_enter_reduce(Kernels *table)
{
    table->sum = sum;
    table->max = max;
    table->max_backward = max_backward;
    table->dot_rows = dot_rows;
    table->norm2_rows = norm2_rows;
    table->norm2_rows_backward = norm2_rows_backward;
}
