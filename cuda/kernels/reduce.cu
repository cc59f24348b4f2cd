// Sums, maxima and norms along one dimension. Limited by memory: each element is read once. Sums
// are formed in double, by a tree that the shape alone determines; long ones in pieces, which a
// second kernel adds in order.
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

KERNEL(finish_rows, RowsArguments)
{
    const int64_t row = thread_number();
    if (row >= a.rows) return;
    double sum = 0;
    for (int32_t i = 0; i < a.pieces; i++) sum += a.partial[row * a.pieces + i];
    a.y[row] = a.root ? sqrtf((float)sum) : (float)sum;
}

// Block (32 columns, piece, outer): a thread goes down its column in steps of 8 rows, so that a
// warp reads 32 neighbours; then the 8 sums of each column are added in order.
KERNEL(sum_columns, ColumnsArguments)
{
    SHARED_MEMORY(double, sums);
    const int x = (int)threadIdx.x % COLUMN_THREADS, y = (int)threadIdx.x / COLUMN_THREADS;
    const int64_t column = (int64_t)blockIdx.x * COLUMN_THREADS + x;
    const int64_t first = (int64_t)blockIdx.y * a.height;
    const int64_t last = first + a.height < a.count ? first + a.height : a.count;
    const float *values = a.x + (int64_t)blockIdx.z * a.count * a.inner;
    double sum = 0;
    if (column < a.inner)
        for (int64_t row = first + y; row < last; row += ROW_THREADS)
            sum += (double)values[row * a.inner + column];
    sums[threadIdx.x] = sum;
    __syncthreads();
    if (y > 0 || column >= a.inner) return;
    for (int i = 1; i < ROW_THREADS; i++) sum += sums[i * COLUMN_THREADS + x];
    if (a.pieces > 1)
        a.partial[((int64_t)blockIdx.z * a.pieces + blockIdx.y) * a.inner + column] = sum;
    else
        a.y[blockIdx.z * a.inner + column] = (float)sum;
}

KERNEL(finish_columns, ColumnsArguments)
{
    const int64_t column = thread_number(), outer = blockIdx.y;
    if (column >= a.inner) return;
    double sum = 0;
    for (int32_t i = 0; i < a.pieces; i++)
        sum += a.partial[(outer * a.pieces + i) * a.inner + column];
    a.y[outer * a.inner + column] = (float)sum;
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
