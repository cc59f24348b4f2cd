// SHA-256 (FIPS 180-4), for configuration hashes and for naming files by their content.
#ifndef SIEVE_CORE_SHA256_H
#define SIEVE_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct Sha256 {
    uint32_t state[8];
    uint64_t length; // bytes so far
    uint8_t block[64];
} Sha256;

void sha256_begin(Sha256 *hash);
void sha256_update(Sha256 *hash, const void *data, size_t size);
void sha256_end(Sha256 *hash, uint8_t digest[32]);
void sha256_end_hex(Sha256 *hash, char hex[65]); // 64 lower-case hex digits and a zero byte

// The digest of a whole buffer, likewise.
void sha256_hex(const void *data, size_t size, char hex[65]);

#endif
