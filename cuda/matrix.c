// Host side of kernels/matrix.cu: each product of core/kernels.h as one of its three forms, the
// tile's size and the splits of k, all by the shape alone.
#include "cuda/launch.h"

typedef enum Kind { KIND_FORWARD, KIND_INPUT, KIND_WEIGHT } Kind;

enum { TILE_K = 32, MULTIPROCESSORS = 132 }; // of an H100 or H200

static Precision precision;

void matrix_precision(Precision wanted)
{
    precision = wanted;
}

// Elements of a and b that may be read, and of c.
typedef struct Extents {
    int64_t a, b, c;
} Extents;

// Whether copies of four floats are possible: whole chunks, which begin at multiples of 16 bytes.
static bool in_chunks(const MatrixArguments *s, Kind kind)
{
    int64_t b_run = kind == KIND_INPUT ? s->inner : s->n;
    return s->inner % 4 == 0 && s->a_stride % 4 == 0 && b_run % 4 == 0 && s->b_stride % 4 == 0 &&
           at_16_bytes(s->a, s->b, NULL);
}

// ---- How a product is cut: the tile's size and the splits of k ----

// Of a block: its part of the result, and how many of them fit a multiprocessor.
typedef struct Tile {
    int m, n, fit;
    double weight; // time for a k and an element of the result, relative to the largest tile
    KernelNumber kernels[3]; // by precision
    bool is_warpgroups;      // of kernels/warpgroup.cu
} Tile;

static const Tile tiles[] = {
    {64, 64, 4, 1.5, {KERNEL_exact_forward_64, KERNEL_tf32_forward_64, KERNEL_bf16_forward_64}, 0},
    {128, 64, 3, 1.2, {KERNEL_COUNT, KERNEL_tf32_forward_128_64, KERNEL_bf16_forward_128_64}, 0},
    {128, 128, 2, 1.0, {KERNEL_COUNT, KERNEL_tf32_forward_128, KERNEL_bf16_forward_128}, 0},
    {256, 64, 1, 0.92, {KERNEL_COUNT, KERNEL_warpgroup_64, KERNEL_warpgroup_64}, true},
    {256, 128, 1, 0.6, {KERNEL_COUNT, KERNEL_warpgroup_128, KERNEL_warpgroup_128}, true}};
enum { FIRST_OF_WARPGROUPS = 3, TILES = 5 };
// Copies of single floats, for channels that are no multiple of four.
static const Tile tile_any = {
    64, 64, 2, 1, {KERNEL_exact_forward_any, KERNEL_tf32_forward_any, KERNEL_tf32_forward_any}, 0};

typedef struct Cut {
    const Tile *tile;
    int64_t splits, split_k;
} Cut;

// The time of a product in steps of k of one block of the largest tile. A multiprocessor with less
// blocks than fit it does not work at its full rate; each block takes a few steps to fill its
// stages, and each split writes sums that another kernel reads.
static double time_of(const MatrixArguments *s, const Tile *tile, int64_t splits)
{
    enum { FILL = 3, PARTIAL = 7, SECOND_KERNEL = 5 };
    const double area = (double)(tile->m * tile->n) / (128 * 128);
    const int64_t blocks = ceiling(s->m, tile->m) * ceiling(s->n, tile->n) * splits;
    const double each = (double)ceiling(blocks, MULTIPROCESSORS);
    const double busy = each < tile->fit ? (each + tile->fit) / 2 : each;
    const double steps = (double)ceiling(ceiling(s->k, TILE_K), splits) + FILL;
    const double alone = busy * area * (steps * tile->weight + (splits > 1 ? PARTIAL : 0));
    return alone + (splits > 1 ? SECOND_KERNEL : 0);
}

static Cut cut_with(int64_t splits, const MatrixArguments *s, const Tile *tile)
{
    const int64_t split_k = ceiling(ceiling(s->k, TILE_K), splits) * TILE_K;
    return (Cut){tile, split_k ? ceiling(s->k, split_k) : 1, split_k};
}

// Whether kernels/warpgroup.cu can do it: sums over k so long that what it cuts off averages out.
static bool takes_warpgroups(const MatrixArguments *s, Kind kind)
{
    return precision != PRECISION_EXACT && kind != KIND_WEIGHT && s->k >= 32;
}

