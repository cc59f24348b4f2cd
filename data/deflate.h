// Deflate: packs bytes into a raw deflate stream (RFC 1951), simply: repeated runs become copies,
// and the codes are the fixed ones. Meant for pictures in reports; the counterpart is
// data/inflate.h.
#ifndef SIEVE_DATA_DEFLATE_H
#define SIEVE_DATA_DEFLATE_H

#include <stddef.h>
#include <stdint.h>
#include "core/file.h"

// Appends one complete stream.
void deflate(const uint8_t *data, size_t size, Text *out);

#endif
