// Filters C and D for 32x32x3 images: C is the paper's choice for CIFAR-10 and GTSRB, D the most
// complex of the four compared. Their encoder is the same:
//   encoder    0: 3->32 (32x32)  1: pool  2: 32->64 (16x16)  3: pool  4: 64->128 (8x8)
//   C decoder  0: up  1: 128->64 (16x16)  2: up  3: 64->32 (32x32)  4: 1x1 convolution 32->3
//   D decoder  0: transposed 128->64 (16x16)  1: 64 + 64 of encoder.2 -> 64
//              2: transposed 64->32 (32x32)   3: 32 + 32 of encoder.0 -> 32  4: 1x1 conv. 32->3
// A block is twice conv 3x3, relu, batch norm (relu first); up is bilinear with aligned corners;
// transposed is a plain transposed convolution of kernel 2, stride 2. All have biases. The
// variational form adds encoder.5, a 1x1 convolution 128->256: the first half of its channels is
// the mean, the second the log variance; what D's decoder takes from encoder.0 and encoder.2 goes
// round it.
#include "nn/blocks.h"
#include "nn/models/models.h"

enum { LATENT = 128, DOWN = 3, UP = 2 };
static const Conv2d doubling = {.stride = 2};

typedef struct Decoder {
    ConvTransposeLayer widen[UP]; // D
    DoubleBlock up[UP];
    Conv2dLayer last;
} Decoder;

typedef struct FilterCD {
    DoubleBlock down[DOWN];
    Conv2dLayer distribution; // variational
    Decoder decoder;
} FilterCD;

static Latent encode(const Filter *filter, Tensor *images, bool training)
{
    const FilterCD *net = filter->network;
    Tensor *y[DOWN];
    for (int i = 0; i < DOWN; i++) {
        Tensor *x = i == 0 ? images : max_pool2d(y[i - 1], (Pool2d){.kernel = 2});
        y[i] = double_block_forward(&net->down[i], x, training);
    }
    Latent latent = {.mean = y[DOWN - 1]};
    if (filter->variational) latent = latent_split(conv_forward(&net->distribution, y[DOWN - 1]));
    for (int i = 0; i < UP; i++) latent.skipped[i] = y[DOWN - 2 - i];
    return latent;
}

static Tensor *decoder_forward(const Decoder *decoder, Tensor *x, bool training)
{
    for (int i = 0; i < UP; i++) {
        x = resample2d(x, 2 * x->shape[1], 2 * x->shape[2], RESAMPLE_BILINEAR, true);
        x = double_block_forward(&decoder->up[i], x, training);
    }
    return conv_forward(&decoder->last, x);
}

static Tensor *decode_c(const Filter *filter, Latent latent, Tensor *z, bool training)
{
    (void)latent; // all of it is in z
    return decoder_forward(&((const FilterCD *)filter->network)->decoder, z, training);
}

static Tensor *decode_d(const Filter *filter, Latent latent, Tensor *z, bool training)
{
    const Decoder *decoder = &((const FilterCD *)filter->network)->decoder;
    Tensor *x = z;
    for (int i = 0; i < UP; i++) {
        x = conv_transpose_forward(&decoder->widen[i], x);
        x = concat(2, (Tensor *[]){x, latent.skipped[i]}, 3);
        x = double_block_forward(&decoder->up[i], x, training);
    }
    return conv_forward(&decoder->last, x);
}

static Tensor *generate_from(const Generator *generator, Tensor *z, bool training)
{
    return decoder_forward(generator->network, z, training);
}

static void encoder_create(Filter *filter)
{
    Parameters *parameters = &filter->parameters;
    FilterCD *net = filter->network;
    net->down[0] = double_block_create(parameters, "encoder.0", 3, 32, filter->momentum);
    net->down[1] = double_block_create(parameters, "encoder.2", 32, 64, filter->momentum);
    net->down[2] = double_block_create(parameters, "encoder.4", 64, LATENT, filter->momentum);
    LayerShape distribution = {.in = LATENT, .out = 2 * LATENT, .kernel = 1, .bias = true};
    if (filter->variational)
        net->distribution = conv_create(parameters, "encoder.5", distribution, (Conv2d){0});
    filter->encode = encode;
}

static void decoder_create(Decoder *decoder, Parameters *parameters, float momentum, int channels)
{
    decoder->up[0] = double_block_create(parameters, "decoder.1", LATENT, 64, momentum);
    decoder->up[1] = double_block_create(parameters, "decoder.3", 64, 32, momentum);
    LayerShape last = {.in = 32, .out = channels, .kernel = 1, .bias = true};
    decoder->last = conv_create(parameters, "decoder.4", last, (Conv2d){0});
}

void filter_c_build(Filter *filter)
{
    FilterCD *net = filter->network = allocate_zeroed(sizeof *net);
    encoder_create(filter);
    decoder_create(&net->decoder, &filter->parameters, filter->momentum, filter->channels);
    filter->decode = decode_c;
}

// The blocks' inputs are as wide as in C: half from below, half from the encoder.
void filter_d_build(Filter *filter)
{
    FilterCD *net = filter->network = allocate_zeroed(sizeof *net);
    encoder_create(filter);
    LayerShape first = {.in = LATENT, .out = 64, .kernel = 2, .bias = true};
    LayerShape second = {.in = 64, .out = 32, .kernel = 2, .bias = true};
    Decoder *decoder = &net->decoder;
    Parameters *parameters = &filter->parameters;
    decoder->widen[0] = conv_transpose_create(parameters, "decoder.0", first, doubling);
    decoder->widen[1] = conv_transpose_create(parameters, "decoder.2", second, doubling);
    decoder_create(decoder, parameters, filter->momentum, filter->channels);
    filter->decode = decode_d;
}

// For D too: a generator has no encoder for D's decoder to look at.
void filter_c_generator_build(Generator *generator)
{
    Decoder *decoder = generator->network = allocate_zeroed(sizeof *decoder);
    decoder_create(decoder, &generator->parameters, .01f, generator->channels);
    generator->decode = generate_from;
}
