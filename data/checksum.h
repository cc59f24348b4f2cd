// Checksums of the compressed formats: CRC-32 (gzip, PNG; ISO 3309, polynomial 0xEDB88320) and
// Adler-32 (zlib, RFC 1950), each of a whole buffer at once. Both guard against accidents, not
// against intent (that is core/sha256.h).
#ifndef SIEVE_DATA_CHECKSUM_H
#define SIEVE_DATA_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32_of(const uint8_t *data, size_t size);
uint32_t adler32_of(const uint8_t *data, size_t size);

#endif
