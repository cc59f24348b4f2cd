// How an image of a batch shows its sample; a struct of its own header because the GPU's kernels
// read it too.
#ifndef SIEVE_CORE_IMAGE_POSE_H
#define SIEVE_CORE_IMAGE_POSE_H

#include <stdint.h>

// Pixel (y, x) is taken from (y, width - 1 - x) where mirrored, from there back by the rotation
// about the centre, from there (shift_y, shift_x) further on; bilinear where rotated, zeros outside.
typedef struct ImagePose {
    int32_t sample;           // which one
    int32_t shift_y, shift_x; // the crop's corner in the sample
    float cosine, sine;       // of the rotation
    uint8_t rotated, mirrored, unused[2];
} ImagePose;

#endif
