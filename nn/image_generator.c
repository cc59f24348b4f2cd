// A U without connections across. With c = 16 (grey images) or 32, and S = 2 or 3 steps:
//   down    S times: block to c, block c to c, pool; c doubles from step to step
//   middle  block c to c
//   up      S times: double the sides (bilinear, corners not aligned), block c to c, block c to c/2;
//           the last block makes `outputs` channels and has no relu
//   o = tanh(.) / (2 + 1e-7) + 1/2
// A block is a 3x3 convolution with bias, batch norm (momentum .05), relu.
#include "nn/image_generator.h"

#include <stdio.h>
#include <stdlib.h>

static const float MOMENTUM = .05f;

static GeneratorBlock block_create(Parameters *parameters, const char *name, int64_t in,
                                   int64_t out)
{
    char text[64];
    LayerShape shape = {.in = in, .out = out, .kernel = 3, .bias = true};
    GeneratorBlock block;
    snprintf(text, sizeof text, "%s.conv2d", name);
    block.conv = conv_create(parameters, text, shape, (Conv2d){.padding = 1});
    snprintf(text, sizeof text, "%s.batch_norm", name);
    block.norm = batch_norm_create(parameters, text, out, MOMENTUM);
    return block;
}

// Two blocks, "NAME_2s" and "NAME_2s+1" of step s.
static void pair_create(Parameters *parameters, const char *name, int step, const int64_t widths[3],
                        GeneratorBlock blocks[2])
{
    char text[64];
    for (int i = 0; i < 2; i++) {
        snprintf(text, sizeof text, "%s_%d", name, 2 * step + i);
        blocks[i] = block_create(parameters, text, widths[i], widths[i + 1]);
    }
}

static void build(ImageGenerator *net)
{
    Parameters *parameters = &net->parameters;
    int64_t width = net->channels == 1 ? 16 : 32, in = net->channels;
    for (int s = 0; s < net->steps; s++, in = width, width *= 2)
        pair_create(parameters, "convblock_down", s, (int64_t[]){in, width, width},
                    &net->down[2 * s]);
    width = in;
    net->middle = block_create(parameters, "convblock_middle", width, width);
    for (int s = 0; s < net->steps; s++, width /= 2) {
        int64_t out = s + 1 < net->steps ? width / 2 : net->outputs;
        pair_create(parameters, "convblock_up", s, (int64_t[]){width, width, out}, &net->up[2 * s]);
    }
}

ImageGenerator *image_generator_create(int height, int width, int channels, int outputs,
                                       Error *error)
{
    int steps = channels == 1 ? 2 : 3, multiple = 1 << steps;
    if (height % multiple != 0 || width % multiple != 0) {
        fail(error, "the input-aware generator takes sides in multiples of %d, not %dx%d", multiple,
             height, width);
        return NULL;
    }
    ImageGenerator *net = allocate_zeroed(sizeof *net);
    net->height = height;
    net->width = width;
    net->channels = channels;
    net->outputs = outputs;
    net->steps = steps;
    build(net);
    return net;
}

void image_generator_free(ImageGenerator *net)
{
    if (!net) return;
    parameters_free(&net->parameters);
    free(net);
}

static Tensor *block_forward(const GeneratorBlock *block, Tensor *x, bool training)
{
    return batch_norm_relu_forward(&block->norm, conv_forward(&block->conv, x), training);
}

Tensor *image_generate(const ImageGenerator *net, Tensor *images, bool training)
{
    if (images->rank != 4 || images->shape[1] != net->height || images->shape[2] != net->width ||
        images->shape[3] != net->channels)
        panic("the input-aware generator takes images of %dx%dx%d, not %s", net->height, net->width,
              net->channels, shape_text(images));
    Tensor *x = images;
    for (int s = 0; s < net->steps; s++) {
        for (int i = 0; i < 2; i++) x = block_forward(&net->down[2 * s + i], x, training);
        x = max_pool2d(x, (Pool2d){.kernel = 2});
    }
    x = block_forward(&net->middle, x, training);
    for (int s = 0; s < net->steps; s++) {
        const GeneratorBlock *blocks = &net->up[2 * s];
        x = resample2d(x, 2 * x->shape[1], 2 * x->shape[2], RESAMPLE_BILINEAR, false);
        x = block_forward(&blocks[0], x, training);
        if (s + 1 < net->steps)
            x = block_forward(&blocks[1], x, training);
        else
            x = batch_norm_forward(&blocks[1].norm, conv_forward(&blocks[1].conv, x), training);
    }
    return affine(1 / (2 + 1e-7f), hyperbolic_tangent(x), .5f);
}