// Whether the weights are turned before, since the warpgroup's lie along k.
static bool turns(const Tile *tile, Kind kind)
{
    return tile->is_warpgroups && kind == KIND_FORWARD;
}

// The fastest way by the shape and the kind of device alone, so that the sums have one order.
static Cut cut_of(const MatrixArguments *s, Kind kind)
{
    static const int64_t splits[] = {1,  2,  3,  4,  5,  6,  8,  10,  12,  16,
                                     20, 24, 32, 40, 48, 64, 96, 128, 192, 256};
    const Warpgroups use = device_backend()->warpgroups;
    const bool chunks = in_chunks(s, kind), always = use == WARPGROUPS_ALWAYS;
    const bool may = use && chunks && takes_warpgroups(s, kind) && (always || s->n >= 64);
    const int first = may && always ? FIRST_OF_WARPGROUPS : 0;
    Cut best = {0};
    const double turning = 1.5 + 3e-6 * s->k * s->n; // of the weights, in the same steps
    double least = 0;
    for (int t = first; t < (may ? TILES : chunks ? FIRST_OF_WARPGROUPS : 1); t++) {
        const Tile *tile = chunks ? &tiles[t] : &tile_any;
        if (tile->kernels[precision] == KERNEL_COUNT) continue;
        for (size_t i = 0; i < sizeof splits / sizeof splits[0]; i++) {
            if (splits[i] > 1 && splits[i] > ceiling(s->k, TILE_K)) break;
            const double time = time_of(s, tile, splits[i]) + (turns(tile, kind) ? turning : 0);
            if (best.tile && time >= least) continue;
            best = cut_with(splits[i], s, tile);
            least = time;
        }
    }
    return best;
}

// The product of each part of k, or where there is one part, all of it.
static void each_part(MatrixArguments s, Kind kind, const Cut *cut, Extents extents)
{
    const Tile *tile = cut->tile;
    s.splits = index_of(cut->splits);
    s.split_k = index_of(cut->split_k);
    s.columns_on = TILE_K % s.columns;
    s.rows_on = TILE_K / s.columns % s.rows;
    s.images_on = TILE_K / s.columns / s.rows;
    const uintptr_t places =
        s.partial ? (uintptr_t)s.partial : (uintptr_t)s.c | (uintptr_t)s.addend;
    s.in_pairs = s.n % 2 == 0 && places % 8 == 0 && (s.partial || !(s.bias || s.scale || s.relu));
    const int64_t partial = s.partial ? (int64_t)s.splits * s.m * s.n : 0;
    const int stages = tile->is_warpgroups ? 4 : 3;
    const Grid grid = {.x = ceiling(s.m, tile->m),
                       .y = ceiling(s.n, tile->n),
                       .z = s.splits,
                       .threads = tile->is_warpgroups ? 256 : 128,
                       .shared = stages * (tile->m + tile->n) * TILE_K * (int)sizeof(float)};
    const int form = tile->is_warpgroups ? 0 : (int)kind;
    LAUNCH((KernelNumber)((int)tile->kernels[precision] + form), grid, s, READS(s.a, extents.a),
           READS(s.b, extents.b), READS(s.bias, s.n), READS(s.scale, s.n),
           READS(s.addend, extents.c), WRITES(s.c, extents.c), WRITES(s.partial, partial));
}

// Adds the parts. Many parts of a small result are added by several groups of threads.
static void finish(MatrixArguments s, Extents extents)
{
    const int64_t size = index_of((int64_t)s.m * s.n), partial = s.splits * size;
    const bool wide = s.splits < 16 && s.dense && s.n % 4 == 0 && at_16_bytes(s.c, NULL, NULL);
    s.parts = s.splits < 16 ? 1 : 8;
    Grid grid = grid_over(wide ? size / 4 : size * s.parts);
    grid.shared = s.parts > 1 ? MOST_THREADS * (int)sizeof(float) : 0;
    LAUNCH(wide ? KERNEL_finish_splits_wide : KERNEL_finish_splits, grid, s, READS(s.bias, s.n),
           READS(s.scale, s.n), READS(s.addend, extents.c), READS(s.partial, partial),
           WRITES(s.c, extents.c));
}

