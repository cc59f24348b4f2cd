// The generators of the input-aware attack (Nguyen and Tran, NeurIPS 2020): an image in, a trigger
// pattern or a mask for that image out. Names in the state dict are those of the authors' code.
#ifndef SIEVE_NN_IMAGE_GENERATOR_H
#define SIEVE_NN_IMAGE_GENERATOR_H

#include "nn/layers.h"

enum { IMAGE_GENERATOR_MOST_STEPS = 3 };

typedef struct GeneratorBlock {
    Conv2dLayer conv;
    BatchNormLayer norm;
} GeneratorBlock;

typedef struct ImageGenerator {
    int height, width, channels; // of the images
    int outputs;                 // channels that come out
    int steps;                   // halvings of the image's sides
    Parameters parameters;
    GeneratorBlock down[2 * IMAGE_GENERATOR_MOST_STEPS], middle, up[2 * IMAGE_GENERATOR_MOST_STEPS];
} ImageGenerator;

// Grey images take MNIST's net (2 steps, 16 and 32 channels), others the large one (3 steps, 32 to
// 128). NULL and error where a side cannot be halved so often. Weights start at zero
// (nn/initialize.h).
ImageGenerator *image_generator_create(int height, int width, int channels, int outputs,
                                       Error *error);
void image_generator_free(ImageGenerator *generator); // NULL is allowed

// (n, height, width, outputs) with values between 0 and 1 from normalised images (n, height, width,
// channels); training: batch statistics.
Tensor *image_generate(const ImageGenerator *generator, Tensor *images, bool training);

#endif
