// Host side of kernels/elementwise.cu.
#include "cuda/launch.h"

// Four elements a thread.
static Grid grid_over_quads(int64_t count)
{
    return grid_over((count + 3) / 4);
}

static bool aligned(const void *a, const void *b, const void *c, const void *d)
{
    return (((uintptr_t)a | (uintptr_t)b | (uintptr_t)c | (uintptr_t)d) & 15) == 0;
}

static void unary(UnaryOp op, float a, float b, int64_t count, const float *x, float *y)
{
    UnaryArguments arguments = {count, aligned(x, y, NULL, NULL), a, b, x, NULL, NULL, y};
    LAUNCH((KernelNumber)((int)KERNEL_unary_relu + (int)op), grid_over_quads(count), arguments,
           READS(arguments.x, count), WRITES(arguments.out, count));
}

static void unary_backward(UnaryOp op, float a, float b, int64_t count, const float *x,
                           const float *y, const float *dy, float *dx)
{
    UnaryArguments arguments = {count, aligned(x, y, dy, dx), a, b, x, y, dy, dx};
    LAUNCH((KernelNumber)((int)KERNEL_unary_relu_backward + (int)op), grid_over_quads(count),
           arguments, READS(arguments.x, count), READS(arguments.y, count),
           READS(arguments.dy, count), WRITES(arguments.out, count));
}

// ---- Arrays walked with two sets of steps ----

static void walk_add(Walk *walk, int64_t size, int64_t first_step, int64_t second_step)
{
    int top = walk->rank - 1;
    walk->count = index_of(walk->count * size);
    if (size == 1) return;
    if (top >= 0 && first_step == (int64_t)walk->shape[top] * walk->first_step[top] &&
        second_step == (int64_t)walk->shape[top] * walk->second_step[top]) {
        walk->shape[top] = index_of(walk->shape[top] * size);
        return;
    }
    walk->shape[walk->rank] = index_of(size);
    walk->first_step[walk->rank] = index_of(first_step);
    walk->second_step[walk->rank] = index_of(second_step);
    walk->rank++;
}

// Elements from the first to the last that these steps reach.
static int64_t extent(const Walk *walk, const int32_t *step)
{
    int64_t last = 0;
    for (int d = 0; d < walk->rank; d++) last += (int64_t)(walk->shape[d] - 1) * step[d];
    return walk->count > 0 ? last + 1 : 0;
}

static bool is_dense(const Walk *walk, const int32_t *step)
{
    return walk->rank == 0 || (walk->rank == 1 && step[0] == 1);
}

static void binary(BinaryOp op, const Broadcast *shape, const float *a, const float *b, float *y)
{
    BinaryArguments arguments = {.walk = {.count = 1}, .a = a, .b = b, .y = y};
    Walk *walk = &arguments.walk;
    for (int d = shape->rank - 1; d >= 0; d--)
        walk_add(walk, shape->shape[d], shape->a_step[d], shape->b_step[d]);
    arguments.count = walk->count;
    arguments.dense = is_dense(walk, walk->first_step) && is_dense(walk, walk->second_step) &&
                      aligned(a, b, y, NULL);
    LAUNCH((KernelNumber)((int)KERNEL_binary_add + (int)op),
           arguments.dense ? grid_over_quads(walk->count) : grid_over(walk->count), arguments,
           READS(arguments.a, extent(walk, walk->first_step)),
           READS(arguments.b, extent(walk, walk->second_step)), WRITES(arguments.y, walk->count));
}

// The dimension along which y is written closest together becomes the innermost.
static void copy(const StridedCopy *shape, const float *x, float *y)
{
    int order[KERNEL_MAX_RANK] = {0};
    for (int d = 0; d < shape->rank; d++) {
        int place = d;
        for (; place > 0 && shape->y_step[order[place - 1]] <= shape->y_step[d]; place--)
            order[place] = order[place - 1];
        order[place] = d;
    }
    CopyArguments arguments = {.walk = {.count = 1}, .x = x, .y = y};
    Walk *walk = &arguments.walk;
    for (int i = shape->rank - 1; i >= 0; i--) {
        int d = order[i];
        walk_add(walk, shape->shape[d], shape->x_step[d], shape->y_step[d]);
    }
    LAUNCH(KERNEL_copy, grid_over(walk->count), arguments,
           READS(arguments.x, extent(walk, walk->first_step)),
           WRITES(arguments.y, extent(walk, walk->second_step)));
}

static void accumulate(int64_t count, float scale, const float *x, float *y)
{
    AccumulateArguments arguments = {count, aligned(x, y, NULL, NULL), scale, x, y};
    LAUNCH(KERNEL_accumulate, grid_over_quads(count), arguments, READS(arguments.x, count),
           WRITES(arguments.y, count));
}

static void fill(int64_t count, float value, float *y)
{
    AccumulateArguments arguments = {count, false, value, NULL, y};
    LAUNCH(KERNEL_fill, grid_over_quads(count), arguments, WRITES(arguments.y, count));
}

void cuda_enter_elementwise(Kernels *table)
{
    table->unary = unary;
    table->unary_backward = unary_backward;
    table->binary = binary;
    table->accumulate = accumulate;
    table->fill = fill;
    table->copy = copy;
}
