// The generator made from the 28x28 filter's decoder: noise and a one-hot class (128 + classes
// numbers) enter through a linear block in place of the filter's middle layer, and several channels
// leave.
//   input: linear 128+classes->256
//   decoder  0: linear 256->576  1: unflatten  2: 64->32 (7x7)  3: 32->16 (14x14)  4: transposed
//   conv 16->channels (28x28)
// The last layer is a plain transposed convolution with bias under a sigmoid, without the filter's
// batch norm and relu: a relu before the sigmoid would leave only values from 1/2 up.
#include "nn/blocks.h"
#include "nn/models/models.h"

static const float MOMENTUM = .01f; // of the batch norms
enum { FEATURES = 64 * 3 * 3, LATENT = 256 };

typedef struct TriggerGenerator {
    LinearBlock input, widen;
    DeconvBlock up[2];
    ConvTransposeLayer last;
} TriggerGenerator;

static Tensor *forward(const Generator *generator, Tensor *noise_and_class, bool training)
{
    const TriggerGenerator *net = generator->network;
    Tensor *x = linear_block_forward(&net->input, noise_and_class, training);
    x = linear_block_forward(&net->widen, x, training);
    x = unflatten_channels_first(x, 3, 3, 64);
    x = deconv_block_forward(&net->up[0], x, training);
    x = deconv_block_forward(&net->up[1], x, training);
    return sigmoid(conv_transpose_forward(&net->last, x));
}

void filter_mnist_generator_build(Generator *generator)
{
    Parameters *parameters = &generator->parameters;
    TriggerGenerator *net = generator->network = allocate(sizeof *net);
    int64_t inputs = GENERATOR_NOISE + generator->classes;
    LayerShape last = {.in = 16, .out = generator->channels, .kernel = 4, .bias = true};
    net->input = linear_block_create(parameters, "input", inputs, LATENT, MOMENTUM);
    net->widen = linear_block_create(parameters, "decoder.0", LATENT, FEATURES, MOMENTUM);
    net->up[0] = deconv_block_create(parameters, "decoder.2", 64, 32, 1, MOMENTUM); // 3 -> 7
    net->up[1] = deconv_block_create(parameters, "decoder.3", 32, 16, 0, MOMENTUM); // 7 -> 14
    net->last =
        conv_transpose_create(parameters, "decoder.4", last, (Conv2d){.stride = 2, .padding = 1});
    generator->forward = forward;
}
