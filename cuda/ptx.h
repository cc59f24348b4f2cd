// The PTX text of the kernels, a file for each of cuda/kernels/*.cu, part of the executable.
#ifndef SIEVE_CUDA_PTX_H
#define SIEVE_CUDA_PTX_H

typedef enum PtxFile {
    PTX_ELEMENTWISE,
    PTX_REDUCE,
    PTX_LOSS,
    PTX_NORM,
    PTX_GROUP_NORM,
    PTX_POOL,
    PTX_RESAMPLE,
    PTX_NOISE,
    PTX_DATA,
    PTX_OPTIMIZER,
    PTX_MATRIX,
    PTX_GRAM,
    PTX_WARPGROUP, // for compute capability 9.0; the others from 8.0 on
    PTX_COUNT
} PtxFile;

typedef struct Ptx {
    const char *name; // "elementwise"
    const char *text; // ends with a zero
} Ptx;

const Ptx *ptx_text(PtxFile file);

#endif
