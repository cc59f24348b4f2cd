// Filter B, one of the four compared for 32x32x3 images: the generator of the input-aware attack
// with a plain last convolution.
//   encoder  0: 3->32  1: 32->32  2: pool (16x16)  3: 32->64  4: 64->64  5: pool (8x8)
//            6: 64->128  7: 128->128  8: pool (4x4)  9: 128->128
//   decoder  0: up (8x8)  1: 128->128  2: 128->64  3: up (16x16)  4: 64->64  5: 64->32
//            6: up (32x32)  7: 32->32  8: 3x3 convolution 32->3, plain
// A block is a 3x3 convolution with bias, batch norm of momentum .05, relu; up is bilinear with
// aligned corners. The variational form adds encoder.10, a 1x1 convolution 128->256: the first half
// of its channels is the mean, the second the log variance.
#include "nn/blocks.h"
#include "nn/models/models.h"

#include <stdio.h>

enum { DOWN = 7, UP = 5, LATENT = 128, NAME_LIMIT = 32 };
static const Conv2d same = {.padding = 1};

typedef struct Row {
    int index; // in the encoder's or decoder's list; a pooling or widening takes the one before it
    int64_t in, out;
    bool resized; // first: pooled (encoder), widened (decoder)
} Row;
static const Row encoder_rows[DOWN] = {{0, 3, 32, false},  {1, 32, 32, false}, {3, 32, 64, true},
                                       {4, 64, 64, false}, {6, 64, 128, true}, {7, 128, 128, false},
                                       {9, 128, 128, true}};
static const Row decoder_rows[UP] = {{1, 128, 128, true},
                                     {2, 128, 64, false},
                                     {4, 64, 64, true},
                                     {5, 64, 32, false},
                                     {7, 32, 32, true}};

typedef struct Decoder {
    ConvBlock up[UP];
    Conv2dLayer last;
} Decoder;

typedef struct FilterB {
    ConvBlock down[DOWN];
    Conv2dLayer distribution; // variational
    Decoder decoder;
} FilterB;

static Latent encode(const Filter *filter, Tensor *images, bool training)
{
    const FilterB *net = filter->network;
    Tensor *x = images;
    for (int i = 0; i < DOWN; i++) {
        if (encoder_rows[i].resized) x = max_pool2d(x, (Pool2d){.kernel = 2});
        x = conv_block_forward(&net->down[i], x, training);
    }
    if (filter->variational) return latent_split(conv_forward(&net->distribution, x));
    return (Latent){.mean = x};
}

static Tensor *decoder_forward(const Decoder *decoder, Tensor *x, bool training)
{
    for (int i = 0; i < UP; i++) {
        if (decoder_rows[i].resized)
            x = resample2d(x, 2 * x->shape[1], 2 * x->shape[2], RESAMPLE_BILINEAR, true);
        x = conv_block_forward(&decoder->up[i], x, training);
    }
    return conv_forward(&decoder->last, x);
}

static Tensor *decode(const Filter *filter, Latent latent, Tensor *z, bool training)
{
    (void)latent; // all of it is in z
    return decoder_forward(&((const FilterB *)filter->network)->decoder, z, training);
}

static Tensor *generate_from(const Generator *generator, Tensor *z, bool training)
{
    return decoder_forward(generator->network, z, training);
}

static ConvBlock block_of(Parameters *parameters, const char *side, Row row, BlockEnd end)
{
    char name[NAME_LIMIT];
    snprintf(name, sizeof name, "%s.%d", side, row.index);
    LayerShape shape = {.in = row.in, .out = row.out, .kernel = 3, .bias = true};
    return conv_block_create(parameters, name, shape, same, end);
}

static void decoder_create(Decoder *decoder, Parameters *parameters, BlockEnd end, int channels)
{
    for (int i = 0; i < UP; i++)
        decoder->up[i] = block_of(parameters, "decoder", decoder_rows[i], end);
    LayerShape last = {.in = 32, .out = channels, .kernel = 3, .bias = true};
    decoder->last = conv_create(parameters, "decoder.8", last, same);
}

void filter_b_build(Filter *filter)
{
    Parameters *parameters = &filter->parameters;
    FilterB *net = filter->network = allocate_zeroed(sizeof *net);
    BlockEnd end = {.momentum = filter->momentum};
    for (int i = 0; i < DOWN; i++)
        net->down[i] = block_of(parameters, "encoder", encoder_rows[i], end);
    LayerShape distribution = {.in = LATENT, .out = 2 * LATENT, .kernel = 1, .bias = true};
    if (filter->variational)
        net->distribution = conv_create(parameters, "encoder.10", distribution, (Conv2d){0});
    decoder_create(&net->decoder, parameters, end, filter->channels);
    filter->encode = encode;
    filter->decode = decode;
}

void filter_b_generator_build(Generator *generator)
{
    Decoder *decoder = generator->network = allocate_zeroed(sizeof *decoder);
    BlockEnd end = {.momentum = .05f};
    decoder_create(decoder, &generator->parameters, end, generator->channels);
    generator->decode = generate_from;
}
