#include "cuda/ptx.h"

// The assembler puts the file's bytes into the read-only data. make runs where the paths begin.
#define EMBED(name)                                    \
    __asm__(".pushsection .rodata\n"                   \
            ".globl sieve_ptx_" #name "\n"             \
            "sieve_ptx_" #name ":\n"                   \
            ".incbin \"cuda/kernels/" #name ".ptx\"\n" \
            ".byte 0\n"                                \
            ".popsection\n");                          \
    extern const char sieve_ptx_##name[];

EMBED(elementwise)
EMBED(reduce)
EMBED(loss)
EMBED(norm)
EMBED(group_norm)
EMBED(pool)
EMBED(resample)
EMBED(noise)
EMBED(data)
EMBED(optimizer)
EMBED(matrix)
EMBED(gram)
EMBED(warpgroup)

const Ptx *ptx_text(PtxFile file)
{
    static const Ptx files[PTX_COUNT] = {
        [PTX_ELEMENTWISE] = {"elementwise", sieve_ptx_elementwise},
        [PTX_REDUCE] = {"reduce", sieve_ptx_reduce},
        [PTX_LOSS] = {"loss", sieve_ptx_loss},
        [PTX_NORM] = {"norm", sieve_ptx_norm},
        [PTX_GROUP_NORM] = {"group_norm", sieve_ptx_group_norm},
        [PTX_POOL] = {"pool", sieve_ptx_pool},
        [PTX_RESAMPLE] = {"resample", sieve_ptx_resample},
        [PTX_NOISE] = {"noise", sieve_ptx_noise},
        [PTX_DATA] = {"data", sieve_ptx_data},
        [PTX_OPTIMIZER] = {"optimizer", sieve_ptx_optimizer},
        [PTX_MATRIX] = {"matrix", sieve_ptx_matrix},
        [PTX_GRAM] = {"gram", sieve_ptx_gram},
        [PTX_WARPGROUP] = {"warpgroup", sieve_ptx_warpgroup},
    };
    return &files[file];
}
