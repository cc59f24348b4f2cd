// Which way a convolution goes: Winograd's where its shape allows and its multiplications are fewer
// by what the transforms cost, else direct. By the shape alone: the choice changes the last bits.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/ranges.h"
#include "core/cpu/kernels/winograd_tiles.h"
#include "core/cpu/vmath.h"

// With fewer images or tiles of results, the transform of the weights (16 or 36 values for each
// 9, 64 for each 25) costs more than is saved.
enum { LEAST_IMAGES = 16, LEAST_TILES = 64 };

static bool winograd_pays(const ConvShape *s)
{
    const int64_t kernel = s->kernel_height;
    const Tiling t = tiling_of(s, 1);
    return (kernel == 3 || kernel == 5) && s->kernel_width == kernel && s->stride == 1 &&
           s->dilation == 1 && s->in_channels % WINOGRAD_CHANNELS == 0 &&
           s->out_channels % WINOGRAD_CHANNELS == 0 && s->batch >= LEAST_IMAGES &&
           t.tiles >= LEAST_TILES &&
           t.rows * t.columns * frequencies_of(&t) < s->out_height * s->out_width * kernel * kernel;
}

// ---- what follows a direct convolution ----

typedef struct AfterTask {
    const ConvAfter *after;
    int64_t channels;
    const float *y; // backward: where it is not above 0, no gradient passes
    float *values;
} AfterTask;

static void forward_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const AfterTask *task = context;
    const int64_t channels = task->channels;
    const bool relu = task->after->relu;
    const float *restrict scale = task->after->scale, *restrict shift = task->after->shift;
    for (int64_t row = begin; row < end; row++) {
        float *restrict y = task->values + row * channels;
        if (scale)
            for (int64_t c = 0; c < channels; c++) y[c] = multiply_add(y[c], scale[c], shift[c]);
        const float *restrict addend = task->after->addend;
        if (addend)
            for (int64_t c = 0; c < channels; c++) y[c] += addend[row * channels + c];
        if (relu)
            for (int64_t c = 0; c < channels; c++) y[c] = y[c] < 0 ? 0 : y[c];
    }
}

static void backward_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const AfterTask *task = context;
    const int64_t channels = task->channels;
    const bool relu = task->after->relu;
    const float *restrict scale = task->after->scale;
    for (int64_t row = begin; row < end; row++) {
        float *restrict dy = task->values + row * channels;
        const float *restrict y = task->y + row * channels;
        if (scale)
            for (int64_t c = 0; c < channels; c++) dy[c] *= scale[c];
        if (relu)
            for (int64_t c = 0; c < channels; c++) dy[c] = y[c] > 0 ? dy[c] : 0;
    }
}

static void follow(const ConvShape *s, const AfterTask *task, RangeBody *rows)
{
    if (task->after->scale || task->after->addend || task->after->relu)
        parallel_ranges(s->batch * s->out_height * s->out_width, s->out_channels, rows, task);
}

// ---- the choice ----

static int64_t conv2d_prepared_count(const ConvShape *s)
{
    return winograd_pays(s) ? KERNEL(winograd_prepared_count)(s) : 0;
}

static int64_t no_prepared_count(const ConvShape *s)
{
    (void)s;
    return 0;
}

static void conv2d_frozen_direct(const ConvShape *s, const ConvAfter *after, const float *x,
                                 const float *weight, const float *prepared, float *y)
{
    (void)prepared;
    KERNEL(conv2d_direct)(s, x, weight, after->scale ? NULL : after->shift, (Results){.values = y});
    follow(s, &(AfterTask){after, s->out_channels, NULL, y}, forward_rows);
}

static void conv2d_frozen(const ConvShape *s, const ConvAfter *after, const float *x,
                          const float *weight, const float *prepared, float *y)
{
    if (winograd_pays(s))
        KERNEL(conv2d_winograd)(s, after, x, weight, prepared, y);
    else
        conv2d_frozen_direct(s, after, x, weight, prepared, y);
}

