// The weight gradient of Winograd's convolutions (winograd.h): dg = G^T [(A dy A^T) . (B^T d B)] G. A
// block of tiles after the other: the spectra of x and of dy, then for each plane a product in which
// the tiles are k. Only the sum of all is transformed back. Where that sum is small, the tiles are
// cut into chunks, each of which a thread takes from its spectra to its own sum; where it is large,
// the threads share the work on one block.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/tile.h"
#include "core/cpu/kernels/winograd_tiles.h"
#include "core/thread.h"

enum {
    SHARED_TILES = 128, // a block on which all threads work
    MIN_CHUNKS = 8,     // or all tiles are one
    MAX_CHUNKS = 16,
    MIN_TILES = 128, // of a chunk
};
static const int64_t MAX_SUM_VALUES = 1 << 22; // floats in all chunks' sums together

// dg = G^T spectra G
static void weights_from_spectra(void *context, int64_t row, int thread)
{
    (void)thread;
    const WeightTask *task = context;
    int64_t tap = task->rows * task->columns, plane = weight_plane(task->rows, task->columns);
    for (int64_t c = 0; c < task->columns; c += LANES) {
        const float *from = task->from + weight_place(task->rows, row, c);
        float *to = task->to + row * task->columns + c;
        if (task->points == 4)
            transform_planes(weight_adjoint4, 4, 3, plane, from, tap, to);
        else if (task->points == 6)
            transform_planes(weight_adjoint6, 6, 3, plane, from, tap, to);
        else
            transform_planes(weight_adjoint8, 8, 5, plane, from, tap, to);
    }
}

typedef struct GradientTask {
    const ConvShape *shape;
    Tiling tiling;
    int64_t chunk, chunks; // tiles per chunk; how many
    const float *x, *dy;
    float *sums;    // [chunk] of dweight's spectra
    float *spectra; // room for those of a block; NULL: in the thread's scratch memory
} GradientTask;

// Some tiles, and where their spectra and the sum are.
typedef struct GradientBlock {
    const GradientTask *task;
    int64_t first, count;
    bool accumulate;
    float *inputs, *gradients, *sum;
} GradientBlock;

static void block_spectra(void *context, int64_t number, int thread)
{
    (void)thread;
    const GradientBlock *block = context;
    const ConvShape *s = block->task->shape;
    const Tiling *t = &block->task->tiling;
    int64_t tile = number * FEW_TILES, count = tile_min(FEW_TILES, block->count - tile);
    int64_t first = block->first + tile, place = place_of(t, tile, 0);
    input_spectra(t, s, first, count, block->task->x, block->inputs + place);
    gradient_spectra(t, s, first, count, &(Reading){0}, block->task->dy, block->gradients + place);
}

// One plane and panel of in channels: sum[in channel][out channel] += inputs' gradients.
static void block_plane(void *context, int64_t number, int thread)
{
    (void)thread;
    const GradientBlock *block = context;
    const ConvShape *s = block->task->shape;
    const Tiling *t = &block->task->tiling;
    int64_t f = number / (s->in_channels / PANEL_WIDTH);
    int64_t first = number % (s->in_channels / PANEL_WIDTH) * PANEL_WIDTH;
    const float *inputs = block->inputs + f * plane_of(t, s->in_channels);
    const float *gradients = block->gradients + f * plane_of(t, s->out_channels);
    float *sum = block->sum + f * weight_plane(s->in_channels, s->out_channels);
    const TileSteps a_steps = tile_steps(1), c_steps = tile_steps(PANEL_WIDTH);
    for (int64_t column = 0; column < s->out_channels; column += TILE_COLUMNS) {
        Tile tile = {.a_row = a_steps.at,
                     .c_row = c_steps.at,
                     .b = gradients + place_of(t, 0, column),
                     .accumulate = block->accumulate,
                     .columns = TILE_COLUMNS,
                     .run_count = 1,
                     .run_length = block->count,
                     .a_step = PANEL_WIDTH,
                     .b_step = PANEL_WIDTH,
                     .a_offset = &(int64_t){0}};
        for (int64_t row = first; row < first + PANEL_WIDTH; row += TILE_ROWS) {
            tile.a = inputs + place_of(t, 0, row);
            tile.c = sum + weight_place(s->in_channels, row, column);
            tile_run(tile_min(TILE_ROWS, first + PANEL_WIDTH - row), &tile);
        }
    }
}

static int64_t spectra_count(const GradientTask *task)
{
    const ConvShape *s = task->shape;
    return frequencies_of(&task->tiling) *
           (plane_of(&task->tiling, s->in_channels) + plane_of(&task->tiling, s->out_channels));
}

// A plane's sum over the tiles of a chunk is one chain, block by block. Called by a thread of
// parallel_for, what is parallel here runs in that thread.
static void chunk_gradient(void *context, int64_t number, int thread)
{
    const GradientTask *task = context;
    const ConvShape *s = task->shape;
    const Tiling *t = &task->tiling;
    const int64_t frequencies = frequencies_of(t), first = number * task->chunk;
    const int64_t end = tile_min(first + task->chunk, t->tiles);
    float *inputs = task->spectra ? task->spectra : scratch(thread, spectra_count(task) * 4);
    GradientBlock block = {.task = task,
                           .inputs = inputs,
                           .gradients = inputs + frequencies * plane_of(t, s->in_channels),
                           .sum = task->sums + number * frequencies *
                                                   weight_plane(s->in_channels, s->out_channels)};
    for (block.first = first; block.first < end; block.first += block.count) {
        block.count = tile_min(t->block, end - block.first);
        block.accumulate = block.first > first;
        parallel_for((block.count + FEW_TILES - 1) / FEW_TILES, block_spectra, &block);
        parallel_for(frequencies * (s->in_channels / PANEL_WIDTH), block_plane, &block);
    }
}

// A power of two of chunks, which threads share evenly as a rule.
static void plan_chunks(GradientTask *task, int64_t sum_values)
{
    const int64_t tiles = tiling_of(task->shape, 1).tiles;
    int64_t chunks = MAX_CHUNKS;
    while (chunks >= MIN_CHUNKS &&
           (chunks * sum_values > MAX_SUM_VALUES || tiles < chunks * MIN_TILES))
        chunks /= 2;
    if (chunks < MIN_CHUNKS) chunks = 1;
    task->tiling = tiling_of(task->shape, chunks > 1 ? FEW_TILES : SHARED_TILES);
    task->chunk = (tiles + chunks - 1) / chunks;
    task->chunks = (tiles + task->chunk - 1) / task->chunk;
}

void KERNEL(conv2d_weight_gradient_winograd)(const ConvShape *s, const float *x, const float *dy,
                                             float *dweight)
{
    const int64_t values = KERNEL(winograd_prepared_count)(s);
    GradientTask task = {.shape = s, .x = x, .dy = dy};
    plan_chunks(&task, values);
    const bool shared = task.chunks == 1;
    task.sums = scratch(-1, (task.chunks * values + (shared ? spectra_count(&task) : 0)) * 4);
    if (shared) {
        task.spectra = task.sums + values;
        chunk_gradient(&task, 0, -1);
    } else {
        parallel_for(task.chunks, chunk_gradient, &task);
        KERNEL(add_parts)(values, task.chunks, task.sums, task.sums);
    }
    parallel_for(
        s->in_channels, weights_from_spectra,
        &(WeightTask){task.tiling.points, s->in_channels, s->out_channels, task.sums, dweight});
}
