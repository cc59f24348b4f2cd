// PNG pictures (ISO/IEC 15948): read with every depth and kind of colour, palettes, transparency
// and interlacing; written with 8 bits a sample. Read, the input may be any bytes.
#ifndef SIEVE_DATA_PNG_H
#define SIEVE_DATA_PNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"
#include "core/file.h"
#include "data/picture.h"

bool png_recognise(const uint8_t *bytes, size_t size);

// Grey or RGB (palettes too), with an alpha channel where the file has alpha or a transparent
// colour. Of 16 bits the upper 8; gamma, colour profiles and all other side data are not looked at.
// On failure *picture is empty and error says, naming `path`, what is wrong.
bool png_decode(const uint8_t *bytes, size_t size, const char *path, Picture *picture,
                Error *error);

// pixels: height x width x channels, 8 bits each; 1 channel is grey, 3 are red, green, blue, 2 and 4
// these with alpha. *out belongs to the caller.
void png_encode(int width, int height, int channels, const uint8_t *pixels, Bytes *out);

#endif