// b with its taps as [n][inner], at y: what is left is the product that an input gradient is.
static int64_t turn_weights(MatrixArguments *s, int64_t extent, float *y)
{
    const int64_t taps = s->k / s->inner;
    TurnArguments turn = {.rows = s->inner, .columns = s->n, .x_stride = s->b_stride};
    turn.x = s->b;
    turn.y = y;
    const Grid grid = {.x = ceiling(turn.rows, 32),
                       .y = ceiling(turn.columns, 32),
                       .z = taps,
                       .threads = MOST_THREADS,
                       .shared = 32 * 33 * (int)sizeof(float)};
    LAUNCH(KERNEL_turn_weights, grid, turn, READS(turn.x, extent),
           WRITES(turn.y, (int64_t)s->k * s->n));
    s->b = y;
    s->b_stride = s->inner;
    s->kernel_row = s->kernel_column = 0;
    s->kernel_step = 1;
    s->kernel_width = s->taps_wide;
    return (int64_t)s->k * s->n;
}

static void product(MatrixArguments s, Kind kind, Extents extents)
{
    if (s.m == 0 || s.n == 0) return;
    const Cut cut = cut_of(&s, kind);
    const int64_t partial = cut.splits > 1 ? (cut.splits * s.m * s.n + 3) / 4 * 4 : 0;
    const int64_t turned = turns(cut.tile, kind) ? (int64_t)s.k * s.n : 0;
    float *scratch =
        partial + turned > 0 ? device_scratch((partial + turned) * (int64_t)sizeof(float)) : NULL;
    if (turned) extents.b = turn_weights(&s, extents.b, scratch + partial);
    s.splits = index_of(cut.splits);
    if (cut.splits > 1) s.partial = scratch;
    each_part(s, kind, &cut, extents);
    if (cut.splits > 1) finish(s, extents);
}

// ---- Convolutions ----

static int64_t x_size(const ConvShape *s)
{
    return index_of(s->batch * s->in_height * s->in_width * s->in_channels);
}
static int64_t y_size(const ConvShape *s)
{
    return index_of(s->batch * s->out_height * s->out_width * s->out_channels);
}
static int64_t weight_size(const ConvShape *s)
{
    return index_of(s->kernel_height * s->kernel_width * s->in_channels * s->out_channels);
}

// Patches of x: pixels are those of y.
static MatrixArguments patches(const ConvShape *s, const float *x)
{
    return (MatrixArguments){.inner = index_of(s->in_channels),
                             .image_height = index_of(s->in_height),
                             .image_width = index_of(s->in_width),
                             .a_stride = index_of(s->in_channels),
                             .b_stride = index_of(s->out_channels),
                             .rows = index_of(s->out_height),
                             .columns = index_of(s->out_width),
                             .pixels = index_of(s->batch * s->out_height * s->out_width),
                             .step = index_of(s->stride),
                             .first_row = -index_of(s->padding),
                             .first_column = -index_of(s->padding),
                             .taps_wide = index_of(s->kernel_width),
                             .tap_step = index_of(s->dilation),
                             .dense = true,
                             .a = x};
}

static void forward(const ConvShape *shape, const ConvAfter *after, const float *x,
                    const float *weight, float *y)
{
    MatrixArguments s = patches(shape, x);
    s.scale = after->scale;
    s.relu = after->relu;
    s.addend = after->addend;
    s.m = s.pixels;
    s.n = index_of(shape->out_channels);
    s.k = index_of(shape->kernel_height * shape->kernel_width * shape->in_channels);
    s.b = weight;
    s.bias = after->shift;
    s.c = y;
    product(s, KIND_FORWARD, (Extents){x_size(shape), weight_size(shape), y_size(shape)});
}

static void conv2d(const ConvShape *shape, const float *x, const float *weight, const float *bias,
                   const float *addend, float *y)
{
    forward(shape, &(ConvAfter){.shift = bias, .addend = addend}, x, weight, y);
}

static void conv2d_weight_gradient(const ConvShape *shape, const float *x, const float *dy,
                                   float *dweight)
{
    MatrixArguments s = patches(shape, x);
    s.m = index_of(shape->kernel_height * shape->kernel_width * shape->in_channels);
    s.n = index_of(shape->out_channels);
    s.k = s.pixels;
    s.b = dy;
    s.c = dweight;
    product(s, KIND_WEIGHT, (Extents){x_size(shape), y_size(shape), weight_size(shape)});
}

// ---- Squared norms of each image's weight gradient: with one part of k for each image, the partial
// sums of the product are the images' own gradients ----

