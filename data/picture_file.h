// Picture files of any kind we know: PNG, JPEG, PNM in; PNG and PNM out. What is in a file decides
// how it is read, its name how it is written. The input may be any bytes.
#ifndef SIEVE_DATA_PICTURE_FILE_H
#define SIEVE_DATA_PICTURE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"
#include "data/picture.h"

// *picture is the caller's (picture_free). On failure it is empty and error says, naming `path`,
// what is wrong with the file.
bool picture_decode(const uint8_t *bytes, size_t size, const char *path, Picture *picture,
                    Error *error);

// The file at path, of at most 256 MB.
bool picture_read(const char *path, Picture *picture, Error *error);

// As .png (the channels as they are), .ppm (RGB: grey spreads, alpha is dropped) or .pgm (grey:
// colours become their luma); picture_writable tells whether path has such a name.
bool picture_writable(const char *path);
bool picture_write(const char *path, const Picture *picture, Error *error);

#endif
