// Where a step's time goes: each kernel of its graph alone, as a graph of many starts in a row, so
// that what is measured is the kernel and the gap to the next, as in the step. Its arrays are in
// the cache more often than there, so that the sum is a lower bound.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "cuda/launch.h"

enum { STARTS = 20, MOST_ROWS = 1024 };

typedef struct Row {
    KernelNumber kernel;
    Grid grid;
    int64_t bytes; // of all arrays
    double seconds;
    int count;
} Row;

typedef struct Profile {
    Row rows[MOST_ROWS];
    int count;
} Profile;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static double seconds_of(const Launch *what)
{
    const Backend *backend = device_backend();
    const Launch *same[STARTS];
    double best = 0;
    for (int i = 0; i < STARTS; i++) same[i] = what;
    void *graph = backend->build(STARTS, same);
    for (int run = 0; run < 3; run++) {
        backend->wait();
        const double start = now();
        backend->start(graph);
        backend->wait();
        const double seconds = (now() - start) / STARTS;
        if (run == 0 || seconds < best) best = seconds;
    }
    backend->forget(graph);
    return best;
}

static void add_launch(const Launch *what, void *to)
{
    Profile *profile = to;
    Row row = {.kernel = what->kernel, .grid = what->grid, .count = 1, .seconds = seconds_of(what)};
    for (int i = 0; i < what->array_count; i++) row.bytes += what->arrays[i].bytes;
    for (int i = 0; i < profile->count; i++) {
        Row *known = &profile->rows[i];
        if (known->kernel != row.kernel || known->bytes != row.bytes ||
            memcmp(&known->grid, &row.grid, sizeof row.grid) != 0)
            continue;
        known->seconds += row.seconds;
        known->count++;
        return;
    }
    if (profile->count < MOST_ROWS) profile->rows[profile->count++] = row;
}

static int longest_first(const void *a, const void *b)
{
    const double x = ((const Row *)a)->seconds, y = ((const Row *)b)->seconds;
    return (x < y) - (x > y);
}

void device_graph_profile(const DeviceGraph *graph, const char *name)
{
    Profile *profile = allocate_zeroed(sizeof *profile);
    double total = 0;
    int kernels = 0;
    device_graph_each(graph, add_launch, profile);
    qsort(profile->rows, (size_t)profile->count, sizeof profile->rows[0], longest_first);
    for (int i = 0; i < profile->count; i++) {
        total += profile->rows[i].seconds;
        kernels += profile->rows[i].count;
    }
    printf("profile of %s: %d kernels, %.3f ms one by one\n", name, kernels, total * 1e3);
    for (int i = 0; i < profile->count; i++) {
        const Row *row = &profile->rows[i];
        const double each = row->seconds / row->count;
        printf("  %5.1f %% %9.1f us = %3d x %7.1f us  %6.0f GB/s  %s (%lld, %lld, %lld)\n",
               100 * row->seconds / total, row->seconds * 1e6, row->count, each * 1e6,
               (double)row->bytes / each / 1e9, kernel_name(row->kernel), (long long)row->grid.x,
               (long long)row->grid.y, (long long)row->grid.z);
    }
    free(profile);
}
