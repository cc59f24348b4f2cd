// 3x3 and 5x5 convolution with stride 1 by Winograd's minimal filtering (winograd.h): forward,
// input gradient and weight gradient. Images are cut into tiles of 4x4 results. A block of tiles is
// transformed ("spectra": 36 or 64 planes, plane f holding value f of every tile and channel), each
// plane is a matrix product over channels, the products are transformed back. A block's planes stay
// in the second-level cache; what limits is the product, at a quarter (5x5: 0.16) of the
// multiplications.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/tile.h"
#include "core/cpu/kernels/winograd.h"
#include "core/cpu/transpose.h"
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
    int points;            // 6 for a 3x3 kernel, 8 for a 5x5 one
    int64_t rows, columns; // tiles of one image
    int64_t tiles;         // of all images
    int64_t block, blocks; // tiles per block
} Tiling;

static int points_of(const ConvShape *s)
{
    return (int)s->kernel_height + WINOGRAD_OUT - 1;
}

static int frequencies_of(const ConvShape *s)
{
    return points_of(s) * points_of(s);
}

static Tiling tiling_of(const ConvShape *s, int64_t block)
{
    Tiling t = {.points = points_of(s), .block = block};
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
    int64_t offset[MOST_FREQUENCIES], plane = plane_of(t, images.channels);
    for (int64_t tile = 0; tile < count; tile++) {
        tile_offsets(t, images, size, padding, first + tile, offset);
        for (int64_t c = 0; c < images.channels; c += LANES) {
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

static Images inputs_of(const ConvShape *s)
{
    return (Images){s->in_height, s->in_width, s->in_channels};
}

static Images outputs_of(const ConvShape *s)
{
    return (Images){s->out_height, s->out_width, s->out_channels};
}

// B^T d B
static void input_spectra(const Tiling *t, const ConvShape *s, int64_t first, int64_t count,
                          const float *x, float *spectra)
{
    if (t->points == 6)
        transform_tiles(input_transform6, 6, 6, t, inputs_of(s), s->padding, first, count, NULL, x,
                        spectra);
    else
        transform_tiles(input_transform8, 8, 8, t, inputs_of(s), s->padding, first, count, NULL, x,
                        spectra);
}

// A dy A^T, or A (what `how` makes of dy) A^T
static void gradient_spectra(const Tiling *t, const ConvShape *s, int64_t first, int64_t count,
                             const Reading *how, const float *dy, float *spectra)
{
    const Images images = outputs_of(s);
    if (t->points == 8)
        transform_tiles(output_adjoint8, WINOGRAD_OUT, 8, t, images, 0, first, count, how, dy,
                        spectra);
    else if (how->scale || how->y)
        transform_tiles(output_adjoint6, WINOGRAD_OUT, 6, t, images, 0, first, count, how, dy,
                        spectra);
    else
        transform_tiles(output_adjoint6, WINOGRAD_OUT, 6, t, images, 0, first, count, NULL, dy,
                        spectra);
}

// The value at this place of y, of this channel.
ALWAYS_INLINE Vector followed_by(const ConvAfter *after, int64_t channel, int64_t place,
                                 Vector value)
{
    Vector shift = after->shift ? load(after->shift + channel) : splat(0);
    value = after->scale ? fma_vector(value, load(after->scale + channel), shift) : value + shift;
    if (after->addend) value = value + load(after->addend + place);
    return after->relu ? max_vector(value, splat(0)) : value;
}

// The values of tiles first..first+count-1 from their spectra: written with what comes after, or
// added (NULL) to what is there (tiles of the input overlap).
ALWAYS_INLINE void values_of_tiles(Transform *transform, const int points, const int size,
                                   const ConvAfter *after, const Tiling *t, Images images,
                                   int64_t padding, int64_t first, int64_t count,
                                   const float *spectra, float *y)
{
    int64_t offset[MOST_FREQUENCIES], plane = plane_of(t, images.channels);
    for (int64_t tile = 0; tile < count; tile++) {
        tile_offsets(t, images, size, padding, first + tile, offset);
        for (int64_t c = 0; c < images.channels; c += LANES) {
            Line values[MOST_POINTS];
            const float *from = spectra + place_of(t, tile, c);
            plane_columns(transform, points, size, plane, from, values);
            UNROLL
            for (int row = 0; row < size; row++) {
                Line line;
                transform(values[row], line);
                UNROLL
                for (int i = 0; i < size; i++) {
                    if (offset[row * size + i] < 0) continue;
                    const int64_t place = offset[row * size + i] + c;
                    store(y + place, after ? followed_by(after, c, place, line[i])
                                           : line[i] + load(y + place));
                }
            }
        }
    }
}

// y = A^T products A and what comes after
static void write_outputs(const Tiling *t, const ConvShape *s, int64_t first, int64_t count,
                          const float *products, const ConvAfter *after, float *y)
{
    if (t->points == 6)
        values_of_tiles(output_transform6, 6, WINOGRAD_OUT, after, t, outputs_of(s), 0, first,
                        count, products, y);
    else
        values_of_tiles(output_transform8, 8, WINOGRAD_OUT, after, t, outputs_of(s), 0, first,
                        count, products, y);
}

// dx += B products B^T
static void add_input_gradients(const Tiling *t, const ConvShape *s, int64_t first, int64_t count,
                                const float *products, float *dx)
{
    if (t->points == 6)
        values_of_tiles(input_adjoint6, 6, 6, NULL, t, inputs_of(s), s->padding, first, count,
                        products, dx);
    else
        values_of_tiles(input_adjoint8, 8, 8, NULL, t, inputs_of(s), s->padding, first, count,
                        products, dx);
}

// ---- the weights' spectra: [frequency][panel of columns][row][PANEL_WIDTH] ----

// Rows are in channels and columns out channels; for the input gradient the other way round.
typedef struct WeightTask {
    int kernel;
    int64_t rows, columns;
    const float *from; // [kernel * kernel][rows][columns], or spectra
    float *to;
} WeightTask;

static int64_t weight_plane(int64_t rows, int64_t columns)
{
    return rows * columns + PLANE_GAP;
}

static int64_t weight_place(int64_t rows, int64_t row, int64_t column)
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

// G g G^T
static void weight_spectra(void *context, int64_t row, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    int64_t tap = task->rows * task->columns, plane = weight_plane(task->rows, task->columns);
    for (int64_t c = 0; c < task->columns; c += LANES) {
        const float *from = task->from + row * task->columns + c;
        float *to = task->to + weight_place(task->rows, row, c);
        if (task->kernel == 3)
            transform_planes(weight_transform6, 3, 6, tap, from, plane, to);
        else
            transform_planes(weight_transform8, 5, 8, tap, from, plane, to);
    }
}

// dg = G^T spectra G
static void weights_from_spectra(void *context, int64_t row, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    int64_t tap = task->rows * task->columns, plane = weight_plane(task->rows, task->columns);
    for (int64_t c = 0; c < task->columns; c += LANES) {
        const float *from = task->from + weight_place(task->rows, row, c);
        float *to = task->to + row * task->columns + c;
        if (task->kernel == 3)
            transform_planes(weight_adjoint6, 6, 3, plane, from, tap, to);
        else
            transform_planes(weight_adjoint8, 8, 5, plane, from, tap, to);
    }
}

// to[tap][column][row] = from[tap][row][column], a panel's width of rows at a time.
static void transpose_weights(void *context, int64_t number, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    int64_t rows = task->rows, columns = task->columns, panels = rows / PANEL_WIDTH;
    int64_t tap = number / panels * rows * columns, first = number % panels * PANEL_WIDTH;
    transpose(PANEL_WIDTH, columns, task->from + tap + first * columns, columns,
              task->to + tap + first, rows);
}

// ---- forward and input gradient ----

typedef struct ImageTask {
    const ConvShape *shape;
    Tiling tiling;
    const ConvAfter *after;      // forward: of y
    const float *from, *spectra; // images, the weights' spectra
    float *to;
    Reading reading;   // input gradient: of dy
    const float *bias; // input gradient: what dx starts at
    int64_t group;     // input gradient: images of a task
} ImageTask;

// One plane: products[tile][column] = sum over rows of inputs[tile][row] * weights[row][column].
static void multiply_plane(const Tiling *t, int64_t tiles, int64_t rows, int64_t columns,
                           const float *inputs, const float *weights, float *products)
{
    int64_t run[RUNS_PER_PASS], runs = rows / PANEL_WIDTH;
    const TileSteps steps = tile_steps(PANEL_WIDTH);
    for (int64_t r = 0; r < RUNS_PER_PASS; r++) run[r] = r * t->block * PANEL_WIDTH;
    for (int64_t pass = 0; pass < runs; pass += RUNS_PER_PASS)
        for (int64_t column = 0; column < columns; column += TILE_COLUMNS) {
            Tile tile = {.a_row = steps.at,
                         .c_row = steps.at,
                         .b = weights + weight_place(rows, pass * PANEL_WIDTH, column),
                         .accumulate = pass > 0,
                         .columns = TILE_COLUMNS,
                         .run_count = tile_min(RUNS_PER_PASS, runs - pass),
                         .run_length = PANEL_WIDTH,
                         .a_step = 1,
                         .b_step = PANEL_WIDTH,
                         .a_offset = run};
            for (int64_t first = 0; first < tiles; first += TILE_ROWS) {
                tile.a = inputs + place_of(t, first, pass * PANEL_WIDTH);
                tile.c = products + place_of(t, first, column);
                tile_run(tile_min(TILE_ROWS, tiles - first), &tile);
            }
        }
}

static void multiply_planes(const Tiling *t, int64_t tiles, int64_t rows, int64_t columns,
                            const float *inputs, const float *weights, float *products)
{
    for (int64_t f = 0; f < t->points * t->points; f++)
        multiply_plane(t, tiles, rows, columns, inputs + f * plane_of(t, rows),
                       weights + f * weight_plane(rows, columns),
                       products + f * plane_of(t, columns));
}

static float *image_scratch(const ImageTask *task, int thread)
{
    int64_t channels = task->shape->in_channels + task->shape->out_channels;
    return scratch(thread, frequencies_of(task->shape) *
                               (plane_of(&task->tiling, channels) + PLANE_GAP) * 4);
}

static void forward_block(void *context, int64_t block, int thread)
{
    const ImageTask *task = context;
    const ConvShape *s = task->shape;
    const Tiling *t = &task->tiling;
    int64_t first = block * t->block, count = tile_min(t->block, t->tiles - first);
    float *inputs = image_scratch(task, thread);
    float *products = inputs + frequencies_of(s) * plane_of(t, s->in_channels);
    input_spectra(t, s, first, count, task->from, inputs);
    multiply_planes(t, count, s->in_channels, s->out_channels, inputs, task->spectra, products);
    write_outputs(t, s, first, count, products, task->after, task->to);
}

static int64_t tiles_per_block(const ConvShape *s)
{
    return s->in_channels * s->out_channels >= LARGE ? MANY_TILES : FEW_TILES;
}

int64_t KERNEL(winograd_prepared_count)(const ConvShape *s)
{
    return frequencies_of(s) * weight_plane(s->in_channels, s->out_channels);
}

static int64_t turned_count(const ConvShape *s)
{
    return s->kernel_height * s->kernel_width * s->in_channels * s->out_channels;
}

// The input gradient's product sums over the out channels: its weights are turned round first.
static void make_spectra(const ConvShape *s, bool input_gradient, const float *weight,
                         float *turned, float *spectra)
{
    int kernel = (int)s->kernel_height;
    int64_t taps = s->kernel_height * s->kernel_width, in = s->in_channels, out = s->out_channels;
    WeightTask task = {kernel, in, out, weight, spectra};
    if (input_gradient) {
        parallel_for(taps * (in / PANEL_WIDTH), transpose_weights,
                     &(WeightTask){kernel, in, out, weight, turned});
        task = (WeightTask){kernel, out, in, turned, spectra};
    }
    parallel_for(task.rows, weight_spectra, &task);
}

void KERNEL(winograd_prepare)(const ConvShape *s, bool input_gradient, const float *weight,
                              float *prepared)
{
    float *turned = scratch(-1, turned_count(s) * 4);
    make_spectra(s, input_gradient, weight, turned, prepared);
}

// The prepared weights, or spectra made for this once.
static const float *spectra_of(const ConvShape *s, bool input_gradient, const float *weight,
                               const float *prepared)
{
    if (prepared) return prepared;
    int64_t count = KERNEL(winograd_prepared_count)(s);
    float *spectra = scratch(-1, (count + turned_count(s)) * 4);
    make_spectra(s, input_gradient, weight, spectra + count, spectra);
    return spectra;
}

void KERNEL(conv2d_winograd)(const ConvShape *s, const ConvAfter *after, const float *x,
                             const float *weight, const float *prepared, float *y)
{
    ImageTask task = {.shape = s,
                      .tiling = tiling_of(s, tiles_per_block(s)),
                      .after = after,
                      .from = x,
                      .spectra = spectra_of(s, false, weight, prepared),
                      .to = y};
    parallel_for(task.tiling.blocks, forward_block, &task);
}

// Pixels that start at the bias, or at zero.
static void start_images(int64_t pixels, int64_t channels, const float *bias, float *to)
{
    if (!bias) memset(to, 0, (size_t)(pixels * channels) * sizeof(float));
    for (int64_t i = 0; bias && i < pixels; i++)
        memcpy(to + i * channels, bias, (size_t)channels * sizeof(float));
}

// Whole images, block by block: their tiles' gradients overlap.
static void input_gradient_group(void *context, int64_t number, int thread)
{
    const ImageTask *task = context;
    const ConvShape *s = task->shape;
    const Tiling *t = &task->tiling;
    int64_t image = number * task->group, images = tile_min(task->group, s->batch - image);
    int64_t values = s->in_height * s->in_width * s->in_channels;
    int64_t tile = image * t->rows * t->columns, end = (image + images) * t->rows * t->columns;
    float *gradients = image_scratch(task, thread);
    float *products = gradients + frequencies_of(s) * plane_of(t, s->out_channels);
    start_images(images * s->in_height * s->in_width, s->in_channels, task->bias,
                 task->to + image * values);
    for (; tile < end; tile += t->block) {
        int64_t count = tile_min(t->block, end - tile);
        gradient_spectra(t, s, tile, count, &task->reading, task->from, gradients);
        multiply_planes(t, count, s->out_channels, s->in_channels, gradients, task->spectra,
                        products);
        add_input_gradients(t, s, tile, count, products, task->to);
    }
}

void KERNEL(conv2d_input_gradient_winograd)(const ConvShape *s, const ConvAfter *after,
                                            const float *y, const float *dy, const float *weight,
                                            const float *prepared, const float *bias, float *dx)
{
    ImageTask task = {.shape = s,
                      .tiling = tiling_of(s, tiles_per_block(s)),
                      .from = dy,
                      .spectra = spectra_of(s, true, weight, prepared),
                      .to = dx,
                      .reading = {after->relu ? y : NULL, after->scale},
                      .bias = bias};
    int64_t tiles = task.tiling.rows * task.tiling.columns;
    task.group = (task.tiling.block + tiles - 1) / tiles;
    parallel_for((s->batch + task.group - 1) / task.group, input_gradient_group, &task);
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
    gradient_spectra(&task->tiling, task->shape, task->first + tile, count, &(Reading){0}, task->dy,
                     task->gradients + place_of(&task->tiling, tile, 0));
}

// One plane and panel of in channels: sums[in channel][out channel] += inputs' gradients.
static void gradient_plane(void *context, int64_t number, int thread)
{
    (void)thread;
    const GradientTask *task = context;
    const ConvShape *s = task->shape;
    const Tiling *t = &task->tiling;
    int64_t f = number / (s->in_channels / PANEL_WIDTH);
    int64_t first = number % (s->in_channels / PANEL_WIDTH) * PANEL_WIDTH;
    const float *inputs = task->inputs + f * plane_of(t, s->in_channels);
    const float *gradients = task->gradients + f * plane_of(t, s->out_channels);
    float *sums = task->sums + f * weight_plane(s->in_channels, s->out_channels);
    const TileSteps a_steps = tile_steps(1), c_steps = tile_steps(PANEL_WIDTH);
    for (int64_t column = 0; column < s->out_channels; column += TILE_COLUMNS) {
        Tile tile = {.a_row = a_steps.at,
                     .c_row = c_steps.at,
                     .b = gradients + place_of(t, 0, column),
                     .accumulate = task->first > 0,
                     .columns = TILE_COLUMNS,
                     .run_count = 1,
                     .run_length = task->count,
                     .a_step = PANEL_WIDTH,
                     .b_step = PANEL_WIDTH,
                     .a_offset = &(int64_t){0}};
        for (int64_t row = first; row < first + PANEL_WIDTH; row += TILE_ROWS) {
            tile.a = inputs + place_of(t, 0, row);
            tile.c = sums + weight_place(s->in_channels, row, column);
            tile_run(tile_min(TILE_ROWS, first + PANEL_WIDTH - row), &tile);
        }
    }
}

void KERNEL(conv2d_weight_gradient_winograd)(const ConvShape *s, const float *x, const float *dy,
                                             float *dweight)
{
    GradientTask task = {.shape = s, .tiling = tiling_of(s, GRADIENT_TILES), .x = x, .dy = dy};
    int64_t in_plane = plane_of(&task.tiling, s->in_channels);
    int64_t out_plane = plane_of(&task.tiling, s->out_channels);
    int64_t sums = weight_plane(s->in_channels, s->out_channels);
    int64_t frequencies = frequencies_of(s);
    task.inputs = scratch(-1, frequencies * (in_plane + out_plane + sums) * 4);
    task.gradients = task.inputs + frequencies * in_plane;
    task.sums = task.gradients + frequencies * out_plane;
    for (; task.first < task.tiling.tiles; task.first += task.count) {
        task.count = tile_min(GRADIENT_TILES, task.tiling.tiles - task.first);
        parallel_for((task.count + FEW_TILES - 1) / FEW_TILES, gradient_block_spectra, &task);
        parallel_for(frequencies * (s->in_channels / PANEL_WIDTH), gradient_plane, &task);
    }
    int kernel = (int)s->kernel_height;
    parallel_for(s->in_channels, weights_from_spectra,
                 &(WeightTask){kernel, s->in_channels, s->out_channels, task.sums, dweight});
}
