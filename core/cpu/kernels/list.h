// Each file of core/cpu/kernels/ is compiled once per instruction set; its kernels are static
// functions, and one exported function, named after the set, enters them into the table.
#ifndef SIEVE_CORE_CPU_KERNELS_LIST_H
#define SIEVE_CORE_CPU_KERNELS_LIST_H

#include "core/cpu/simd.h"
#include "core/kernels.h"

void KERNEL(enter_gemm)(Kernels *table);
void KERNEL(enter_conv)(Kernels *table, ConvPath path);
void KERNEL(enter_elementwise)(Kernels *table);
void KERNEL(enter_reduce)(Kernels *table);
void KERNEL(enter_loss)(Kernels *table);
void KERNEL(enter_norm)(Kernels *table);
void KERNEL(enter_group_norm)(Kernels *table);
void KERNEL(enter_pool)(Kernels *table);
void KERNEL(enter_resample)(Kernels *table);
void KERNEL(enter_noise)(Kernels *table);
void KERNEL(enter_data)(Kernels *table);
void KERNEL(enter_optimizer)(Kernels *table);

// noise.c: dropout in place of elements first .. first+count-1 of an array, by the calling thread
// alone; first is a multiple of 8.
void KERNEL(dropout_part)(float probability, RandomKey key, int64_t first, int64_t count,
                          float *values);

#endif
