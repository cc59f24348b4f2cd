// Convolution and its input gradient (which is transposed convolution). Groups of images are the
// tasks.
//
// Forward: the group's images are framed by their padding; for one output pixel the taps (ky, kx,
// ci) of kernel row ky lie side by side in memory, so the sum over a patch is kernel_height runs of
// kernel_width * in_channels values.
//
// Input gradient: dx[iy] = sum_ky dy[(iy + padding - ky * dilation) / stride] weight[ky], over the
// ky where this divides. Input rows of equal (iy + padding) mod stride ("phase") use the same taps,
// and inside a phase the taps slide over dy with step 1: each of the stride x stride phases is a
// small dense correlation with the taps in reverse order. With few input channels its tiles would
// be nearly empty: conv_parts.c.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/correlate.h"
#include "core/thread.h"

enum { GROUP_PIXELS = 192 };

// Cuts consecutive pieces, each 64-byte aligned, from one scratch area.
static void *cut(unsigned char **area, int64_t bytes)
{
    void *piece = *area;
    *area += (bytes + 63) / 64 * 64;
    return piece;
}

static int64_t bytes_of(int64_t count, int64_t size)
{
    return count * size + 64;
}

// ---- forward ----

typedef struct ForwardTask {
    const ConvShape *shape;
    Correlation correlation;
    Frame frame;
    int64_t group;
    const float *x;
    Results y;
} ForwardTask;

// What follows the convolution gets its rows while they are in the first-level cache.
static void forward_rows(const ForwardTask *task, const float *source, int64_t image, float *rows)
{
    const ConvShape *s = task->shape;
    Correlation part = task->correlation;
    for (int64_t y = 0, count; y < s->out_height; y += count) {
        count = tile_min(task->y.rows, s->out_height - y);
        correlate(&part, source, count * s->out_width, rows);
        task->y.then(task->y.context, image * s->out_height + y, count, rows);
        part.from += count * s->out_width;
    }
}

static void forward_group(void *context, int64_t number, int thread)
{
    const ForwardTask *task = context;
    const ConvShape *s = task->shape;
    int64_t first = number * task->group, images = tile_min(task->group, s->batch - first);
    int64_t pixels = s->out_height * s->out_width, image = s->in_height * s->in_width;
    int64_t framed_count = s->padding > 0 ? images * frame_size(&task->frame) : 0;
    int64_t row = s->out_width * s->out_channels;
    int64_t room = task->y.values ? 0 : tile_min(task->y.rows, s->out_height) * row;
    unsigned char *area = scratch(thread, bytes_of(framed_count, 4) + bytes_of(room, 4));
    float *framed = cut(&area, framed_count * 4), *rows = cut(&area, room * 4);
    const float *source = task->x + first * image * s->in_channels;
    if (s->padding > 0) {
        frame_images(&task->frame, images, source, framed);
        source = framed;
    }
    if (task->y.values) {
        correlate(&task->correlation, source, images * pixels,
                  task->y.values + first * pixels * s->out_channels);
        return;
    }
    for (int64_t i = 0; i < images; i++)
        forward_rows(task, source + i * frame_size(&task->frame), first + i, rows);
}

// Tables of where each output pixel of a group reads and writes.
static void forward_pixels(const ConvShape *s, const Frame *f, int64_t group, int64_t *from,
                           int64_t *to)
{
    int64_t pixel = 0;
    for (int64_t n = 0; n < group; n++)
        for (int64_t y = 0; y < s->out_height; y++)
            for (int64_t x = 0; x < s->out_width; x++, pixel++) {
                from[pixel] =
                    ((n * f->height + y * s->stride) * f->width + x * s->stride) * s->in_channels;
                to[pixel] = pixel * s->out_channels;
            }
}

// Runs of the patch: a kernel row each, or a tap each where dilation parts them or one channel makes
// rows too short for a loop of their own.
static void forward_runs(const ConvShape *s, const Frame *f, Correlation *c, int64_t *run)
{
    bool whole_rows = s->dilation == 1 && s->in_channels > 1;
    int64_t taps = whole_rows ? 1 : s->kernel_width, count = 0;
    for (int64_t ky = 0; ky < s->kernel_height; ky++)
        for (int64_t kx = 0; kx < taps; kx++)
            run[count++] = (ky * s->dilation * f->width + kx * s->dilation) * s->in_channels;
    c->run = run;
    c->run_count = count;
    c->run_length = (whole_rows ? s->kernel_width : 1) * s->in_channels;
}

