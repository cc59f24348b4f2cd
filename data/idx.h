// The IDX format of the MNIST files: a big-endian header (type of the values, number of dimensions,
// dimensions), then the values. Only unsigned bytes in one to three dimensions are read, plain or
// inside gzip. Files are untrusted.
#ifndef SIEVE_DATA_IDX_H
#define SIEVE_DATA_IDX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"
#include "core/file.h"

enum { IDX_MAX_RANK = 3 };

typedef struct IdxArray {
    int rank;
    int64_t shape[IDX_MAX_RANK]; // each at least 1
    int64_t count;               // their product
    const uint8_t *values;       // inside the bytes that were parsed
} IdxArray;

// Fails unless the bytes are exactly one array; `what` names them in the message (a path).
bool idx_parse(const uint8_t *data, size_t size, const char *what, IdxArray *array, Error *error);

// Reads directory/name, or directory/name.gz where that is missing. *array points into *bytes,
// which the caller frees.
bool idx_read(const char *directory, const char *name, Bytes *bytes, IdxArray *array, Error *error);

#endif
