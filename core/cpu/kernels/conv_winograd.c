// 3x3 and 5x5 convolution with stride 1 by Winograd's minimal filtering (winograd.h): forward and
// input gradient. Images are cut into tiles of 4x4 results. A block of tiles is transformed
// ("spectra": 36 or 64 planes, plane f holding value f of every tile and channel), each plane is a
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

// The results of tiles first..first+count-1 from their spectra, with what comes after them.
ALWAYS_INLINE void values_of_tiles(Transform *transform, const int points, const ConvAfter *after,
                                   const Tiling *t, Images images, int64_t first, int64_t count,
                                   const float *spectra, float *y)
{
    enum { SIZE = WINOGRAD_OUT };
    int64_t offset[MOST_FREQUENCIES], plane = plane_of(t, images.part);
    for (int64_t tile = 0; tile < count; tile++) {
        tile_offsets(t, images, SIZE, 0, first + tile, offset);
        for (int64_t c = 0; c < images.part; c += LANES) {
            Line values[MOST_POINTS];
            plane_columns(transform, points, SIZE, plane, spectra + place_of(t, tile, c), values);
            UNROLL
            for (int row = 0; row < SIZE; row++) {
                Line line;
                transform(values[row], line);
                UNROLL
                for (int i = 0; i < SIZE; i++) {
                    if (offset[row * SIZE + i] < 0) continue;
                    const int64_t place = offset[row * SIZE + i] + c;
                    store(y + place, followed_by(after, c, place, line[i]));
                }
            }
        }
    }
}

// ---- the weights' spectra ----

// G g G^T of `columns` weights of each tap that lie in a row at `from`, taps `tap` apart.
static void row_spectra(int kernel, int64_t tap, const float *from, int64_t columns, int64_t rows,
                        int64_t row, float *spectra)
{
    const int64_t plane = weight_plane(rows, columns);
    for (int64_t c = 0; c < columns; c += LANES) {
        float *to = spectra + weight_place(rows, row, c);
        if (kernel == 3)
            transform_planes(weight_transform6, 3, 6, tap, from + c, plane, to);
        else
            transform_planes(weight_transform8, 5, 8, tap, from + c, plane, to);
    }
}

static void weight_spectra(void *context, int64_t row, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    row_spectra(task->kernel, task->rows * task->columns, task->from + row * task->columns,
                task->columns, task->rows, row, task->to);
}

// to[last tap - tap][column][row] = from[tap][row][column], a panel's width of rows at a time.
static void transpose_weights(void *context, int64_t number, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    int64_t rows = task->rows, columns = task->columns, panels = rows / PANEL_WIDTH;
    int64_t tap = number / panels, first = number % panels * PANEL_WIDTH;
    int64_t turned = task->kernel * task->kernel - 1 - tap;
    transpose(PANEL_WIDTH, columns, task->from + (tap * rows + first) * columns, columns,
              task->to + turned * rows * columns + first, rows);
}

// The correlation that makes y of x, or dx of dy: of dy with the weights turned round, taps from the
// last to the first and in channels for out channels.
static ConvShape correlation_of(const ConvShape *s, bool input_gradient)
{
    ConvShape turned = *s;
    if (!input_gradient) return turned;
    turned.in_height = s->out_height;
    turned.in_width = s->out_width;
    turned.in_channels = s->out_channels;
    turned.out_height = s->in_height;
    turned.out_width = s->in_width;
    turned.out_channels = s->in_channels;
    turned.padding = s->kernel_height - 1 - s->padding;
    return turned;
}

static int64_t weight_count(const ConvShape *s)
{
    return s->kernel_height * s->kernel_width * s->in_channels * s->out_channels;
}

// The weights of the correlation s: as they are, or turned round, in `room` for weight_count(s).
static WeightTask weights_of(const ConvShape *s, bool input_gradient, const float *weight,
                             float *room)
{
    const int kernel = (int)s->kernel_height;
    const int64_t in = s->in_channels, out = s->out_channels;
    if (!input_gradient) return (WeightTask){kernel, in, out, weight, NULL};
    parallel_for(kernel * kernel * (out / PANEL_WIDTH), transpose_weights,
                 &(WeightTask){kernel, out, in, weight, room});
    return (WeightTask){kernel, in, out, room, NULL};
}

static void make_spectra(const ConvShape *s, bool input_gradient, const float *weight, float *room,
                         float *spectra)
{
    WeightTask task = weights_of(s, input_gradient, weight, room);
    task.to = spectra;
    parallel_for(task.rows, weight_spectra, &task);
}

