// Sums, maxima and norms along one dimension. Limited by memory: each element is read once. Sums
// are formed in double, by a tree that the shape alone determines; long ones in pieces, which a
// second kernel adds by a tree.
#include "cuda/kernel.h"

// Block (piece, row): threads take every blockDim-th element of the piece.
DEVICE void sum_piece(const RowsArguments *a, const bool product)
{
    SHARED_MEMORY(double, warps);
    const int64_t row = blockIdx.y, first = (int64_t)blockIdx.x * PIECE;
    const int64_t last = first + PIECE < a->count ? first + PIECE : a->count;
    const float *left = a->a + row * a->count, *right = a->b + row * a->count;
    double sum = 0;
    for (int64_t i = first + threadIdx.x; i < last; i += blockDim.x)
        sum += product ? (double)left[i] * (double)right[i] : (double)left[i];
    sum = block_sum(sum, warps);
    if (threadIdx.x > 0) return;
    if (a->pieces > 1)
        a->partial[row * a->pieces + blockIdx.x] = sum;
    else
        a->y[row] = a->root ? sqrtf((float)sum) : (float)sum;
}

KERNEL(sum_rows, RowsArguments)
{
    sum_piece(&a, false);
}

KERNEL(dot_rows, RowsArguments)
{
    sum_piece(&a, true);
}

// A warp for each row.
KERNEL(finish_rows, RowsArguments)
{
    const int64_t row = thread_number() / WARP;
    if (row >= a.rows) return;
    double sum = 0;
    for (int32_t i = (int32_t)threadIdx.x % WARP; i < a.pieces; i += WARP)
        sum += a.partial[row * a.pieces + i];
    sum = warp_sum(sum);
    if (threadIdx.x % WARP == 0) a.y[row] = a.root ? sqrtf((float)sum) : (float)sum;
}

// Block (32 columns, piece, outer): a thread goes down its column, or with 4 lanes down four
// columns, with four rows under way at once; then the sums of each column are added over the
// threads of a warp by a tree, over the warps in order. finish_rows adds the pieces.
DEVICE void columns(const ColumnsArguments *a, const int lanes)
{
    enum { TOGETHER = 4 };
    SHARED_MEMORY(double, sums);
    const int32_t side = COLUMN_THREADS / lanes, step = ROW_THREADS * lanes;
    const int32_t x = (int32_t)threadIdx.x % side, y = (int32_t)threadIdx.x / side;
    const int32_t warp = (int32_t)threadIdx.x / WARP, lane = (int32_t)threadIdx.x % WARP;
    const int64_t first = (int64_t)blockIdx.y * a->height, rows = a->count - first;
    const int64_t column = (int64_t)blockIdx.x * COLUMN_THREADS + x * lanes;
    const float *next = a->x + ((int64_t)blockIdx.z * a->count + first + y) * a->inner + column;
    int32_t left = (int32_t)(rows < a->height ? rows : a->height) - y;
    float value[TOGETHER][4];
    double sum[4] = {0, 0, 0, 0};
    for (left = column < a->inner ? left : 0; left > 0; left -= TOGETHER * step) {
        UNROLL for (int r = 0; r < TOGETHER; r++, next += step * a->inner)
        {
            if (r * step < left) load_lanes(lanes, next, value[r]);
        }
        UNROLL for (int r = 0; r < TOGETHER; r++) UNROLL for (int k = 0; k < lanes; k++)
        {
            if (r * step < left) sum[k] += (double)value[r][k];
        }
    }
    UNROLL for (int k = 0; k < lanes; k++)
    {
        UNROLL for (int distance = side; distance < WARP; distance *= 2) sum[k] +=
            __shfl_xor_sync(0xffffffffu, sum[k], distance);
        if (lane < side) sums[warp * COLUMN_THREADS + lane * lanes + k] = sum[k];
    }
    __syncthreads();
    const int64_t own = (int64_t)blockIdx.x * COLUMN_THREADS + lane;
    if (warp > 0 || own >= a->inner) return;
    double total = 0;
    UNROLL for (int i = 0; i < ROW_THREADS; i++) total += sums[i * COLUMN_THREADS + lane];
    if (a->pieces > 1)
        a->partial[(blockIdx.z * a->inner + own) * a->pieces + blockIdx.y] = total;
    else
        a->y[blockIdx.z * a->inner + own] = (float)total;
}

KERNEL(sum_columns, ColumnsArguments)
{
    if (a.wide)
        columns(&a, 4);
    else
        columns(&a, 1);
}

// A thread for each result: fast for many results, slow for one long row.
KERNEL(max_along, MaxArguments)
{
    const int64_t i = thread_number();
    if (i >= a.results) return;
    const float *x = a.x + i / a.inner * a.count * a.inner + i % a.inner;
    float most = x[0];
    int32_t place = 0;
    for (int32_t k = 1; k < a.count; k++) {
        const float value = x[(int64_t)k * a.inner];
        if (most < value) {
            most = value;
            place = k;
        }
    }
    a.y[i] = most;
    a.index[i] = place;
}

// A thread for each element of dx.
KERNEL(max_backward, MaxArguments)
{
    const int64_t i = thread_number();
    if (i >= a.results) return;
    const int64_t row = i / a.inner, result = row / a.count * a.inner + i % a.inner;
    a.y[i] = a.saved[result] == row % a.count ? a.x[result] : 0;
}

// dx = dy x / ||x||, 0 where the row is 0.
KERNEL(norm2_rows_backward, NormRowsArguments)
{
    const int64_t i = thread_number();
    if (i >= a.size) return;
    const int64_t row = i / a.count;
    const float factor = a.y[row] > 0 ? a.dy[row] / a.y[row] : 0;
    a.dx[i] = factor * a.x[i];
}
