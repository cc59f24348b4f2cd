// The filter for 64x64x3 images (CelebA): four convolutions of stride 2, and the way back.
//   encoder  0: 3->64 (32x32)  1: 64->128 (16x16)  2: 128->256 (8x8)  3: 256->512 (4x4)
//   decoder  0: 512->512 (8x8)  1: 512->256 (16x16)  2: 256->128 (32x32)  3: 128->3 (64x64)
// No layer has a bias; each is followed by batch norm and, in the encoder, leaky relu of slope .2,
// in the decoder relu, the last one too. The variational form adds encoder.4, a 1x1 convolution
// 512->1024 with bias: the first half of its channels is the mean, the second the log variance. The
// trigger generator's last layer is a plain transposed convolution with bias ("decoder.3.weight",
// "decoder.3.bias").
#include "nn/blocks.h"
#include "nn/models/models.h"

#include <stdio.h>

enum { LAYERS = 4, LATENT = 512, NAME_LIMIT = 32 };
static const Conv2d halve = {.stride = 2, .padding = 1};
static const int64_t encoder_channels[LAYERS + 1] = {3, 64, 128, 256, 512};
static const int64_t decoder_channels[LAYERS] = {512, 512, 256, 128};

typedef struct Decoder {
    DeconvBlock up[LAYERS];        // the last one: filter
    ConvTransposeLayer plain_last; // generator
} Decoder;

typedef struct FilterCeleba {
    ConvBlock down[LAYERS];
    Conv2dLayer distribution; // variational
    Decoder decoder;
} FilterCeleba;

static Latent encode(const Filter *filter, Tensor *images, bool training)
{
    const FilterCeleba *net = filter->network;
    Tensor *x = images;
    for (int i = 0; i < LAYERS; i++) x = conv_block_forward(&net->down[i], x, training);
    if (filter->variational) return latent_split(conv_forward(&net->distribution, x));
    return (Latent){.mean = x};
}

static Tensor *widen(const Decoder *decoder, Tensor *z, bool training)
{
    for (int i = 0; i < LAYERS - 1; i++) z = deconv_block_forward(&decoder->up[i], z, training);
    return z;
}

static Tensor *decode(const Filter *filter, Latent latent, Tensor *z, bool training)
{
    const Decoder *decoder = &((const FilterCeleba *)filter->network)->decoder;
    (void)latent; // all of it is in z
    return deconv_block_forward(&decoder->up[LAYERS - 1], widen(decoder, z, training), training);
}

static Tensor *generate_from(const Generator *generator, Tensor *z, bool training)
{
    const Decoder *decoder = generator->network;
    return conv_transpose_forward(&decoder->plain_last, widen(decoder, z, training));
}

static void widen_create(Decoder *decoder, Parameters *parameters, BlockEnd end)
{
    for (int i = 0; i < LAYERS - 1; i++) {
        char name[NAME_LIMIT];
        snprintf(name, sizeof name, "decoder.%d", i);
        LayerShape shape = {decoder_channels[i], decoder_channels[i + 1], 4, .bias = false};
        decoder->up[i] = deconv_block_create(parameters, name, shape, halve, end);
    }
}

void filter_celeba_build(Filter *filter)
{
    Parameters *parameters = &filter->parameters;
    FilterCeleba *net = filter->network = allocate_zeroed(sizeof *net);
    BlockEnd leaky = {.momentum = filter->momentum, .slope = .2f};
    BlockEnd end = {.momentum = filter->momentum};
    for (int i = 0; i < LAYERS; i++) {
        char name[NAME_LIMIT];
        snprintf(name, sizeof name, "encoder.%d", i);
        LayerShape shape = {encoder_channels[i], encoder_channels[i + 1], 4, .bias = false};
        net->down[i] = conv_block_create(parameters, name, shape, halve, leaky);
    }
    LayerShape distribution = {.in = LATENT, .out = 2 * LATENT, .kernel = 1, .bias = true};
    if (filter->variational)
        net->distribution = conv_create(parameters, "encoder.4", distribution, (Conv2d){0});
    widen_create(&net->decoder, parameters, end);
    LayerShape last = {.in = 128, .out = 3, .kernel = 4};
    net->decoder.up[LAYERS - 1] = deconv_block_create(parameters, "decoder.3", last, halve, end);
    filter->encode = encode;
    filter->decode = decode;
}

void filter_celeba_generator_build(Generator *generator)
{
    Decoder *decoder = generator->network = allocate_zeroed(sizeof *decoder);
    widen_create(decoder, &generator->parameters, (BlockEnd){.momentum = .01f});
    LayerShape last = {.in = 128, .out = generator->channels, .kernel = 4, .bias = true};
    decoder->plain_last = conv_transpose_create(&generator->parameters, "decoder.3", last, halve);
    generator->decode = generate_from;
}