static void conv2d_weight_norms(const ConvShape *shape, const float *x, const float *dy,
                                float *squares)
{
    enum { MOST_BYTES = 1 << 28 }; // for the gradients of as many images as are taken at once
    if (gram_norms_pay(shape)) {
        conv2d_gram_norms(shape, x, dy, squares);
        return;
    }
    const int64_t positions = shape->out_height * shape->out_width, size = weight_size(shape);
    const int64_t fit = MOST_BYTES / (size * (int64_t)sizeof(float));
    const int64_t at_once = fit > 65535 ? 65535 : fit > 1 ? fit : 1;
    ConvShape part = *shape;
    for (int64_t first = 0; first < shape->batch; first += at_once) {
        part.batch = shape->batch - first < at_once ? shape->batch - first : at_once;
        const int64_t x_image = x_size(&part) / part.batch, y_image = y_size(&part) / part.batch;
        // The gradients lie behind what dot_rows takes of the scratch memory.
        const int64_t before = (dot_rows_scratch(part.batch, size) + 255) / 256 * 256;
        char *scratch = device_scratch(before + part.batch * size * (int64_t)sizeof(float));
        MatrixArguments s = patches(&part, x + first * x_image);
        s.m = index_of(size / shape->out_channels);
        s.n = index_of(shape->out_channels);
        s.k = s.pixels;
        s.b = dy + first * y_image;
        s.partial = (float *)(void *)(scratch + before);
        Cut cut = cut_of(&s, KIND_WEIGHT);
        cut.splits = part.batch;
        cut.split_k = positions;
        each_part(s, KIND_WEIGHT, &cut, (Extents){x_size(&part), y_size(&part), 0});
        dot_rows(part.batch, size, s.partial, s.partial, squares + first);
    }
}

// The taps k of one axis that reach positions i = phase + stride j, those with
// (phase + padding - k dilation) divisible by the stride: first, first + step, ..; the output they
// come from is j + shift - t * out_step.
typedef struct PhaseTaps {
    int64_t first, step, count, shift, out_step;
} PhaseTaps;

static PhaseTaps taps_of_phase(const ConvShape *s, int64_t phase, int64_t kernel)
{
    PhaseTaps taps = {0};
    int64_t first = 0;
    while (first < s->stride && (phase + s->padding - first * s->dilation) % s->stride != 0)
        first++;
    taps.step = 1;
    while (taps.step * s->dilation % s->stride != 0) taps.step++;
    taps.first = first;
    if (first < s->stride && first < kernel) taps.count = (kernel - first - 1) / taps.step + 1;
    taps.shift = taps.count ? (phase + s->padding - first * s->dilation) / s->stride : 0;
    taps.out_step = taps.step * s->dilation / s->stride;
    return taps;
}

static void input_phase(const ConvShape *shape, MatrixArguments s, int64_t y, int64_t x)
{
    const PhaseTaps rows = taps_of_phase(shape, y, shape->kernel_height);
    const PhaseTaps columns = taps_of_phase(shape, x, shape->kernel_width);
    s.rows = index_of(ceiling(shape->in_height - y, shape->stride));
    s.columns = index_of(ceiling(shape->in_width - x, shape->stride));
    s.pixels = s.m = index_of(shape->batch * s.rows * s.columns);
    s.first_row = (int32_t)rows.shift;
    s.first_column = (int32_t)columns.shift;
    s.tap_step = (int32_t)-rows.out_step;
    s.kernel_row = index_of(rows.first);
    s.kernel_column = index_of(columns.first);
    s.kernel_step = index_of(rows.step);
    s.taps_wide = index_of(columns.count > 0 ? columns.count : 1);
    s.k = index_of(rows.count * columns.count * shape->out_channels);
    s.out_row = index_of(y);
    s.out_column = index_of(x);
    product(s, KIND_INPUT, (Extents){y_size(shape), weight_size(shape), x_size(shape)});
}

static void conv2d_input_gradient(const ConvShape *shape, const float *dy, const float *weight,
                                  const float *bias, float *dx)
{
    MatrixArguments s = {.n = index_of(shape->in_channels),
                         .inner = index_of(shape->out_channels),
                         .image_height = index_of(shape->out_height),
                         .image_width = index_of(shape->out_width),
                         .a_stride = index_of(shape->out_channels),
                         .b_stride = index_of(shape->out_channels),
                         .step = 1,
                         .kernel_width = index_of(shape->kernel_width),
                         .out_height = index_of(shape->in_height),
                         .out_width = index_of(shape->in_width),
                         .out_step = index_of(shape->stride),
                         .dense = shape->stride == 1,
                         .a = dy,
                         .b = weight,
                         .bias = bias,
                         .c = dx};
    for (int64_t y = 0; y < shape->stride && y < shape->in_height; y++)
        for (int64_t x = 0; x < shape->stride && x < shape->in_width; x++)
            input_phase(shape, s, y, x);
}

