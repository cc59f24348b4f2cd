// The emulator itself: a right kernel passes, each faulty one (faulty.cu) is found out, the matrix
// instruction does what the PTX ISA says, and the host cannot read device memory by mistake.
#include <math.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cuda/emulator.h"
#include "tests/test.h"

enum { THREADS = 64, SHARED = THREADS * 4 };

#define FAULTY(X)                                             \
    X(right, "")                                              \
    X(reads_outside, "outside its arrays")                    \
    X(writes_outside, "outside its arrays")                   \
    X(writes_what_is_only_read, "only read")                  \
    X(forgets_the_barrier, "without a barrier")               \
    X(overwrites_what_others_read, "without a barrier")       \
    X(reads_what_nobody_wrote, "nobody wrote")                \
    X(goes_beyond_shared_memory, "shared memory at byte 256") \
    X(all_threads_write_one_place, "without a barrier")       \
    X(blocks_share_a_result, "without a barrier")             \
    X(some_threads_miss_the_barrier, "wait for each other")   \
    X(does_not_wait_for_the_copy, "under way")                \
    X(waits_but_has_no_barrier, "without a barrier")          \
    X(copies_to_an_odd_place, "an asynchronous copy of 16 bytes to byte 4")

#define DECLARE(name, fault) void emulated_##name(const void *arguments);
FAULTY(DECLARE)
void emulated_one_tile_tf32(const void *arguments);
void emulated_one_tile_bf16(const void *arguments);
void emulated_one_warpgroup(const void *arguments);
void emulated_forgets_the_fence(const void *arguments);
void emulated_overwrites_what_is_multiplied(const void *arguments);

typedef struct Device {
    const Backend *backend; // NULL: the test is skipped
    float *x, *out;
} Device;

static Device open_device(int64_t count)
{
    Error error = {0};
    Device d = {.backend = emulator_open(&error)};
    if (!d.backend) {
        skip("%s", error.message);
        return d;
    }
    d.x = d.backend->memory.allocate(count * 4);
    d.out = d.backend->memory.allocate(count * 4);
    return d;
}

static void close_device(Device *d)
{
    d->backend->memory.release(d->x);
    d->backend->memory.release(d->out);
}

static bool run(const Device *d, const char *name, EmulatedKernel *kernel, Grid grid, int64_t reads,
                int64_t writes, Error *error)
{
    UnaryArguments arguments = {.count = reads, .x = d->x, .out = d->out};
    ArrayUse uses[] = {READS(arguments.x, reads), WRITES(arguments.out, writes)};
    Launch what = {.grid = grid,
                   .arguments = &arguments,
                   .argument_bytes = sizeof arguments,
                   .arrays = uses,
                   .array_count = 2};
    return emulator_run(name, kernel, &what, error);
}

static void finds(const char *name, EmulatedKernel *kernel, const char *fault)
{
    Device d = open_device(THREADS);
    if (!d.backend) return;
    for (uint64_t seed = 0; seed < 3; seed++) {
        Error error = {0};
        emulator_order(seed);
        Grid grid = {.x = 2, .threads = THREADS, .shared = SHARED};
        if (!strstr(name, "blocks")) grid.x = 1;
        bool ok = run(&d, name, kernel, grid, THREADS, THREADS, &error);
        check(ok == !*fault, "%s, order %llu: %s", name, (unsigned long long)seed, error.message);
        check(strstr(error.message, fault) != NULL, "%s, order %llu: '%s' is not in: %s", name,
              (unsigned long long)seed, fault, error.message);
    }
    emulator_order(0);
    close_device(&d);
}

static void faults_are_found(void)
{
#define FIND(name, fault) finds(#name, emulated_##name, fault);
    FAULTY(FIND)
}

