// Host side of kernels/gram.cu.
#include "cuda/launch.h"

// Whether the norms cost less than forming each image's gradient, which the matrix units do some
// six times faster for a multiplication, but which is then written and read: about 130
// multiplications a value.
bool gram_norms_pay(const ConvShape *s)
{
    const double positions = (double)(s->out_height * s->out_width);
    const double window = (double)(s->kernel_height * s->kernel_width * s->in_channels);
    const double outer = (double)s->out_channels;
    const double gram = 6 * positions * positions / 2 * (window + outer);
    return s->batch < 65536 && gram < (positions + 130) * window * outer;
}

void conv2d_gram_norms(const ConvShape *shape, const float *x, const float *dy, float *squares)
{
    enum { SIDE = 16, LINE = 33, MOST_EACH = 4 };
    const int64_t batch = shape->batch, positions = shape->out_height * shape->out_width;
    const int tile = positions <= SIDE ? SIDE : SIDE * MOST_EACH;
    GramArguments s = {.positions = index_of(positions),
                       .columns = index_of(shape->out_width),
                       .tiles = index_of(ceiling(positions, tile)),
                       .inner = index_of(shape->in_channels),
                       .height = index_of(shape->in_height),
                       .width = index_of(shape->in_width),
                       .outer = index_of(shape->out_channels),
                       .taps = index_of(shape->kernel_height * shape->kernel_width),
                       .taps_wide = index_of(shape->kernel_width),
                       .step = index_of(shape->stride),
                       .padding = index_of(shape->padding),
                       .dilation = index_of(shape->dilation),
                       .x = x,
                       .dy = dy};
    const int64_t pairs = s.tiles * (s.tiles + 1) / 2;
    const int64_t x_size = batch * s.height * s.width * s.inner,
                  y_size = batch * positions * s.outer;
    s.partial = device_scratch(batch * pairs * (int64_t)sizeof(double));
    const Grid grid = {.x = pairs,
                       .y = batch,
                       .threads = MOST_THREADS,
                       .shared = 2 * tile * LINE * (int)sizeof(float)};
    LAUNCH(tile == SIDE ? KERNEL_gram_16 : KERNEL_gram_64, grid, s, READS(s.x, x_size),
           READS(s.dy, y_size), WRITES(s.partial, batch * pairs));
    finish_rows(batch, pairs, s.partial, false, squares);
}
