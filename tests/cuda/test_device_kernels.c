// The GPU's kernels, emulated, against the processor's on random shapes, in every precision, in the
// order of threads and shuffled; and the same bits whatever the order.
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/thread.h"
#include "cuda/check.h"
#include "cuda/emulator.h"
#include "tests/test.h"

// From the first function of the list to its end there are function pointers alone. Those of conv_pool.c
// are the processor's: core/ops/conv.c takes other ways where they are NULL.
static void every_kernel_of_the_list_is_there(void)
{
    Error error = {0};
    const Kernels *device = device_kernels("emulated", PRECISION_EXACT, &error);
    if (!device) {
        skip("%s", error.message);
        return;
    }
    const size_t first = offsetof(Kernels, gemm), size = sizeof device->gemm;
    for (size_t at = first; at < sizeof *device; at += size) {
        void (*function)(void);
        if (at >= offsetof(Kernels, conv2d_pool_fits) && at < offsetof(Kernels, unary)) continue;
        memcpy(&function, (const char *)device + at, size);
        check(function != NULL, "function %zu of the list of kernels is missing",
              (at - first) / size);
    }
}

static void compare(Precision precision, uint64_t seed, int rounds)
{
    if (getenv("SIEVE_TEST_SMALL")) rounds = 1;
    Error error = {0};
    const Kernels *device = device_kernels("emulated", precision, &error);
    if (!device) {
        skip("%s", error.message);
        return;
    }
    int passed = 0, failed = device_check(device, precision, seed, rounds, stdout, &passed);
    check(failed == 0 && passed > 0, "%d kernels passed, %d failed", passed, failed);
}

static void exact_kernels_agree_with_the_processor(void)
{
    compare(PRECISION_EXACT, 1, 12);
}

static void threads_may_run_in_any_order(void)
{
    emulator_order(5);
    compare(PRECISION_EXACT, 2, 3);
    emulator_order(0);
}

static void tf32_kernels_agree_with_the_processor(void)
{
    compare(PRECISION_TF32, 3, 3);
}

static void bf16_kernels_agree_with_the_processor(void)
{
    compare(PRECISION_BF16, 4, 3);
}

// As on a GPU of compute capability 9.0, with its matrix instruction for whatever it can do.
static void warpgroups_agree_with_the_processor(void)
{
    setenv("SIEVE_WARPGROUPS", "always", 1);
    compare(PRECISION_TF32, 5, 6);
    emulator_order(5);
    compare(PRECISION_BF16, 6, 3);
    emulator_order(0);
    unsetenv("SIEVE_WARPGROUPS");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"every_kernel_of_the_list_is_there", every_kernel_of_the_list_is_there},
        {"exact_kernels_agree_with_the_processor", exact_kernels_agree_with_the_processor},
        {"threads_may_run_in_any_order", threads_may_run_in_any_order},
        {"tf32_kernels_agree_with_the_processor", tf32_kernels_agree_with_the_processor},
        {"bf16_kernels_agree_with_the_processor", bf16_kernels_agree_with_the_processor},
        {"warpgroups_agree_with_the_processor", warpgroups_agree_with_the_processor},
    };
    return TESTS_RUN(tests);
}