int64_t KERNEL(winograd_prepared_count)(const ConvShape *s)
{
    return frequencies_of(s) * weight_plane(s->in_channels, s->out_channels);
}

void KERNEL(winograd_prepare)(const ConvShape *s, bool input_gradient, const float *weight,
                              float *prepared)
{
    const ConvShape correlation = correlation_of(s, input_gradient);
    make_spectra(&correlation, input_gradient, weight, scratch(-1, weight_count(s) * 4), prepared);
}

// ---- the product ----

// products[tile][column] (+)= sum over rows of inputs[tile][row] * weights[row][column], on each
// plane.
typedef struct Product {
    const Tiling *tiling;
    int64_t tiles, rows, columns;
    const float *inputs;
    int64_t inputs_plane; // from a plane to the next
    const float *weights;
    int64_t weights_plane, weights_panel; // from a panel of columns to the next
    bool accumulate;
    float *products;
} Product;

static void multiply_plane(const Product *p, int64_t f)
{
    const Tiling *t = p->tiling;
    const float *inputs = p->inputs + f * p->inputs_plane;
    const float *weights = p->weights + f * p->weights_plane;
    float *products = p->products + f * plane_of(t, p->columns);
    int64_t run[RUNS_PER_PASS], runs = p->rows / PANEL_WIDTH;
    const TileSteps steps = tile_steps(PANEL_WIDTH);
    for (int64_t r = 0; r < RUNS_PER_PASS; r++) run[r] = r * t->block * PANEL_WIDTH;
    for (int64_t pass = 0; pass < runs; pass += RUNS_PER_PASS)
        for (int64_t column = 0; column < p->columns; column += TILE_COLUMNS) {
            Tile tile = {.a_row = steps.at,
                         .c_row = steps.at,
                         .b = weights + column / PANEL_WIDTH * p->weights_panel +
                              pass * PANEL_WIDTH * PANEL_WIDTH + column % PANEL_WIDTH,
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
    for (int64_t f = 0; f < p->tiling->points * p->tiling->points; f++) multiply_plane(p, f);
}

// ---- images by blocks of tiles ----

typedef struct ImageTask {
    ConvShape shape; // of the correlation
    bool input_gradient;
    Tiling tiling;
    Reading reading; // of `from`
    const ConvAfter *after;
    const float *from;
    float *to;
    const float *spectra; // the weights', or NULL: each task makes its own of
    WeightTask weights;
    float *from_spectra; // columns: all images'
} ImageTask;

// The results of some tiles from their products, of the channels that `images` tells, which begin
// at `channel`.
static void write_results(const ImageTask *task, Images images, int64_t channel, int64_t first,
                          int64_t count, const float *products)
{
    const Tiling *t = &task->tiling;
    const ConvAfter *all = task->after;
    ConvAfter after = {.scale = all->scale ? all->scale + channel : NULL,
                       .shift = all->shift ? all->shift + channel : NULL,
                       .addend = all->addend ? all->addend + channel : NULL,
                       .relu = all->relu};
    float *to = task->to + channel;
    if (t->points == 6)
        values_of_tiles(output_transform6, 6, &after, t, images, first, count, products, to);
    else
        values_of_tiles(output_transform8, 8, &after, t, images, first, count, products, to);
}

static void results_of_block(void *context, int64_t block, int thread)
{
    const ImageTask *task = context;
    const Tiling *t = &task->tiling;
    const int64_t rows = task->weights.rows, columns = task->weights.columns;
    const int64_t frequencies = frequencies_of(&task->shape);
    const int64_t first = block * t->block, count = tile_min(t->block, t->tiles - first);
    float *inputs = scratch(thread, frequencies * (plane_of(t, rows) + plane_of(t, columns)) * 4);
    float *products = inputs + frequencies * plane_of(t, rows);
    input_spectra(t, &task->shape, first, count, &task->reading, task->from, inputs);
    multiply_planes(&(Product){.tiling = t,
                               .tiles = count,
                               .rows = rows,
                               .columns = columns,
                               .inputs = inputs,
                               .inputs_plane = plane_of(t, rows),
                               .weights = task->spectra,
                               .weights_plane = weight_plane(rows, columns),
                               .weights_panel = rows * PANEL_WIDTH,
                               .products = products});
    write_results(task, outputs_of(&task->shape), 0, first, count, products);
}

static void run_blocks(ImageTask *task, const float *weight)
{
    const ConvShape *s = &task->shape;
    const bool large = s->in_channels * s->out_channels >= LARGE;
    task->tiling = tiling_of(s, large ? MANY_TILES : FEW_TILES);
    if (!task->spectra) {
        int64_t count = KERNEL(winograd_prepared_count)(s);
        float *spectra = scratch(-1, (count + weight_count(s)) * 4);
        make_spectra(s, task->input_gradient, weight, spectra + count, spectra);
        task->spectra = spectra;
    }
    parallel_for(task->tiling.blocks, results_of_block, task);
}

// ---- images by columns: all tiles at once ----
// For few tiles and many weights, whose spectra are larger than anything else: a task makes some
// columns' results for all tiles. It makes the spectra of their weights a piece at a time, multiplies
// with them while they are in the cache, and never writes them to memory.

static void part_spectra(void *context, int64_t part, int thread)
{
    (void)thread;
    const ImageTask *task = context;
    const Tiling *t = &task->tiling;
    int64_t first = part * FEW_TILES, count = tile_min(FEW_TILES, t->tiles - first);
    input_spectra(t, &task->shape, first, count, &task->reading, task->from,
                  task->from_spectra + place_of(t, first, 0));
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
        product.weights_plane = weight_plane(w->rows, w->columns);
        product.weights_panel = w->rows * PANEL_WIDTH;
    } else {
        for (int64_t r = 0; r < product.rows; r++)
            row_spectra(w->kernel, w->rows * w->columns, w->from + (row + r) * w->columns + column,
                        product.columns, product.rows, r, piece);
        product.weights = piece;
        product.weights_plane = weight_plane(product.rows, product.columns);
        product.weights_panel = product.rows * PANEL_WIDTH;
    }
    multiply_planes(&product);
}

static void results_of_columns(void *context, int64_t number, int thread)
{
    const ImageTask *task = context;
    const Tiling *t = &task->tiling;
    const int64_t column = number * TASK_COLUMNS, rows = task->weights.rows;
    const int64_t columns = tile_min(TASK_COLUMNS, task->weights.columns - column);
    const int64_t frequencies = frequencies_of(&task->shape);
    float *products = scratch(
        thread, frequencies * (plane_of(t, columns) + weight_plane(PIECE_ROWS, columns)) * 4);
    float *piece = products + frequencies * plane_of(t, columns);
    Images images = outputs_of(&task->shape);
    images.part = columns;
    for (int64_t row = 0; row < rows; row += PIECE_ROWS)
        add_piece(task,
                  (Product){.tiling = t,
                            .tiles = t->tiles,
                            .rows = tile_min(PIECE_ROWS, rows - row),
                            .columns = columns,
                            .products = products},
                  row, column, piece);
    write_results(task, images, column, 0, t->tiles, products);
}

static void run_columns(ImageTask *task, const float *weight)
{
    const ConvShape *s = &task->shape;
    const Tiling *t = &task->tiling;
    task->tiling = tiling_of(s, tiling_of(s, 1).tiles);
    int64_t count = frequencies_of(s) * plane_of(t, s->in_channels);
    task->from_spectra = scratch(-1, (count + weight_count(s)) * 4);
    if (!task->spectra)
        task->weights = weights_of(s, task->input_gradient, weight, task->from_spectra + count);
    parallel_for((t->tiles + FEW_TILES - 1) / FEW_TILES, part_spectra, task);
    parallel_for((s->out_channels + TASK_COLUMNS - 1) / TASK_COLUMNS, results_of_columns, task);
}

static void run(ImageTask *task, const ConvShape *shape, const float *weight)
{
    task->shape = correlation_of(shape, task->input_gradient);
    task->weights.rows = task->shape.in_channels;
    task->weights.columns = task->shape.out_channels;
    if (shape->in_channels * shape->out_channels >= LARGE &&
        tiling_of(&task->shape, 1).tiles <= MOST_TILES)
        run_columns(task, weight);
    else
        run_blocks(task, weight);
}

void KERNEL(conv2d_winograd)(const ConvShape *s, const ConvAfter *after, const float *x,
                             const float *weight, const float *prepared, float *y)
{
    run(&(ImageTask){.after = after, .from = x, .to = y, .spectra = prepared}, s, weight);
}

void KERNEL(conv2d_input_gradient_winograd)(const ConvShape *s, const ConvAfter *after,
                                            const float *y, const float *dy, const float *weight,
                                            const float *prepared, const float *bias, float *dx)
{
    run(&(ImageTask){.input_gradient = true,
                     .reading = {after->relu ? y : NULL, after->scale},
                     .after = &(ConvAfter){.shift = bias},
                     .from = dy,
                     .to = dx,
                     .spectra = prepared},
        s, weight);
}
