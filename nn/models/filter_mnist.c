// The filter for 28x28x1 images: three convolutions of stride 2 and a linear layer down to 256
// numbers, and the way back.
//   encoder  0: 1->16 (14x14)  1: 16->32 (7x7)  2: 32->64 (3x3)  3: flatten  4: linear 576->256
//   decoder  0: linear 256->576  1: unflatten  2: 64->32 (7x7)  3: 32->16 (14x14)  4: 16->1 (28x28)
// Every block ends in batch norm and relu, the last one too. The variational form has a plain
// linear layer 576->512 with bias in place of encoder.4 ("encoder.4.weight", "encoder.4.bias"): the
// first half is the mean, the second the log variance. The trigger generator's last layer is a
// plain transposed convolution with bias ("decoder.4.weight", "decoder.4.bias").
#include "nn/blocks.h"
#include "nn/models/models.h"

enum { FEATURES = 64 * 3 * 3, LATENT = 256 };
static const Conv2d halve = {.stride = 2, .padding = 1};

typedef struct Decoder {
    LinearBlock widen;
    DeconvBlock up[3];             // the last one: filter
    ConvTransposeLayer plain_last; // generator
} Decoder;

typedef struct FilterMnist {
    ConvBlock down[3];
    LinearBlock narrow;  // plain
    Linear distribution; // variational
    Decoder decoder;
} FilterMnist;

static LayerShape shape_of(int64_t in, int64_t out)
{
    return (LayerShape){.in = in, .out = out, .kernel = 4};
}

static Latent encode(const Filter *filter, Tensor *images, bool training)
{
    const FilterMnist *net = filter->network;
    Tensor *x = images;
    for (int i = 0; i < 3; i++) x = conv_block_forward(&net->down[i], x, training);
    x = flatten_channels_first(x);
    if (filter->variational) return latent_split(linear_forward(&net->distribution, x));
    return (Latent){.mean = linear_block_forward(&net->narrow, x, training)};
}

// Up to the last layer.
static Tensor *widen(const Decoder *decoder, Tensor *z, bool training)
{
    Tensor *x = linear_block_forward(&decoder->widen, z, training);
    x = unflatten_channels_first(x, 3, 3, 64);
    for (int i = 0; i < 2; i++) x = deconv_block_forward(&decoder->up[i], x, training);
    return x;
}

static Tensor *decode(const Filter *filter, Latent latent, Tensor *z, bool training)
{
    const Decoder *decoder = &((const FilterMnist *)filter->network)->decoder;
    (void)latent; // all of it is in z
    return deconv_block_forward(&decoder->up[2], widen(decoder, z, training), training);
}

static Tensor *generate_from(const Generator *generator, Tensor *z, bool training)
{
    const Decoder *decoder = generator->network;
    return conv_transpose_forward(&decoder->plain_last, widen(decoder, z, training));
}

static void widen_create(Decoder *decoder, Parameters *parameters, BlockEnd end)
{
    Conv2d odd = halve; // 3 -> 7
    odd.output_padding = 1;
    decoder->widen = linear_block_create(parameters, "decoder.0", LATENT, FEATURES, end.momentum);
    decoder->up[0] = deconv_block_create(parameters, "decoder.2", shape_of(64, 32), odd, end);
    decoder->up[1] = deconv_block_create(parameters, "decoder.3", shape_of(32, 16), halve, end);
}

void filter_mnist_build(Filter *filter)
{
    Parameters *parameters = &filter->parameters;
    FilterMnist *net = filter->network = allocate_zeroed(sizeof *net);
    BlockEnd end = {.momentum = filter->momentum};
    net->down[0] = conv_block_create(parameters, "encoder.0", shape_of(1, 16), halve, end);
    net->down[1] = conv_block_create(parameters, "encoder.1", shape_of(16, 32), halve, end);
    net->down[2] = conv_block_create(parameters, "encoder.2", shape_of(32, 64), halve, end);
    LayerShape distribution = {.in = FEATURES, .out = 2 * LATENT, .bias = true};
    if (filter->variational)
        net->distribution = linear_create(parameters, "encoder.4", distribution);
    else
        net->narrow = linear_block_create(parameters, "encoder.4", FEATURES, LATENT, end.momentum);
    widen_create(&net->decoder, parameters, end);
    net->decoder.up[2] = deconv_block_create(parameters, "decoder.4", shape_of(16, 1), halve, end);
    filter->encode = encode;
    filter->decode = decode;
}

void filter_mnist_generator_build(Generator *generator)
{
    Parameters *parameters = &generator->parameters;
    Decoder *decoder = generator->network = allocate_zeroed(sizeof *decoder);
    widen_create(decoder, parameters, (BlockEnd){.momentum = .01f});
    LayerShape last = shape_of(16, generator->channels);
    last.bias = true;
    decoder->plain_last = conv_transpose_create(parameters, "decoder.4", last, halve);
    generator->decode = generate_from;
}
