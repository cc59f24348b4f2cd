// safetensors: the weights format that PyTorch users exchange. An 8-byte little-endian header
// length, a JSON header (name -> dtype, shape, data_offsets, and "__metadata__" -> strings), then
// raw little-endian data. Files are untrusted.
#ifndef SIEVE_CORE_SAFETENSORS_H
#define SIEVE_CORE_SAFETENSORS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/error.h"
#include "core/json.h"

enum { SAFETENSORS_MAX_RANK = 8 };

typedef enum StoredType { STORED_F32, STORED_I32, STORED_U64 } StoredType;

typedef struct StoredTensor {
    char *name;
    StoredType type;
    int rank;
    int64_t shape[SAFETENSORS_MAX_RANK];
    int64_t count;
    void *data; // float, int32_t or uint64_t; F16 and BF16 in the file arrive here as float
} StoredTensor;

typedef struct Safetensors {
    int count;
    StoredTensor *tensors; // in the order of the header
    Json *metadata; // object of strings, never NULL after a successful read or safetensors_create
} Safetensors;

// Reads F32, F16, BF16 (to float), I32, U64 and I64 (its bits as U64: PyTorch's
// num_batches_tracked). Rank 0 (one value) and sizes of 0 (none) are legal. Refuses, naming the
// reason: short file, header longer than the file or 16 MB, malformed JSON, unknown dtype, shape
// whose product overflows or does not fit its offsets, overlapping or uncovered data, duplicate
// names, trailing bytes. `what` names the bytes in messages (a path).
Safetensors *safetensors_read(const char *path, Error *error);
Safetensors *safetensors_parse(const uint8_t *data, uint64_t size, const char *what, Error *error);

// An empty file to fill; add copies the data. A name that is taken is a programming error. The
// header keeps the order of adding; find gives NULL where there is no such tensor.
Safetensors *safetensors_create(void);
void safetensors_add(Safetensors *file, const char *name, StoredType type, int rank,
                     const int64_t *shape, const void *data);
void safetensors_set_metadata(Safetensors *file, const char *name, const char *value);
const StoredTensor *safetensors_find(const Safetensors *file, const char *name);
bool safetensors_write(const char *path, const Safetensors *file, Error *error);
void safetensors_free(Safetensors *file);

#endif
