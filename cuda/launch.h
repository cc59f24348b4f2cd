// How the host side starts kernels: by number, with a grid, one struct of arguments, and for each
// array in it how much of it is read or written. Two back ends: the driver and the emulator. Not
// for use outside cuda/.
#ifndef SIEVE_CUDA_LAUNCH_H
#define SIEVE_CUDA_LAUNCH_H

#include <stddef.h>
#include "core/error.h"
#include "core/kernels.h"
#include "cuda/arguments.h"
#include "cuda/device.h"
#include "cuda/kernel_list.h"

// An array among the arguments: where its pointer stands in the struct, and its bytes.
typedef struct ArrayUse {
    const void *field;
    int64_t bytes;
    bool written;
} ArrayUse;
#define READS(pointer, count)                                   \
    {                                                           \
        &(pointer), (count) * (int64_t)sizeof *(pointer), false \
    }
#define WRITES(pointer, count)                                 \
    {                                                          \
        &(pointer), (count) * (int64_t)sizeof *(pointer), true \
    }

typedef struct Grid {
    int64_t x, y, z; // blocks; y and z: 0 means 1
    int threads;     // of a block, a multiple of 32
    int shared;      // bytes of shared memory of a block
} Grid;

typedef struct Launch {
    KernelNumber kernel;
    Grid grid;
    const void *arguments;
    size_t argument_bytes;
    const ArrayUse *arrays;
    int array_count;
} Launch;

enum { LAUNCH_MOST_ARRAYS = 12 };

// Whether Hopper's matrix instruction is used. For tests and for comparisons SIEVE_WARPGROUPS says
// otherwise than usual: never, always (whatever it can do).
typedef enum Warpgroups { WARPGROUPS_NEVER, WARPGROUPS_WHERE_FASTER, WARPGROUPS_ALWAYS } Warpgroups;
Warpgroups warpgroups_wanted(Warpgroups usual);

typedef struct Backend {
    const char *name;
    Warpgroups warpgroups; // use of kernels/warpgroup.cu
    DeviceMemory memory;   // at once, whatever is noted: others use launch.c's
    void (*launch)(const Launch *launch);
    void (*wait)(void); // until all kernels are done
    // A graph of these kernels, one after the other; another launch of the same kernel in one's
    // place, from the next start on.
    void *(*build)(int count, const Launch *const *launches);
    void (*change)(void *graph, int place, const Launch *launch);
    void (*start)(void *graph);
    void (*forget)(void *graph);
} Backend;

// Starts a kernel on the device in use, or notes it for the step's graph (graph.c); nothing happens
// where the grid is empty. _use: the device from now on; _catch_up: starts what is noted.
void launch(const Launch *what);
void launches_use(const Backend *backend);
void launches_catch_up(void);
#define LAUNCH(number, grid_, arguments_, ...)                  \
    launch(&(Launch){.kernel = (number),                        \
                     .grid = grid_,                             \
                     .arguments = &(arguments_),                \
                     .argument_bytes = sizeof(arguments_),      \
                     .arrays = (const ArrayUse[]){__VA_ARGS__}, \
                     .array_count = sizeof((const ArrayUse[]){__VA_ARGS__}) / sizeof(ArrayUse)})

// Visits the kernels of the step that last went through this graph, in order.
void device_graph_each(const DeviceGraph *graph, void (*visit)(const Launch *, void *), void *to);

const char *kernel_name(KernelNumber kernel);
const Backend *device_backend(void); // of the device in use

// One thread for each of `count` items; one warp.
Grid grid_over(int64_t count);
Grid grid_of_warps(int64_t count);

// Blocks (row, part of it) for `rows` rows, which need this many threads each.
Grid grid_of_rows(int64_t rows, int64_t threads);

// Device memory for intermediate results, of at least this size, valid until the next call:
// kernels run one after the other, so each may use it all.
void *device_scratch(int64_t bytes);

// As int32, which is what kernels compute indices with; stops the program where it does not fit.
int32_t index_of(int64_t value);

int64_t ceiling(int64_t a, int64_t b); // of a / b

// Whether these arrays (NULL: none) begin at multiples of 16 bytes, as copies of four floats want
// it.
bool at_16_bytes(const void *a, const void *b, const void *c);

// The kernel of core/kernels.h, and the bytes of scratch memory that it takes, from the first on.
void dot_rows(int64_t rows, int64_t count, const float *a, const float *b, float *y);
int64_t dot_rows_scratch(int64_t rows, int64_t count);
// y[row] = the sum of partial (rows, pieces), or its root.
void finish_rows(int64_t rows, int64_t pieces, double *partial, bool root, float *y);

// conv2d_weight_norms of core/kernels.h without forming the gradients, and whether that costs less
// (gram.c).
bool gram_norms_pay(const ConvShape *shape);
void conv2d_gram_norms(const ConvShape *shape, const float *x, const float *dy, float *squares);

// A copy of up to SMALL_BYTES, a multiple of 4, to the device by kernels alone (data.c); false where
// there is more.
bool device_write_small(int64_t bytes, const void *host, void *device);
// The same for any size: where there is more, what was noted starts first.
void device_write(int64_t bytes, const void *host, void *device);

// Each family's host side enters its functions.
void cuda_enter_elementwise(Kernels *table);
void cuda_enter_reduce(Kernels *table);
void cuda_enter_loss(Kernels *table);
void cuda_enter_norm(Kernels *table);
void cuda_enter_group_norm(Kernels *table);
void cuda_enter_pool(Kernels *table);
void cuda_enter_resample(Kernels *table);
void cuda_enter_noise(Kernels *table);
void cuda_enter_data(Kernels *table);
void cuda_enter_optimizer(Kernels *table);
void cuda_enter_matrix(Kernels *table);
void matrix_precision(Precision precision); // of the products from now on

// The back ends; NULL with a sentence where there is none.
const Backend *driver_open(Error *error);
const Backend *emulator_open(Error *error);

#endif
