// Layouts are permutations of dimensions: one table in each direction, one loop that permutes.
#include "tests/golden.h"

#include <math.h>
#include <string.h>
#include "core/error.h"

// to_shape[i] = from_shape[dims[i]]; walks the target in order and the source with its steps.
static void permute_values(int rank, const int64_t *from_shape, const float *from, const int *dims,
                           int64_t *to_shape, float *to)
{
    int64_t step[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK] = {0}, count = 1;
    for (int d = rank - 1; d >= 0; d--) {
        step[d] = count;
        count *= from_shape[d];
    }
    for (int i = 0; i < rank; i++) to_shape[i] = from_shape[dims[i]];
    for (int64_t n = 0; n < count; n++) {
        int64_t source = 0;
        for (int i = 0; i < rank; i++) source += index[i] * step[dims[i]];
        to[n] = from[source];
        for (int i = rank - 1; i >= 0 && ++index[i] == to_shape[i]; i--) index[i] = 0;
    }
}

// Dimension i of the memory is dimension dims[i] of the file.
static void memory_order(GoldenLayout layout, int rank, int *dims)
{
    static const int conv_weight[] = {2, 3, 1, 0}, linear_weight[] = {1, 0};
    for (int i = 0; i < rank; i++) {
        dims[i] = i;
        if (layout == GOLDEN_CHANNELS_LAST && rank > 2 && i > 0)
            dims[i] = i == rank - 1 ? 1 : i + 1;
        if (layout == GOLDEN_CONV_WEIGHT && rank == 4) dims[i] = conv_weight[i];
        if (layout == GOLDEN_LINEAR_WEIGHT && rank == 2) dims[i] = linear_weight[i];
    }
}

void golden_import(GoldenLayout layout, int rank, const int64_t *stored_shape, const float *stored,
                   int64_t *shape, float *values)
{
    int dims[TENSOR_MAX_RANK];
    memory_order(layout, rank, dims);
    permute_values(rank, stored_shape, stored, dims, shape, values);
}

void golden_export(GoldenLayout layout, int rank, const int64_t *shape, const float *values,
                   int64_t *stored_shape, float *stored)
{
    int dims[TENSOR_MAX_RANK], inverse[TENSOR_MAX_RANK];
    memory_order(layout, rank, dims);
    for (int i = 0; i < rank; i++) inverse[dims[i]] = i;
    permute_values(rank, shape, values, inverse, stored_shape, stored);
}

void golden_from_nchw(const float *stored, const int64_t *shape, float *values)
{
    int64_t stored_shape[] = {shape[0], shape[3], shape[1], shape[2]}, same[4];
    golden_import(GOLDEN_CHANNELS_LAST, 4, stored_shape, stored, same, values);
}

void golden_to_nchw(const float *values, const int64_t *shape, float *stored)
{
    int64_t stored_shape[4];
    golden_export(GOLDEN_CHANNELS_LAST, 4, shape, values, stored_shape, stored);
}

double golden_error(const float *values, const float *expected, int64_t count)
{
    double largest = 0, scale = 0;
    for (int64_t i = 0; i < count; i++) {
        double difference = fabs((double)values[i] - (double)expected[i]);
        if (isnan(difference)) return INFINITY;
        if (difference > largest) largest = difference;
        if (fabs((double)expected[i]) > scale) scale = fabs((double)expected[i]);
    }
    return scale > 0 ? largest / scale : largest;
}

float *golden_fetch(const Tensor *tensor, const float *values)
{
    const int64_t bytes = tensor->count * 4;
    float *own = allocate((uint64_t)bytes);
    if (tensor->memory)
        tensor->memory->to_host(bytes, values, own);
    else
        memcpy(own, values, (size_t)bytes);
    return own;
}
