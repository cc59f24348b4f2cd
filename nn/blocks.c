// Layer, batch norm, relu.
#include "nn/blocks.h"

#include <stdio.h>

enum { NAME_LIMIT = 128 };

// "encoder.4" -> "encoder.4.1", the part of this index.
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

ConvBlock conv_block_create(Parameters *parameters, const char *name, LayerShape shape, Conv2d how,
                            BlockEnd end)
{
    char text[NAME_LIMIT];
    ConvBlock block = {.slope = end.slope};
    block.conv = conv_create(parameters, part(text, name, 0), shape, how);
    block.norm = batch_norm_create(parameters, part(text, name, 1), shape.out, end.momentum);
    return block;
}

DeconvBlock deconv_block_create(Parameters *parameters, const char *name, LayerShape shape,
                                Conv2d how, BlockEnd end)
{
    char text[NAME_LIMIT];
    DeconvBlock block = {.slope = end.slope};
    block.conv = conv_transpose_create(parameters, part(text, name, 0), shape, how);
    block.norm = batch_norm_create(parameters, part(text, name, 1), shape.out, end.momentum);
    return block;
}

DoubleBlock double_block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                                float momentum)
{
    char text[NAME_LIMIT];
    DoubleBlock block;
    for (int i = 0; i < 2; i++) {
        LayerShape shape = {.in = i == 0 ? in : out, .out = out, .kernel = 3, .bias = true};
        Conv2d how = {.padding = 1};
        block.conv[i] = conv_create(parameters, part(text, name, 3 * i), shape, how);
        block.norm[i] = batch_norm_create(parameters, part(text, name, 3 * i + 2), out, momentum);
    }
    return block;
}

Tensor *linear_block_forward(const LinearBlock *block, Tensor *x, bool training)
{
    return batch_norm_relu_forward(&block->norm, linear_forward(&block->linear, x), training);
}

static Tensor *end(const BatchNormLayer *norm, float slope, Tensor *x, bool training)
{
    return slope == 0 ? batch_norm_relu_forward(norm, x, training)
                      : leaky_relu(batch_norm_forward(norm, x, training), slope);
}

Tensor *conv_block_forward(const ConvBlock *block, Tensor *x, bool training)
{
    return end(&block->norm, block->slope, conv_forward(&block->conv, x), training);
}

Tensor *deconv_block_forward(const DeconvBlock *block, Tensor *x, bool training)
{
    return end(&block->norm, block->slope, conv_transpose_forward(&block->conv, x), training);
}

Tensor *double_block_forward(const DoubleBlock *block, Tensor *x, bool training)
{
    for (int i = 0; i < 2; i++)
        x = relu_batch_norm_forward(&block->norm[i], conv_forward(&block->conv[i], x), training);
    return x;
}
