// Host side of kernels/elementwise.cu.
#include "core/walk.h"
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

// The device's form of a walk.
static Walk narrowed(const StridedWalk *wide)
{
    Walk walk = {.rank = wide->rank, .count = index_of(wide->count)};
    for (int d = 0; d < wide->rank; d++) {
        walk.shape[d] = index_of(wide->shape[d]);
        walk.first_step[d] = index_of(wide->first_step[d]);
        walk.second_step[d] = index_of(wide->second_step[d]);
    }
    return walk;
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
    StridedWalk wide = walk_of_broadcast(shape);
    BinaryArguments arguments = {.walk = narrowed(&wide), .a = a, .b = b, .y = y};
    const Walk *walk = &arguments.walk;
    arguments.count = walk->count;
    arguments.dense = is_dense(walk, walk->first_step) && is_dense(walk, walk->second_step) &&
                      aligned(a, b, y, NULL);
    LAUNCH((KernelNumber)((int)KERNEL_binary_add + (int)op),
           arguments.dense ? grid_over_quads(walk->count) : grid_over(walk->count), arguments,
           READS(arguments.a, extent(walk, walk->first_step)),
           READS(arguments.b, extent(walk, walk->second_step)), WRITES(arguments.y, walk->count));
}

static void copy(const StridedCopy *shape, const float *x, float *y)
{
    StridedWalk wide = walk_of_copy(shape);
    CopyArguments arguments = {.walk = narrowed(&wide), .x = x, .y = y};
    const Walk *walk = &arguments.walk;
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
