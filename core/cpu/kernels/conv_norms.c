// The squared norm of each image's weight gradient dW_i = X_i^T dY_i of a convolution: X_i has a row
// for each position with the d = kh kw ci values under the window, dY_i as many rows of p output
// channels. With T positions there are two ways, and the shape decides which costs less:
//   form dW_i itself                                          T d p        multiplications
//   ||dW_i||^2 = sum of X_i X_i^T times dY_i dY_i^T           T^2 (d + p) / 2  ("ghost norm")
// (half, because both products are symmetric).
// Late layers have few positions and large weights: there the second is many times cheaper. (Bu,
// Mao, Xu: "Scalable and Efficient Training of Large Convolutional Neural Networks with
// Differential Privacy", 2022.) A task is one image, in one thread's memory.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/correlate.h"
#include "core/cpu/kernels/ranges.h"
#include "core/cpu/kernels/rows.h"

typedef struct NormTask {
    const ConvShape *shape;
    Frame frame;
    int64_t positions, window; // T, d
    const int64_t *position;   // [T] where each window begins in the framed image
    const int64_t *tap;        // [d] where each of its values lies from there
    const int64_t *run;        // [kh kw] the first of each run of ci such values
    const int64_t *row;        // [out_height] where each row of windows begins
    const int64_t *in_dy;      // [T] where each position's gradient begins
    const float *x, *dy;
    float *squares;
} NormTask;

// ---- dW_i itself ----

static void pack_gradients(const NormTask *task, const float *dy, float *packed)
{
    for (int64_t t = 0; t < task->positions; t++)
        pack_weight_row(dy + task->in_dy[t], task->shape->out_channels, task->positions, t, packed);
}

// (d, p): the product in which the positions are k.
static void form_gradient(const NormTask *task, const float *framed, const float *packed,
                          float *gradient)
{
    const ConvShape *s = task->shape;
    const TileSteps c_steps = tile_steps(s->out_channels);
    for (int64_t column = 0; column < s->out_channels; column += TILE_COLUMNS) {
        Tile tile = {.a = framed,
                     .c_row = c_steps.at,
                     .b = packed + column * task->positions,
                     .columns = tile_min(TILE_COLUMNS, s->out_channels - column),
                     .run_count = s->out_height,
                     .run_length = s->out_width,
                     .a_step = s->stride * s->in_channels,
                     .b_step = TILE_COLUMNS,
                     .a_offset = task->row};
        for (int64_t first = 0; first < task->window; first += TILE_ROWS) {
            tile.a_row = task->tap + first;
            tile.c = gradient + first * s->out_channels + column;
            tile_run(tile_min(TILE_ROWS, task->window - first), &tile);
        }
    }
}

// ---- ghost norm ----

// The vectors of T positions: `runs` pieces of run_length values, run[r] after from[t]. In rows of
// `width` positions the vectors begin `step` apart.
typedef struct Vectors {
    int64_t count, width, step;
    const int64_t *from, *run;
    int64_t runs, run_length;
} Vectors;

// The vectors side by side as columns: packed[panel][value][position in the panel].
static void pack_vectors(const Vectors *v, const float *source, float *packed)
{
    const int64_t panel = v->runs * v->run_length * TILE_COLUMNS;
    for (int64_t first = 0; first < v->count; first += TILE_COLUMNS, packed += panel) {
        int64_t columns = tile_min(TILE_COLUMNS, v->count - first), piece;
        if (columns < TILE_COLUMNS) memset(packed, 0, (size_t)panel * sizeof(float));
        for (int64_t j = 0; j < columns; j += piece) {
            piece = tile_min(columns - j, v->width - (first + j) % v->width);
            for (int64_t r = 0; r < v->runs; r++)
                transpose(piece, v->run_length, source + v->from[first + j] + v->run[r], v->step,
                          packed + r * v->run_length * TILE_COLUMNS + j, TILE_COLUMNS);
        }
    }
}

// a a^T, on and below its diagonal, for the vectors a; packed: as pack_vectors leaves them.
static void gram(const Vectors *v, const float *source, const float *packed, float *product)
{
    const TileSteps c_steps = tile_steps(v->count);
    for (int64_t column = 0; column < v->count; column += TILE_COLUMNS) {
        Tile tile = {.a = source,
                     .c_row = c_steps.at,
                     .b = packed + column * v->runs * v->run_length,
                     .columns = tile_min(TILE_COLUMNS, v->count - column),
                     .run_count = v->runs,
                     .run_length = v->run_length,
                     .a_step = 1,
                     .b_step = TILE_COLUMNS,
                     .a_offset = v->run};
        for (int64_t first = column; first < v->count; first += TILE_ROWS) {
            tile.a_row = v->from + first;
            tile.c = product + first * v->count + column;
            tile_run(tile_min(TILE_ROWS, v->count - first), &tile);
        }
    }
}

