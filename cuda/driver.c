// The GPU through its driver alone: libcuda.so.1 is opened when it is asked for, its functions are
// found by name, and it translates the PTX text that the executable carries (cuda/ptx.c). All work
// goes to one stream in order.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cuda/launch.h"
#include "cuda/ptx.h"

// ---- The part of the driver's interface (cuda.h) that is used ----

typedef int Result; // CUresult: 0 is success
typedef uint64_t Address;
typedef void *Handle; // context, module, function, stream

enum { // CUdevice_attribute, CUfunction_attribute, CUjit_option
    ATTRIBUTE_MAJOR = 75,
    ATTRIBUTE_MINOR = 76,
    FUNCTION_LOCAL_BYTES = 3,
    FUNCTION_DYNAMIC_SHARED_BYTES = 8,
    JIT_ERROR_LOG = 5,
    JIT_ERROR_LOG_BYTES = 6,
    STREAM_NON_BLOCKING = 1
};

typedef struct NodeParameters { // CUDA_KERNEL_NODE_PARAMS_v1
    Handle function;
    unsigned grid_x, grid_y, grid_z, block_x, block_y, block_z, shared;
    void **arguments, **extra;
} NodeParameters;

#define DRIVER_FUNCTIONS(X)                                                                       \
    X(cuInit, (unsigned flags))                                                                   \
    X(cuDriverGetVersion, (int *version))                                                         \
    X(cuDeviceGetCount, (int *count))                                                             \
    X(cuDeviceGet, (int *device, int ordinal))                                                    \
    X(cuDeviceGetName, (char *name, int length, int device))                                      \
    X(cuDeviceGetAttribute, (int *value, int attribute, int device))                              \
    X(cuDeviceTotalMem_v2, (size_t * bytes, int device))                                          \
    X(cuDevicePrimaryCtxRetain, (Handle * context, int device))                                   \
    X(cuCtxSetCurrent, (Handle context))                                                          \
    X(cuStreamCreate, (Handle * stream, unsigned flags))                                          \
    X(cuStreamSynchronize, (Handle stream))                                                       \
    X(cuModuleLoadDataEx,                                                                         \
      (Handle * module, const void *image, unsigned options, int *option, void **values))         \
    X(cuModuleGetFunction, (Handle * function, Handle module, const char *name))                  \
    X(cuFuncGetAttribute, (int *value, int attribute, Handle function))                           \
    X(cuFuncSetAttribute, (Handle function, int attribute, int value))                            \
    X(cuLaunchKernel, (Handle function, unsigned grid_x, unsigned grid_y, unsigned grid_z,        \
                       unsigned block_x, unsigned block_y, unsigned block_z, unsigned shared,     \
                       Handle stream, void **arguments, void **extra))                            \
    X(cuGraphCreate, (Handle * graph, unsigned flags))                                            \
    X(cuGraphAddKernelNode, (Handle * node, Handle graph, const Handle *before, size_t count,     \
                             const NodeParameters *parameters))                                   \
    X(cuGraphExecKernelNodeSetParams,                                                             \
      (Handle executable, Handle node, const NodeParameters *parameters))                         \
    X(cuGraphInstantiateWithFlags, (Handle * executable, Handle graph, unsigned long long flags)) \
    X(cuGraphDestroy, (Handle graph))                                                             \
    X(cuGraphExecDestroy, (Handle executable))                                                    \
    X(cuGraphLaunch, (Handle executable, Handle stream))                                          \
    X(cuMemAlloc_v2, (Address * address, size_t bytes))                                           \
    X(cuMemFree_v2, (Address address))                                                            \
    X(cuMemcpyHtoDAsync_v2, (Address to, const void *from, size_t bytes, Handle stream))          \
    X(cuMemcpyDtoHAsync_v2, (void *to, Address from, size_t bytes, Handle stream))                \
    X(cuGetErrorName, (Result result, const char **name))                                         \
    X(cuGetErrorString, (Result result, const char **text))

#define POINTER(name, arguments) Result(*name) arguments;
static struct {
    DRIVER_FUNCTIONS(POINTER)
} driver;
#undef POINTER

