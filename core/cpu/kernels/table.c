// The table of this instruction set.
#include "core/cpu/kernels/list.h"

#define TEXT_OF(name) #name
#define TEXT(name) TEXT_OF(name)

void KERNEL(enter_all)(Kernels *table, ConvPath path);

void KERNEL(enter_all)(Kernels *table, ConvPath path)
{
    table->name = TEXT(SIEVE_ISA);
#ifdef SIEVE_ISA_baseline
    table->fused = false;
#else
    table->fused = true;
#endif
    KERNEL(enter_gemm)(table);
    KERNEL(enter_conv)(table, path);
    KERNEL(enter_elementwise)(table);
    KERNEL(enter_reduce)(table);
    KERNEL(enter_loss)(table);
    KERNEL(enter_norm)(table);
    KERNEL(enter_group_norm)(table);
    KERNEL(enter_pool)(table);
    KERNEL(enter_resample)(table);
    KERNEL(enter_noise)(table);
    KERNEL(enter_data)(table);
    KERNEL(enter_optimizer)(table);
}
