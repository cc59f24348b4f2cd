// Which way a convolution goes: Winograd's where its shape allows and its fewer multiplications
// outweigh the transforms, else direct. By the shape alone: the choice changes the last bits.
#include "core/cpu/kernels/conv.h"

// With fewer images or tiles of results, the transform of the weights (36 values for each 9 or 25)
// costs more than is saved.
enum { LEAST_IMAGES = 16, LEAST_TILES = 64 };

static bool winograd_pays(const ConvShape *s)
{
    int64_t kernel = s->kernel_height, out = kernel == 3 ? 4 : 2;
    int64_t rows = (s->out_height + out - 1) / out, columns = (s->out_width + out - 1) / out;
    return (kernel == 3 || kernel == 5) && s->kernel_width == kernel && s->stride == 1 &&
           s->dilation == 1 && s->in_channels % WINOGRAD_CHANNELS == 0 &&
           s->out_channels % WINOGRAD_CHANNELS == 0 && s->batch >= LEAST_IMAGES &&
           s->batch * rows * columns >= LEAST_TILES;
}

static void conv2d(const ConvShape *s, const float *x, const float *weight, const float *bias,
                   float *y)
{
    if (winograd_pays(s))
        KERNEL(conv2d_winograd)(s, x, weight, bias, y);
    else
        KERNEL(conv2d_direct)(s, x, weight, bias, y);
}

static void conv2d_input_gradient(const ConvShape *s, const float *dy, const float *weight,
                                  const float *bias, float *dx)
{
    if (winograd_pays(s))
        KERNEL(conv2d_input_gradient_winograd)(s, dy, weight, bias, dx);
    else
        KERNEL(conv2d_input_gradient_direct)(s, dy, weight, bias, dx);
}

static void conv2d_weight_gradient(const ConvShape *s, const float *x, const float *dy,
                                   float *dweight)
{
    if (winograd_pays(s))
        KERNEL(conv2d_weight_gradient_winograd)(s, x, dy, dweight);
    else
        KERNEL(conv2d_weight_gradient_direct)(s, x, dy, dweight);
}

void KERNEL(enter_conv)(Kernels *table, ConvPath path)
{
    bool direct = path == CONV_DIRECT;
    table->conv2d = direct ? KERNEL(conv2d_direct) : conv2d;
    table->conv2d_input_gradient =
        direct ? KERNEL(conv2d_input_gradient_direct) : conv2d_input_gradient;
    table->conv2d_weight_gradient =
        direct ? KERNEL(conv2d_weight_gradient_direct) : conv2d_weight_gradient;
}
