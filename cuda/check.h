// Every kernel of a device against the processor's, on random shapes: `sieve ops --check`.
#ifndef SIEVE_CUDA_CHECK_H
#define SIEVE_CUDA_CHECK_H

#include <stdio.h>
#include "cuda/device.h"

// Runs each check `rounds` times with fresh shapes and values (drawn from `seed`) and prints a line
// for each: "ok NAME error" or "FAIL NAME error", the largest error over the largest value (0: the
// same bits). Returns how many failed; *passed counts the others.
int device_check(const Kernels *device, Precision precision, uint64_t seed, int rounds, FILE *out,
                 int *passed);

#endif
