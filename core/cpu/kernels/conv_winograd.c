// 3x3 convolution with stride 1 by Winograd's F(4x4, 3x3) (winograd.h): forward, input gradient and
// weight gradient. Images are cut into tiles of 4x4 results. A block of tiles is transformed
// ("spectra": 36 planes, plane f holding value f of every tile and channel), each plane is a matrix
// product over channels, the products are transformed back. A block's planes stay in the
// second-level cache; what limits is the product, at a quarter of the direct multiplications.
//
// The input gradient is the forward pass of dy with the weights turned round: rotated by half a
// turn, input and output channels exchanged, padding 2 - padding.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/tile.h"
#include "core/cpu/kernels/winograd.h"
#include "core/thread.h"

enum {
    PANEL_WIDTH = WINOGRAD_CHANNELS, // whole vectors on every instruction set
    FEW_TILES = 32,                  // a block
    MANY_TILES = 64,      // where the weights' spectra are large and each block reads them all
    LARGE = 1 << 15,      // weights per tap from which they are
    GRADIENT_TILES = 128, // a block of the weight gradient
    RUNS_PER_PASS = 8,    // panels of input channels that a pass over a plane sums
    PLANE_GAP = 32,       // between planes: powers of two would share cache lines' sets
};

// Spectra are [frequency][panel of channels][tile][PANEL_WIDTH].
typedef struct Tiling {
    int64_t rows, columns; // tiles of one image
    int64_t tiles;         // of all images
    int64_t block, blocks; // tiles per block
} Tiling;

static Tiling tiling_of(const ConvShape *s, int64_t block)
{
    Tiling t = {.block = block};
    t.rows = (s->out_height + WINOGRAD_OUT - 1) / WINOGRAD_OUT;
    t.columns = (s->out_width + WINOGRAD_OUT - 1) / WINOGRAD_OUT;
    t.tiles = s->batch * t.rows * t.columns;
    t.blocks = (t.tiles + t.block - 1) / t.block;
    return t;
}

static int64_t plane_of(const Tiling *t, int64_t channels)
{
    return t->block * channels + PLANE_GAP;
}

static int64_t place_of(const Tiling *t, int64_t tile, int64_t channel)
{
    return channel / PANEL_WIDTH * t->block * PANEL_WIDTH + tile * PANEL_WIDTH +
           channel % PANEL_WIDTH;
}

typedef struct Images {
    int64_t height, width, channels;
} Images;

// A tile's size x size values of the images: offsets from the first image's start, -1 outside.
static void tile_offsets(const Tiling *t, Images images, int size, int64_t padding, int64_t tile,
                         int64_t *offset)
{
    int64_t image = tile / (t->rows * t->columns), in_image = tile % (t->rows * t->columns);
    int64_t top = in_image / t->columns * WINOGRAD_OUT - padding;
    int64_t left = in_image % t->columns * WINOGRAD_OUT - padding;
    for (int64_t y = top; y < top + size; y++)
        for (int64_t x = left; x < left + size; x++) {
            bool outside = y < 0 || y >= images.height || x < 0 || x >= images.width;
            int64_t pixel = (image * images.height + y) * images.width + x;
            *offset++ = outside ? -1 : pixel * images.channels;
        }
}

// The spectra of tiles first..first+count-1, which become tiles 0..count-1 of `spectra`.
ALWAYS_INLINE void transform_tiles(Transform *transform, const int size, const Tiling *t,
                                   Images images, int64_t padding, int64_t first, int64_t count,
                                   const float *x, float *spectra)
{
    static const float zeros[LANES];
    int64_t offset[FREQUENCIES], plane = plane_of(t, images.channels);
    for (int64_t tile = 0; tile < count; tile++) {
        tile_offsets(t, images, size, padding, first + tile, offset);
        for (int64_t c = 0; c < images.channels; c += LANES) {
            Square values;
            for (int i = 0; i < size * size; i++)
                values[i / size][i % size] = load(offset[i] < 0 ? zeros : x + offset[i] + c);
            both_ways(transform, size, WINOGRAD_IN, values);
            float *to = spectra + place_of(t, tile, c);
            for (int f = 0; f < FREQUENCIES; f++)
                store(to + f * plane, values[f / WINOGRAD_IN][f % WINOGRAD_IN]);
        }
    }
}

