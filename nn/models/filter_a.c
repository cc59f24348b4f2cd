// Filter A, the simplest of the four compared for 32x32x3 images (k: kernel, s: stride):
//   encoder  0: 3->32 k5 (28x28)    1: 32->64 k4 s2 (13x13)  2: 64->128 k4 (10x10)
//            3: 128->256 k4 s2 (4)  4: 256->512 k4 (1x1)     5: 512->512 k1 (1x1)
//            6: flatten             7: linear 512->256
//   decoder  0: unflatten           1: 256->256 k4 (4x4)     2: 256->128 k4 s2 (10x10)
//            3: 128->64 k4 (13x13)  4: 64->32 k4 s2 (28x28)  5: 32->32 k5 (32x32)
//            6: 32->32 k1           7: 32->3 k1, plain
// A block is a (decoder: transposed) convolution with bias and without padding, batch norm of
// momentum .1, leaky relu of slope .01. The variational form's encoder.7 is 512->512: the first
// half is the mean, the second the log variance.
#include "nn/blocks.h"
#include "nn/models/models.h"

#include <stdio.h>

enum { LAYERS = 6, LATENT = 256, NAME_LIMIT = 32 };

typedef struct Row {
    int64_t in, out, kernel, stride;
} Row;
static const Row encoder_rows[LAYERS] = {{3, 32, 5, 1},    {32, 64, 4, 2},   {64, 128, 4, 1},
                                         {128, 256, 4, 2}, {256, 512, 4, 1}, {512, 512, 1, 1}};
static const Row decoder_rows[LAYERS] = {{256, 256, 4, 1}, {256, 128, 4, 2}, {128, 64, 4, 1},
                                         {64, 32, 4, 2},   {32, 32, 5, 1},   {32, 32, 1, 1}};

typedef struct Decoder {
    DeconvBlock up[LAYERS];
    ConvTransposeLayer last;
} Decoder;

typedef struct FilterA {
    ConvBlock down[LAYERS];
    Linear narrow;
    Decoder decoder;
} FilterA;

static Latent encode(const Filter *filter, Tensor *images, bool training)
{
    const FilterA *net = filter->network;
    Tensor *x = images;
    for (int i = 0; i < LAYERS; i++) x = conv_block_forward(&net->down[i], x, training);
    x = linear_forward(&net->narrow, flatten_channels_first(x));
    return filter->variational ? latent_split(x) : (Latent){.mean = x};
}

static Tensor *decoder_forward(const Decoder *decoder, Tensor *z, bool training)
{
    Tensor *x = unflatten_channels_first(z, 1, 1, LATENT);
    for (int i = 0; i < LAYERS; i++) x = deconv_block_forward(&decoder->up[i], x, training);
    return conv_transpose_forward(&decoder->last, x);
}

static Tensor *decode(const Filter *filter, Latent latent, Tensor *z, bool training)
{
    (void)latent; // all of it is in z
    return decoder_forward(&((const FilterA *)filter->network)->decoder, z, training);
}

static Tensor *generate_from(const Generator *generator, Tensor *z, bool training)
{
    return decoder_forward(generator->network, z, training);
}

static LayerShape shape_of(Row row)
{
    return (LayerShape){.in = row.in, .out = row.out, .kernel = row.kernel, .bias = true};
}

static void decoder_create(Decoder *decoder, Parameters *parameters, BlockEnd end, int channels)
{
    for (int i = 0; i < LAYERS; i++) {
        char name[NAME_LIMIT];
        snprintf(name, sizeof name, "decoder.%d", i + 1);
        Conv2d how = {.stride = decoder_rows[i].stride};
        decoder->up[i] = deconv_block_create(parameters, name, shape_of(decoder_rows[i]), how, end);
    }
    LayerShape last = {.in = 32, .out = channels, .kernel = 1, .bias = true};
    decoder->last = conv_transpose_create(parameters, "decoder.7", last, (Conv2d){0});
}

void filter_a_build(Filter *filter)
{
    Parameters *parameters = &filter->parameters;
    FilterA *net = filter->network = allocate_zeroed(sizeof *net);
    BlockEnd end = {.momentum = filter->momentum, .slope = .01f};
    for (int i = 0; i < LAYERS; i++) {
        char name[NAME_LIMIT];
        snprintf(name, sizeof name, "encoder.%d", i);
        Conv2d how = {.stride = encoder_rows[i].stride};
        net->down[i] = conv_block_create(parameters, name, shape_of(encoder_rows[i]), how, end);
    }
    LayerShape narrow = {.in = 512, .out = filter->variational ? 2 * LATENT : LATENT, .bias = true};
    net->narrow = linear_create(parameters, "encoder.7", narrow);
    decoder_create(&net->decoder, parameters, end, filter->channels);
    filter->encode = encode;
    filter->decode = decode;
}

void filter_a_generator_build(Generator *generator)
{
    Decoder *decoder = generator->network = allocate_zeroed(sizeof *decoder);
    BlockEnd end = {.momentum = .1f, .slope = .01f};
    decoder_create(decoder, &generator->parameters, end, generator->channels);
    generator->decode = generate_from;
}
