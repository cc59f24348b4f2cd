// How the kernels cut their work: into ranges of items with about CHUNK elements each, by shape
// alone, and one task per range. Small work is a single range and runs in the calling thread.
#ifndef SIEVE_CORE_CPU_KERNELS_RANGES_H
#define SIEVE_CORE_CPU_KERNELS_RANGES_H

#include "core/thread.h"

enum {
    CHUNK = 16384
}; // 64 KiB: large beside a task's cost, small enough for the second-level cache

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

// Works on items begin..end-1.
typedef void RangeBody(const void *context, int64_t begin, int64_t end, int thread);

typedef struct Ranges {
    int64_t count, step;
    RangeBody *body;
    const void *context;
} Ranges;

static inline void range_task(void *context, int64_t task, int thread)
{
    const Ranges *ranges = context;
    int64_t begin = task * ranges->step;
    ranges->body(ranges->context, begin, smaller(begin + ranges->step, ranges->count), thread);
}

// Items 0..count-1, each of about `cost` elements.
static inline void parallel_ranges(int64_t count, int64_t cost, RangeBody *body,
                                   const void *context)
{
    Ranges ranges = {count, larger(1, CHUNK / larger(1, cost)), body, context};
    parallel_for((count + ranges.step - 1) / ranges.step, range_task, &ranges);
}

#endif
