// What forward, input gradient and weight gradient of Winograd's convolutions share: images cut into
// tiles of 4x4 or 2x2 results, the tiles' spectra (16, 36 or 64 planes, plane f holding value f of
// every tile and channel) and where the weights' spectra lie.
#ifndef SIEVE_CORE_CPU_KERNELS_WINOGRAD_TILES_H
#define SIEVE_CORE_CPU_KERNELS_WINOGRAD_TILES_H

#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/winograd.h"

enum {
    PANEL_WIDTH = WINOGRAD_CHANNELS, // whole vectors on every instruction set
    FEW_TILES = 32,                  // a block
    PLANE_GAP = 32,                  // between planes: powers of two would share cache lines' sets
};

// Spectra are [frequency][panel of channels][tile][PANEL_WIDTH].
typedef struct Tiling {
    int out, points;       // a tile has out x out results and points x points frequencies
    int64_t rows, columns; // tiles of one image
    int64_t tiles;         // of all images
    int64_t block, blocks; // tiles per block
} Tiling;

static inline Tiling tiling_by(const ConvShape *s, int out, int64_t block)
{
    Tiling t = {.out = out, .points = (int)s->kernel_height + out - 1, .block = block};
    t.rows = (s->out_height + out - 1) / out;
    t.columns = (s->out_width + out - 1) / out;
    t.tiles = s->batch * t.rows * t.columns;
    t.blocks = (t.tiles + t.block - 1) / t.block;
    return t;
}

static inline int64_t frequencies_of(const Tiling *t)
{
    return t->points * t->points;
}

// Tiles of 4x4 results, or for a 3x3 kernel of 2x2 where that takes fewer multiplications.
static inline Tiling tiling_of(const ConvShape *s, int64_t block)
{
    const Tiling large = tiling_by(s, 4, block), small = tiling_by(s, 2, block);
    bool takes_small = s->kernel_height == 3 &&
                       small.tiles * frequencies_of(&small) < large.tiles * frequencies_of(&large);
    return takes_small ? small : large;
}

static inline int64_t plane_of(const Tiling *t, int64_t channels)
{
    return t->block * channels + PLANE_GAP;
}

static inline int64_t place_of(const Tiling *t, int64_t tile, int64_t channel)
{
    return channel / PANEL_WIDTH * t->block * PANEL_WIDTH + tile * PANEL_WIDTH +
           channel % PANEL_WIDTH;
}

// `part` of the images' channels are worked on, from where their array is pointed to.
typedef struct Images {
    int64_t height, width, channels, part;
} Images;

// A tile's size x size values of the images: offsets from the first image's start, -1 outside.
static inline void tile_offsets(const Tiling *t, Images images, int size, int64_t padding,
                                int64_t tile, int64_t *offset)
{
    int64_t image = tile / (t->rows * t->columns), in_image = tile % (t->rows * t->columns);
    int64_t top = in_image / t->columns * t->out - padding;
    int64_t left = in_image % t->columns * t->out - padding;
    for (int64_t y = top; y < top + size; y++)
        for (int64_t x = left; x < left + size; x++) {
            bool outside = y < 0 || y >= images.height || x < 0 || x >= images.width;
            int64_t pixel = (image * images.height + y) * images.width + x;
            *offset++ = outside ? -1 : pixel * images.channels;
        }
}

// What is read in place of x: scale * x per channel, and 0 where y is not above 0. NULLs: x.
typedef struct Reading {
    const float *y, *scale;
} Reading;

ALWAYS_INLINE Vector read(const Reading *how, const float *x, int64_t offset, int64_t channel)
{
    if (offset < 0) return splat(0);
    Vector value = load(x + offset + channel);
    if (how && how->scale) value *= load(how->scale + channel);
    if (how && how->y)
        value = select_vector(less(splat(0), load(how->y + offset + channel)), value, splat(0));
    return value;
}

// The columns' transform of values that lie `plane` apart.
ALWAYS_INLINE void plane_columns(Transform *transform, const int points, const int size,
                                 int64_t plane, const float *spectra, Line *values)
{
    UNROLL
    for (int column = 0; column < points; column++) {
        Line from;
        UNROLL
        for (int row = 0; row < points; row++)
            from[row] = load(spectra + (row * points + column) * plane);
        transform_column(transform, size, from, column, values);
    }
}

