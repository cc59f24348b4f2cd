// The input gradient of convolution and pooling together (conv_pool.c) for a first layer: of each
// window one pixel a channel has a gradient g_c, that of the maximum, at the place p_c. So
//
//   dx[patch of the window] += sum over channels c of g_c W_c^p_c
//
// where W_c^p is the channel's kernel put at place p of a patch, the pixels that a window's results
// were made from. All W_c^p are one table, which the first-level cache holds; with windows of 2x2 a
// patch of 6x6 takes a third of the multiply-adds of the product with all pixels' gradients. Reading
// the table limits.
#include "core/cpu/kernels/conv.h"
#include "core/thread.h"

enum { PATCH = 48, PATCH_VECTORS = PATCH / LANES };                 // values of a table's row
enum { MOST_ROWS = 170, MOST_CHANNELS = 64 };                       // of the table: 32 KiB
enum { SUMS = 12, ABREAST = LANES > 1 ? SUMS / PATCH_VECTORS : 1 }; // sums at once; windows

typedef struct PatchTask {
    const ConvPool *shape;
    const uint8_t *places;
    const float *dy, *table;
    float *dx;
} PatchTask;

// A window's gradients of all channels and where in the table their kernels are.
typedef struct Window {
    float gradient[MOST_CHANNELS];
    int32_t row[MOST_CHANNELS];
} Window;

static int64_t side_of(int64_t kernel, const ConvPool *s)
{
    return kernel + s->window - 1;
}

bool KERNEL(conv2d_pool_in_patches)(const ConvPool *s)
{
    const ConvShape *c = &s->conv;
    return c->stride == 1 && c->dilation == 1 && c->padding == 0 &&
           side_of(c->kernel_height, s) * side_of(c->kernel_width, s) * c->in_channels <= PATCH &&
           c->out_channels <= MOST_CHANNELS && c->out_channels * s->window * s->window <= MOST_ROWS;
}

// table[c][p][y][x][ci]: the kernel of channel c, its corner at the place p.
static void fill_table(const ConvPool *s, const float *weight, float *table)
{
    const ConvShape *c = &s->conv;
    const int64_t width = side_of(c->kernel_width, s), places = s->window * s->window;
    memset(table, 0, (size_t)(c->out_channels * places * PATCH) * sizeof(float));
    for (int64_t ky = 0; ky < c->kernel_height; ky++)
        for (int64_t kx = 0; kx < c->kernel_width; kx++)
            for (int64_t ci = 0; ci < c->in_channels; ci++)
                for (int64_t co = 0; co < c->out_channels; co++, weight++)
                    for (int64_t p = 0; p < places; p++) {
                        int64_t y = ky + p / s->window, x = kx + p % s->window;
                        table[(co * places + p) * PATCH + (y * width + x) * c->in_channels + ci] =
                            *weight;
                    }
}

static void window_of(const PatchTask *task, int64_t number, Window *window)
{
    const int32_t channels = (int32_t)task->shape->conv.out_channels;
    const int32_t places = (int32_t)(task->shape->window * task->shape->window);
    const float scale = 1 / (1 - task->shape->probability);
    const float *dy = task->dy + number * channels;
    const uint8_t *place = task->places + number * channels;
    for (int32_t c = 0; c < channels; c++) {
        const bool passes = place[c] != NO_PLACE;
        window->gradient[c] = passes ? scale * dy[c] : 0;
        window->row[c] = (c * places + (passes ? place[c] : 0)) * PATCH;
    }
}

// The patches of some neighbouring windows. Each value is one chain in the order of the channels.
static inline __attribute__((always_inline)) void
patches_of(const int windows, const PatchTask *task, int64_t number, float *patches)
{
    Window window[ABREAST];
    Vector sum[ABREAST][PATCH_VECTORS];
    for (int w = 0; w < windows; w++) window_of(task, number + w, &window[w]);
    UNROLL
    for (int w = 0; w < windows; w++) {
        UNROLL
        for (int v = 0; v < PATCH_VECTORS; v++) sum[w][v] = splat(0);
    }
    for (int64_t c = 0; c < task->shape->conv.out_channels; c++) {
        UNROLL
        for (int w = 0; w < windows; w++) {
            const float *row = task->table + window[w].row[c];
            Vector gradient = splat(window[w].gradient[c]);
            UNROLL
            for (int v = 0; v < PATCH_VECTORS; v++)
                sum[w][v] = fma_vector(gradient, load(row + v * LANES), sum[w][v]);
        }
    }
    UNROLL
    for (int w = 0; w < windows; w++) {
        UNROLL
        for (int v = 0; v < PATCH_VECTORS; v++) store(patches + w * PATCH + v * LANES, sum[w][v]);
    }
}

// A patch added to the image: whole vectors, of which the lanes behind the end of a row add nothing.
static void add_patch(const PatchTask *task, const float *patch, float *image)
{
    static const float numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    const ConvShape *s = &task->shape->conv;
    const int64_t length = side_of(s->kernel_width, task->shape) * s->in_channels;
    const int64_t height = side_of(s->kernel_height, task->shape);
    for (int64_t i = 0; i < length; i += LANES) {
        const VectorInt inside = less(load(numbers), splat((float)(length - i)));
        for (int64_t y = 0; y < height; y++) {
            float *to = image + y * s->in_width * s->in_channels + i;
            Vector value = load(patch + y * length + i);
            store(to, load(to) + select_vector(inside, value, splat(0)));
        }
    }
}

static void patches_image(void *context, int64_t image, int thread)
{
    const PatchTask *task = context;
    const ConvShape *s = &task->shape->conv;
    const int64_t window = task->shape->window, row = s->in_width * s->in_channels;
    const int64_t height = s->out_height / window, width = s->out_width / window;
    const int64_t size = s->in_height * row, first = image * height * width;
    float *sums = scratch(thread, (size + ABREAST * PATCH + 2 * LANES) * (int64_t)sizeof(float));
    float *patches = sums + size + LANES;
    memset(sums, 0, (size_t)size * sizeof(float));
    for (int64_t oy = 0; oy < height; oy++)
        for (int64_t ox = 0, count; ox < width; ox += count) {
            count = width - ox >= ABREAST ? ABREAST : 1;
            if (count == ABREAST)
                patches_of(ABREAST, task, first + oy * width + ox, patches);
            else
                patches_of(1, task, first + oy * width + ox, patches);
            for (int64_t w = 0; w < count; w++)
                add_patch(task, patches + w * PATCH,
                          sums + oy * window * row + (ox + w) * window * s->in_channels);
        }
    memcpy(task->dx + image * size, sums, (size_t)size * sizeof(float));
}

void KERNEL(conv2d_pool_input_gradient_by_patches)(const ConvPool *s, const uint8_t *places,
                                                   const float *dy, const float *weight, float *dx)
{
    const int64_t rows = s->conv.out_channels * s->window * s->window;
    float *table = scratch(-1, rows * PATCH * (int64_t)sizeof(float));
    fill_table(s, weight, table);
    parallel_for(s->conv.batch, patches_image, &(PatchTask){s, places, dy, table, dx});
}
