// The PTX text that the executable carries: as new as its sources, for old drivers, and complete.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/sha256.h"
#include "cuda/kernel_list.h"
#include "cuda/ptx.h"
#include "tests/test.h"

// As cuda/make-ptx.sh does it: the kernels' file, then what it includes.
static bool hash_sources(const char *name, char *hex)
{
    char own[128];
    snprintf(own, sizeof own, "cuda/kernels/%s.cu", name);
    const char *paths[] = {own,
                           "cuda/kernels/product.h",
                           "cuda/warpgroup.h",
                           "cuda/kernel.h",
                           "cuda/arguments.h",
                           "core/image_pose.h",
                           "core/cpu/vmath.h"};
    Text all = {0};
    bool ok = true;
    for (int i = 0; ok && i < 7; i++) {
        Bytes bytes = {0};
        Error error = {0};
        ok = check(file_read(paths[i], 1 << 20, &bytes, &error), "%s", error.message);
        if (ok) text_append_bytes(&all, bytes.data, bytes.size);
        bytes_free(&bytes);
    }
    if (ok) sha256_hex(all.text, all.length, hex);
    text_free(&all);
    return ok;
}

static void ptx_is_as_new_as_its_sources(void)
{
    if (!file_exists("cuda/kernel.h")) {
        skip("the sources are not here");
        return;
    }
    for (int i = 0; i < PTX_COUNT; i++) {
        const Ptx *ptx = ptx_text((PtxFile)i);
        char hex[65], line[128];
        if (!hash_sources(ptx->name, hex)) continue;
        snprintf(line, sizeof line, "// sources: %s\n", hex);
        check(strncmp(ptx->text, line, strlen(line)) == 0,
              "cuda/kernels/%s.ptx is older than its sources: make ptx where nvcc is", ptx->name);
    }
}

static void ptx_is_for_old_drivers(void)
{
    for (int i = 0; i < PTX_COUNT; i++) {
        const Ptx *ptx = ptx_text((PtxFile)i);
        const bool hopper = i == PTX_WARPGROUP;
        const char *version = hopper ? "\n.version 8.0\n" : "\n.version 7.1\n";
        const char *target = hopper ? "\n.target sm_90a\n" : "\n.target sm_80\n";
        check(strstr(ptx->text, version) != NULL, "%s: no %s", ptx->name, version + 1);
        check(strstr(ptx->text, target) != NULL, "%s: no %s", ptx->name, target + 1);
        check(strstr(ptx->text, ".local ") == NULL, "%s: local memory", ptx->name);
    }
}

static void has(PtxFile file, const char *kernel)
{
    char entry[128];
    snprintf(entry, sizeof entry, ".visible .entry %s(", kernel);
    check(strstr(ptx_text(file)->text, entry) != NULL, "%s.ptx has no kernel %s",
          ptx_text(file)->name, kernel);
}

static void every_kernel_has_its_text(void)
{
#define IN_ELEMENTWISE(name) has(PTX_ELEMENTWISE, #name);
#define IN_REDUCE(name) has(PTX_REDUCE, #name);
#define IN_LOSS(name) has(PTX_LOSS, #name);
#define IN_NORM(name) has(PTX_NORM, #name);
#define IN_GROUP_NORM(name) has(PTX_GROUP_NORM, #name);
#define IN_POOL(name) has(PTX_POOL, #name);
#define IN_RESAMPLE(name) has(PTX_RESAMPLE, #name);
#define IN_NOISE(name) has(PTX_NOISE, #name);
#define IN_DATA(name) has(PTX_DATA, #name);
#define IN_OPTIMIZER(name) has(PTX_OPTIMIZER, #name);
#define IN_MATRIX(name) has(PTX_MATRIX, #name);
#define IN_GRAM(name) has(PTX_GRAM, #name);
#define IN_WARPGROUP(name) has(PTX_WARPGROUP, #name);
    KERNELS_OF_ELEMENTWISE(IN_ELEMENTWISE)
    KERNELS_OF_REDUCE(IN_REDUCE)
    KERNELS_OF_LOSS(IN_LOSS)
    KERNELS_OF_NORM(IN_NORM)
    KERNELS_OF_GROUP_NORM(IN_GROUP_NORM)
    KERNELS_OF_POOL(IN_POOL)
    KERNELS_OF_RESAMPLE(IN_RESAMPLE)
    KERNELS_OF_NOISE(IN_NOISE)
    KERNELS_OF_DATA(IN_DATA)
    KERNELS_OF_OPTIMIZER(IN_OPTIMIZER)
    KERNELS_OF_MATRIX(IN_MATRIX)
    KERNELS_OF_GRAM(IN_GRAM)
    KERNELS_OF_WARPGROUP(IN_WARPGROUP)
}

static void ptx_assembles_without_spills(void)
{
    if (system("command -v ptxas >/dev/null 2>&1") != 0) {
        skip("no ptxas on this machine");
        return;
    }
    if (!file_exists("cuda/check-ptx.sh")) {
        skip("the sources are not here");
        return;
    }
    check(system("nice cuda/check-ptx.sh >/dev/null") == 0,
          "cuda/check-ptx.sh: a PTX text does not assemble, or spills");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"ptx_is_as_new_as_its_sources", ptx_is_as_new_as_its_sources},
        {"ptx_is_for_old_drivers", ptx_is_for_old_drivers},
        {"every_kernel_has_its_text", every_kernel_has_its_text},
        {"ptx_assembles_without_spills", ptx_assembles_without_spills},
    };
    return TESTS_RUN(tests);
}
