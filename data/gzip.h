// gzip files (RFC 1952): header, deflate stream, CRC-32 and length, possibly several such members
// in a row. The input may be any bytes.
#ifndef SIEVE_DATA_GZIP_H
#define SIEVE_DATA_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"
#include "core/file.h"

// Whether the bytes begin like a gzip file.
bool gzip_recognise(const uint8_t *input, size_t size);

// Unpacks all members into *output, owned by the caller. Refused, naming `what` (a path) and the
// reason: truncated or damaged data, wrong checksum or length, bytes after the last member, more
// than limit bytes. *output is then empty.
bool gzip_decode(const uint8_t *input, size_t size, size_t limit, const char *what, Bytes *output,
                 Error *error);

#endif
