// Filter C, the paper's choice for 32x32x3 images (CIFAR-10, GTSRB):
//   encoder  0: 3->32 (32x32)  1: pool  2: 32->64 (16x16)  3: pool  4: 64->128 (8x8)
//   decoder  0: up  1: 128->64 (16x16)  2: up  3: 64->32 (32x32)  4: 1x1 convolution 32->3
// A block is twice conv 3x3, relu, batch norm (relu first); up is bilinear with aligned corners.
// The variational form adds encoder.5, a 1x1 convolution 128->256: the first half of its channels
// is the mean, the second the log variance.
#include "nn/models/models.h"

#include <stdio.h>

typedef struct Block {
    Conv2dLayer conv[2];
    BatchNormLayer norm[2];
} Block;

enum { LATENT = 128, DOWN = 3, UP = 2 };

typedef struct FilterC {
    Block down[DOWN], up[UP];
    Conv2dLayer distribution; // variational
    Conv2dLayer last;
} FilterC;

static Block block_create(Parameters *parameters, const char *name, int64_t in, int64_t out,
                          float momentum)
{
    char part[64];
    Block block;
    for (int i = 0; i < 2; i++) {
        LayerShape shape = {.in = i == 0 ? in : out, .out = out, .kernel = 3, .bias = true};
        snprintf(part, sizeof part, "%s.%d", name, 3 * i);
        block.conv[i] = conv_create(parameters, part, shape, (Conv2d){.padding = 1});
        snprintf(part, sizeof part, "%s.%d", name, 3 * i + 2);
        block.norm[i] = batch_norm_create(parameters, part, out, momentum);
    }
    return block;
}

static Tensor *block_forward(const Block *block, Tensor *x, bool training)
{
    for (int i = 0; i < 2; i++)
        x = relu_batch_norm_forward(&block->norm[i], conv_forward(&block->conv[i], x), training);
    return x;
}

static Latent encode(const Filter *filter, Tensor *images, bool training)
{
    const FilterC *net = filter->network;
    Tensor *x = images;
    for (int i = 0; i < DOWN; i++) {
        if (i > 0) x = max_pool2d(x, (Pool2d){.kernel = 2});
        x = block_forward(&net->down[i], x, training);
    }
    if (!filter->variational) return (Latent){.mean = x};
    Tensor *both = conv_forward(&net->distribution, x);
    return (Latent){.mean = slice(both, 3, 0, LATENT),
                    .log_variance = clamp(slice(both, 3, LATENT, 2 * LATENT), -10, 10)};
}

static Tensor *decode(const Filter *filter, Tensor *z, bool training)
{
    const FilterC *net = filter->network;
    Tensor *x = z;
    for (int i = 0; i < UP; i++) {
        x = resample2d(x, 2 * x->shape[1], 2 * x->shape[2], RESAMPLE_BILINEAR, true);
        x = block_forward(&net->up[i], x, training);
    }
    return conv_forward(&net->last, x);
}

void filter_c_build(Filter *filter)
{
    Parameters *parameters = &filter->parameters;
    FilterC *net = filter->network = allocate_zeroed(sizeof *net);
    const float momentum = filter->momentum;
    net->down[0] = block_create(parameters, "encoder.0", 3, 32, momentum);
    net->down[1] = block_create(parameters, "encoder.2", 32, 64, momentum);
    net->down[2] = block_create(parameters, "encoder.4", 64, LATENT, momentum);
    LayerShape distribution = {.in = LATENT, .out = 2 * LATENT, .kernel = 1, .bias = true};
    if (filter->variational)
        net->distribution = conv_create(parameters, "encoder.5", distribution, (Conv2d){0});
    net->up[0] = block_create(parameters, "decoder.1", LATENT, 64, momentum);
    net->up[1] = block_create(parameters, "decoder.3", 64, 32, momentum);
    LayerShape last = {.in = 32, .out = 3, .kernel = 1, .bias = true};
    net->last = conv_create(parameters, "decoder.4", last, (Conv2d){0});
    filter->encode = encode;
    filter->decode = decode;
}
