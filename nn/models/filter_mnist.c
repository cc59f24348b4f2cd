// The filter for 28x28x1 images: three convolutions of stride 2 and a linear layer down to 256
// numbers, and the way back.
//   encoder  0: 1->16 (14x14)  1: 16->32 (7x7)  2: 32->64 (3x3)  3: flatten  4: linear 576->256
//   decoder  0: linear 256->576  1: unflatten  2: 64->32 (7x7)  3: 32->16 (14x14)  4: 16->1 (28x28)
// Every block ends in batch norm and relu, the last one too. The variational form has a plain
// linear layer 576->512 with bias in place of encoder.4 ("encoder.4.weight", "encoder.4.bias"): the
// first half is the mean, the second the log variance.
#include "nn/blocks.h"
#include "nn/models/models.h"

enum { FEATURES = 64 * 3 * 3, LATENT = 256 };

typedef struct FilterMnist {
    ConvBlock down[3];
    LinearBlock narrow;  // plain
    Linear distribution; // variational
    LinearBlock widen;
    DeconvBlock up[3];
} FilterMnist;

static Latent encode(const Filter *filter, Tensor *images, bool training)
{
    const FilterMnist *net = filter->network;
    Tensor *x = images;
    for (int i = 0; i < 3; i++) x = conv_block_forward(&net->down[i], x, training);
    x = flatten_channels_first(x);
    if (!filter->variational)
        return (Latent){.mean = linear_block_forward(&net->narrow, x, training)};
    Tensor *both = linear_forward(&net->distribution, x);
    return (Latent){.mean = slice(both, 1, 0, LATENT),
                    .log_variance = clamp(slice(both, 1, LATENT, 2 * LATENT), -10, 10)};
}

static Tensor *decode(const Filter *filter, Tensor *z, bool training)
{
    const FilterMnist *net = filter->network;
    Tensor *x = linear_block_forward(&net->widen, z, training);
    x = unflatten_channels_first(x, 3, 3, 64);
    for (int i = 0; i < 3; i++) x = deconv_block_forward(&net->up[i], x, training);
    return x;
}

void filter_mnist_build(Filter *filter)
{
    Parameters *parameters = &filter->parameters;
    FilterMnist *net = filter->network = allocate_zeroed(sizeof *net);
    const float momentum = filter->momentum;
    net->down[0] = conv_block_create(parameters, "encoder.0", 1, 16, momentum);
    net->down[1] = conv_block_create(parameters, "encoder.1", 16, 32, momentum);
    net->down[2] = conv_block_create(parameters, "encoder.2", 32, 64, momentum);
    if (filter->variational)
        net->distribution = linear_create(
            parameters, "encoder.4", (LayerShape){.in = FEATURES, .out = 2 * LATENT, .bias = true});
    else
        net->narrow = linear_block_create(parameters, "encoder.4", FEATURES, LATENT, momentum);
    net->widen = linear_block_create(parameters, "decoder.0", LATENT, FEATURES, momentum);
    net->up[0] = deconv_block_create(parameters, "decoder.2", 64, 32, 1, momentum); // 3 -> 7
    net->up[1] = deconv_block_create(parameters, "decoder.3", 32, 16, 0, momentum); // 7 -> 14
    net->up[2] = deconv_block_create(parameters, "decoder.4", 16, 1, 0, momentum);  // 14 -> 28
    filter->encode = encode;
    filter->decode = decode;
}