static void input_spectra(const Tiling *t, const ConvShape *s, int64_t first, int64_t count,
                          const float *x, float *spectra)
{
    Images images = {s->in_height, s->in_width, s->in_channels};
    transform_tiles(input_transform, WINOGRAD_IN, t, images, s->padding, first, count, x, spectra);
}

static void gradient_spectra(const Tiling *t, const ConvShape *s, int64_t first, int64_t count,
                             const float *dy, float *spectra)
{
    Images images = {s->out_height, s->out_width, s->out_channels};
    transform_tiles(output_adjoint, WINOGRAD_OUT, t, images, 0, first, count, dy, spectra);
}

// y = A^T products A + bias.
static void write_results(const Tiling *t, const ConvShape *s, int64_t first, int64_t count,
                          const float *products, const float *bias, float *y)
{
    Images images = {s->out_height, s->out_width, s->out_channels};
    int64_t offset[WINOGRAD_OUT * WINOGRAD_OUT], plane = plane_of(t, images.channels);
    for (int64_t tile = 0; tile < count; tile++) {
        tile_offsets(t, images, WINOGRAD_OUT, 0, first + tile, offset);
        for (int64_t c = 0; c < images.channels; c += LANES) {
            Square values;
            Vector shift = bias ? load(bias + c) : splat(0);
            const float *from = products + place_of(t, tile, c);
            for (int f = 0; f < FREQUENCIES; f++)
                values[f / WINOGRAD_IN][f % WINOGRAD_IN] = load(from + f * plane);
            both_ways(output_transform, WINOGRAD_IN, WINOGRAD_OUT, values);
            for (int i = 0; i < WINOGRAD_OUT * WINOGRAD_OUT; i++)
                if (offset[i] >= 0)
                    store(y + offset[i] + c, values[i / WINOGRAD_OUT][i % WINOGRAD_OUT] + shift);
        }
    }
}

// ---- the weights' spectra: [frequency][panel of out channels][in channel][PANEL_WIDTH] ----

typedef struct WeightTask {
    int64_t in_channels, out_channels;
    const float *from; // [9][in_channels][out_channels], or spectra
    float *to;
} WeightTask;

static int64_t weight_place(const WeightTask *task, int64_t in_channel, int64_t out_channel)
{
    return (out_channel / PANEL_WIDTH * task->in_channels + in_channel) * PANEL_WIDTH +
           out_channel % PANEL_WIDTH;
}

static void weight_spectra(void *context, int64_t in_channel, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    int64_t tap = task->in_channels * task->out_channels;
    for (int64_t c = 0; c < task->out_channels; c += LANES) {
        Square values;
        for (int i = 0; i < 9; i++)
            values[i / 3][i % 3] = load(task->from + i * tap + in_channel * task->out_channels + c);
        both_ways(weight_transform, 3, WINOGRAD_IN, values);
        float *to = task->to + weight_place(task, in_channel, c);
        for (int f = 0; f < FREQUENCIES; f++)
            store(to + f * tap, values[f / WINOGRAD_IN][f % WINOGRAD_IN]);
    }
}

// dg = G^T spectra G.
static void weights_from_spectra(void *context, int64_t in_channel, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    int64_t tap = task->in_channels * task->out_channels;
    for (int64_t c = 0; c < task->out_channels; c += LANES) {
        Square values;
        const float *from = task->from + weight_place(task, in_channel, c);
        for (int f = 0; f < FREQUENCIES; f++)
            values[f / WINOGRAD_IN][f % WINOGRAD_IN] = load(from + f * tap);
        both_ways(weight_adjoint, WINOGRAD_IN, 3, values);
        for (int i = 0; i < 9; i++)
            store(task->to + i * tap + in_channel * task->out_channels + c, values[i / 3][i % 3]);
    }
}

// turned[tap][out channel][in channel] = weight[8 - tap][in channel][out channel]: a panel's width
// of in channels at a time, so that the lines read stay in the first-level cache.
static void turn_weights(void *context, int64_t number, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    int64_t ci = task->in_channels, co = task->out_channels, panels = ci / PANEL_WIDTH;
    int64_t tap = number / panels, first = number % panels * PANEL_WIDTH;
    const float *from = task->from + (8 - tap) * ci * co;
    float *to = task->to + tap * ci * co;
    for (int64_t o = 0; o < co; o++)
        for (int64_t i = first; i < first + PANEL_WIDTH; i++) to[o * ci + i] = from[i * co + o];
}

