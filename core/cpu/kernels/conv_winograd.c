// 3x3 and 5x5 convolution with stride 1 by Winograd's minimal filtering (winograd.h): forward and
// input gradient. Images are cut into tiles of 4x4 or 2x2 results. A block of tiles is transformed
// ("spectra": 16, 36 or 64 planes, plane f holding value f of every tile and channel), each plane is a
// matrix product over channels, the products are transformed back. A block's planes stay in the
// second-level cache; what limits is the product, at a quarter (5x5: 0.16) of the multiplications.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/tile.h"
#include "core/cpu/kernels/winograd_tiles.h"
#include "core/cpu/transpose.h"
#include "core/thread.h"

enum {
    MANY_TILES = 64,   // a block where the weights' spectra are large and each block reads them all
    LARGE = 1 << 15,   // weights per tap from which they are
    RUNS_PER_PASS = 8, // panels of input channels that a pass over a plane sums
    MOST_TILES = 128,  // of a convolution by columns
    TASK_COLUMNS = 64, // and what a task of it makes,
    PIECE_ROWS = 64,   // with so many rows of weights at a time
};

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
    int64_t offset[MOST_FREQUENCIES], plane = plane_of(t, images.part);
    for (int64_t tile = 0; tile < count; tile++) {
        tile_offsets(t, images, size, padding, first + tile, offset);
        for (int64_t c = 0; c < images.part; c += LANES) {
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
static void write_outputs(const Tiling *t, Images images, int64_t first, int64_t count,
                          const float *products, const ConvAfter *after, float *y)
{
    if (t->points == 4)
        values_of_tiles(output_transform4, 4, 2, after, t, images, 0, first, count, products, y);
    else if (t->points == 6)
        values_of_tiles(output_transform6, 6, 4, after, t, images, 0, first, count, products, y);
    else
        values_of_tiles(output_transform8, 8, 4, after, t, images, 0, first, count, products, y);
}

// dx += B products B^T
static void add_input_gradients(const Tiling *t, Images images, int64_t padding, int64_t first,
                                int64_t count, const float *products, float *dx)
{
    if (t->points == 4)
        values_of_tiles(input_adjoint4, 4, 4, NULL, t, images, padding, first, count, products, dx);
    else if (t->points == 6)
        values_of_tiles(input_adjoint6, 6, 6, NULL, t, images, padding, first, count, products, dx);
    else
        values_of_tiles(input_adjoint8, 8, 8, NULL, t, images, padding, first, count, products, dx);
}

// ---- the weights' spectra ----

// G g G^T of `columns` weights of each tap that lie in a row at `from`, taps `tap` apart.
static void row_spectra(int points, int64_t tap, const float *from, int64_t columns, int64_t rows,
                        int64_t row, float *spectra)
{
    const int64_t plane = weight_plane(rows, columns);
    for (int64_t c = 0; c < columns; c += LANES) {
        float *to = spectra + weight_place(rows, row, c);
        if (points == 4)
            transform_planes(weight_transform4, 3, 4, tap, from + c, plane, to);
        else if (points == 6)
            transform_planes(weight_transform6, 3, 6, tap, from + c, plane, to);
        else
            transform_planes(weight_transform8, 5, 8, tap, from + c, plane, to);
    }
}

static void weight_spectra(void *context, int64_t row, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    row_spectra(task->points, task->rows * task->columns, task->from + row * task->columns,
                task->columns, task->rows, row, task->to);
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

int64_t KERNEL(winograd_prepared_count)(const ConvShape *s)
{
    const Tiling t = tiling_of(s, 1);
    return frequencies_of(&t) * weight_plane(s->in_channels, s->out_channels);
}

static int64_t turned_count(const ConvShape *s)
{
    return s->kernel_height * s->kernel_width * s->in_channels * s->out_channels;
}

// The weights of the product: the input gradient's sums over the out channels, so that they are
// turned round.
static WeightTask product_weights(const ConvShape *s, bool input_gradient, const float *weight,
                                  float *turned)
{
    const int points = tiling_of(s, 1).points;
    int64_t taps = s->kernel_height * s->kernel_width, in = s->in_channels, out = s->out_channels;
    if (!input_gradient) return (WeightTask){points, in, out, weight, NULL};
    parallel_for(taps * (in / PANEL_WIDTH), transpose_weights,
                 &(WeightTask){points, in, out, weight, turned});
    return (WeightTask){points, out, in, turned, NULL};
}

static void make_spectra(const ConvShape *s, bool input_gradient, const float *weight,
                         float *turned, float *spectra)
{
    WeightTask task = product_weights(s, input_gradient, weight, turned);
    task.to = spectra;
    parallel_for(task.rows, weight_spectra, &task);
}

void KERNEL(winograd_prepare)(const ConvShape *s, bool input_gradient, const float *weight,
                              float *prepared)
{
    float *turned = scratch(-1, turned_count(s) * 4);
    make_spectra(s, input_gradient, weight, turned, prepared);
}

// Spectra made for this once, in scratch memory.
static const float *spectra_of(const ConvShape *s, bool input_gradient, const float *weight)
{
    int64_t count = KERNEL(winograd_prepared_count)(s);
    float *spectra = scratch(-1, (count + turned_count(s)) * 4);
    make_spectra(s, input_gradient, weight, spectra + count, spectra);
    return spectra;
}

// ---- the product ----

// products[tile][column] (+)= sum over rows of inputs[tile][row] * weights[row][column], on each
// plane.
typedef struct Product {
    const Tiling *tiling;
    int64_t tiles, rows, columns;
    const float *inputs;
    int64_t inputs_plane;                  // from a plane to the next
    const float *weights;                  // where they begin in the spectra of
    int64_t weights_rows, weights_columns; // so many
    bool accumulate;
    float *products;
} Product;

static void multiply_plane(const Product *p, int64_t f)
{
    const Tiling *t = p->tiling;
    const float *inputs = p->inputs + f * p->inputs_plane;
    const float *weights = p->weights + f * weight_plane(p->weights_rows, p->weights_columns);
    float *products = p->products + f * plane_of(t, p->columns);
    int64_t run[RUNS_PER_PASS], runs = p->rows / PANEL_WIDTH;
    const TileSteps steps = tile_steps(PANEL_WIDTH);
    for (int64_t r = 0; r < RUNS_PER_PASS; r++) run[r] = r * t->block * PANEL_WIDTH;
    for (int64_t pass = 0; pass < runs; pass += RUNS_PER_PASS)
        for (int64_t column = 0; column < p->columns; column += TILE_COLUMNS) {
            Tile tile = {.a_row = steps.at,
                         .c_row = steps.at,
                         .b = weights + weight_place(p->weights_rows, pass * PANEL_WIDTH, column),
                         .accumulate = p->accumulate || pass > 0,
                         .columns = TILE_COLUMNS,
                         .run_count = tile_min(RUNS_PER_PASS, runs - pass),
                         .run_length = PANEL_WIDTH,
                         .a_step = 1,
                         .b_step = PANEL_WIDTH,
                         .a_offset = run};
            for (int64_t first = 0; first < p->tiles; first += TILE_ROWS) {
                tile.a = inputs + place_of(t, first, pass * PANEL_WIDTH);
                tile.c = products + place_of(t, first, column);
                tile_run(tile_min(TILE_ROWS, p->tiles - first), &tile);
            }
        }
}

static void multiply_planes(const Product *p)
{
    for (int64_t f = 0; f < frequencies_of(p->tiling); f++) multiply_plane(p, f);
}

// ---- forward and input gradient, blocks of tiles ----

typedef struct ImageTask {
    const ConvShape *shape;
    bool input_gradient;
    Tiling tiling;
    const ConvAfter *after; // forward: of y
    const float *from;      // images
    float *to;
    Reading reading;      // input gradient: of dy
    const float *bias;    // input gradient: what dx starts at
    const float *spectra; // the weights', prepared or made first; NULL: each task makes its own of
    WeightTask weights;
    int64_t group;       // blocks, input gradient: images of a task
    float *from_spectra; // columns: all images'
} ImageTask;

static Images images_to(const ImageTask *task)
{
    return task->input_gradient ? inputs_of(task->shape) : outputs_of(task->shape);
}

static void image_spectra(const ImageTask *task, int64_t first, int64_t count, float *spectra)
{
    if (task->input_gradient)
        gradient_spectra(&task->tiling, task->shape, first, count, &task->reading, task->from,
                         spectra);
    else
        input_spectra(&task->tiling, task->shape, first, count, task->from, spectra);
}

// The results of some tiles from their products, of the channels `images` tells, which begin at
// `first_channel`.
static void write_results(const ImageTask *task, Images images, int64_t first_channel,
                          int64_t first, int64_t count, const float *products)
{
    const ConvShape *s = task->shape;
    float *to = task->to + first_channel;
    if (task->input_gradient) {
        add_input_gradients(&task->tiling, images, s->padding, first, count, products, to);
        return;
    }
    const ConvAfter *all = task->after;
    ConvAfter after = {.scale = all->scale ? all->scale + first_channel : NULL,
                       .shift = all->shift ? all->shift + first_channel : NULL,
                       .addend = all->addend ? all->addend + first_channel : NULL,
                       .relu = all->relu};
    write_outputs(&task->tiling, images, first, count, products, &after, to);
}

// Input gradient: pixels start at the bias, or at zero.
static void start_images(const ImageTask *task, Images images, int64_t first_channel,
                         int64_t first_image, int64_t count)
{
    const int64_t pixels = images.height * images.width;
    const size_t bytes = (size_t)images.part * sizeof(float);
    float *to = task->to + first_image * pixels * images.channels + first_channel;
    if (!task->bias && images.part == images.channels) {
        memset(to, 0, (size_t)(count * pixels) * bytes);
        return;
    }
    for (int64_t i = 0; i < count * pixels; i++, to += images.channels)
        if (task->bias)
            memcpy(to, task->bias + first_channel, bytes);
        else
            memset(to, 0, bytes);
}

// Tiles first..first+count-1, in the thread's scratch memory.
static void results_of_block(const ImageTask *task, int64_t first, int64_t count, int thread)
{
    const Tiling *t = &task->tiling;
    const int64_t rows = task->weights.rows, columns = task->weights.columns;
    const int64_t frequencies = frequencies_of(t);
    float *inputs = scratch(thread, frequencies * (plane_of(t, rows) + plane_of(t, columns)) * 4);
    float *products = inputs + frequencies * plane_of(t, rows);
    image_spectra(task, first, count, inputs);
    multiply_planes(&(Product){.tiling = t,
                               .tiles = count,
                               .rows = rows,
                               .columns = columns,
                               .inputs = inputs,
                               .inputs_plane = plane_of(t, rows),
                               .weights = task->spectra,
                               .weights_rows = rows,
                               .weights_columns = columns,
                               .products = products});
    write_results(task, images_to(task), 0, first, count, products);
}

static void forward_block(void *context, int64_t block, int thread)
{
    const ImageTask *task = context;
    const Tiling *t = &task->tiling;
    results_of_block(task, block * t->block, tile_min(t->block, t->tiles - block * t->block),
                     thread);
}

// Whole images, block by block: their tiles' gradients overlap.
static void input_gradient_group(void *context, int64_t number, int thread)
{
    const ImageTask *task = context;
    const Tiling *t = &task->tiling;
    int64_t image = number * task->group;
    int64_t images = tile_min(task->group, task->shape->batch - image);
    int64_t tile = image * t->rows * t->columns, end = (image + images) * t->rows * t->columns;
    start_images(task, images_to(task), 0, image, images);
    for (; tile < end; tile += t->block)
        results_of_block(task, tile, tile_min(t->block, end - tile), thread);
}

static bool has_many_weights(const ConvShape *s)
{
    return s->in_channels * s->out_channels >= LARGE;
}

static void run_blocks(ImageTask *task, const float *weight)
{
    const ConvShape *s = task->shape;
    task->tiling = tiling_of(s, has_many_weights(s) ? MANY_TILES : FEW_TILES);
    if (!task->spectra) task->spectra = spectra_of(s, task->input_gradient, weight);
    int64_t tiles = task->tiling.rows * task->tiling.columns;
    task->group = (task->tiling.block + tiles - 1) / tiles;
    if (task->input_gradient)
        parallel_for((s->batch + task->group - 1) / task->group, input_gradient_group, task);
    else
        parallel_for(task->tiling.blocks, forward_block, task);
}

// ---- forward and input gradient, columns: all tiles at once ----
// For few tiles and many weights, whose spectra are larger than anything else: a task makes some
// columns' results for all tiles. It makes the spectra of their weights a piece at a time, multiplies
// with them while they are in the cache, and never writes them to memory.

static void part_spectra(void *context, int64_t part, int thread)
{
    (void)thread;
    const ImageTask *task = context;
    int64_t first = part * FEW_TILES, count = tile_min(FEW_TILES, task->tiling.tiles - first);
    image_spectra(task, first, count, task->from_spectra + place_of(&task->tiling, first, 0));
}

// Adds what some rows of the weights give.
static void add_piece(const ImageTask *task, Product product, int64_t row, int64_t column,
                      float *piece)
{
    const WeightTask *w = &task->weights;
    product.inputs = task->from_spectra + place_of(&task->tiling, 0, row);
    product.inputs_plane = plane_of(&task->tiling, w->rows);
    product.accumulate = row > 0;
    if (task->spectra) {
        product.weights = task->spectra + weight_place(w->rows, row, column);
        product.weights_rows = w->rows;
        product.weights_columns = w->columns;
    } else {
        for (int64_t r = 0; r < product.rows; r++)
            row_spectra(w->points, w->rows * w->columns, w->from + (row + r) * w->columns + column,
                        product.columns, product.rows, r, piece);
        product.weights = piece;
        product.weights_rows = product.rows;
        product.weights_columns = product.columns;
    }
    multiply_planes(&product);
}

static void results_of_columns(void *context, int64_t number, int thread)
{
    const ImageTask *task = context;
    const Tiling *t = &task->tiling;
    const int64_t column = number * TASK_COLUMNS, rows = task->weights.rows;
    const int64_t columns = tile_min(TASK_COLUMNS, task->weights.columns - column);
    const int64_t frequencies = frequencies_of(t);
    float *products = scratch(
        thread, frequencies * (plane_of(t, columns) + weight_plane(PIECE_ROWS, columns)) * 4);
    float *piece = products + frequencies * plane_of(t, columns);
    Images images = images_to(task);
    images.part = columns;
    for (int64_t row = 0; row < rows; row += PIECE_ROWS)
        add_piece(task,
                  (Product){.tiling = t,
                            .tiles = t->tiles,
                            .rows = tile_min(PIECE_ROWS, rows - row),
                            .columns = columns,
                            .products = products},
                  row, column, piece);
    if (task->input_gradient) start_images(task, images, column, 0, task->shape->batch);
    write_results(task, images, column, 0, t->tiles, products);
}

static void run_columns(ImageTask *task, const float *weight)
{
    const ConvShape *s = task->shape;
    const Tiling *t = &task->tiling;
    task->tiling = tiling_of(s, tiling_of(s, 1).tiles);
    int64_t count = frequencies_of(t) * plane_of(t, task->weights.rows);
    task->from_spectra = scratch(-1, (count + turned_count(s)) * 4);
    if (!task->spectra)
        task->weights =
            product_weights(s, task->input_gradient, weight, task->from_spectra + count);
    parallel_for((t->tiles + FEW_TILES - 1) / FEW_TILES, part_spectra, task);
    parallel_for((task->weights.columns + TASK_COLUMNS - 1) / TASK_COLUMNS, results_of_columns,
                 task);
}

static void run(ImageTask *task, const float *weight)
{
    const ConvShape *s = task->shape;
    task->weights.rows = task->input_gradient ? s->out_channels : s->in_channels;
    task->weights.columns = images_to(task).channels;
    if (has_many_weights(s) && tiling_of(s, 1).tiles <= MOST_TILES)
        run_columns(task, weight);
    else
        run_blocks(task, weight);
}

void KERNEL(conv2d_winograd)(const ConvShape *s, const ConvAfter *after, const float *x,
                             const float *weight, const float *prepared, float *y)
{
    run(&(ImageTask){.shape = s, .after = after, .from = x, .to = y, .spectra = prepared}, weight);
}

void KERNEL(conv2d_input_gradient_winograd)(const ConvShape *s, const ConvAfter *after,
                                            const float *y, const float *dy, const float *weight,
                                            const float *prepared, const float *bias, float *dx)
{
    run(&(ImageTask){.shape = s,
                     .input_gradient = true,
                     .from = dy,
                     .to = dx,
                     .reading = {after->relu ? y : NULL, after->scale},
                     .bias = bias,
                     .spectra = prepared},
        weight);
}
