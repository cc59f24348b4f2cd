// Pictures to look at: samples side by side on one sheet.
#ifndef SIEVE_DATA_PICTURE_H
#define SIEVE_DATA_PICTURE_H

#include <stdint.h>

typedef struct Picture {
    int width, height, channels;
    uint8_t *pixels; // height x width x channels, owned; free() it
} Picture;

// count images (count x height x width x channels, values in [0, 1], channels 1 or 3) in rows of
// `columns`, each pixel enlarged to scale x scale, with grey lines between the images. count,
// columns and scale are at least 1.
Picture contact_sheet(const float *images, int64_t count, int height, int width, int channels,
                      int columns, int scale);

#endif
