// The emulator's own interface, for tests: one launch with any function, faults returned in words.
#ifndef SIEVE_CUDA_EMULATOR_H
#define SIEVE_CUDA_EMULATOR_H

#include "cuda/launch.h"

typedef void EmulatedKernel(const void *arguments);

// Runs the kernel; false with what it did wrong (kernel, block, thread, access).
bool emulator_run(const char *name, EmulatedKernel *kernel, const Launch *launch, Error *error);

// The order of blocks and threads from now on: 0 ascending, else shuffled with this seed.
void emulator_order(uint64_t seed);

#endif
