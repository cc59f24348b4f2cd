// dweight[ky][kx][ci][co] = sum over output pixels of x[that pixel's tap (ky, kx)][ci] *
// dy[pixel][co]: a product in which the pixels are k. Tiles hold 6 values of (ky, kx, ci) by
// TILE_COLUMNS output channels; a run is one row of output pixels, in which x advances by stride *
// channels and dy by out_channels. Images are cut into chunks by shape alone; each chunk sums its own
// part, the parts are added in the order of the chunks. Where chunks are few, a task takes a slice
// of the input channels, all taps of it: it frames no more of x than it reads.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/correlate.h"
#include "core/thread.h"

enum { GROUP_PIXELS = 128, MAX_CHUNKS = 16, MIN_GROUPS = 1, MIN_TASKS = 8, MIN_ROWS = 48 };
static const int64_t MAX_PART_VALUES = 1 << 22; // floats in all chunks' parts together
enum { BAND_PIXELS = 192, ADD_BLOCK = 4096, SHORT_ROW = 16 };

typedef struct WeightTask {
    const ConvShape *shape;
    Frame frame;           // of a slice
    int64_t group;         // images that one pass of a tile covers
    int64_t chunk, chunks; // images per chunk; how many
    int64_t slice, slices; // input channels per slice; how many
    int64_t rows;          // of a slice: kernel_height * kernel_width * its channels
    int64_t run_length;    // pixels: a row, or one where rows are short
    const int64_t *run;
    const int64_t *row_offset, *row_result; // where a slice's rows begin in x and in a part
    const float *x;
    Gradients dy;
    float *parts; // [chunk][ky][kx][ci][co]
} WeightTask;

// dy of some pixels in panels: [panel][pixel][TILE_COLUMNS], zero beyond out_channels. In place, a
// tile's columns would lie out_channels apart, a power of two as a rule, and fight for the same few
// lines of the cache.
static void pack_panels(const ConvShape *s, int64_t pixels, const float *dy, float *packed)
{
    for (int64_t column = 0; column < s->out_channels; column += TILE_COLUMNS) {
        int64_t columns = tile_min(TILE_COLUMNS, s->out_channels - column);
        for (int64_t pixel = 0; pixel < pixels; pixel++, packed += TILE_COLUMNS) {
            const float *from = dy + pixel * s->out_channels + column;
            for (int64_t j = 0; j < columns; j++) packed[j] = from[j];
            for (int64_t j = columns; j < TILE_COLUMNS; j++) packed[j] = 0;
        }
    }
}

// dy is its own single panel: no need to pack it.
static bool is_panel(int64_t channels)
{
    return channels == TILE_COLUMNS || channels == TILE_COLUMNS / 2;
}

// What one band of pixels adds to a slice's rows of one part. While a tile is worked on, the results
// of the next one are on their way.
static void band_gradient(const WeightTask *task, Tile tile)
{
    for (int64_t row = 0; row < task->rows; row += TILE_ROWS) {
        int64_t left = task->rows - row;
        tile.a_row = task->row_offset + row;
        tile.c_row = task->row_result + row;
        if (left > TILE_ROWS)
            tile_prefetch(tile.c, tile.c_row + TILE_ROWS, tile_min(TILE_ROWS, left - TILE_ROWS));
        tile_run(tile_min(TILE_ROWS, left), &tile);
    }
}

// What the pixels of some images add to a slice, a band of pixels after the other: its gradients,
// read for every row, stay in the first-level cache. dy is in panels.
static void group_gradient(const WeightTask *task, const float *x, const float *dy, int64_t images,
                           bool accumulate, float *part)
{
    const ConvShape *s = task->shape;
    const int64_t pixels = images * s->out_height * s->out_width, length = task->run_length;
    const int64_t runs = pixels / length, step = (BAND_PIXELS + length - 1) / length;
    const int64_t b_step = is_panel(s->out_channels) ? s->out_channels : TILE_COLUMNS;
    for (int64_t run = 0; run < runs; run += step)
        for (int64_t column = 0; column < s->out_channels; column += TILE_COLUMNS)
            band_gradient(task, (Tile){.a = x,
                                       .c = part + column,
                                       .b = dy + column * pixels + run * length * b_step,
                                       .accumulate = accumulate || run > 0,
                                       .columns = tile_min(TILE_COLUMNS, s->out_channels - column),
                                       .run_count = tile_min(step, runs - run),
                                       .run_length = length,
                                       .a_step = s->stride * task->frame.channels,
                                       .b_step = b_step,
                                       .a_offset = task->run + run});
}

