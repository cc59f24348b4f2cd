// JPEG pictures (ITU-T T.81, JFIF, Adobe's APP14): baseline, extended and progressive Huffman coding
// with 8 bits a sample. The picture is that of libjpeg-turbo's defaults, bit for bit: its accurate
// integer inverse DCT, smoothed chroma. The input may be any bytes.
#ifndef SIEVE_DATA_JPEG_H
#define SIEVE_DATA_JPEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"
#include "data/picture.h"

bool jpeg_recognise(const uint8_t *bytes, size_t size);

// Grey pictures have 1 channel, all others (YCbCr, RGB, CMYK, YCCK) 3. Refused: arithmetic coding,
// lossless and hierarchical processes, 12 bits a sample, each with its name; sequential data that
// end early, codes that are not defined, and anything else that contradicts itself. A progressive
// picture whose data end early is given as far as it came. Orientation tags, density and colour
// profiles are not looked at.
bool jpeg_decode(const uint8_t *bytes, size_t size, const char *path, Picture *picture,
                 Error *error);

#endif
