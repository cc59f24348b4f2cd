// The driver's side without a driver: with a libcuda.so.1 that does nothing (fake_driver.c), and
// with none at all. What the user sees is one sentence and exit status 1; everything else works.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "tests/test.h"

typedef struct Output {
    char text[8192];
    int status;
} Output;

// `sieve ARGUMENTS` with the fake driver and this fault; fault NULL: with no driver.
static Output run(const char *fault, const char *arguments)
{
    Output output = {.status = -1};
    const char *build = getenv("BUILD") ? getenv("BUILD") : "build";
    char command[1024];
    if (fault)
        snprintf(command, sizeof command,
                 "LD_LIBRARY_PATH='%s/tests/cuda/fake' FAKE_CUDA='%s' '%s/sieve' %s 2>&1", build,
                 fault, build, arguments);
    else
        snprintf(command, sizeof command, "LD_LIBRARY_PATH=/nonexistent '%s/sieve' %s 2>&1", build,
                 arguments);
    FILE *pipe = popen(command, "r");
    if (!check(pipe != NULL, "%s could not be started", command)) return output;
    size_t length = fread(output.text, 1, sizeof output.text - 1, pipe);
    output.text[length] = '\0';
    int status = pclose(pipe);
    output.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    return output;
}

static void says(const char *fault, const char *arguments, const char *sentence, int status)
{
    Output output = run(fault, arguments);
    const char *name = fault ? fault : "no driver";
    check(strstr(output.text, sentence) != NULL, "%s: '%s' is not in: %s", name, sentence,
          output.text);
    check(output.status == status, "%s: status %d, not %d", name, output.status, status);
}

static bool another_driver_is_here(void)
{
    return system("ldconfig -p 2>/dev/null | grep -q 'libcuda\\.so\\.1'") == 0;
}

static void without_a_driver_only_the_gpu_is_missing(void)
{
    if (another_driver_is_here()) {
        skip("this machine has a driver");
        return;
    }
    says(NULL, "ops --device cuda --check", "there is no NVIDIA driver on this machine", 1);
    says(NULL, "run --defense ip --device cuda", "there is no NVIDIA driver on this machine", 1);
    says(NULL, "ops", "conv2d", 0);
}

static void a_gpu_is_described(void)
{
    says("", "ops", "cuda (Fake GPU, compute capability 9.0, 4.0 GiB, driver for CUDA 12.4)", 0);
}

static void kernels_that_do_nothing_fail_the_check(void)
{
    says("", "ops --device cuda --check", "FAIL conv2d", 1);
    says("", "ops --device cuda --check --precision bf16", "FAIL gemm", 1);
}

static void faults_of_the_driver_are_named(void)
{
    static const char check_it[] = "ops --device cuda --check";
    says("no driver module", check_it, "cuInit(0): CUDA_ERROR_UNKNOWN", 1);
    says("no gpu", check_it, "the NVIDIA driver sees no GPU", 1);
    says("old gpu", check_it, "Fake GPU, compute capability 7.0, 4.0 GiB: compute capability 8.0",
         1);
    says("old driver", check_it,
         "does not take the kernels of data.ptx: CUDA_ERROR_UNSUPPORTED_PTX_VERSION", 1);
    says("no memory", check_it, "MiB of memory left (CUDA_ERROR_OUT_OF_MEMORY)", 1);
    says("launch fails", check_it,
         "CUDA_ERROR_ILLEGAL_ADDRESS (an illegal memory access was encountered)", 1);
}

typedef struct Counts {
    long launches, graphs, changes, waits, copies;
} Counts;

