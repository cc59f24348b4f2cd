// Resizing of pictures: bilinear with antialiasing, the same bytes as Pillow's Image.resize with
// BILINEAR, which the data sets of both papers went through.
#ifndef SIEVE_DATA_RESIZE_H
#define SIEVE_DATA_RESIZE_H

#include "data/picture.h"

// The whole picture at another size (1 to PICTURE_MAX_SIDE on each side), channels as they are.
Picture picture_resize(const Picture *picture, int width, int height);

// The central part of this size; the picture is at least that large. Where the margins are uneven
// the smaller one is at the left and at the top.
Picture picture_centre(const Picture *picture, int width, int height);

#endif
