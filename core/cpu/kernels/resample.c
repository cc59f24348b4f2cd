// Resampling by per-axis tables (nearest, bilinear, bicubic) and sampling at given positions. Plain
// C loops over channels or whole rows, with named multiply-adds: the compiler makes vectors of
// them, which changes no bit. Backward passes add into dx in the order of the outputs, so one task
// takes a whole image.
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/ranges.h"
#include "core/cpu/vmath.h"

// y += weight * x
static inline void add_scaled(int64_t count, float weight, const float *restrict x,
                              float *restrict y)
{
    for (int64_t i = 0; i < count; i++) y[i] = multiply_add(weight, x[i], y[i]);
}

static inline void set_scaled(int64_t count, float weight, const float *restrict x,
                              float *restrict y)
{
    for (int64_t i = 0; i < count; i++) y[i] = weight * x[i];
}

typedef struct ResampleCall {
    const ResampleShape *shape;
    const float *x; // forward: x, backward: dy
    float *y;       // forward: y, backward: dx
} ResampleCall;

// First the rows are mixed, over the whole width at once, into one row; then that row's pixels.
static void resample_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    const ResampleCall *call = context;
    const ResampleShape *shape = call->shape;
    const int64_t channels = shape->channels, width = shape->in_width * channels;
    float *mixed = scratch(thread, width * (int64_t)sizeof(float));
    for (int64_t row = begin; row < end; row++) {
        const float *image = call->x + row / shape->out_height * shape->in_height * width;
        const int64_t first = row % shape->out_height * shape->taps;
        for (int t = 0; t < shape->taps; t++) {
            const float *x = image + shape->row_index[first + t] * width;
            (t == 0 ? set_scaled : add_scaled)(width, shape->row_weight[first + t], x, mixed);
        }
        for (int64_t o = 0; o < shape->out_width * shape->taps; o++) {
            const float *x = mixed + shape->column_index[o] * channels;
            float *y = call->y + (row * shape->out_width + o / shape->taps) * channels;
            (o % shape->taps == 0 ? set_scaled : add_scaled)(channels, shape->column_weight[o], x,
                                                             y);
        }
    }
}

static void resample2d(const ResampleShape *shape, const float *x, float *y)
{
    ResampleCall call = {shape, x, y};
    int64_t cost = (shape->in_width + shape->out_width) * shape->channels * shape->taps;
    parallel_ranges(shape->batch * shape->out_height, cost, resample_rows, &call);
}

static void resample_backward_images(const void *context, int64_t begin, int64_t end, int thread)
{
    const ResampleCall *call = context;
    const ResampleShape *shape = call->shape;
    const int64_t channels = shape->channels, width = shape->in_width * channels;
    float *mixed = scratch(thread, width * (int64_t)sizeof(float));
    for (int64_t n = begin; n < end; n++) {
        float *image = call->y + n * shape->in_height * width;
        memset(image, 0, (size_t)(shape->in_height * width) * sizeof(float));
        for (int64_t oy = 0; oy < shape->out_height; oy++) {
            const float *dy = call->x + (n * shape->out_height + oy) * shape->out_width * channels;
            memset(mixed, 0, (size_t)width * sizeof(float));
            for (int64_t o = 0; o < shape->out_width * shape->taps; o++)
                add_scaled(channels, shape->column_weight[o], dy + o / shape->taps * channels,
                           mixed + shape->column_index[o] * channels);
            for (int64_t t = oy * shape->taps; t < (oy + 1) * shape->taps; t++)
                add_scaled(width, shape->row_weight[t], mixed, image + shape->row_index[t] * width);
        }
    }
}

static void resample2d_backward(const ResampleShape *shape, const float *dy, float *dx)
{
    ResampleCall call = {shape, dy, dx};
    int64_t cost = shape->out_height * (shape->in_width + shape->out_width) * shape->channels;
    parallel_ranges(shape->batch, cost * shape->taps, resample_backward_images, &call);
}

// ---- Sampling at positions
// -----------------------------------------------------------------------

// Along one axis: the two neighbours of a position, their weights, and whether they lie inside.
typedef struct Neighbours {
    int64_t index[2];
    float weight[2];
    bool inside[2];
} Neighbours;

static Neighbours neighbours_of(float position, int64_t size)
{
    float at = (position + 1) * 0.5f * (float)(size - 1);
    Neighbours n = {.index = {0}};
    if (!(at >= -1 && at < (float)size)) return n; // no neighbour inside, or not a number
    n.index[0] = (int64_t)(at + 1) - 1;            // floor
    if ((float)n.index[0] > at) n.index[0]--;      // at + 1 was rounded up
    n.index[1] = n.index[0] + 1;
    n.weight[1] = at - (float)n.index[0];
    n.weight[0] = 1 - n.weight[1];
    for (int i = 0; i < 2; i++) n.inside[i] = n.index[i] >= 0 && n.index[i] < size;
    return n;
}

