// Host side of kernels/resample.cu.
//
// Resizing: what each position of the result mixes is a table for each axis. Forward it is
// core/ops/resample.c's, in which output o has `taps` entries; backward that table transposed, in
// which an input has an entry for each time that an output reads it, in the outputs' order. One
// kernel does both.
#include "cuda/launch.h"

#include <stdlib.h>
#include <string.h>

typedef struct Axis {
    int64_t in, out;
    int taps;
    const int32_t *index; // [out][taps]
    const float *weight;
} Axis;

// A table is an array of 4-byte words: start[size + 2], index[out taps], weight[out taps]. The last
// start only helps to make it.
static int64_t table_words(const Axis *axis, bool backward)
{
    return (backward ? axis->in : axis->out) + 2 + 2 * axis->out * axis->taps;
}

// Entries in the order of the results they belong to: count them, place the first of each, fill.
static void write_table(const Axis *axis, bool backward, int32_t *words)
{
    const int64_t size = backward ? axis->in : axis->out, entries = axis->out * axis->taps;
    int32_t *start = words, *index = start + size + 2, *weight = index + entries;
    memset(start, 0, (size_t)(size + 2) * sizeof *start);
    for (int64_t k = 0; k < entries; k++) start[(backward ? axis->index[k] : k / axis->taps) + 2]++;
    for (int64_t p = 0; p < size; p++) start[p + 2] += start[p + 1];
    for (int64_t k = 0; k < entries; k++) {
        const int32_t output = (int32_t)(k / axis->taps), input = axis->index[k];
        const int32_t at = start[(backward ? input : output) + 1]++;
        index[at] = backward ? output : input;
        memcpy(&weight[at], &axis->weight[k], sizeof *weight);
    }
}

static Mixture mixture_at(const Axis *axis, bool backward, const int32_t *words)
{
    const int64_t size = backward ? axis->in : axis->out, entries = axis->out * axis->taps;
    return (Mixture){.start = words,
                     .index = words + size + 2,
                     .weight = (const float *)(const void *)(words + size + 2 + entries)};
}

#define READS_MIXTURE(mixture, size, entries)                            \
    READS((mixture).start, (size) + 1), READS((mixture).index, entries), \
        READS((mixture).weight, entries)

// Both tables in scratch memory on the device.
static void send_tables(const Axis *rows, const Axis *columns, bool backward, ResampleArguments *s)
{
    const int64_t first = table_words(rows, backward);
    const int64_t bytes = 4 * (first + table_words(columns, backward));
    int32_t *words = allocate((uint64_t)bytes), *there = device_scratch(bytes);
    write_table(rows, backward, words);
    write_table(columns, backward, words + first);
    device_write(bytes, words, there);
    free(words);
    s->rows = mixture_at(rows, backward, there);
    s->columns = mixture_at(columns, backward, there + first);
}

static void resample(const ResampleShape *shape, bool backward, const float *x, float *y)
{
    const int taps = shape->taps;
    const Axis rows = {shape->in_height, shape->out_height, taps, shape->row_index,
                       shape->row_weight};
    const Axis columns = {shape->in_width, shape->out_width, taps, shape->column_index,
                          shape->column_weight};
    ResampleArguments s = {.height = index_of(backward ? rows.in : rows.out),
                           .width = index_of(backward ? columns.in : columns.out),
                           .channels = index_of(shape->channels),
                           .source_height = index_of(backward ? rows.out : rows.in),
                           .source_width = index_of(backward ? columns.out : columns.in),
                           .x = x,
                           .y = y};
    const int64_t pitch = (int64_t)s.width * s.channels;
    const int64_t source = shape->batch * s.source_height * s.source_width * s.channels;
    if (shape->batch == 0 || pitch == 0) return;
    s.wide = s.channels % 4 == 0 && at_16_bytes(x, y, NULL);
    send_tables(&rows, &columns, backward, &s);
    LAUNCH(KERNEL_resample2d, grid_of_rows(shape->batch * s.height, s.wide ? pitch / 4 : pitch), s,
           READS_MIXTURE(s.rows, s.height, rows.out * taps),
           READS_MIXTURE(s.columns, s.width, columns.out * taps), READS(s.x, source),
           WRITES(s.y, shape->batch * s.height * pitch));
}

static void resample2d(const ResampleShape *shape, const float *x, float *y)
{
    resample(shape, false, x, y);
}

static void resample2d_backward(const ResampleShape *shape, const float *dy, float *dx)
{
    resample(shape, true, dy, dx);
}

// A grid kernel with `count` threads, which writes `written` elements.
static void sample(KernelNumber kernel, const GridShape *shape, int64_t count, int64_t written,
                   const float *x, const float *grid, const float *dy, float *out)
{
    const int64_t pixels = shape->batch * shape->out_height * shape->out_width;
    GridArguments s = {.in_height = index_of(shape->in_height),
                       .in_width = index_of(shape->in_width),
                       .channels = index_of(shape->channels),
                       .out_height = index_of(shape->out_height),
                       .out_width = index_of(shape->out_width),
                       .count = index_of(count),
                       .x = x,
                       .grid = grid,
                       .dy = dy,
                       .out = out};
    LAUNCH(kernel, grid_over(count), s,
           READS(s.x, shape->batch * shape->in_height * shape->in_width * shape->channels),
           READS(s.grid, 2 * pixels), READS(s.dy, pixels * shape->channels),
           WRITES(s.out, written));
}

static void grid_sample(const GridShape *shape, const float *x, const float *grid, float *y)
{
    const int64_t out = shape->batch * shape->out_height * shape->out_width * shape->channels;
    sample(KERNEL_grid_sample, shape, out, out, x, grid, NULL, y);
}

static void grid_sample_backward(const GridShape *shape, const float *x, const float *grid,
                                 const float *dy, float *dx, float *dgrid)
{
    const int64_t in = shape->batch * shape->in_height * shape->in_width * shape->channels;
    const int64_t pixels = shape->batch * shape->out_height * shape->out_width;
    sample(KERNEL_grid_sample_x_gradient, shape, in, in, NULL, grid, dy, dx);
    sample(KERNEL_grid_sample_grid_gradient, shape, pixels, 2 * pixels, x, grid, dy, dgrid);
}

void cuda_enter_resample(Kernels *table)
{
    table->resample2d = resample2d;
    table->resample2d_backward = resample2d_backward;
    table->grid_sample = grid_sample;
    table->grid_sample_backward = grid_sample_backward;
}
