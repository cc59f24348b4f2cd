// The input gradient of a convolution with few input channels, by parts: the product of dy with every
// tap (ky, kx, ci) is formed for each output pixel, pixels side by side in the vectors, and the parts
// are added up where they belong.
//
// With a row's end padded by zeros, "where" is one distance for all pixels of an image: input pixel
// (oy stride + ky dilation, ox stride + kx dilation), in padded coordinates, has the remainder
// (ky dilation mod stride, ...) whatever (oy, ox) is, so the pixels of each remainder ("phase") are
// kept as a plane of their own, in which a tap moves the image by (ky dilation / stride) rows and
// (kx dilation / stride) columns.
//
// A slab of pixels is transposed, multiplied and added while it is in the first-level cache; the
// multiply-adds (a product of depth out_channels only) limit. Slabs go from the last to the first and
// taps forwards: so every value of dx is summed in the order of the taps.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/correlate.h"
#include "core/thread.h"

enum { SLAB = 224 }; // pixels: whole panels on every instruction set

typedef struct PartsTask {
    const ConvShape *shape;
    int64_t width, plane; // of a phase: a row's length, values
    int64_t slabs;
    const float *weight, *bias;
    Gradients dy;
    float *dx;
} PartsTask;

// dy of pixels first .. first+TILE_COLUMNS-1, zero beyond the ends of rows and image.
static void gather_panel(const PartsTask *task, int64_t first, const float *dy, float *panel)
{
    const ConvShape *s = task->shape;
    const size_t pixel = (size_t)s->out_channels * sizeof(float);
    for (int64_t i = 0, count; i < TILE_COLUMNS; i += count, panel += count * s->out_channels) {
        int64_t row = (first + i) / task->width, column = (first + i) % task->width;
        bool inside = row < s->out_height && column < s->out_width;
        count = tile_min(TILE_COLUMNS - i, (inside ? s->out_width : task->width) - column);
        if (inside)
            memcpy(panel, dy + (row * s->out_width + column) * s->out_channels,
                   (size_t)count * pixel);
        else
            memset(panel, 0, (size_t)count * pixel);
    }
}

// parts[ky, kx, ci][pixel] = sum over out channels of weight[ky, kx, ci] * dy[pixel], of one panel;
// rows of parts are SLAB apart.
static void multiply_panel(const PartsTask *task, int64_t rows, const float *turned, float *parts)
{
    const int64_t channels = task->shape->out_channels;
    const int64_t tiles = (rows + TILE_ROWS - 1) / TILE_ROWS, even = (rows + tiles - 1) / tiles;
    const TileSteps a_steps = tile_steps(channels), c_steps = tile_steps(SLAB);
    Tile tile = {.a_row = a_steps.at,
                 .c_row = c_steps.at,
                 .b = turned,
                 .columns = TILE_COLUMNS,
                 .run_count = 1,
                 .run_length = channels,
                 .a_step = 1,
                 .b_step = TILE_COLUMNS,
                 .a_offset = &(int64_t){0}};
    for (int64_t row = 0; row < rows; row += even) {
        tile.a = task->weight + row * channels;
        tile.c = parts + row * SLAB;
        tile_run(tile_min(even, rows - row), &tile);
    }
}

// One slab's parts, added to the planes from its first pixel on. (Much narrower slabs would read sums
// that are still on their way to the cache.)
static void add_slab(const PartsTask *task, int64_t first, const float *parts, float *planes)
{
    const ConvShape *s = task->shape;
    for (int64_t ky = 0; ky < s->kernel_height; ky++)
        for (int64_t kx = 0; kx < s->kernel_width; kx++) {
            int64_t y = ky * s->dilation, x = kx * s->dilation;
            int64_t phase = y % s->stride * s->stride + x % s->stride;
            int64_t shift = y / s->stride * task->width + x / s->stride;
            float *to = planes + phase * s->in_channels * task->plane + first + shift;
            for (int64_t c = 0; c < s->in_channels; c++, to += task->plane, parts += SLAB)
                for (int64_t i = 0; i < SLAB; i += LANES)
                    store(to + i, load(to + i) + load(parts + i));
        }
}

// dx of one image, gathered from the planes: a row and a phase of columns at a time.
static void gather_image(const PartsTask *task, const float *planes, float *dx)
{
    const ConvShape *s = task->shape;
    const int64_t channels = s->in_channels, step = s->stride * channels;
    for (int64_t row = 0; row < s->in_height; row++, dx += s->in_width * channels)
        for (int64_t start = 0; start < tile_min(s->stride, s->in_width); start++) {
            int64_t y = row + s->padding, x = start + s->padding;
            int64_t phase = y % s->stride * s->stride + x % s->stride;
            int64_t count = (s->in_width - start + s->stride - 1) / s->stride;
            const float *from = planes + phase * channels * task->plane +
                                y / s->stride * task->width + x / s->stride;
            for (int64_t c = 0; c < channels; c++, from += task->plane)
                for (int64_t i = 0; i < count; i++) dx[start * channels + c + i * step] = from[i];
        }
}

static void parts_image(void *context, int64_t image, int thread)
{
    const PartsTask *task = context;
    const ConvShape *s = task->shape;
    int64_t values = s->out_height * s->out_width * s->out_channels;
    int64_t rows = s->kernel_height * s->kernel_width * s->in_channels;
    int64_t panel_count = TILE_COLUMNS * s->out_channels, parts_count = rows * SLAB;
    int64_t planes = s->stride * s->stride * s->in_channels, planes_count = planes * task->plane;
    int64_t room = gradients_room(&task->dy, 1, values);
    float *panel = scratch(thread, (2 * panel_count + parts_count + planes_count + room) * 4);
    float *turned = panel + panel_count, *parts = turned + panel_count;
    float *sums = parts + parts_count;
    const float *dy = gradients_of(&task->dy, image, 1, values, sums + planes_count);
    for (int64_t i = 0; i < planes_count; i++)
        sums[i] = task->bias ? task->bias[i / task->plane % s->in_channels] : 0;
    for (int64_t first = (task->slabs - 1) * SLAB; first >= 0; first -= SLAB) {
        for (int64_t i = 0; i < SLAB; i += TILE_COLUMNS) {
            gather_panel(task, first + i, dy, panel);
            transpose(TILE_COLUMNS, s->out_channels, panel, s->out_channels, turned, TILE_COLUMNS);
            multiply_panel(task, rows, turned, parts + i);
        }
        add_slab(task, first, parts, sums);
    }
    gather_image(task, sums, task->dx + image * s->in_height * s->in_width * s->in_channels);
}

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

void KERNEL(conv2d_input_gradient_by_parts)(const ConvShape *s, Gradients dy, const float *weight,
                                            const float *bias, float *dx)
{
    PartsTask task = {.shape = s, .weight = weight, .bias = bias, .dy = dy, .dx = dx};
    int64_t reach_y = (s->kernel_height - 1) * s->dilation / s->stride;
    int64_t reach_x = (s->kernel_width - 1) * s->dilation / s->stride;
    task.width = larger(s->out_width + reach_x, (s->in_width - 1 + s->padding) / s->stride + 1);
    task.slabs = (s->out_height * task.width + SLAB - 1) / SLAB;
    int64_t moved = task.slabs * SLAB + reach_y * task.width + reach_x;
    int64_t rows = (s->in_height - 1 + s->padding) / s->stride + 1;
    task.plane = larger(moved, rows * task.width);
    parallel_for(s->batch, parts_image, &task);
}
