// A libcuda.so.1 for tests/cuda/test_driver.c: a GPU that takes all work and does none, with the
// fault that $FAKE_CUDA names. Signatures as in cuda/driver.c.
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void *Handle;

// What was asked of it, written to $FAKE_CUDA_COUNTS at the program's end.
static struct {
    long launches, graphs, changes, waits, copies;
} counts;

__attribute__((destructor)) static void write_counts(void)
{
    const char *path = getenv("FAKE_CUDA_COUNTS");
    FILE *file = path && counts.launches > 0 ? fopen(path, "w") : NULL;
    if (!file) return;
    fprintf(file, "%ld launches %ld graphs %ld changes %ld waits %ld copies\n", counts.launches,
            counts.graphs, counts.changes, counts.waits, counts.copies);
    fclose(file);
}

static int has(const char *fault)
{
    const char *wanted = getenv("FAKE_CUDA");
    return wanted && strcmp(wanted, fault) == 0;
}

#define EXPORT(name, arguments) \
    int name arguments;         \
    int name arguments

EXPORT(cuInit, (unsigned flags))
{
    return flags != 0 ? 1 : has("no driver module") ? 999 : 0;
}
EXPORT(cuDriverGetVersion, (int *version))
{
    *version = 12040;
    return 0;
}
EXPORT(cuDeviceGetCount, (int *count))
{
    *count = !has("no gpu");
    return 0;
}
EXPORT(cuDeviceGet, (int *device, int ordinal))
{
    *device = ordinal;
    return 0;
}
EXPORT(cuDeviceGetName, (char *name, int length, int device))
{
    (void)device;
    snprintf(name, (size_t)length, "Fake GPU");
    return 0;
}
EXPORT(cuDeviceGetAttribute, (int *value, int attribute, int device))
{
    (void)device;
    *value = attribute == 75 ? (has("old gpu") ? 7 : 9) : attribute == 76 ? 0 : -1;
    return 0;
}
EXPORT(cuDeviceTotalMem_v2, (size_t * bytes, int device))
{
    (void)device;
    *bytes = (size_t)4 << 30;
    return 0;
}
EXPORT(cuDevicePrimaryCtxRetain, (Handle * context, int device))
{
    (void)device;
    *context = (Handle)1;
    return 0;
}
EXPORT(cuCtxSetCurrent, (Handle context))
{
    return context != (Handle)1;
}
EXPORT(cuStreamCreate, (Handle * stream, unsigned flags))
{
    *stream = (Handle)2;
    return flags != 1;
}
EXPORT(cuStreamSynchronize, (Handle stream))
{
    counts.waits++;
    return stream != (Handle)2;
}
EXPORT(cuModuleLoadDataEx,
       (Handle * module, const void *image, unsigned options, int *option, void **values))
{
    if (options != 2 || option[0] != 5 || option[1] != 6) return 1;
    if (strstr(image, ".version") == NULL) return 1;
    if (has("old driver")) {
        snprintf(values[0], (size_t)(uintptr_t)values[1], "unsupported .version");
        return 222;
    }
    *module = (Handle)(uintptr_t)image;
    return 0;
}
// A function is its name in the module's text, which must have it.
EXPORT(cuModuleGetFunction, (Handle * function, Handle module, const char *name))
{
    char entry[128];
    snprintf(entry, sizeof entry, ".visible .entry %s(", name);
    *function = strstr((const char *)module, entry);
    return *function ? 0 : 500;
}
EXPORT(cuFuncGetAttribute, (int *value, int attribute, Handle function))
{
    (void)function;
    *value = 0;
    return attribute != 3;
}
EXPORT(cuFuncSetAttribute, (Handle function, int attribute, int value))
{
    (void)function;
    return attribute != 8 || value > 227 * 1024;
}
typedef struct NodeParameters {
    Handle function;
    unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared;
    void **arguments, **extra;
} NodeParameters;

static int fits(const NodeParameters *p)
{
    return p->function && p->grid_x > 0 && p->grid_y > 0 && p->grid_y < 65536 && p->grid_z > 0 &&
           p->grid_z < 65536 && p->block_x > 0 && p->block_x <= 1024 && p->block_y == 1 &&
           p->block_z == 1 && p->shared <= 227 * 1024 && p->arguments && p->arguments[0] &&
           !p->extra;
}
EXPORT(cuLaunchKernel, (Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z,
                        unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,
                        Handle stream, void **arguments, void **extra))
{
    const NodeParameters p = {function, grid_x,  grid_y, grid_z,    block_x,
                              block_y,  block_z, shared, arguments, extra};
    counts.launches++;
    return has("launch fails") ? 700 : fits(&p) && stream == (Handle)2 ? 0 : 1;
}
EXPORT(cuGraphCreate, (Handle * graph, unsigned flags))
{
    *graph = (Handle)3;
    return flags != 0;
}
// Nodes are numbered from 100 on, and each hangs on the one before.
static uintptr_t last_node;
EXPORT(cuGraphAddKernelNode, (Handle * node, Handle graph, const Handle *before, size_t count,
                              const NodeParameters *parameters))
{
    const int first = count == 0 && !before;
    if (!first && (count != 1 || (uintptr_t)*before != last_node)) return 1;
    last_node = first ? 100 : last_node + 1;
    *node = (Handle)last_node;
    return graph != (Handle)3 || !fits(parameters);
}
EXPORT(cuGraphExecKernelNodeSetParams,
       (Handle executable, Handle node, const NodeParameters *parameters))
{
    counts.changes++;
    return executable != (Handle)4 || (uintptr_t)node < 100 || !fits(parameters);
}
EXPORT(cuGraphInstantiateWithFlags, (Handle * executable, Handle graph, unsigned long long flags))
{
    *executable = (Handle)4;
    return graph != (Handle)3 || flags != 0;
}
EXPORT(cuGraphDestroy, (Handle graph))
{
    return graph != (Handle)3;
}
EXPORT(cuGraphExecDestroy, (Handle executable))
{
    return executable != (Handle)4;
}
EXPORT(cuGraphLaunch, (Handle executable, Handle stream))
{
    counts.graphs++;
    return executable != (Handle)4 || stream != (Handle)2;
}
EXPORT(cuMemAlloc_v2, (uint64_t * address, size_t bytes))
{
    void *memory = has("no memory") ? NULL : calloc(1, bytes);
    *address = (uint64_t)(uintptr_t)memory;
    return memory ? 0 : 2;
}
EXPORT(cuMemFree_v2, (uint64_t address))
{
    free((void *)(uintptr_t)address);
    return 0;
}
EXPORT(cuMemcpyHtoDAsync_v2, (uint64_t to, const void *from, size_t bytes, Handle stream))
{
    counts.copies++;
    memcpy((void *)(uintptr_t)to, from, bytes);
    return stream != (Handle)2;
}
EXPORT(cuMemcpyDtoHAsync_v2, (void *to, uint64_t from, size_t bytes, Handle stream))
{
    counts.copies++;
    memcpy(to, (const void *)(uintptr_t)from, bytes);
    return stream != (Handle)2;
}
EXPORT(cuGetErrorName, (int result, const char **name))
{
    *name = result == 2     ? "CUDA_ERROR_OUT_OF_MEMORY"
            : result == 222 ? "CUDA_ERROR_UNSUPPORTED_PTX_VERSION"
            : result == 700 ? "CUDA_ERROR_ILLEGAL_ADDRESS"
                            : "CUDA_ERROR_UNKNOWN";
    return 0;
}
EXPORT(cuGetErrorString, (int result, const char **text))
{
    *text = result == 700 ? "an illegal memory access was encountered" : "something";
    return 0;
}