// ---- forward ----

typedef struct ForwardTask {
    const ConvShape *shape;
    Tiling tiling;
    const float *x, *spectra, *bias;
    float *y;
} ForwardTask;

// One plane: products[tile][out channel] = sum over in channels of inputs[tile] * weights.
static void multiply_plane(const Tiling *t, const ConvShape *s, int64_t tiles, const float *inputs,
                           const float *weights, float *products)
{
    int64_t run[RUNS_PER_PASS], runs = s->in_channels / PANEL_WIDTH;
    for (int64_t r = 0; r < RUNS_PER_PASS; r++) run[r] = r * t->block * PANEL_WIDTH;
    for (int64_t pass = 0; pass < runs; pass += RUNS_PER_PASS)
        for (int64_t column = 0; column < s->out_channels; column += TILE_COLUMNS) {
            Tile tile = {.b = weights + column / PANEL_WIDTH * s->in_channels * PANEL_WIDTH +
                              pass * PANEL_WIDTH * PANEL_WIDTH + column % PANEL_WIDTH,
                         .accumulate = pass > 0,
                         .columns = TILE_COLUMNS,
                         .run_count = tile_min(RUNS_PER_PASS, runs - pass),
                         .run_length = PANEL_WIDTH,
                         .a_step = 1,
                         .b_step = PANEL_WIDTH,
                         .a_offset = run};
            for (int64_t row = 0; row < tiles; row += TILE_ROWS) {
                int64_t rows = tile_min(TILE_ROWS, tiles - row);
                for (int64_t i = 0; i < rows; i++) {
                    tile.a[i] = inputs + place_of(t, row + i, pass * PANEL_WIDTH);
                    tile.c[i] = products + place_of(t, row + i, column);
                }
                tile_run(rows, &tile);
            }
        }
}

static void forward_block(void *context, int64_t block, int thread)
{
    const ForwardTask *task = context;
    const ConvShape *s = task->shape;
    const Tiling *t = &task->tiling;
    int64_t first = block * t->block, count = tile_min(t->block, t->tiles - first);
    int64_t in_plane = plane_of(t, s->in_channels), out_plane = plane_of(t, s->out_channels);
    float *inputs = scratch(thread, FREQUENCIES * (in_plane + out_plane) * 4);
    float *products = inputs + FREQUENCIES * in_plane;
    input_spectra(t, s, first, count, task->x, inputs);
    for (int64_t f = 0; f < FREQUENCIES; f++)
        multiply_plane(t, s, count, inputs + f * in_plane,
                       task->spectra + f * s->in_channels * s->out_channels,
                       products + f * out_plane);
    write_results(t, s, first, count, products, task->bias, task->y);
}

static void forward(const ConvShape *s, const float *x, const float *weight, const float *bias,
                    float *y, float *spectra)
{
    int64_t block = s->in_channels * s->out_channels >= LARGE ? MANY_TILES : FEW_TILES;
    ForwardTask task = {s, tiling_of(s, block), x, spectra, bias, y};
    parallel_for(s->in_channels, weight_spectra,
                 &(WeightTask){s->in_channels, s->out_channels, weight, spectra});
    parallel_for(task.tiling.blocks, forward_block, &task);
}

void KERNEL(conv2d_winograd)(const ConvShape *s, const float *x, const float *weight,
                             const float *bias, float *y)
{
    forward(s, x, weight, bias, y, scratch(-1, FREQUENCIES * s->in_channels * s->out_channels * 4));
}

void KERNEL(conv2d_input_gradient_winograd)(const ConvShape *s, const float *dy,
                                            const float *weight, const float *bias, float *dx)
{
    int64_t values = s->in_channels * s->out_channels;
    ConvShape turned = *s;
    turned.in_height = s->out_height, turned.in_width = s->out_width;
    turned.out_height = s->in_height, turned.out_width = s->in_width;
    turned.in_channels = s->out_channels, turned.out_channels = s->in_channels;
    turned.padding = 2 - s->padding;
    float *spectra = scratch(-1, (FREQUENCIES + 9) * values * 4);
    float *turned_weight = spectra + FREQUENCIES * values;
    parallel_for(9 * (s->in_channels / PANEL_WIDTH), turn_weights,
                 &(WeightTask){s->in_channels, s->out_channels, weight, turned_weight});
    forward(&turned, dy, turned_weight, bias, dx, spectra);
}

