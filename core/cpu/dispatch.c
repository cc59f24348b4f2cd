// Chooses the instruction set once: the best that the processor has, or the one that SIEVE_ISA
// names; and the way of convolution, which SIEVE_CONV=direct restricts.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/kernels.h"

typedef struct InstructionSet {
    const char *name;
    bool (*available)(void);
    void (*enter_all)(Kernels *table, ConvPath path);
} InstructionSet;

static bool always(void)
{
    return true;
}

void enter_all_reference(Kernels *table, ConvPath path);
#if defined(__x86_64__)
void enter_all_baseline(Kernels *table, ConvPath path);
void enter_all_avx2(Kernels *table, ConvPath path);
void enter_all_avx512(Kernels *table, ConvPath path);
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
static bool has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#elif defined(__aarch64__)
void enter_all_neon(Kernels *table, ConvPath path);
#endif

// Best last.
static const InstructionSet instruction_sets[] = {
    {"reference", always, enter_all_reference},
#if defined(__x86_64__)
    {"baseline", always, enter_all_baseline},
    {"avx2", has_avx2, enter_all_avx2},
    {"avx512", has_avx512, enter_all_avx512},
#elif defined(__aarch64__)
    {"neon", always, enter_all_neon},
#endif
};
enum { SET_COUNT = sizeof instruction_sets / sizeof instruction_sets[0] };

static Kernels tables[SET_COUNT][2]; // [set][path]
static const Kernels *chosen;

const Kernels *cpu_kernels_of(const char *isa, ConvPath path)
{
    for (int i = 0; i < SET_COUNT; i++) {
        if (strcmp(isa, instruction_sets[i].name) != 0 || !instruction_sets[i].available())
            continue;
        Kernels *table = &tables[i][path];
        if (!table->name) instruction_sets[i].enter_all(table, path);
        return table;
    }
    return NULL;
}

static const char *best(void)
{
    int i = SET_COUNT - 1;
    while (!instruction_sets[i].available()) i--;
    return instruction_sets[i].name;
}

void cpu_kernels_use(const Kernels *kernels)
{
    chosen = kernels;
}

static ConvPath wanted_path(void)
{
    const char *wanted = getenv("SIEVE_CONV");
    if (!wanted || !*wanted || strcmp(wanted, "fastest") == 0) return CONV_FASTEST;
    if (strcmp(wanted, "direct") == 0) return CONV_DIRECT;
    fprintf(stderr, "sieve: SIEVE_CONV=%s: known are fastest and direct\n", wanted);
    exit(1);
}

const char *cpu_arithmetic(void)
{
    const bool direct = wanted_path() == CONV_DIRECT;
    if (!cpu_kernels()->fused) return direct ? "unfused, direct" : "unfused";
    return direct ? "direct" : NULL;
}

const Kernels *cpu_kernels(void)
{
    if (chosen) return chosen;
    const char *wanted = getenv("SIEVE_ISA");
    chosen = cpu_kernels_of(wanted && *wanted ? wanted : best(), wanted_path());
    if (!chosen) {
        fprintf(stderr,
                "sieve: SIEVE_ISA=%s: this program or processor has no such instruction set\n",
                wanted);
        exit(1);
    }
    if (!chosen->fused)
        fprintf(stderr, "sieve: this processor has no fused multiply-add: the last bits of results "
                        "differ from those of other machines\n");
    return chosen;
}
