// CRC-32 divides the message, read as a polynomial over GF(2), by a fixed polynomial; a table holds
// the remainder of each possible byte. It is made anew per call: 2048 steps cost a microsecond, and
// nothing has to be kept or trusted.
#include "data/checksum.h"

uint32_t crc32_of(const uint8_t *data, size_t size)
{
    uint32_t table[256];
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t remainder = byte;
        for (int bit = 0; bit < 8; bit++)
            remainder = (remainder >> 1) ^ (remainder & 1 ? 0xEDB88320u : 0);
        table[byte] = remainder;
    }
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < size; i++) crc = (crc >> 8) ^ table[(crc ^ data[i]) & 0xFF];
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