// ---- weight gradient ----

// Both images' spectra of one block of tiles after the other; a plane's sum over all tiles is one
// chain, block by block.
typedef struct GradientTask {
    const ConvShape *shape;
    Tiling tiling;
    int64_t first, count; // tiles of this block
    const float *x, *dy;
    float *inputs, *gradients, *sums; // spectra of x, of dy, of dweight
} GradientTask;

static void gradient_block_spectra(void *context, int64_t number, int thread)
{
    (void)thread;
    const GradientTask *task = context;
    int64_t tile = number * FEW_TILES, count = tile_min(FEW_TILES, task->count - tile);
    input_spectra(&task->tiling, task->shape, task->first + tile, count, task->x,
                  task->inputs + place_of(&task->tiling, tile, 0));
    gradient_spectra(&task->tiling, task->shape, task->first + tile, count, task->dy,
                     task->gradients + place_of(&task->tiling, tile, 0));
}

// One plane and panel of in channels: sums[in channel][out channel] += inputs' gradients.
static void gradient_plane(void *context, int64_t number, int thread)
{
    (void)thread;
    const GradientTask *task = context;
    const ConvShape *s = task->shape;
    const Tiling *t = &task->tiling;
    WeightTask place = {s->in_channels, s->out_channels, NULL, NULL};
    int64_t f = number / (s->in_channels / PANEL_WIDTH);
    int64_t first = number % (s->in_channels / PANEL_WIDTH) * PANEL_WIDTH;
    const float *inputs = task->inputs + f * plane_of(t, s->in_channels);
    const float *gradients = task->gradients + f * plane_of(t, s->out_channels);
    float *sums = task->sums + f * s->in_channels * s->out_channels;
    for (int64_t column = 0; column < s->out_channels; column += TILE_COLUMNS) {
        Tile tile = {.b = gradients + place_of(t, 0, column),
                     .accumulate = task->first > 0,
                     .columns = TILE_COLUMNS,
                     .run_count = 1,
                     .run_length = task->count,
                     .a_step = PANEL_WIDTH,
                     .b_step = PANEL_WIDTH,
                     .a_offset = &(int64_t){0}};
        for (int64_t row = first; row < first + PANEL_WIDTH; row += TILE_ROWS) {
            int64_t rows = tile_min(TILE_ROWS, first + PANEL_WIDTH - row);
            for (int64_t i = 0; i < rows; i++) {
                tile.a[i] = inputs + place_of(t, 0, row + i);
                tile.c[i] = sums + weight_place(&place, row + i, column);
            }
            tile_run(rows, &tile);
        }
    }
}

void KERNEL(conv2d_weight_gradient_winograd)(const ConvShape *s, const float *x, const float *dy,
                                             float *dweight)
{
    GradientTask task = {.shape = s, .tiling = tiling_of(s, GRADIENT_TILES), .x = x, .dy = dy};
    int64_t in_plane = plane_of(&task.tiling, s->in_channels);
    int64_t out_plane = plane_of(&task.tiling, s->out_channels);
    int64_t values = s->in_channels * s->out_channels;
    task.inputs = scratch(-1, FREQUENCIES * (in_plane + out_plane + values) * 4);
    task.gradients = task.inputs + FREQUENCIES * in_plane;
    task.sums = task.gradients + FREQUENCIES * out_plane;
    for (; task.first < task.tiling.tiles; task.first += task.count) {
        task.count = tile_min(GRADIENT_TILES, task.tiling.tiles - task.first);
        parallel_for((task.count + FEW_TILES - 1) / FEW_TILES, gradient_block_spectra, &task);
        parallel_for(FREQUENCIES * (s->in_channels / PANEL_WIDTH), gradient_plane, &task);
    }
    parallel_for(s->in_channels, weights_from_spectra,
                 &(WeightTask){s->in_channels, s->out_channels, task.sums, dweight});
}