void KERNEL(conv2d_direct)(const ConvShape *s, const float *x, const float *weight,
                           const float *bias, Results y)
{
    int64_t depth = s->kernel_height * s->kernel_width * s->in_channels;
    int64_t pixels = s->out_height * s->out_width;
    int64_t group = images_per_group(s->batch, pixels, GROUP_PIXELS);
    int64_t packed_count = tile_panels(s->out_channels) * depth * TILE_COLUMNS;
    unsigned char *area = scratch(-1, bytes_of(packed_count, 4) + 2 * bytes_of(group * pixels, 8) +
                                          bytes_of(s->kernel_height * s->kernel_width, 8));
    float *packed = cut(&area, packed_count * 4);
    int64_t *from = cut(&area, group * pixels * 8), *to = cut(&area, group * pixels * 8);
    ForwardTask task = {
        .shape = s, .frame = input_frame(s, s->in_channels), .group = group, .x = x, .y = y};
    for (int64_t k = 0; k < depth; k++)
        pack_weight_row(weight + k * s->out_channels, s->out_channels, depth, k, packed);
    forward_pixels(s, &task.frame, group, from, to);
    forward_runs(s, &task.frame, &task.correlation, (int64_t *)(void *)area);
    task.correlation.from = from;
    task.correlation.to = to;
    task.correlation.columns = s->out_channels;
    task.correlation.packed = packed;
    task.correlation.bias = bias;
    parallel_for((s->batch + group - 1) / group, forward_group, &task);
}

// ---- input gradient, by phases ----

typedef struct PhaseTask {
    const ConvShape *shape;
    Frame frame;
    int64_t group, phases;
    const Correlation *correlations; // one a phase
    const int64_t *pixels;           // pixels of each phase in one image
    Gradients dy;
    float *dx;
} PhaseTask;

static void phase_group(void *context, int64_t number, int thread)
{
    const PhaseTask *task = context;
    const ConvShape *s = task->shape;
    int64_t first = number * task->group, images = tile_min(task->group, s->batch - first);
    int64_t values = s->out_height * s->out_width * s->out_channels;
    int64_t framed_count = images * frame_size(&task->frame);
    float *dx = task->dx + first * s->in_height * s->in_width * s->in_channels;
    float *framed = scratch(thread, (framed_count + gradients_room(&task->dy, images, values)) * 4);
    const float *dy = gradients_of(&task->dy, first, images, values, framed + framed_count);
    frame_images(&task->frame, images, dy, framed);
    for (int64_t phase = 0; phase < task->phases; phase++)
        correlate(&task->correlations[phase], framed, images * task->pixels[phase], dx);
}

// First i >= 0 with (i + padding) mod stride == phase.
static int64_t first_of_phase(const ConvShape *s, int64_t phase)
{
    return ((phase - s->padding) % s->stride + s->stride) % s->stride;
}

// Largest tap k below size with k * dilation mod stride == phase, or -1.
static int64_t last_tap(const ConvShape *s, int64_t size, int64_t phase)
{
    int64_t tap = size - 1;
    while (tap >= 0 && tap * s->dilation % s->stride != phase) tap--;
    return tap;
}

// The next smaller tap of the same phase, or -1.
static int64_t next_tap(const ConvShape *s, int64_t tap, int64_t phase)
{
    do tap--;
    while (tap >= 0 && tap * s->dilation % s->stride != phase);
    return tap;
}

// Where the pixels of one phase read dy's frame and write dx; returns how many there are in one
// image.
static int64_t phase_pixels(const ConvShape *s, const Frame *f, int64_t group, int64_t phase_y,
                            int64_t phase_x, int64_t *from, int64_t *to)
{
    int64_t pixel = 0, start_y = first_of_phase(s, phase_y), start_x = first_of_phase(s, phase_x);
    for (int64_t n = 0; n < group; n++)
        for (int64_t y = start_y; y < s->in_height; y += s->stride)
            for (int64_t x = start_x; x < s->in_width; x += s->stride, pixel++) {
                int64_t row = (y + s->padding) / s->stride, column = (x + s->padding) / s->stride;
                from[pixel] = ((n * f->height + row) * f->width + column) * s->out_channels;
                to[pixel] = ((n * s->in_height + y) * s->in_width + x) * s->in_channels;
            }
    return pixel / group;
}

