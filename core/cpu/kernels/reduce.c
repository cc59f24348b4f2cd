// Sums, maxima and norms along one dimension. Rows are summed in Sum16's order, columns from top to
// bottom (columns.h); what is long is cut into blocks whose sums are added in order in double.
#include "core/cpu/kernels/columns.h"
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/rows.h"

// ---- Sums of rows
// --------------------------------------------------------------------------------

typedef double RowSum(int64_t count, const float *a, const float *b);

typedef struct RowsCall {
    int64_t count, blocks; // of a row
    RowSum *sum;
    const float *a, *b; // b: NULL where the sum has one operand
    float *y;           // (rows), or where a row has several blocks ..
    double *partial;    // .. (rows, blocks)
} RowsCall;

static void sum_row_blocks(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const RowsCall *call = context;
    for (int64_t task = begin; task < end; task++) {
        int64_t row = task / call->blocks, first = task % call->blocks * CHUNK;
        int64_t start = row * call->count + first, count = smaller(CHUNK, call->count - first);
        double total = call->sum(count, call->a + start, call->b ? call->b + start : NULL);
        if (call->partial)
            call->partial[task] = total;
        else
            call->y[row] = (float)total;
    }
}

static void sum_rows(RowSum *sum, int64_t rows, int64_t count, const float *a, const float *b,
                     float *y)
{
    int64_t blocks = larger(1, (count + CHUNK - 1) / CHUNK);
    RowsCall call = {.count = count, .blocks = blocks, .sum = sum, .a = a, .b = b, .y = y};
    if (blocks > 1) call.partial = scratch(-1, rows * blocks * (int64_t)sizeof(double));
    parallel_ranges(rows * blocks, smaller(count, CHUNK), sum_row_blocks, &call);
    for (int64_t row = 0; blocks > 1 && row < rows; row++) {
        double total = 0;
        for (int64_t block = 0; block < blocks; block++)
            total += call.partial[row * blocks + block];
        y[row] = (float)total;
    }
}

static double row_values(int64_t count, const float *x, const float *none)
{
    (void)none;
    return row_sum_in_double(count, x);
}

static double row_products(int64_t count, const float *a, const float *b)
{
    return row_dot_in_double(count, a, b);
}

static void dot_rows(int64_t rows, int64_t count, const float *a, const float *b, float *y)
{
    sum_rows(row_products, rows, count, a, b, y);
}

// ---- Sums of columns
// -----------------------------------------------------------------------------

typedef struct ColumnsCall {
    Columns plan;
    const float *x;
    float *partial; // (outer, blocks, width)
} ColumnsCall;

static void sum_panels(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const ColumnsCall *call = context;
    const Columns *plan = &call->plan;
    const int64_t tasks = plan->blocks * plan->panels;
    float sums[PANEL];
    for (int64_t task = begin; task < end; task++) {
        int64_t outer = task / tasks;
        Panel panel = panel_of(plan, task % tasks);
        const float *x = call->x + outer * plan->rows * plan->width + panel.offset;
        sum_columns(&panel, false, plan->wide, x, sums);
        add_phases(&panel, sums);
        float *out =
            call->partial + (outer * plan->blocks + panel.block) * plan->width + panel.first;
        memcpy(out, sums, (size_t)panel.width * sizeof(float));
    }
}

static void sum(int64_t outer, int64_t count, int64_t inner, const float *x, float *y)
{
    if (count == 0) {
        memset(y, 0, (size_t)(outer * inner) * sizeof(float));
        return;
    }
    if (inner == 1) {
        sum_rows(row_values, outer, count, x, NULL, y);
        return;
    }
    if (inner == 0) return;
    ColumnsCall call = {.plan = columns_plan(count, inner), .x = x, .partial = y};
    const Columns *plan = &call.plan;
    int64_t values = plan->blocks * inner;
    if (plan->blocks > 1) call.partial = scratch(-1, outer * values * (int64_t)sizeof(float));
    parallel_ranges(outer * plan->blocks * plan->panels,
                    smaller(count, plan->block_rows) * smaller(inner, PANEL), sum_panels, &call);
    for (int64_t o = 0; plan->blocks > 1 && o < outer; o++)
        add_blocks(plan->blocks, inner, call.partial + o * values, y + o * inner);
}

