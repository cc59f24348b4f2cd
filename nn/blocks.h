// The blocks that the filters are built from (appendix of the filtering paper): a layer, batch
// norm, relu or leaky relu; and a double convolution. In PyTorch each is a Sequential, so block
// "encoder.0" holds "encoder.0.0.weight" and "encoder.0.1.weight", ".bias", ...
#ifndef SIEVE_NN_BLOCKS_H
#define SIEVE_NN_BLOCKS_H

#include "nn/layers.h"

// What follows a block's layer: batch norm with this momentum, then leaky relu with this slope
// below 0 (0: relu).
typedef struct BlockEnd {
    float momentum, slope;
} BlockEnd;

typedef struct LinearBlock {
    Linear linear;
    BatchNormLayer norm;
} LinearBlock;

typedef struct ConvBlock {
    Conv2dLayer conv;
    BatchNormLayer norm;
    float slope;
} ConvBlock;

typedef struct DeconvBlock {
    ConvTransposeLayer conv;
    BatchNormLayer norm;
    float slope;
} DeconvBlock;

// Twice a 3x3 convolution, relu, batch norm: relu comes first (ConvBlockC).
typedef struct DoubleBlock {
    Conv2dLayer conv[2];
    BatchNormLayer norm[2];
} DoubleBlock;

// Without bias, ending in relu (LinearBlockX).
LinearBlock linear_block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                                float momentum);
ConvBlock conv_block_create(Parameters *parameters, const char *name, LayerShape shape, Conv2d how,
                            BlockEnd end);
DeconvBlock deconv_block_create(Parameters *parameters, const char *name, LayerShape shape,
                                Conv2d how, BlockEnd end);
DoubleBlock double_block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                                float momentum);

Tensor *linear_block_forward(const LinearBlock *block, Tensor *x, bool training);
Tensor *conv_block_forward(const ConvBlock *block, Tensor *x, bool training);
Tensor *deconv_block_forward(const DeconvBlock *block, Tensor *x, bool training);
Tensor *double_block_forward(const DoubleBlock *block, Tensor *x, bool training);

#endif