typedef struct GridCall {
    const GridShape *shape;
    const float *x, *grid, *dy;
    float *y, *dx, *dgrid;
} GridCall;

// y = the weighted sum of four pixels.
static inline void mix(int64_t channels, const float *const near[4], const float weight[4],
                       float *restrict y)
{
    for (int64_t c = 0; c < channels; c++) {
        float sum = weight[0] * near[0][c];
        sum = multiply_add(weight[1], near[1][c], sum);
        sum = multiply_add(weight[2], near[2][c], sum);
        y[c] = multiply_add(weight[3], near[3][c], sum);
    }
}

static void sample_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    const GridCall *call = context;
    const GridShape *shape = call->shape;
    const int64_t channels = shape->channels, width = shape->out_width;
    float *outside = scratch(thread, channels * (int64_t)sizeof(float)); // a pixel of zeros
    memset(outside, 0, (size_t)channels * sizeof(float));
    for (int64_t p = begin * width; p < end * width; p++) {
        const int64_t image = p / (shape->out_height * width) * shape->in_height * shape->in_width;
        Neighbours columns = neighbours_of(call->grid[2 * p], shape->in_width);
        Neighbours rows = neighbours_of(call->grid[2 * p + 1], shape->in_height);
        const float *near[4];
        float weight[4];
        for (int i = 0; i < 4; i++) {
            const int r = i / 2, c = i % 2;
            const int64_t pixel = image + rows.index[r] * shape->in_width + columns.index[c];
            near[i] = rows.inside[r] && columns.inside[c] ? call->x + pixel * channels : outside;
            weight[i] = rows.weight[r] * columns.weight[c];
        }
        mix(channels, near, weight, call->y + p * channels);
    }
}

static void grid_sample(const GridShape *shape, const float *x, const float *grid, float *y)
{
    GridCall call = {.shape = shape, .x = x, .grid = grid, .y = y};
    parallel_ranges(shape->batch * shape->out_height, 4 * shape->out_width * shape->channels,
                    sample_rows, &call);
}

// One output pixel: its gradient goes to the four neighbours, and, through their values, to the
// position.
static void sample_gradient(const GridCall *call, const float *x, const float *grid,
                            const float *dy, float *dx, float *dgrid)
{
    const GridShape *shape = call->shape;
    const int64_t channels = shape->channels;
    Neighbours columns = neighbours_of(grid[0], shape->in_width);
    Neighbours rows = neighbours_of(grid[1], shape->in_height);
    float column_slope = 0, row_slope = 0; // d loss / d position in pixels
    for (int i = 0; i < 4; i++) {
        const int r = i / 2, c = i % 2;
        if (!rows.inside[r] || !columns.inside[c]) continue;
        const int64_t from = (rows.index[r] * shape->in_width + columns.index[c]) * channels;
        add_scaled(channels, rows.weight[r] * columns.weight[c], dy, dx + from);
        float product = 0;
        for (int64_t k = 0; k < channels; k++) product = multiply_add(x[from + k], dy[k], product);
        column_slope = multiply_add(c ? rows.weight[r] : -rows.weight[r], product, column_slope);
        row_slope = multiply_add(r ? columns.weight[c] : -columns.weight[c], product, row_slope);
    }
    dgrid[0] = column_slope * (0.5f * (float)(shape->in_width - 1));
    dgrid[1] = row_slope * (0.5f * (float)(shape->in_height - 1));
}

static void sample_backward_images(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const GridCall *call = context;
    const GridShape *shape = call->shape;
    const int64_t size = shape->in_height * shape->in_width * shape->channels;
    const int64_t pixels = shape->out_height * shape->out_width;
    memset(call->dx + begin * size, 0, (size_t)((end - begin) * size) * sizeof(float));
    for (int64_t p = begin * pixels; p < end * pixels; p++)
        sample_gradient(call, call->x + p / pixels * size, call->grid + 2 * p,
                        call->dy + p * shape->channels, call->dx + p / pixels * size,
                        call->dgrid + 2 * p);
}

static void grid_sample_backward(const GridShape *shape, const float *x, const float *grid,
                                 const float *dy, float *dx, float *dgrid)
{
    GridCall call = {shape, x, grid, dy, NULL, dx, dgrid};
    int64_t cost = 8 * shape->out_height * shape->out_width * shape->channels;
    parallel_ranges(shape->batch, cost, sample_backward_images, &call);
}

void KERNEL(enter_resample)(Kernels *table)
{
    table->resample2d = resample2d;
    table->resample2d_backward = resample2d_backward;
    table->grid_sample = grid_sample;
    table->grid_sample_backward = grid_sample_backward;
}
