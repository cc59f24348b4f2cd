// Inflate: unpacks a raw deflate stream (RFC 1951), the compression inside gzip and PNG. The input
// may be any bytes: never reads outside it, never gives more than `limit` bytes, always ends.
#ifndef SIEVE_DATA_INFLATE_H
#define SIEVE_DATA_INFLATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"
#include "core/file.h"

// Unpacks the stream at the start of input into *output (owned by the caller: bytes_free). *used:
// how many input bytes the stream took; what follows is not looked at. On failure *output is empty
// and error says, naming `what` (a path), whether the data "end early", are "damaged" (and how), or
// unpack to more than limit bytes.
bool inflate(const uint8_t *input, size_t size, size_t limit, const char *what, Bytes *output,
             size_t *used, Error *error);

#endif
