// The three blocks that the filters are built from: a layer without bias, batch norm (the paper's
// momentum is .01), relu. In PyTorch each is a Sequential, so block "encoder.0" holds
// "encoder.0.0.weight" and "encoder.0.1.weight", ".bias", ...
#ifndef SIEVE_NN_BLOCKS_H
#define SIEVE_NN_BLOCKS_H

#include "nn/layers.h"

typedef struct LinearBlock {
    Linear linear;
    BatchNormLayer norm;
} LinearBlock;

typedef struct ConvBlock {
    Conv2dLayer conv;
    BatchNormLayer norm;
} ConvBlock;

typedef struct DeconvBlock {
    ConvTransposeLayer conv;
    BatchNormLayer norm;
} DeconvBlock;

LinearBlock linear_block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                                float momentum);
// Kernel 4, stride 2, padding 1: halves each side (rounding down), doubles it (plus
// output_padding).
ConvBlock conv_block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                            float momentum);
DeconvBlock deconv_block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                                int64_t output_padding, float momentum);

Tensor *linear_block_forward(const LinearBlock *block, Tensor *x, bool training);
Tensor *conv_block_forward(const ConvBlock *block, Tensor *x, bool training);
Tensor *deconv_block_forward(const DeconvBlock *block, Tensor *x, bool training);

#endif