// The rows' transform, to values that lie `plane` apart.
ALWAYS_INLINE void plane_rows(Transform *transform, const int size, Line *values, int64_t plane,
                              float *to)
{
    UNROLL
    for (int row = 0; row < size; row++) {
        Line line;
        transform(values[row], line);
        UNROLL
        for (int i = 0; i < size; i++) store(to + (row * size + i) * plane, line[i]);
    }
}

// The spectra of tiles first..first+count-1, which become tiles 0..count-1 of `spectra`.
ALWAYS_INLINE void transform_tiles(Transform *transform, const int size, const int points,
                                   const Tiling *t, Images images, int64_t padding, int64_t first,
                                   int64_t count, const Reading *how, const float *x,
                                   float *spectra)
{
    int64_t offset[MOST_FREQUENCIES], plane = plane_of(t, images.part);
    for (int64_t tile = 0; tile < count; tile++) {
        tile_offsets(t, images, size, padding, first + tile, offset);
        for (int64_t c = 0; c < images.part; c += LANES) {
            Line values[MOST_POINTS];
            UNROLL
            for (int column = 0; column < size; column++) {
                Line from;
                UNROLL
                for (int row = 0; row < size; row++)
                    from[row] = read(how, x, offset[row * size + column], c);
                transform_column(transform, points, from, column, values);
            }
            plane_rows(transform, points, values, plane, spectra + place_of(t, tile, c));
        }
    }
}

static inline Images inputs_of(const ConvShape *s)
{
    return (Images){s->in_height, s->in_width, s->in_channels, s->in_channels};
}

static inline Images outputs_of(const ConvShape *s)
{
    return (Images){s->out_height, s->out_width, s->out_channels, s->out_channels};
}

// B^T d B
static inline void input_spectra(const Tiling *t, const ConvShape *s, int64_t first, int64_t count,
                                 const float *x, float *spectra)
{
    const Images images = inputs_of(s);
    const int64_t padding = s->padding;
    if (t->points == 4)
        transform_tiles(input_transform4, 4, 4, t, images, padding, first, count, NULL, x, spectra);
    else if (t->points == 6)
        transform_tiles(input_transform6, 6, 6, t, images, padding, first, count, NULL, x, spectra);
    else
        transform_tiles(input_transform8, 8, 8, t, images, padding, first, count, NULL, x, spectra);
}

// A dy A^T, or A (what `how` makes of dy) A^T
static inline void gradient_spectra(const Tiling *t, const ConvShape *s, int64_t first,
                                    int64_t count, const Reading *how, const float *dy,
                                    float *spectra)
{
    const Images images = outputs_of(s);
    if (t->points == 4)
        transform_tiles(output_adjoint4, 2, 4, t, images, 0, first, count, how, dy, spectra);
    else if (t->points == 8)
        transform_tiles(output_adjoint8, 4, 8, t, images, 0, first, count, how, dy, spectra);
    else if (how->scale || how->y)
        transform_tiles(output_adjoint6, 4, 6, t, images, 0, first, count, how, dy, spectra);
    else
        transform_tiles(output_adjoint6, 4, 6, t, images, 0, first, count, NULL, dy, spectra);
}

// ---- the weights' spectra: [frequency][panel of columns][row][PANEL_WIDTH] ----

// Rows are in channels and columns out channels; for the input gradient the other way round.
typedef struct WeightTask {
    int points;
    int64_t rows, columns;
    const float *from; // [kernel * kernel][rows][columns], or spectra
    float *to;
} WeightTask;

static inline int64_t weight_plane(int64_t rows, int64_t columns)
{
    return rows * columns + PLANE_GAP;
}

static inline int64_t weight_place(int64_t rows, int64_t row, int64_t column)
{
    return (column / PANEL_WIDTH * rows + row) * PANEL_WIDTH + column % PANEL_WIDTH;
}

// LANES values of each of `in` x `in` planes to `out` x `out` planes.
ALWAYS_INLINE void transform_planes(Transform *transform, const int in, const int out,
                                    int64_t from_plane, const float *from, int64_t to_plane,
                                    float *to)
{
    Line values[MOST_POINTS];
    plane_columns(transform, in, out, from_plane, from, values);
    plane_rows(transform, out, values, to_plane, to);
}

#endif