// A times B where every value is a small whole number: exact in every precision.
static void multiplies(const char *name, EmulatedKernel *kernel, int depth)
{
    enum { M = 16, N = 8, MOST = M * 16 + 16 * N };
    float x[MOST], c[M * N];
    Device d = open_device(MOST);
    if (!d.backend) return;
    int size = M * depth + depth * N;
    for (int i = 0; i < size; i++) x[i] = (float)(i * 7 % 31 - 15);
    d.backend->memory.to_device(size * 4, x, d.x);
    Error error = {0};
    check(run(&d, name, kernel, (Grid){.x = 1, .threads = 32}, size, M * N, &error), "%s",
          error.message);
    d.backend->memory.to_host(M * N * 4, d.out, c);
    for (int m = 0; m < M; m++)
        for (int n = 0; n < N; n++) {
            float sum = 0;
            for (int k = 0; k < depth; k++) sum += x[m * depth + k] * x[M * depth + k * N + n];
            check(c[m * N + n] == sum, "%s at (%d, %d): %g, not %g", name, m, n,
                  (double)c[m * N + n], (double)sum);
        }
    close_device(&d);
}

static void the_matrix_instruction_multiplies_ptx_fragments(void)
{
    multiplies("one_tile_tf32", emulated_one_tile_tf32, 8);
    multiplies("one_tile_bf16", emulated_one_tile_bf16, 16);
}

// The same of a warpgroup, from shared memory as the unit wants it.
static void a_warpgroup_multiplies_from_shared_memory(void)
{
    enum { N = 64, K = 8, SIZE = 2 * N * K };
    static float x[SIZE], c[N * N];
    Device d = open_device(N * N);
    if (!d.backend) return;
    for (int i = 0; i < SIZE; i++) x[i] = (float)(i * 7 % 31 - 15);
    d.backend->memory.to_device(SIZE * 4, x, d.x);
    Error error = {0};
    Grid grid = {.x = 1, .threads = 128, .shared = 2 * N * 128};
    check(run(&d, "one_warpgroup", emulated_one_warpgroup, grid, SIZE, N * N, &error), "%s",
          error.message);
    d.backend->memory.to_host(N * N * 4, d.out, c);
    for (int m = 0; m < N; m++)
        for (int n = 0; n < N; n++) {
            float sum = 0;
            for (int k = 0; k < K; k++) sum += x[m * K + k] * x[N * K + n * K + k];
            check(c[m * N + n] == sum, "at (%d, %d): %g, not %g", m, n, (double)c[m * N + n],
                  (double)sum);
        }
    close_device(&d);
}

static void finds_of_warpgroup(const char *name, EmulatedKernel *kernel, const char *fault)
{
    enum { FLOATS = 64 * 32 };
    Device d = open_device(FLOATS);
    if (!d.backend) return;
    Error error = {0};
    Grid grid = {.x = 1, .threads = 128, .shared = FLOATS * 4};
    run(&d, name, kernel, grid, FLOATS, FLOATS, &error);
    check(strstr(error.message, fault) != NULL, "%s: '%s' is not in: %s", name, fault,
          error.message);
    close_device(&d);
}

static void faults_of_a_warpgroup_are_found(void)
{
    finds_of_warpgroup("forgets_the_fence", emulated_forgets_the_fence, "without a fence");
    finds_of_warpgroup("overwrites_what_is_multiplied", emulated_overwrites_what_is_multiplied,
                       "without a barrier");
}

static void the_host_cannot_read_device_memory(void)
{
    Device d = open_device(4);
    if (!d.backend) return;
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        signal(SIGBUS, SIG_DFL);
        volatile float value = d.x[0];
        _exit(value > 0 ? 1 : 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    check(WIFSIGNALED(status), "it read it, status %d", status);
    close_device(&d);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"faults_are_found", faults_are_found},
        {"the_matrix_instruction_multiplies_ptx_fragments",
         the_matrix_instruction_multiplies_ptx_fragments},
        {"a_warpgroup_multiplies_from_shared_memory", a_warpgroup_multiplies_from_shared_memory},
        {"faults_of_a_warpgroup_are_found", faults_of_a_warpgroup_are_found},
        {"the_host_cannot_read_device_memory", the_host_cannot_read_device_memory},
    };
    return TESTS_RUN(tests);
}
