// The weight gradient of Winograd's convolutions (winograd.h): dg = G^T [(A dy A^T) . (B^T d B)] G. A
// block of tiles after the other: the spectra of x and of dy, then for each plane a product in which
// the tiles are k. Only the sum of all is transformed back.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/tile.h"
#include "core/cpu/kernels/winograd_tiles.h"
#include "core/thread.h"

enum { GRADIENT_TILES = 128 }; // a block

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