// What `sieve COMMAND` on so many drawn images asks of the driver.
static Counts counts_of(const char *command, int images)
{
    Counts c = {0};
    char arguments[1024], path[1024], text[256] = "";
    snprintf(path, sizeof path, "%s/counts", temporary_directory());
    setenv("FAKE_CUDA_COUNTS", path, 1);
    snprintf(arguments, sizeof arguments,
             "%s --device cuda --quiet --data digits --train-images %d --test-images 40 "
             "--set classifier.epochs=2 --out '%s/%d'",
             command, images, temporary_directory(), images);
    Output output = run("", arguments);
    unsetenv("FAKE_CUDA_COUNTS");
    check(output.status == 0, "status %d: %s", output.status, output.text);
    FILE *file = fopen(path, "r");
    if (!check(file != NULL, "no counts")) return c;
    if (fgets(text, sizeof text, file))
        check(sscanf(text, "%ld launches %ld graphs %ld changes %ld waits %ld copies", &c.launches,
                     &c.graphs, &c.changes, &c.waits, &c.copies) == 5,
              "counts: %s", text);
    fclose(file);
    return c;
}

// With more images there are so many graphs more, and neither a kernel alone nor a copy nor a wait.
static void only_graphs_are_more(const char *command, int few_images, int many_images, int graphs)
{
    const Counts few = counts_of(command, few_images), many = counts_of(command, many_images);
    check(many.graphs - few.graphs == graphs, "%ld graphs more", many.graphs - few.graphs);
    check(many.launches == few.launches, "%ld launches, %ld", many.launches, few.launches);
    check(many.copies == few.copies, "%ld copies, %ld", many.copies, few.copies);
    check(many.waits == few.waits, "%ld waits, %ld", many.waits, few.waits);
    check(many.changes > few.changes, "%ld changes, %ld", many.changes, few.changes);
}

static void nothing_waits_inside_an_epoch(void)
{
    char train[256];
    snprintf(train, sizeof train, "train --attack badnet+ -o '%s/model'", temporary_directory());
    only_graphs_are_more(train, 320, 1280, 2 * 30);
    static const char *const attacks[] = {"adaptive --set adaptive.benign_epochs=1", "wanet",
                                          "input-aware --set input-aware.pretrain=1"};
    for (int i = 0; i < 3; i++) {
        snprintf(train, sizeof train, "train --attack %s -o '%s/model'", attacks[i],
                 temporary_directory());
        only_graphs_are_more(train, 320, 640, (2 + (i == 2)) * 10);
    }
}

// 120 or 128 images, so that what looks at all of them has one batch and as much memory: 2 steps
// more in every epoch. The classifier is the first command's. Of NAD's images, the defender's own,
// there are 20 or 24.
static void nothing_waits_inside_a_defenses_epoch(void)
{
    static const char run_it[] = "run --attack badnets --set classifier.batch_size=4 --defense";
    char command[512];
    snprintf(command, sizeof command, "%s none --set none.epochs=3", run_it);
    only_graphs_are_more(command, 120, 128, (2 + 3) * 2);
    snprintf(command, sizeof command, "%s activation-clustering", run_it);
    only_graphs_are_more(command, 120, 128, 2 * 2);
    snprintf(command, sizeof command,
             "%s abl --set abl.batch_size=4 --set abl.flood=0 --set abl.isolate=0 "
             "--set abl.tuning_epochs=2 --set abl.epochs=1",
             run_it);
    only_graphs_are_more(command, 120, 128, (2 + 1) * 2);
    snprintf(command, sizeof command, "%s nad --set nad.batch_size=1 --set nad.epochs=3", run_it);
    only_graphs_are_more(command, 400, 480, 2 * 20 + (10 + 3) * 4);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"without_a_driver_only_the_gpu_is_missing", without_a_driver_only_the_gpu_is_missing},
        {"a_gpu_is_described", a_gpu_is_described},
        {"kernels_that_do_nothing_fail_the_check", kernels_that_do_nothing_fail_the_check},
        {"faults_of_the_driver_are_named", faults_of_the_driver_are_named},
        {"nothing_waits_inside_an_epoch", nothing_waits_inside_an_epoch},
        {"nothing_waits_inside_a_defenses_epoch", nothing_waits_inside_a_defenses_epoch},
    };
    return TESTS_RUN(tests);
}