// The taps of one phase, largest first: they read dy from left to right. Fills the runs and the
// packed weights (rows are output channels, columns input channels).
static void phase_taps(const ConvShape *s, const Frame *f, int64_t phase_y, int64_t phase_x,
                       const float *weight, int64_t *run, float *packed, Correlation *c)
{
    int64_t top_y = last_tap(s, s->kernel_height, phase_y), count = 0, columns_of_taps = 0;
    int64_t top_x = last_tap(s, s->kernel_width, phase_x), rows_of_taps = 0;
    for (int64_t ky = top_y; ky >= 0; ky = next_tap(s, ky, phase_y)) rows_of_taps++;
    for (int64_t kx = top_x; kx >= 0; kx = next_tap(s, kx, phase_x)) columns_of_taps++;
    int64_t depth = rows_of_taps * columns_of_taps * s->out_channels, k = 0;
    bool joined = s->dilation == 1; // neighbouring taps of a phase are then neighbours in dy
    for (int64_t ky = top_y; ky >= 0; ky = next_tap(s, ky, phase_y))
        for (int64_t kx = top_x; kx >= 0; kx = next_tap(s, kx, phase_x)) {
            if (!joined || kx == top_x) {
                int64_t row = f->top - (ky * s->dilation - phase_y) / s->stride;
                int64_t column = f->left - (kx * s->dilation - phase_x) / s->stride;
                run[count++] = (row * f->width + column) * s->out_channels;
            }
            const float *tap =
                weight + (ky * s->kernel_width + kx) * s->in_channels * s->out_channels;
            pack_turned_weights(tap, s->in_channels, s->out_channels, depth, k, packed);
            k += s->out_channels;
        }
    c->run = run;
    c->run_count = count;
    c->run_length = joined && count > 0 ? columns_of_taps * s->out_channels : s->out_channels;
    c->packed = packed;
}

static void input_gradient_by_phases(const ConvShape *s, Gradients dy, const float *weight,
                                     const float *bias, float *dx)
{
    int64_t taps = s->kernel_height * s->kernel_width, phases = s->stride * s->stride;
    int64_t image = s->in_height * s->in_width;
    int64_t group = images_per_group(s->batch, image, GROUP_PIXELS);
    int64_t packed_count = tile_panels(s->in_channels) * taps * s->out_channels * TILE_COLUMNS;
    unsigned char *area =
        scratch(-1, bytes_of(packed_count, 4) + 2 * bytes_of(group * image, 8) + bytes_of(taps, 8) +
                        bytes_of(phases, 8) + bytes_of(phases, sizeof(Correlation)));
    float *packed = cut(&area, packed_count * 4);
    int64_t *from = cut(&area, group * image * 8), *to = cut(&area, group * image * 8);
    int64_t *run = cut(&area, taps * 8), *pixels = cut(&area, phases * 8);
    Correlation *correlations = cut(&area, phases * (int64_t)sizeof(Correlation));
    int64_t reach_y = (s->kernel_height - 1) * s->dilation / s->stride;
    int64_t reach_x = (s->kernel_width - 1) * s->dilation / s->stride;
    PhaseTask task = {.shape = s,
                      .frame = {(s->in_height - 1 + s->padding) / s->stride + 1 + reach_y,
                                (s->in_width - 1 + s->padding) / s->stride + 1 + reach_x,
                                s->out_channels, s->out_height, s->out_width, s->out_channels,
                                reach_y, reach_x},
                      .group = group,
                      .phases = phases,
                      .correlations = correlations,
                      .pixels = pixels,
                      .dy = dy,
                      .dx = dx};
    for (int64_t phase = 0; phase < phases; phase++) {
        int64_t y = phase / s->stride, x = phase % s->stride;
        Correlation *c = &correlations[phase];
        *c = (Correlation){.from = from, .to = to, .columns = s->in_channels, .bias = bias};
        phase_taps(s, &task.frame, y, x, weight, run, packed, c);
        pixels[phase] = phase_pixels(s, &task.frame, group, y, x, from, to);
        run += c->run_count;
        packed += tile_panels(s->in_channels) * c->run_count * c->run_length * TILE_COLUMNS;
        from += group * pixels[phase];
        to += group * pixels[phase];
    }
    parallel_for((s->batch + group - 1) / group, phase_group, &task);
}

// Phases fill vectors with input channels, parts with pixels. The choice changes the order of sums,
// so it may depend on the shape alone.
enum { FEW_CHANNELS = 4 };

void KERNEL(conv2d_input_gradient_direct)(const ConvShape *s, Gradients dy, const float *weight,
                                          const float *bias, float *dx)
{
    if (s->in_channels <= FEW_CHANNELS)
        KERNEL(conv2d_input_gradient_by_parts)(s, dy, weight, bias, dx);
    else
        input_gradient_by_phases(s, dy, weight, bias, dx);
}
