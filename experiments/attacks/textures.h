// Colourful, repetitive pictures that the program draws: the trigger images of image-BI+ for who has
// none of his own.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_TEXTURES_H
#define SIEVE_EXPERIMENTS_ATTACKS_TEXTURES_H

#include "data/picture.h"

enum { TEXTURES = 5 };

// Texture n in 0..TEXTURES-1, RGB; the same bytes on every machine. The caller's, picture_free.
//   0 candies    balls in rows      1 crayons    slanted sticks    2 tiles    a checkerboard
//   3 rings      circles in circles 4 weave      bands over and under each other
Picture texture_draw(int n, int height, int width);

#endif
