// Convolution, dropout, pooling by maximum and relu of some rows at a time: the convolution's
// results, of which pooling leaves a quarter or less, stay in the first-level cache. The gradients
// are those of direct convolution (conv_direct_weight.c, conv_parts.c), which spread dy over the
// windows again where they need it, or a first layer's (conv_patches.c). What is saved are passes
// over memory; the multiply-adds limit.
#include "core/cpu/kernels/conv.h"
#include "core/cpu/kernels/columns.h"

enum { MOST_WINDOW = 15 };                  // a place is a byte, and NO_PLACE none
enum { BAND_VALUES = 4096 };                // of rows pooled at a time, in the first-level cache
static const int64_t MOST_VALUES = 1 << 17; // of one image: the cache's share

typedef struct PoolTask {
    const ConvPool *shape;
    const float *dy;
    const uint8_t *from_places;
    float *y;
    uint8_t *places;
} PoolTask;

typedef struct Pooled {
    int64_t height, width, channels, values; // of one image
} Pooled;

static Pooled pooled_of(const ConvPool *s)
{
    Pooled p = {.height = s->conv.out_height / s->window, .width = s->conv.out_width / s->window};
    p.channels = s->conv.out_channels;
    p.values = p.height * p.width * p.channels;
    return p;
}

static int64_t values_of(const ConvShape *s)
{
    return s->out_height * s->out_width * s->out_channels;
}

bool KERNEL(conv2d_pool_fits)(const ConvPool *s)
{
    return s->window >= 1 && s->window <= MOST_WINDOW && s->conv.out_height >= s->window &&
           s->conv.out_width >= s->window && s->conv.out_channels % SUM_LANES == 0 &&
           values_of(&s->conv) <= MOST_VALUES;
}

// LANES channels of one window: the first of the largest values (a NaN is larger than all), relu of
// it, and its place.
static void pool_window(const ConvPool *s, const float *x, float *y, uint8_t *places)
{
    const int64_t channels = s->conv.out_channels, row = s->conv.out_width * channels;
    Vector best = load(x);
    VectorInt place = splat_int(0);
    int32_t number = 0;
    for (int64_t wy = 0; wy < s->window; wy++)
        for (int64_t wx = 0; wx < s->window; wx++, number++) {
            Vector value = load(x + wy * row + wx * channels);
            VectorInt better = less(best, value) | (~equal(value, value) & equal(best, best));
            best = select_vector(better, value, best);
            place = (splat_int(number) & better) | (place & ~better);
        }
    store(y, select_vector(less(best, splat(0)), splat(0), best));
    VectorInt passes = less(splat(0), best);
    place = (place & passes) | (splat_int(NO_PLACE) & ~passes);
    int32_t numbers[LANES];
    memcpy(numbers, &place, sizeof numbers);
    for (int l = 0; l < LANES; l++) places[l] = (uint8_t)numbers[l];
}

static void pool_rows(const void *context, int64_t first, int64_t rows, float *values)
{
    const PoolTask *task = context;
    const ConvPool *s = task->shape;
    const Pooled p = pooled_of(s);
    const int64_t row = s->conv.out_width * p.channels;
    if (s->probability > 0)
        KERNEL(dropout_part)(s->probability, s->key, first * row, rows * row, values);
    const int64_t image = first / s->conv.out_height, top = first % s->conv.out_height / s->window;
    float *y = task->y + image * p.values + top * p.width * p.channels;
    uint8_t *places = task->places + (y - task->y);
    for (int64_t oy = 0; oy < rows / s->window; oy++)
        for (int64_t ox = 0; ox < p.width; ox++)
            for (int64_t c = 0; c < p.channels; c += LANES, y += LANES, places += LANES)
                pool_window(s, values + oy * s->window * row + ox * s->window * p.channels + c, y,
                            places);
}

static void conv2d_pool(const ConvPool *s, const float *x, const float *weight, const float *bias,
                        float *y, uint8_t *places)
{
    const int64_t band = s->window * s->conv.out_width * s->conv.out_channels;
    PoolTask task = {.shape = s, .y = y, .places = places};
    Results rows = {
        .rows = s->window * larger(1, BAND_VALUES / band), .then = pool_rows, .context = &task};
    KERNEL(conv2d_direct)(&s->conv, x, weight, bias, rows);
}

// ---- gradients ----

// One window's gradients: dy at each maximum's place, 0 elsewhere. LANES channels at a time, which
// read dy and places once for all pixels of the window.
static void spread_window(const ConvPool *s, float scale, const float *dy, const uint8_t *places,
                          float *to)
{
    const int64_t channels = s->conv.out_channels, row = s->conv.out_width * channels;
    for (int64_t c = 0; c < channels; c += LANES, to += LANES) {
        int32_t numbers[LANES], number = 0;
        for (int l = 0; l < LANES; l++) numbers[l] = places[c + l];
        VectorInt place;
        memcpy(&place, numbers, sizeof place);
        const Vector gradient = splat(scale) * load(dy + c);
        for (int64_t wy = 0; wy < s->window; wy++)
            for (int64_t wx = 0; wx < s->window; wx++, number++)
                store(to + wy * row + wx * channels,
                      select_vector(equal_int(place, splat_int(number)), gradient, splat(0)));
    }
}

static float scale_of(const ConvPool *s)
{
    return 1 / (1 - s->probability);
}

