// PNG pictures (ISO/IEC 15948), written for contact sheets and reports.
#ifndef SIEVE_DATA_PNG_H
#define SIEVE_DATA_PNG_H

#include <stdint.h>
#include "core/file.h"

// pixels: height x width x channels, 8 bits each; 1 channel is grey, 3 are red, green, blue, 2 and 4
// these with alpha. *out belongs to the caller.
void png_encode(int width, int height, int channels, const uint8_t *pixels, Bytes *out);

#endif
