// CRC-32 divides the message, read as a polynomial over GF(2), by a fixed polynomial. A table holds
// the remainder of each possible byte; seven more hold those of a byte with one to seven zeros
// behind it, so that eight bytes are divided by eight independent looks. The tables are made anew
// per call (a microsecond each, the seven only for long messages): nothing has to be kept or trusted.
#include "data/checksum.h"

#include <stdbool.h>

enum { SLICES = 8, LONG_MESSAGE = 1 << 14 };

static void fill_remainders(uint32_t table[SLICES][256], int slices)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; bit++)
            remainder = (remainder >> 1) ^ (remainder & 1 ? 0xEDB88320u : 0);
        table[0][byte] = remainder;
    }
    for (int slice = 1; slice < slices; slice++)
        for (int byte = 0; byte < 256; byte++) {
            uint32_t before = table[slice - 1][byte];
            table[slice][byte] = (before >> 8) ^ table[0][before & 0xFF];
        }
}

uint32_t crc32_of(const uint8_t *data, size_t size)
{
    uint32_t table[SLICES][256], crc = 0xFFFFFFFFu;
    bool is_long = size >= LONG_MESSAGE;
    fill_remainders(table, is_long ? SLICES : 1);
    for (; is_long && size >= SLICES; data += SLICES, size -= SLICES) {
        uint32_t sum = 0;
        for (int i = 0; i < SLICES; i++)
            sum ^= table[SLICES - 1 - i][data[i] ^ (i < 4 ? crc >> (8 * i) & 0xFF : 0)];
        crc = sum;
    }
    for (size_t i = 0; i < size; i++) crc = (crc >> 8) ^ table[0][(crc ^ data[i]) & 0xFF];
    return crc ^ 0xFFFFFFFFu;
}

uint32_t adler32_of(const uint8_t *data, size_t size)
{
    enum { MODULUS = 65521, RUN = 5552 }; // RUN: the most bytes before the second sum can overflow
    uint32_t low = 1, high = 0;
    while (size > 0) {
        size_t run = size < RUN ? size : RUN;
        for (size_t i = 0; i < run; i++) {
            low += data[i];
            high += low;
        }
        low %= MODULUS;
        high %= MODULUS;
        data += run;
        size -= run;
    }
    return high << 16 | low;
}