// ---- Maxima
// --------------------------------------------------------------------------------------

typedef struct MaxCall {
    int64_t count, inner;
    const float *x;
    float *y;
    int32_t *index;
} MaxCall;

static void max_of_row(int64_t count, const float *x, float *y, int32_t *index)
{
    int64_t best = 0;
    for (int64_t i = 1; i < count; i++)
        if (x[best] < x[i]) best = i;
    *y = x[best];
    *index = (int32_t)best;
}

static void max_of_columns(int64_t count, int64_t inner, const float *restrict x, float *restrict y,
                           int32_t *restrict index)
{
    memcpy(y, x, (size_t)inner * sizeof(float));
    memset(index, 0, (size_t)inner * sizeof(int32_t));
    for (int64_t i = 1; i < count; i++)
        for (int64_t c = 0; c < inner; c++) {
            float value = x[i * inner + c];
            index[c] = y[c] < value ? (int32_t)i : index[c];
            y[c] = y[c] < value ? value : y[c];
        }
}

static void max_range(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MaxCall *call = context;
    const int64_t count = call->count, inner = call->inner;
    for (int64_t o = begin; o < end; o++) {
        const float *x = call->x + o * count * inner;
        if (inner == 1)
            max_of_row(count, x, call->y + o, call->index + o);
        else
            max_of_columns(count, inner, x, call->y + o * inner, call->index + o * inner);
    }
}

static void max(int64_t outer, int64_t count, int64_t inner, const float *x, float *y,
                int32_t *index)
{
    MaxCall call = {count, inner, x, y, index};
    parallel_ranges(outer, count * inner, max_range, &call);
}

typedef struct MaxBackwardCall {
    int64_t count, inner;
    const int32_t *index;
    const float *dy;
    float *dx;
} MaxBackwardCall;

static void max_backward_range(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const MaxBackwardCall *call = context;
    const int64_t size = call->count * call->inner;
    memset(call->dx + begin * size, 0, (size_t)((end - begin) * size) * sizeof(float));
    for (int64_t i = begin * call->inner; i < end * call->inner; i++) {
        int64_t o = i / call->inner, c = i % call->inner;
        call->dx[o * size + call->index[i] * call->inner + c] = call->dy[i];
    }
}

static void max_backward(int64_t outer, int64_t count, int64_t inner, const int32_t *index,
                         const float *dy, float *dx)
{
    MaxBackwardCall call = {count, inner, index, dy, dx};
    parallel_ranges(outer, count * inner, max_backward_range, &call);
}

// ---- Norms of rows
// -------------------------------------------------------------------------------

static void norm2_rows(int64_t rows, int64_t count, const float *x, float *y)
{
    dot_rows(rows, count, x, x, y);
    for (int64_t r = 0; r < rows; r++) y[r] = sqrtf(y[r]);
}

typedef struct NormCall {
    int64_t count;
    const float *x, *y, *dy;
    float *dx;
} NormCall;

static void norm2_backward_range(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const NormCall *call = context;
    for (int64_t r = begin; r < end; r++) {
        const float factor = call->y[r] > 0 ? call->dy[r] / call->y[r] : 0;
        const float *restrict x = call->x + r * call->count;
        float *restrict dx = call->dx + r * call->count;
        for (int64_t i = 0; i < call->count; i++) dx[i] = factor * x[i];
    }
}

static void norm2_rows_backward(int64_t rows, int64_t count, const float *x, const float *y,
                                const float *dy, float *dx)
{
    NormCall call = {count, x, y, dy, dx};
    parallel_ranges(rows, count, norm2_backward_range, &call);
}

void KERNEL(enter_reduce)(Kernels *table)
{
    table->sum = sum;
    table->max = max;
    table->max_backward = max_backward;
    table->dot_rows = dot_rows;
    table->norm2_rows = norm2_rows;
    table->norm2_rows_backward = norm2_rows_backward;
}
