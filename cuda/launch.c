// The device in use, and what its host side needs everywhere.
#include "cuda/launch.h"

#include <stdlib.h>
#include <string.h>

static const Backend *backend; // the device in use
static void *scratch_memory;
static int64_t scratch_bytes;
static void *outgrown[64]; // scratch memory that became too small; each was half the next at most

const char *kernel_name(KernelNumber kernel)
{
#define NAME_OF(name) #name,
    static const char *const names[KERNEL_COUNT] = {ALL_KERNELS(NAME_OF)};
#undef NAME_OF
    return names[kernel];
}

const Backend *device_backend(void)
{
    return backend;
}

Warpgroups warpgroups_wanted(Warpgroups usual)
{
    const char *wanted = getenv("SIEVE_WARPGROUPS");
    if (!wanted) return usual;
    return strcmp(wanted, "always") == 0  ? WARPGROUPS_ALWAYS
           : strcmp(wanted, "never") == 0 ? WARPGROUPS_NEVER
                                          : usual;
}

Grid grid_over(int64_t count)
{
    return (Grid){.x = (count + MOST_THREADS - 1) / MOST_THREADS, .threads = MOST_THREADS};
}

Grid grid_of_warps(int64_t count)
{
    return grid_over(count * 32);
}

int64_t ceiling(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

bool at_16_bytes(const void *a, const void *b, const void *c)
{
    return (((uintptr_t)a | (uintptr_t)b | (uintptr_t)c) & 15) == 0;
}

Grid grid_of_rows(int64_t rows, int64_t threads)
{
    const int64_t most = threads < MOST_THREADS ? (threads + 31) / 32 * 32 : MOST_THREADS;
    return (Grid){.x = rows, .y = (threads + most - 1) / most, .threads = (int)most};
}

void *device_scratch(int64_t bytes)
{
    if (bytes <= scratch_bytes) return scratch_memory;
    // What it grows out of is not given back: kernels may be at work in it, or recorded with it.
    for (int i = 0; scratch_memory; i++) {
        if (outgrown[i]) continue;
        outgrown[i] = scratch_memory;
        break;
    }
    scratch_bytes = bytes > 2 * scratch_bytes ? bytes : 2 * scratch_bytes;
    scratch_memory = backend->memory.allocate(scratch_bytes);
    return scratch_memory;
}

int32_t index_of(int64_t value)
{
    if (value < 0 || value > INT32_MAX)
        panic("an array of %lld elements is too large for the device's kernels", (long long)value);
    return (int32_t)value;
}

void device_wait(void)
{
    if (!backend) return;
    launches_catch_up();
    backend->wait();
}

// ---- Memory, in the order of the kernels around ----

static void *memory_allocate(int64_t bytes)
{
    return backend->memory.allocate(bytes);
}

static void memory_release(void *memory)
{
    if (!memory) return;
    launches_catch_up();
    backend->memory.release(memory);
}

void device_write(int64_t bytes, const void *host, void *device)
{
    if (device_write_small(bytes, host, device)) return;
    launches_catch_up();
    backend->memory.to_device(bytes, host, device);
}

static void memory_to_host(int64_t bytes, const void *device, void *host)
{
    launches_catch_up();
    backend->memory.to_host(bytes, device, host);
}

bool precision_parse(const char *name, Precision *precision, Error *error)
{
    static const char *const names[] = {"exact", "tf32", "bf16"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(name, names[i]) != 0) continue;
        *precision = (Precision)i;
        return true;
    }
    return fail(error, "unknown precision %s; known are exact, tf32, bf16", name);
}

const Kernels *device_kernels(const char *name, Precision precision, Error *error)
{
    static const DeviceMemory memory = {memory_allocate, memory_release, device_write,
                                        memory_to_host};
    static Kernels table;
    static const char *const names[] = {"cuda (exact)", "cuda (tf32)", "cuda (bf16)"};
    static const char *const emulated[] = {"emulated (exact)", "emulated (tf32)",
                                           "emulated (bf16)"};
    if (strcmp(name, "cpu") == 0) return cpu_kernels();
    bool on_gpu = strcmp(name, "cuda") == 0;
    if (!on_gpu && strcmp(name, "emulated") != 0) {
        fail(error, "unknown device %s; the devices are cpu and cuda", name);
        return NULL;
    }
    const Backend *opened = on_gpu ? driver_open(error) : emulator_open(error);
    if (!opened) return NULL;
    launches_use(backend = opened);
    matrix_precision(precision);
    table = (Kernels){.name = (on_gpu ? names : emulated)[precision], .memory = &memory};
    cuda_enter_elementwise(&table);
    cuda_enter_reduce(&table);
    cuda_enter_loss(&table);
    cuda_enter_norm(&table);
    cuda_enter_group_norm(&table);
    cuda_enter_pool(&table);
    cuda_enter_resample(&table);
    cuda_enter_noise(&table);
    cuda_enter_data(&table);
    cuda_enter_optimizer(&table);
    cuda_enter_matrix(&table);
    return &table;
}