// The gradients of one band, `window` rows of an image (at its end those that no window covers), and
// how many values these are.
static int64_t spread_band(const PoolTask *task, int64_t image, int64_t band, float *values)
{
    const ConvPool *s = task->shape;
    const Pooled p = pooled_of(s);
    const int64_t width = s->conv.out_width, rows = s->conv.out_height - band * s->window;
    const int64_t count = smaller(s->window, rows) * width * p.channels;
    const int64_t first = image * p.values + band * p.width * p.channels;
    if (band == p.height || p.width * s->window < width)
        memset(values, 0, (size_t)count * sizeof(float));
    for (int64_t i = 0; i < p.width && band < p.height; i++)
        spread_window(s, scale_of(s), task->dy + first + i * p.channels,
                      task->from_places + first + i * p.channels,
                      values + i * s->window * p.channels);
    return count;
}

static int64_t bands_of(const ConvPool *s)
{
    return (s->conv.out_height + s->window - 1) / s->window;
}

static void spread_images(const void *context, int64_t first, int64_t images, float *values)
{
    const PoolTask *task = context;
    const int64_t bands = bands_of(task->shape);
    for (int64_t band = first * bands; band < (first + images) * bands; band++)
        values += spread_band(task, band / bands, band % bands, values);
}

static void conv2d_pool_input_gradient(const ConvPool *s, const uint8_t *places, const float *dy,
                                       const float *weight, float *dx)
{
    if (KERNEL(conv2d_pool_in_patches)(s)) {
        KERNEL(conv2d_pool_input_gradient_by_patches)(s, places, dy, weight, dx);
        return;
    }
    PoolTask task = {.shape = s, .dy = dy, .from_places = places};
    KERNEL(conv2d_input_gradient_direct)
    (&s->conv, (Gradients){NULL, spread_images, &task}, weight, NULL, dx);
}

static void conv2d_pool_weight_gradient(const ConvPool *s, const uint8_t *places, const float *x,
                                        const float *dy, float *dweight)
{
    PoolTask task = {.shape = s, .dy = dy, .from_places = places};
    KERNEL(conv2d_weight_gradient_direct)
    (&s->conv, x, (Gradients){NULL, spread_images, &task}, dweight);
}

// The sum over all pixels as reduce.c forms it, in the same order: a block's bands are spread anew.
typedef struct BiasTask {
    const PoolTask *pool;
    Columns plan;
    float *partial; // (blocks, channels)
} BiasTask;

static void sum_blocks(const void *context, int64_t begin, int64_t end, int thread)
{
    const BiasTask *task = context;
    const ConvPool *s = task->pool->shape;
    const Columns *plan = &task->plan;
    const int64_t bands = bands_of(s), channels = plan->width, row = s->conv.out_width * channels;
    const int64_t most = plan->block_rows * channels + 2 * s->window * row;
    float *values = scratch(thread, most * (int64_t)sizeof(float)), sums[PANEL];
    for (int64_t number = begin; number < end; number++) {
        Panel panel = panel_of(plan, number);
        int64_t pixel = panel.block * plan->block_rows, pixels = values_of(&s->conv) / channels;
        int64_t image = pixel / pixels, line = pixel % pixels / s->conv.out_width;
        int64_t band = line / s->window, filled = 0;
        int64_t skipped = pixel % pixels * channels - band * s->window * row;
        for (; filled < skipped + panel.rows * channels; band++) {
            if (band == bands) image++, band = 0;
            filled += spread_band(task->pool, image, band, values + filled);
        }
        sum_columns(&panel, false, plan->wide, values + skipped + panel.first, sums);
        add_phases(&panel, sums);
        memcpy(task->partial + panel.block * channels + panel.first, sums,
               (size_t)panel.width * sizeof(float));
    }
}

static void conv2d_pool_bias_gradient(const ConvPool *s, const uint8_t *places, const float *dy,
                                      float *dbias)
{
    const int64_t channels = s->conv.out_channels;
    PoolTask pool = {.shape = s, .dy = dy, .from_places = places};
    BiasTask task = {&pool, columns_plan(s->conv.batch * values_of(&s->conv) / channels, channels),
                     NULL};
    const Columns *plan = &task.plan;
    task.partial = scratch(-1, plan->blocks * channels * (int64_t)sizeof(float));
    parallel_ranges(plan->blocks * plan->panels, CHUNK, sum_blocks, &task);
    add_blocks(plan->blocks, channels, task.partial, dbias);
}

static void spread_range(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const PoolTask *task = context;
    spread_images(task, begin, end - begin, task->y + begin * values_of(&task->shape->conv));
}

static void conv2d_pool_spread(const ConvPool *s, const uint8_t *places, const float *dy,
                               float *spread)
{
    PoolTask task = {.shape = s, .dy = dy, .from_places = places, .y = spread};
    parallel_ranges(s->conv.batch, values_of(&s->conv), spread_range, &task);
}

void KERNEL(enter_conv_pool)(Kernels *table)
{
    table->conv2d_pool = conv2d_pool;
    table->conv2d_pool_input_gradient = conv2d_pool_input_gradient;
    table->conv2d_pool_weight_gradient = conv2d_pool_weight_gradient;
    table->conv2d_pool_bias_gradient = conv2d_pool_bias_gradient;
    table->conv2d_pool_spread = conv2d_pool_spread;
}