// ---- the tasks ----

static int64_t aligned(int64_t count)
{
    return (count + 15) / 16 * 16;
}

static float *frame_one(const NormTask *task, int64_t image, float **memory)
{
    const ConvShape *s = task->shape;
    float *framed = *memory;
    *memory += aligned(frame_size(&task->frame));
    frame_images(&task->frame, 1, task->x + image * s->in_height * s->in_width * s->in_channels,
                 framed);
    return framed;
}

static void form_one(void *context, int64_t image, int thread)
{
    const NormTask *task = context;
    const int64_t p = task->shape->out_channels,
                  packed_count = task->positions * tile_panels(p) * TILE_COLUMNS;
    float *memory = scratch(
        thread, (aligned(frame_size(&task->frame)) + aligned(packed_count) + task->window * p) *
                    (int64_t)sizeof(float));
    const float *framed = frame_one(task, image, &memory);
    float *packed = memory, *gradient = packed + aligned(packed_count);
    pack_gradients(task, task->dy + image * task->positions * p, packed);
    form_gradient(task, framed, packed, gradient);
    task->squares[image] = (float)row_dot_in_double(task->window * p, gradient, gradient);
}

// The sum of a times b over all elements of two symmetric matrices, known on and below the diagonal.
static double symmetric_dot(int64_t size, const float *a, const float *b)
{
    double sum = 0;
    for (int64_t row = 0; row < size; row++, a += size, b += size)
        sum += 2 * row_dot_in_double(row, a, b) + (double)a[row] * (double)b[row];
    return sum;
}

static void ghost_one(void *context, int64_t image, int thread)
{
    const NormTask *task = context;
    const ConvShape *s = task->shape;
    const int64_t T = task->positions, d = task->window, p = s->out_channels;
    const int64_t packed_count = tile_panels(T) * TILE_COLUMNS * larger(d, p);
    float *memory = scratch(
        thread, (aligned(frame_size(&task->frame)) + aligned(packed_count) + 2 * aligned(T * T)) *
                    (int64_t)sizeof(float));
    const float *framed = frame_one(task, image, &memory), *dy = task->dy + image * T * p;
    float *packed = memory, *of_x = packed + aligned(packed_count), *of_dy = of_x + aligned(T * T);
    const Vectors windows = {T,
                             s->out_width,
                             s->stride * s->in_channels,
                             task->position,
                             task->run,
                             d / s->in_channels,
                             s->in_channels};
    const Vectors gradients = {T, T, p, task->in_dy, &(int64_t){0}, 1, p};
    pack_vectors(&windows, framed, packed);
    gram(&windows, framed, packed, of_x);
    pack_vectors(&gradients, dy, packed);
    gram(&gradients, dy, packed, of_dy);
    task->squares[image] = (float)symmetric_dot(T, of_x, of_dy);
}

static void fill_tables(NormTask *task, int64_t *table)
{
    const ConvShape *s = task->shape;
    const int64_t row = task->frame.width * s->in_channels;
    task->position = table;
    for (int64_t y = 0; y < s->out_height; y++)
        for (int64_t x = 0; x < s->out_width; x++)
            *table++ = y * s->stride * row + x * s->stride * s->in_channels;
    task->tap = table;
    for (int64_t ky = 0; ky < s->kernel_height; ky++)
        for (int64_t kx = 0; kx < s->kernel_width; kx++)
            for (int64_t ci = 0; ci < s->in_channels; ci++)
                *table++ = ky * s->dilation * row + kx * s->dilation * s->in_channels + ci;
    task->run = table;
    for (int64_t k = 0; k < task->window; k += s->in_channels) *table++ = task->tap[k];
    task->row = table;
    for (int64_t y = 0; y < s->out_height; y++) *table++ = y * s->stride * row;
    task->in_dy = table;
    for (int64_t t = 0; t < task->positions; t++) *table++ = t * s->out_channels;
}

void KERNEL(conv2d_weight_norms)(const ConvShape *s, const float *x, const float *dy,
                                 float *squares)
{
    NormTask task = {.shape = s,
                     .frame = input_frame(s, s->in_channels),
                     .positions = s->out_height * s->out_width,
                     .window = s->kernel_height * s->kernel_width * s->in_channels,
                     .x = x,
                     .dy = dy,
                     .squares = squares};
    const int64_t T = task.positions, d = task.window, p = s->out_channels;
    fill_tables(&task, scratch(-1, (2 * T + 2 * d + s->out_height) * (int64_t)sizeof(int64_t)));
    parallel_for(s->batch, T * (d + p) < 2 * d * p ? ghost_one : form_one, &task);
}
