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

// Between begin and end kernels are not started but noted; at the end they start as one graph,
// where the same sequence of kernels has come before with this DeviceGraph, whatever their arguments
// (graph.c). So each step of a training goes between the two. It may copy a little to the device; a
// larger copy, or one back, starts what was noted before it.
typedef struct DeviceGraph DeviceGraph;
DeviceGraph *device_graph_create(void);
void device_begin(void);
void device_end(DeviceGraph *graph);
void device_graph_free(DeviceGraph *graph);  // NULL is allowed
int device_graphs(const DeviceGraph *graph); // sequences that have become graphs: for tests

// Where the time of the step that last went through this graph goes: each kernel alone, many
// starts in a row, printed by kernel and grid, the longest first, with the GB/s of what its arrays
// hold.
void device_graph_profile(const DeviceGraph *graph, const char *name);

// "NVIDIA H200, compute capability 9.0, 139.8 GiB": the opened GPU; NULL where none is open.
const char *device_description(void);

#endif