// ---- Frozen weights: the same products, with what follows them in their last lines ----

static int64_t prepared_count(const ConvShape *shape)
{
    (void)shape;
    return 0;
}

static void prepare(const ConvShape *shape, bool input_gradient, const float *weight,
                    float *prepared)
{
    (void)shape, (void)input_gradient, (void)weight, (void)prepared;
}

static void conv2d_frozen(const ConvShape *shape, const ConvAfter *after, const float *x,
                          const float *weight, const float *prepared, float *y)
{
    (void)prepared;
    forward(shape, after, x, weight, y);
}

static void conv2d_frozen_input_gradient(const ConvShape *shape, const ConvAfter *after,
                                         const float *y, float *dy, const float *weight,
                                         const float *prepared, float *dx)
{
    (void)prepared;
    FrozenArguments s = {.count = y_size(shape),
                         .n = index_of(shape->out_channels),
                         .relu = after->relu,
                         .y = y,
                         .scale = after->scale,
                         .dy = dy};
    s.wide = s.n % 4 == 0 && at_16_bytes(y, dy, NULL);
    if (after->relu || after->scale)
        LAUNCH(KERNEL_frozen_gradient, grid_over((s.count + 3) / 4), s, READS(s.y, s.count),
               READS(s.scale, s.n), WRITES(s.dy, s.count));
    conv2d_input_gradient(shape, dy, weight, NULL, dx);
}

// ---- Plain products: rows of A are the pixels of an image one pixel high ----

static void gemm(const Gemm *shape, const float *a, const float *b, const float *bias, float *c)
{
    const bool a_turned = shape->a_column != 1, b_turned = shape->b_column != 1;
    MatrixArguments s = {.m = index_of(shape->m),
                         .n = index_of(shape->n),
                         .k = index_of(shape->k),
                         .inner = index_of(a_turned ? shape->m : shape->k),
                         .image_height = 1, // one image, a line of pixels
                         .image_width = index_of(a_turned ? shape->k : shape->m),
                         .a_stride = index_of(a_turned ? shape->a_column : shape->a_row),
                         .b_stride = index_of(b_turned ? shape->b_column : shape->b_row),
                         .rows = 1,
                         .columns = index_of(a_turned ? shape->k : shape->m),
                         .step = 1,
                         .taps_wide = 1,
                         .kernel_width = 1,
                         .dense = true,
                         .addend = shape->accumulate ? c : NULL,
                         .a = a,
                         .b = b,
                         .bias = bias,
                         .c = c};
    if (a_turned && b_turned) panic("gemm: a product of two transposed matrices is not offered");
    if (s.inner == 0) s.inner = 1; // k is 0: nothing is read ..
    if (s.columns == 0) s.columns = 1;
    const int64_t a_lines = a_turned ? shape->k : shape->m,
                  b_lines = b_turned ? shape->n : shape->k;
    const int64_t a_length = a_turned ? shape->m : shape->k;
    const int64_t b_length = b_turned ? shape->k : shape->n;
    Extents extents = {a_lines ? (a_lines - 1) * s.a_stride + a_length : 0,
                       b_lines ? (b_lines - 1) * s.b_stride + b_length : 0, shape->m * shape->n};
    product(s, a_turned ? KIND_WEIGHT : b_turned ? KIND_INPUT : KIND_FORWARD, extents);
}

void cuda_enter_matrix(Kernels *table)
{
    table->gemm = gemm;
    table->conv2d = conv2d;
    table->conv2d_input_gradient = conv2d_input_gradient;
    table->conv2d_weight_gradient = conv2d_weight_gradient;
    table->conv2d_weight_norms = conv2d_weight_norms;
    table->conv2d_prepared_count = prepared_count;
    table->conv2d_prepare = prepare;
    table->conv2d_frozen = conv2d_frozen;
    table->conv2d_frozen_input_gradient = conv2d_frozen_input_gradient;
}