static struct {
    Handle stream;
    Handle modules[PTX_COUNT], functions[KERNEL_COUNT];
    int shared_bytes[KERNEL_COUNT]; // that a function may have by now
    bool takes_warpgroups;          // device and driver have the second set of kernels
    char description[256];
} gpu;

// ---- Errors: by their name in the driver ----

static const char *name_of(Result result)
{
    const char *name = NULL;
    if (driver.cuGetErrorName(result, &name) != 0 || !name) name = "an unknown error";
    return name;
}

static bool succeeds(Result result, const char *what, Error *error)
{
    const char *text = NULL;
    if (result == 0) return true;
    if (driver.cuGetErrorString(result, &text) != 0 || !text) text = "no description";
    return fail(error, "the GPU's driver: %s: %s (%s)", what, name_of(result), text);
}
#define CHECKED(call, error) succeeds(driver.call, #call, error)

// For calls inside training, where nothing can be done about a failure: one sentence, status 1.
static void must(Result result, const char *what)
{
    Error error = {0};
    if (succeeds(result, what, &error)) return;
    fprintf(stderr, "sieve: %s\n", error.message);
    exit(1);
}
#define MUST(call) must(driver.call, #call)

// ---- Opening ----

static bool find_functions(void *library, Error *error)
{
#define FIND(name, arguments)                                                          \
    {                                                                                  \
        void *address = dlsym(library, #name);                                         \
        if (!address) return fail(error, "libcuda.so.1 is too old: it has no " #name); \
        memcpy(&driver.name, &address, sizeof address);                                \
    }
    DRIVER_FUNCTIONS(FIND)
#undef FIND
    return true;
}

static bool open_library(Error *error)
{
    void *library = dlopen("libcuda.so.1", RTLD_NOW);
    if (!library)
        return fail(error, "there is no NVIDIA driver on this machine (libcuda.so.1 was not "
                           "found): --device cuda needs one, --device cpu does not");
    return find_functions(library, error);
}

// The first GPU that can run the kernels; CUDA_VISIBLE_DEVICES chooses among several.
static bool pick_device(int *device, Error *error)
{
    int count = 0, major = 0, minor = 0;
    char name[128] = "";
    size_t bytes = 0;
    if (!CHECKED(cuDeviceGetCount(&count), error)) return false;
    if (count == 0) return fail(error, "the NVIDIA driver sees no GPU");
    for (int i = 0; i < count; i++) {
        if (!CHECKED(cuDeviceGet(device, i), error) ||
            !CHECKED(cuDeviceGetName(name, (int)sizeof name, *device), error) ||
            !CHECKED(cuDeviceGetAttribute(&major, ATTRIBUTE_MAJOR, *device), error) ||
            !CHECKED(cuDeviceGetAttribute(&minor, ATTRIBUTE_MINOR, *device), error) ||
            !CHECKED(cuDeviceTotalMem_v2(&bytes, *device), error))
            return false;
        snprintf(gpu.description, sizeof gpu.description, "%s, compute capability %d.%d, %.1f GiB",
                 name, major, minor, (double)bytes / (1 << 30));
        gpu.takes_warpgroups = major == 9 && minor == 0;
        if (major >= 8) return true;
    }
    return fail(error, "%s: compute capability 8.0 or newer is needed (Ampere and later)",
                gpu.description);
}

static bool open_device(Error *error)
{
    int device = 0, version = 0;
    Handle context = NULL;
    if (!open_library(error) || !CHECKED(cuInit(0), error) ||
        !CHECKED(cuDriverGetVersion(&version), error) || !pick_device(&device, error) ||
        !CHECKED(cuDevicePrimaryCtxRetain(&context, device), error) ||
        !CHECKED(cuCtxSetCurrent(context), error) ||
        !CHECKED(cuStreamCreate(&gpu.stream, STREAM_NON_BLOCKING), error))
        return false;
    if (version < 12000) gpu.takes_warpgroups = false; // it does not read PTX 8.0
    size_t length = strlen(gpu.description);
    snprintf(gpu.description + length, sizeof gpu.description - length, ", driver for CUDA %d.%d",
             version / 1000, version % 1000 / 10);
    return true;
}

const char *device_description(void)
{
    return gpu.stream ? gpu.description : NULL;
}

// ---- Kernels ----

#define FAMILY_ELEMENTWISE(name) PTX_ELEMENTWISE,
#define FAMILY_REDUCE(name) PTX_REDUCE,
#define FAMILY_LOSS(name) PTX_LOSS,
#define FAMILY_NORM(name) PTX_NORM,
#define FAMILY_GROUP_NORM(name) PTX_GROUP_NORM,
#define FAMILY_POOL(name) PTX_POOL,
#define FAMILY_RESAMPLE(name) PTX_RESAMPLE,
#define FAMILY_NOISE(name) PTX_NOISE,
#define FAMILY_DATA(name) PTX_DATA,
#define FAMILY_OPTIMIZER(name) PTX_OPTIMIZER,
#define FAMILY_MATRIX(name) PTX_MATRIX,
#define FAMILY_GRAM(name) PTX_GRAM,
#define FAMILY_WARPGROUP(name) PTX_WARPGROUP,
static const PtxFile families[KERNEL_COUNT] = {
    KERNELS_OF_ELEMENTWISE(FAMILY_ELEMENTWISE) KERNELS_OF_REDUCE(FAMILY_REDUCE)
        KERNELS_OF_LOSS(FAMILY_LOSS) KERNELS_OF_NORM(FAMILY_NORM)
            KERNELS_OF_GROUP_NORM(FAMILY_GROUP_NORM) KERNELS_OF_POOL(FAMILY_POOL)
                KERNELS_OF_RESAMPLE(FAMILY_RESAMPLE) KERNELS_OF_NOISE(FAMILY_NOISE)
                    KERNELS_OF_DATA(FAMILY_DATA) KERNELS_OF_OPTIMIZER(FAMILY_OPTIMIZER)
                        KERNELS_OF_MATRIX(FAMILY_MATRIX) KERNELS_OF_GRAM(FAMILY_GRAM)
                            KERNELS_OF_WARPGROUP(FAMILY_WARPGROUP)};

static void load_module(PtxFile file)
{
    static char log[8192];
    int options[] = {JIT_ERROR_LOG, JIT_ERROR_LOG_BYTES};
    void *values[] = {log, (void *)(uintptr_t)sizeof log};
    const Ptx *ptx = ptx_text(file);
    Result result = driver.cuModuleLoadDataEx(&gpu.modules[file], ptx->text, 2, options, values);
    if (result == 0) return;
    fprintf(stderr, "sieve: the GPU's driver does not take the kernels of %s.ptx: %s\n%s\n",
            ptx->name, name_of(result), log);
    exit(1);
}

// A kernel with local memory would run slowly, and only here would that show.
static Handle function_of(KernelNumber kernel)
{
    Handle *function = &gpu.functions[kernel];
    const PtxFile file = families[kernel];
    int local = 0;
    if (*function) return *function;
    if (!gpu.modules[file]) load_module(file);
    MUST(cuModuleGetFunction(function, gpu.modules[file], kernel_name(kernel)));
    MUST(cuFuncGetAttribute(&local, FUNCTION_LOCAL_BYTES, *function));
    if (local > 0)
        fprintf(stderr, "sieve: the driver gives kernel %s %d bytes of local memory\n",
                kernel_name(kernel), local);
    return *function;
}

// The kernel and its grid; the function may have so much shared memory from now on.
static NodeParameters parameters_of(const Launch *what, void **arguments)
{
    enum { SHARED_WITHOUT_ASKING = 48 * 1024 };
    const Grid *grid = &what->grid;
    Handle function = function_of(what->kernel);
    int *allowed = &gpu.shared_bytes[what->kernel];
    if (grid->shared > SHARED_WITHOUT_ASKING && grid->shared > *allowed) {
        MUST(cuFuncSetAttribute(function, FUNCTION_DYNAMIC_SHARED_BYTES, grid->shared));
        *allowed = grid->shared;
    }
    return (NodeParameters){.function = function,
                            .grid_x = (unsigned)grid->x,
                            .grid_y = grid->y ? (unsigned)grid->y : 1,
                            .grid_z = grid->z ? (unsigned)grid->z : 1,
                            .block_x = (unsigned)grid->threads,
                            .block_y = 1,
                            .block_z = 1,
                            .shared = (unsigned)grid->shared,
                            .arguments = arguments};
}

// The driver takes its copy of the arguments before it returns.
static void driver_launch(const Launch *what)
{
    void *list[] = {(void *)(uintptr_t)what->arguments};
    const NodeParameters p = parameters_of(what, list);
    Result result = driver.cuLaunchKernel(p.function, p.grid_x, p.grid_y, p.grid_z, p.block_x,
                                          p.block_y, p.block_z, p.shared, gpu.stream, list, NULL);
    must(result, kernel_name(what->kernel));
}

static void driver_wait(void)
{
    MUST(cuStreamSynchronize(gpu.stream));
}

// ---- Graphs: a chain of kernels. The nodes' handles belong to the graph that the executable one was
// made from, so both are kept ----

typedef struct Graph {
    Handle graph, executable;
    Handle nodes[]; // one for each kernel
} Graph;

static void *driver_build(int count, const Launch *const *launches)
{
    Graph *graph = allocate_zeroed(sizeof *graph + (size_t)count * sizeof graph->nodes[0]);
    MUST(cuGraphCreate(&graph->graph, 0));
    for (int i = 0; i < count; i++) {
        void *list[] = {(void *)(uintptr_t)launches[i]->arguments};
        const NodeParameters p = parameters_of(launches[i], list);
        Handle *node = &graph->nodes[i];
        MUST(cuGraphAddKernelNode(node, graph->graph, i > 0 ? node - 1 : NULL, i > 0, &p));
    }
    MUST(cuGraphInstantiateWithFlags(&graph->executable, graph->graph, 0));
    return graph;
}

// Starts that are under way keep what they had.
static void driver_change(void *built, int place, const Launch *launch)
{
    const Graph *graph = built;
    void *list[] = {(void *)(uintptr_t)launch->arguments};
    const NodeParameters p = parameters_of(launch, list);
    MUST(cuGraphExecKernelNodeSetParams(graph->executable, graph->nodes[place], &p));
}

static void driver_start(void *built)
{
    MUST(cuGraphLaunch(((Graph *)built)->executable, gpu.stream));
}

static void driver_forget(void *built)
{
    Graph *graph = built;
    driver_wait();
    MUST(cuGraphExecDestroy(graph->executable));
    MUST(cuGraphDestroy(graph->graph));
    free(graph);
}

// ---- Memory ----

static void *driver_allocate(int64_t bytes)
{
    Address address = 0;
    Result result = driver.cuMemAlloc_v2(&address, bytes > 0 ? (size_t)bytes : 1);
    if (result != 0) {
        fprintf(stderr, "sieve: the GPU has no %.1f MiB of memory left (%s)\n",
                (double)bytes / (1 << 20), name_of(result));
        exit(1);
    }
    return (void *)(uintptr_t)address;
}

static void driver_release(void *memory)
{
    if (!memory) return;
    driver_wait(); // kernels may still be at work in it
    MUST(cuMemFree_v2((Address)(uintptr_t)memory));
}

static void driver_to_device(int64_t bytes, const void *host, void *device)
{
    if (bytes == 0) return;
    MUST(cuMemcpyHtoDAsync_v2((Address)(uintptr_t)device, host, (size_t)bytes, gpu.stream));
    driver_wait();
}

static void driver_to_host(int64_t bytes, const void *device, void *host)
{
    if (bytes == 0) return;
    MUST(cuMemcpyDtoHAsync_v2(host, (Address)(uintptr_t)device, (size_t)bytes, gpu.stream));
    driver_wait();
}

const Backend *driver_open(Error *error)
{
    static Backend backend = {
        .name = "cuda",
        .memory = {driver_allocate, driver_release, driver_to_device, driver_to_host},
        .launch = driver_launch,
        .wait = driver_wait,
        .build = driver_build,
        .change = driver_change,
        .start = driver_start,
        .forget = driver_forget};
    if (!gpu.stream && !open_device(error)) return NULL;
    backend.warpgroups =
        gpu.takes_warpgroups ? warpgroups_wanted(WARPGROUPS_WHERE_FASTER) : WARPGROUPS_NEVER;
    return &backend;
}