static void conv2d_frozen_input_gradient_direct(const ConvShape *s, const ConvAfter *after,
                                                const float *y, float *dy, const float *weight,
                                                const float *prepared, float *dx)
{
    (void)prepared;
    follow(s, &(AfterTask){after, s->out_channels, y, dy}, backward_rows);
    KERNEL(conv2d_input_gradient_direct)(s, (Gradients){.values = dy}, weight, NULL, dx);
}

static void conv2d_frozen_input_gradient(const ConvShape *s, const ConvAfter *after, const float *y,
                                         float *dy, const float *weight, const float *prepared,
                                         float *dx)
{
    if (winograd_pays(s))
        KERNEL(conv2d_input_gradient_winograd)(s, after, y, dy, weight, prepared, NULL, dx);
    else
        conv2d_frozen_input_gradient_direct(s, after, y, dy, weight, prepared, dx);
}

static void conv2d_direct(const ConvShape *s, const float *x, const float *weight,
                          const float *bias, const float *addend, float *y)
{
    conv2d_frozen_direct(s, &(ConvAfter){.shift = bias, .addend = addend}, x, weight, NULL, y);
}

static void conv2d_input_gradient_direct(const ConvShape *s, const float *dy, const float *weight,
                                         const float *bias, float *dx)
{
    KERNEL(conv2d_input_gradient_direct)(s, (Gradients){.values = dy}, weight, bias, dx);
}

static void conv2d_weight_gradient_direct(const ConvShape *s, const float *x, const float *dy,
                                          float *dweight)
{
    KERNEL(conv2d_weight_gradient_direct)(s, x, (Gradients){.values = dy}, dweight);
}

static void conv2d(const ConvShape *s, const float *x, const float *weight, const float *bias,
                   const float *addend, float *y)
{
    conv2d_frozen(s, &(ConvAfter){.shift = bias, .addend = addend}, x, weight, NULL, y);
}

static void conv2d_input_gradient(const ConvShape *s, const float *dy, const float *weight,
                                  const float *bias, float *dx)
{
    if (winograd_pays(s)) KERNEL(conv2d_input_gradient_winograd)
    (s, &(ConvAfter){0}, NULL, dy, weight, NULL, bias, dx);
    else conv2d_input_gradient_direct(s, dy, weight, bias, dx);
}

static void conv2d_weight_gradient(const ConvShape *s, const float *x, const float *dy,
                                   float *dweight)
{
    if (winograd_pays(s))
        KERNEL(conv2d_weight_gradient_winograd)(s, x, dy, dweight);
    else
        conv2d_weight_gradient_direct(s, x, dy, dweight);
}

static bool conv2d_pool_fits(const ConvPool *shape)
{
    return !winograd_pays(&shape->conv) && KERNEL(conv2d_pool_fits)(shape);
}

void KERNEL(enter_conv)(Kernels *table, ConvPath path)
{
    bool direct = path == CONV_DIRECT;
    table->conv2d = direct ? conv2d_direct : conv2d;
    table->conv2d_input_gradient = direct ? conv2d_input_gradient_direct : conv2d_input_gradient;
    table->conv2d_weight_norms = KERNEL(conv2d_weight_norms);
    table->conv2d_weight_gradient = direct ? conv2d_weight_gradient_direct : conv2d_weight_gradient;
    table->conv2d_prepared_count = direct ? no_prepared_count : conv2d_prepared_count;
    table->conv2d_prepare = KERNEL(winograd_prepare);
    table->conv2d_frozen = direct ? conv2d_frozen_direct : conv2d_frozen;
    table->conv2d_frozen_input_gradient =
        direct ? conv2d_frozen_input_gradient_direct : conv2d_frozen_input_gradient;
    KERNEL(enter_conv_pool)(table);
    table->conv2d_pool_fits = direct ? KERNEL(conv2d_pool_fits) : conv2d_pool_fits;
}
