// Pictures: 8 bits a sample, the form in which files are read and written and samples are shown.
// Sizes from files come in through picture_create alone, which checks them.
#ifndef SIEVE_DATA_PICTURE_H
#define SIEVE_DATA_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"

// Larger pictures are refused: 8192 x 8192, or 65535 x 1024.
enum { PICTURE_MAX_SIDE = 65535, PICTURE_MAX_PIXELS = 1 << 26 };

typedef struct Picture {
    int width, height;
    int channels;    // 1 grey, 2 grey and alpha, 3 red, green, blue, 4 these and alpha
    uint8_t *pixels; // height x width x channels, owned; picture_free() or free()
} Picture;

// Whether a file may state this size; if not, error names `path` and the limit.
bool picture_size_check(uint64_t width, uint64_t height, const char *path, Error *error);

// A picture of zeros, of a size that is in order.
Picture picture_create(int width, int height, int channels);
void picture_free(Picture *picture);

// A copy with so many channels (1 to 4): grey spreads to all colours, colours become their luma
// (ITU-R BT.601, as JPEG's Y), a missing alpha is 255, a superfluous one is dropped.
Picture picture_convert(const Picture *picture, int channels);

// count images (count x height x width x channels, values in [0, 1], channels 1 or 3) in rows of
// `columns`, each pixel enlarged to scale x scale, with grey lines between the images. count,
// columns and scale are at least 1.
Picture contact_sheet(const float *images, int64_t count, int height, int width, int channels,
                      int columns, int scale);

#endif
