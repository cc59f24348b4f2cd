// The GPU's kernels, emulated, against the processor's on random shapes, in every precision, in the
// order of threads and shuffled; and the same bits whatever the order.
#include <stdio.h>
#include <stdlib.h>
#include "core/thread.h"
#include "cuda/check.h"
#include "cuda/emulator.h"
#include "tests/test.h"

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

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"exact_kernels_agree_with_the_processor", exact_kernels_agree_with_the_processor},
        {"threads_may_run_in_any_order", threads_may_run_in_any_order},
        {"tf32_kernels_agree_with_the_processor", tf32_kernels_agree_with_the_processor},
        {"bf16_kernels_agree_with_the_processor", bf16_kernels_agree_with_the_processor},
    };
    return TESTS_RUN(tests);
}
