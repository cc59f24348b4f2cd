// PNM pictures (netpbm's pbm, pgm, ppm): plain P1, P2, P3 and raw P4, P5, P6, up to 16 bits a
// sample. The input may be any bytes.
#ifndef SIEVE_DATA_PNM_H
#define SIEVE_DATA_PNM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"
#include "core/file.h"
#include "data/picture.h"

// The samples as they are in the file.
typedef struct Pnm {
    char type; // '1' to '6'
    int width, height, channels;
    unsigned maxval;   // 1 for bitmaps, whose ones are black
    uint16_t *samples; // height x width x channels, owned; pnm_free
} Pnm;

bool pnm_recognise(const uint8_t *bytes, size_t size);

// On failure the result is empty and error says, naming `path`, what is wrong.
bool pnm_read(const uint8_t *bytes, size_t size, const char *path, Pnm *pnm, Error *error);
void pnm_free(Pnm *pnm);

// The same as a picture: samples scaled from 0..maxval to 0..255 and rounded.
bool pnm_decode(const uint8_t *bytes, size_t size, const char *path, Picture *picture,
                Error *error);

// P5 (1 channel) or P6 (3 channels); *out belongs to the caller.
void pnm_encode(const Picture *picture, Bytes *out);

#endif
