// What forward convolution and its input gradient share: images with a border of zeros, weights
// packed into panels, and the sliding product over them ("implicit GEMM": the matrix of patches is
// never written, tiles read it in place).
#ifndef SIEVE_CORE_CPU_KERNELS_CORRELATE_H
#define SIEVE_CORE_CPU_KERNELS_CORRELATE_H

#include "core/cpu/kernels/tile.h"
#include "core/cpu/transpose.h"
#include "core/kernels.h"

// destination[to[p]] = bias + sum over runs r and k of source[from[p] + run[r] + k] * packed[.. r,
// k ..], for each pixel p.
typedef struct Correlation {
    const int64_t *from, *to; // offset of each pixel of a group of images
    const int64_t *run;       // offset of each run; all have run_length values
    int64_t run_count, run_length;
    int64_t columns;
    const float *packed; // [panel][run_count * run_length][TILE_COLUMNS]
    const float *bias;   // NULL or one value a column
} Correlation;

enum { CORRELATE_K = 320 }; // k values per pass: one panel of them stays in the first-level cache

static inline void correlate_panel(const Correlation *c, Tile *tile, int64_t pixels)
{
    for (int64_t pixel = 0; pixel < pixels; pixel += TILE_ROWS) {
        tile->a_row = c->from + pixel;
        tile->c_row = c->to + pixel;
        tile_run(tile_min(TILE_ROWS, pixels - pixel), tile);
    }
}

static inline void correlate(const Correlation *c, const float *source, int64_t pixels,
                             float *destination)
{
    int64_t depth = c->run_count * c->run_length;
    int64_t runs_per_pass = c->run_length < CORRELATE_K ? CORRELATE_K / c->run_length : 1;
    for (int64_t run = 0; run == 0 || run < c->run_count; run += runs_per_pass) {
        for (int64_t panel = 0; panel < tile_panels(c->columns); panel++) {
            int64_t column = panel * TILE_COLUMNS;
            Tile tile = {.a = source,
                         .c = destination + column,
                         .b = c->packed + (panel * depth + run * c->run_length) * TILE_COLUMNS,
                         .bias = c->bias ? c->bias + column : NULL,
                         .accumulate = run > 0,
                         .columns = tile_min(TILE_COLUMNS, c->columns - column),
                         .run_count = tile_min(runs_per_pass, c->run_count - run),
                         .run_length = c->run_length,
                         .a_step = 1,
                         .b_step = TILE_COLUMNS,
                         .a_offset = c->run + run};
            correlate_panel(c, &tile, pixels);
        }
    }
}

// One row of weights into row k of every panel.
static inline void pack_weight_row(const float *weight, int64_t columns, int64_t depth, int64_t k,
                                   float *packed)
{
    for (int64_t panel = 0; panel < tile_panels(columns); panel++) {
        float *out = packed + (panel * depth + k) * TILE_COLUMNS;
        int64_t count = tile_min(TILE_COLUMNS, columns - panel * TILE_COLUMNS);
        for (int64_t j = 0; j < TILE_COLUMNS; j++)
            out[j] = j < count ? weight[panel * TILE_COLUMNS + j] : 0;
    }
}

// One tap's weights (in, out) into rows k..k+out-1 of every panel: columns are in channels.
static inline void pack_turned_weights(const float *weight, int64_t in, int64_t out, int64_t depth,
                                       int64_t k, float *packed)
{
    for (int64_t column = 0; column < in; column += TILE_COLUMNS) {
        float *to = packed + (column / TILE_COLUMNS * depth + k) * TILE_COLUMNS;
        int64_t count = tile_min(TILE_COLUMNS, in - column);
        if (count < TILE_COLUMNS) memset(to, 0, (size_t)(out * TILE_COLUMNS) * sizeof(float));
        transpose(count, out, weight + column * out, out, to, TILE_COLUMNS);
    }
}

// An image inside a frame of zeros: rows [top, top + height) and columns [left, left + width) of
// the frame hold the image's first rows and columns; what does not fit the frame is cut off. Of the
// image's channels the frame takes as many as it has, from where it is pointed to.
typedef struct Frame {
    int64_t height, width, channels;                   // of the frame
    int64_t image_height, image_width, image_channels; // of the image
    int64_t top, left;
} Frame;

// A convolution's padded input, or some of its channels.
static inline Frame input_frame(const ConvShape *s, int64_t channels)
{
    return (Frame){.height = s->in_height + 2 * s->padding,
                   .width = s->in_width + 2 * s->padding,
                   .channels = channels,
                   .image_height = s->in_height,
                   .image_width = s->in_width,
                   .image_channels = s->in_channels,
                   .top = s->padding,
                   .left = s->padding};
}

static inline int64_t frame_size(const Frame *f)
{
    return f->height * f->width * f->channels;
}

// The frame's channels of a row of pixels.
static inline void frame_row(const Frame *f, int64_t pixels, const float *x, float *framed)
{
    const size_t bytes = (size_t)f->channels * sizeof(float);
    if (f->channels == f->image_channels)
        memcpy(framed, x, (size_t)pixels * bytes);
    else
        for (int64_t i = 0; i < pixels; i++)
            memcpy(framed + i * f->channels, x + i * f->image_channels, bytes);
}

static inline void frame_images(const Frame *f, int64_t images, const float *x, float *framed)
{
    int64_t height = tile_min(f->image_height, f->height - f->top);
    int64_t width = tile_min(f->image_width, f->width - f->left);
    int64_t row = f->width * f->channels, image_row = f->image_width * f->image_channels;
    int64_t before = f->left * f->channels, pixels = width > 0 ? width : 0;
    int64_t inside = pixels * f->channels;
    for (int64_t n = 0; n < images; n++) {
        const float *image = x + n * f->image_height * image_row;
        for (int64_t y = 0; y < f->height; y++, framed += row) {
            if (y < f->top || y >= f->top + height) {
                memset(framed, 0, (size_t)row * sizeof(float));
                continue;
            }
            memset(framed, 0, (size_t)before * sizeof(float));
            frame_row(f, pixels, image + (y - f->top) * image_row, framed + before);
            memset(framed + before + inside, 0, (size_t)(row - before - inside) * sizeof(float));
        }
    }
}

// Images per task: enough pixels to keep the packed weights busy, whatever the number of threads.
static inline int64_t images_per_group(int64_t batch, int64_t pixels, int64_t wanted)
{
    int64_t group = pixels > 0 ? (wanted + pixels - 1) / pixels : 1;
    return group < 1 ? 1 : group > batch ? batch : group;
}

#endif