static void weight_task(void *context, int64_t number, int thread)
{
    const WeightTask *task = context;
    const ConvShape *s = task->shape;
    int64_t chunk = number / task->slices, slice = number % task->slices;
    int64_t end = tile_min((chunk + 1) * task->chunk, s->batch);
    int64_t image_in = s->in_height * s->in_width * s->in_channels;
    int64_t pixels = s->out_height * s->out_width;
    int64_t framed_count = s->padding > 0 ? task->group * frame_size(&task->frame) : 0;
    bool packs = !is_panel(s->out_channels);
    int64_t packed_count =
        packs ? task->group * pixels * tile_panels(s->out_channels) * TILE_COLUMNS : 0;
    int64_t values = pixels * s->out_channels;
    float *area = scratch(
        thread, (framed_count + packed_count + gradients_room(&task->dy, task->group, values)) * 4);
    float *packed = area + framed_count, *room = packed + packed_count;
    float *part =
        task->parts + (chunk * task->slices * task->rows + slice * task->slice) * s->out_channels;
    for (int64_t image = chunk * task->chunk; image < end; image += task->group) {
        int64_t images = tile_min(task->group, end - image);
        const float *x = task->x + image * image_in + slice * task->slice;
        if (s->padding > 0) {
            frame_images(&task->frame, images, x, area);
            x = area;
        }
        const float *dy = gradients_of(&task->dy, image, images, values, room);
        if (packs) pack_panels(s, images * pixels, dy, packed);
        group_gradient(task, x, packs ? packed : dy, images, image > chunk * task->chunk, part);
    }
}

typedef struct AddTask {
    int64_t count, parts;
    const float *part;
    float *sum;
} AddTask;

static void add_block(void *context, int64_t number, int thread)
{
    (void)thread;
    const AddTask *task = context;
    int64_t end = tile_min((number + 1) * ADD_BLOCK, task->count);
    for (int64_t i = number * ADD_BLOCK; i < end; i++) {
        float sum = task->part[i];
        for (int64_t p = 1; p < task->parts; p++) sum += task->part[p * task->count + i];
        task->sum[i] = sum;
    }
}

void KERNEL(add_parts)(int64_t count, int64_t parts, const float *part, float *sum)
{
    parallel_for((count + ADD_BLOCK - 1) / ADD_BLOCK, add_block,
                 &(AddTask){count, parts, part, sum});
}

static void weight_tables(const WeightTask *task, int64_t *run, int64_t *row_offset,
                          int64_t *row_result)
{
    const ConvShape *s = task->shape;
    const Frame *f = &task->frame;
    for (int64_t n = 0; n < task->group; n++)
        for (int64_t y = 0; y < s->out_height; y++)
            for (int64_t x = 0; x < s->out_width; x += task->run_length)
                *run++ = ((n * f->height + y * s->stride) * f->width + x * s->stride) * f->channels;
    for (int64_t ky = 0; ky < s->kernel_height; ky++)
        for (int64_t kx = 0; kx < s->kernel_width; kx++)
            for (int64_t ci = 0; ci < task->slice; ci++) {
                *row_offset++ = (ky * f->width + kx) * s->dilation * f->channels + ci;
                *row_result++ =
                    ((ky * s->kernel_width + kx) * s->in_channels + ci) * s->out_channels;
            }
}

static void plan(WeightTask *task)
{
    const ConvShape *s = task->shape;
    const int64_t taps = s->kernel_height * s->kernel_width;
    int64_t values = taps * s->in_channels * s->out_channels;
    task->group = images_per_group(s->batch, s->out_height * s->out_width, GROUP_PIXELS);
    int64_t groups = (s->batch + task->group - 1) / task->group;
    int64_t chunks = tile_min(MAX_CHUNKS, MAX_PART_VALUES / (values > 0 ? values : 1));
    chunks = tile_min(chunks, groups / MIN_GROUPS);
    chunks = chunks > 0 ? chunks : 1;
    task->chunk = ((s->batch + chunks - 1) / chunks + task->group - 1) / task->group * task->group;
    task->chunks = (s->batch + task->chunk - 1) / task->chunk;
    task->slices = 1;
    task->slice = s->in_channels;
    while (task->slice % 2 == 0 && task->slice / 2 * taps >= MIN_ROWS &&
           task->chunks * task->slices < MIN_TASKS) {
        task->slice /= 2;
        task->slices *= 2;
    }
    task->rows = taps * task->slice;
    task->run_length = s->out_width < SHORT_ROW ? 1 : s->out_width;
    task->frame = input_frame(s, s->padding > 0 ? task->slice : s->in_channels);
}

void KERNEL(conv2d_weight_gradient_direct)(const ConvShape *s, const float *x, Gradients dy,
                                           float *dweight)
{
    WeightTask task = {.shape = s, .x = x, .dy = dy};
    plan(&task);
    int64_t values = task.rows * task.slices * s->out_channels;
    int64_t runs = task.group * s->out_height * s->out_width / task.run_length;
    int64_t *tables = scratch(-1, (runs + 2 * task.rows) * 8 + task.chunks * values * 4 + 64);
    int64_t *row_offset = tables + runs, *row_result = row_offset + task.rows;
    weight_tables(&task, tables, row_offset, row_result);
    task.run = tables;
    task.row_offset = row_offset;
    task.row_result = row_result;
    task.parts = task.chunks == 1 ? dweight : (float *)(void *)(row_result + task.rows);
    parallel_for(task.chunks * task.slices, weight_task, &task);
    if (task.chunks > 1) KERNEL(add_parts)(values, task.chunks, task.parts, dweight);
}
