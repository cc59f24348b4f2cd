// Layer, batch norm, relu.
#include "nn/blocks.h"

#include <stdio.h>

enum { NAME_LIMIT = 128 };

// "encoder.4" -> "encoder.4.0", the layer, and "encoder.4.1", its batch norm.
static const char *part(char text[NAME_LIMIT], const char *name, int index)
{
    snprintf(text, NAME_LIMIT, "%s.%d", name, index);
    return text;
}

LinearBlock linear_block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                                float momentum)
{
    char text[NAME_LIMIT];
    LinearBlock block;
    block.linear =
        linear_create(parameters, part(text, name, 0), (LayerShape){.in = in, .out = out});
    block.norm = batch_norm_create(parameters, part(text, name, 1), out, momentum);
    return block;
}

ConvBlock conv_block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                            float momentum)
{
    char text[NAME_LIMIT];
    LayerShape shape = {.in = in, .out = out, .kernel = 4};
    Conv2d how = {.stride = 2, .padding = 1};
    ConvBlock block;
    block.conv = conv_create(parameters, part(text, name, 0), shape, how);
    block.norm = batch_norm_create(parameters, part(text, name, 1), out, momentum);
    return block;
}

DeconvBlock deconv_block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                                int64_t output_padding, float momentum)
{
    char text[NAME_LIMIT];
    LayerShape shape = {.in = in, .out = out, .kernel = 4};
    Conv2d how = {.stride = 2, .padding = 1, .output_padding = output_padding};
    DeconvBlock block;
    block.conv = conv_transpose_create(parameters, part(text, name, 0), shape, how);
    block.norm = batch_norm_create(parameters, part(text, name, 1), out, momentum);
    return block;
}

Tensor *linear_block_forward(const LinearBlock *block, Tensor *x, bool training)
{
    return batch_norm_relu_forward(&block->norm, linear_forward(&block->linear, x), training);
}

Tensor *conv_block_forward(const ConvBlock *block, Tensor *x, bool training)
{
    return batch_norm_relu_forward(&block->norm, conv_forward(&block->conv, x), training);
}

Tensor *deconv_block_forward(const DeconvBlock *block, Tensor *x, bool training)
{
    return batch_norm_relu_forward(&block->norm, conv_transpose_forward(&block->conv, x), training);
}
