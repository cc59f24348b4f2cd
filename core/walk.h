// Two arrays walked together, each with steps of its own: what a device's kernels make of a broadcast
// or a strided copy before they cut it into work. Dimensions that follow each other without a gap in
// both arrays become one.
#ifndef SIEVE_CORE_WALK_H
#define SIEVE_CORE_WALK_H

#include "core/kernels.h"

// Innermost dimension first; rank 0 where every size is 1.
typedef struct StridedWalk {
    int rank;
    int64_t shape[KERNEL_MAX_RANK], first_step[KERNEL_MAX_RANK], second_step[KERNEL_MAX_RANK];
    int64_t count; // product of the shape
} StridedWalk;

static inline void walk_add(StridedWalk *walk, int64_t size, int64_t first_step,
                            int64_t second_step)
{
    int top = walk->rank - 1;
    walk->count *= size;
    if (size == 1) return;
    if (top >= 0 && first_step == walk->shape[top] * walk->first_step[top] &&
        second_step == walk->shape[top] * walk->second_step[top]) {
        walk->shape[top] *= size;
        return;
    }
    walk->shape[walk->rank] = size;
    walk->first_step[walk->rank] = first_step;
    walk->second_step[walk->rank] = second_step;
    walk->rank++;
}

// First: a, second: b.
static inline StridedWalk walk_of_broadcast(const Broadcast *shape)
{
    StridedWalk walk = {.count = 1};
    for (int d = shape->rank - 1; d >= 0; d--)
        walk_add(&walk, shape->shape[d], shape->a_step[d], shape->b_step[d]);
    return walk;
}

// First: x, second: y. The dimension along which y is written closest together becomes the
// innermost.
static inline StridedWalk walk_of_copy(const StridedCopy *shape)
{
    int order[KERNEL_MAX_RANK] = {0};
    for (int d = 0; d < shape->rank; d++) {
        int place = d;
        for (; place > 0 && shape->y_step[order[place - 1]] <= shape->y_step[d]; place--)
            order[place] = order[place - 1];
        order[place] = d;
    }
    StridedWalk walk = {.count = 1};
    for (int i = shape->rank - 1; i >= 0; i--) {
        int d = order[i];
        walk_add(&walk, shape->shape[d], shape->x_step[d], shape->y_step[d]);
    }
    return walk;
}

#endif
