// The second device behind core/kernels.h: a GPU through its driver, without any package of its
// maker, or the same kernels emulated on the processor (slow; for tests and for looking at).
#ifndef SIEVE_CUDA_DEVICE_H
#define SIEVE_CUDA_DEVICE_H

#include "core/error.h"
#include "core/kernels.h"

// How matrix products and convolutions multiply: as accurately as float (each operand as the sum of
// two), with operands of 10 bits of fraction, or of 7. Sums are in float; everything else is exact.
typedef enum Precision { PRECISION_EXACT, PRECISION_TF32, PRECISION_BF16 } Precision;

// "exact", "tf32" or "bf16".
bool precision_parse(const char *name, Precision *precision, Error *error);

// The kernels of "cpu", "cuda" or "emulated", which are then ready for use; NULL with a sentence
// where there is no such device. One device besides the processor at a time.
const Kernels *device_kernels(const char *name, Precision precision, Error *error);

// Returns when the device has done all it was asked to: for measuring.
void device_wait(void);

// A sequence of kernels with their arguments, recorded once and started as one: a training step
// whose shapes do not change. The body runs while it is recorded, but computes nothing; it must not
// copy between device and program, nor need memory that it did not need before.
typedef struct DeviceGraph DeviceGraph;
DeviceGraph *device_record(void (*body)(void *context), void *context);
void device_replay(const DeviceGraph *graph);
void device_graph_free(DeviceGraph *graph); // NULL is allowed

// "NVIDIA H200, compute capability 9.0, 139.8 GiB": the opened GPU; NULL where none is open.
const char *device_description(void);

#endif
