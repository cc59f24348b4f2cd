// Each check draws a shape, gives both devices the same values, and compares all results.
// Elementwise kernels, maxima, noise and updates must have the same bits; sums have another order.
#include "cuda/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"

enum { ARRAYS_LIMIT = 10 };

typedef struct Array {
    int64_t count;
    float *host, *device, *back; // back: the device's values, compared
} Array;

typedef struct Check {
    const Kernels *host, *device;
    RandomKey key;
    uint64_t drawn; // random numbers so far
    double tolerance, product_tolerance;
    Array arrays[ARRAYS_LIMIT];
    int count;
    double worst;
} Check;

// ---- Drawing ----

static int64_t draw(Check *c, int64_t low, int64_t high)
{
    return low + (int64_t)random_below(c->key, c->drawn++, (uint32_t)(high - low + 1));
}

static Array *array(Check *c, int64_t count, float low, float high)
{
    Array *a = &c->arrays[c->count++];
    *a = (Array){.count = count, .host = allocate((uint64_t)count * 4 + 4)};
    a->back = allocate((uint64_t)count * 4 + 4);
    a->device = c->device->memory->allocate(count * 4);
    for (int64_t i = 0; i < count; i++)
        a->host[i] = low + (high - low) * random_uniform(c->key, c->drawn + (uint64_t)i);
    c->drawn += (uint64_t)count;
    c->device->memory->to_device(count * 4, a->host, a->device);
    return a;
}

static Array *values(Check *c, int64_t count)
{
    return array(c, count, -3, 3);
}

static int32_t *ints(float *values_of_four_bytes)
{
    return (int32_t *)(void *)values_of_four_bytes;
}

static Array *labels(Check *c, int64_t count, int64_t classes)
{
    Array *a = array(c, count, 0, 1);
    for (int64_t i = 0; i < count; i++) ints(a->host)[i] = (int32_t)draw(c, 0, classes - 1);
    c->device->memory->to_device(count * 4, a->host, a->device);
    return a;
}

// ---- Comparing ----

// Both a NaN is the same.
static void same_values(Check *c, Array *a, double tolerance)
{
    double largest = 0, scale = 0;
    c->device->memory->to_host(a->count * 4, a->device, a->back);
    for (int64_t i = 0; i < a->count; i++) {
        const double host = (double)a->host[i], device = (double)a->back[i];
        if (host == device || (isnan(host) && isnan(device))) continue;
        const double difference = fabs(host - device);
        if (!(difference <= largest)) largest = isnan(difference) ? INFINITY : difference;
    }
    for (int64_t i = 0; i < a->count; i++)
        if (fabs((double)a->host[i]) > scale) scale = fabs((double)a->host[i]);
    const double error = scale > 0 ? largest / scale : largest;
    // Relative to what is allowed: checks may have several results with limits of their own.
    const double share = tolerance > 0 ? error / tolerance : error > 0 ? INFINITY : 0;
    if (share > 1) c->worst = INFINITY;
    if (error > c->worst) c->worst = error;
}

static void same_bits(Check *c, Array *a)
{
    same_values(c, a, c->host->fused ? 0 : c->tolerance);
}

static void same_ints(Check *c, Array *a)
{
    c->device->memory->to_host(a->count * 4, a->device, a->back);
    if (memcmp(a->host, a->back, (size_t)a->count * 4) != 0) c->worst = INFINITY;
}

static void about_same(Check *c, Array *a)
{
    same_values(c, a, c->tolerance);
}

// Runs a call on both: K is the list of kernels, V(a) the array's values there.
#define ON_BOTH(call)                       \
    {                                       \
        const Kernels *const K = c->host;   \
        call(host);                         \
    }                                       \
    {                                       \
        const Kernels *const K = c->device; \
        call(device);                       \
    }

// ---- The checks ----

static void check_unary(Check *c)
{
    const UnaryOp op = (UnaryOp)draw(c, 0, UNARY_COUNT - 1);
    const int64_t count = draw(c, 0, 5000);
    const bool positive = op == UNARY_LOG || op == UNARY_SQRT;
    Array *x = array(c, count, positive ? 0.01f : -6, 6), *y = values(c, count);
    Array *dy = values(c, count), *dx = values(c, count);
#define CALL(where)                                       \
    K->unary(op, -0.5f, 1.5f, count, x->where, y->where); \
    K->unary_backward(op, -0.5f, 1.5f, count, x->where, y->where, dy->where, dx->where);
    ON_BOTH(CALL)
#undef CALL
    same_bits(c, y);
    same_bits(c, dx);
}

static void check_binary(Check *c)
{
    const BinaryOp op = (BinaryOp)draw(c, 0, BINARY_COUNT - 1);
    const int64_t rows = draw(c, 1, 40), columns = draw(c, 1, 90);
    const int64_t a_row = draw(c, 0, 1) * columns, b_column = draw(c, 0, 1);
    const Broadcast shape = {2, {rows, columns}, {a_row, 1}, {b_column * columns, b_column}};
    Array *a = values(c, rows * columns), *b = array(c, rows * columns, 1, 2);
    Array *y = values(c, rows * columns);
#define CALL(where) K->binary(op, &shape, a->where, b->where, y->where);
    ON_BOTH(CALL)
#undef CALL
    same_bits(c, y);
}

static void check_copies(Check *c)
{
    const int64_t n = draw(c, 1, 5), h = draw(c, 1, 9), w = draw(c, 1, 9), k = draw(c, 1, 9);
    const StridedCopy turn = {4, {n, k, h, w}, {h * w * k, 1, w * k, k}, {k * h * w, h * w, w, 1}};
    Array *x = values(c, n * h * w * k), *y = values(c, n * h * w * k), *z = values(c, n * h * w);
#define CALL(where)                                   \
    K->copy(&turn, x->where, y->where);               \
    K->accumulate(n *h *w, 0.7f, x->where, z->where); \
    K->fill(n *h, 2.5f, z->where);
    ON_BOTH(CALL)
#undef CALL
    same_bits(c, y);
    same_bits(c, z);
}

static void check_reductions(Check *c)
{
    const bool rows = draw(c, 0, 1);
    const int64_t outer = draw(c, 1, 4), count = draw(c, 1, rows ? 40000 : 1500);
    const int64_t inner = rows ? 1 : draw(c, 2, 70);
    Array *x = values(c, outer * count * inner), *b = values(c, outer * count * inner);
    Array *sum = values(c, outer * inner), *most = values(c, outer * inner);
    Array *index = values(c, outer * inner), *dy = values(c, outer * inner);
    Array *dx = values(c, x->count), *norm = values(c, outer), *dnorm = values(c, x->count);
    const int64_t length = count * inner;
#define CALL(where)                                                                        \
    K->sum(outer, count, inner, x->where, sum->where);                                     \
    K->max(outer, count, inner, x->where, most->where, ints(index->where));                \
    K->max_backward(outer, count, inner, ints(index->where), dy->where, dx->where);        \
    K->norm2_rows(outer, length, x->where, norm->where);                                   \
    K->norm2_rows_backward(outer, length, x->where, norm->where, dy->where, dnorm->where); \
    K->dot_rows(outer, length, x->where, b->where, norm->where);
    ON_BOTH(CALL)
#undef CALL
    about_same(c, sum);
    about_same(c, norm);
    about_same(c, dnorm);
    same_bits(c, most);
    same_ints(c, index);
    same_bits(c, dx);
}

static void check_losses(Check *c)
{
    const int64_t rows = draw(c, 1, 70), classes = draw(c, 1, 100);
    Array *x = values(c, rows * classes), *y = values(c, rows * classes);
    Array *dy = values(c, rows * classes), *dx = values(c, rows * classes);
    Array *logs = values(c, rows * classes), *dlogs = values(c, rows * classes);
    Array *label = labels(c, rows, classes), *losses = values(c, rows);
    Array *dlogits = values(c, rows * classes);
#define CALL(where)                                                                         \
    K->softmax(rows, classes, x->where, y->where);                                          \
    K->softmax_backward(rows, classes, y->where, dy->where, dx->where);                     \
    K->log_softmax(rows, classes, x->where, logs->where);                                   \
    K->log_softmax_backward(rows, classes, logs->where, dy->where, dlogs->where);           \
    K->cross_entropy(rows, classes, x->where, ints(label->where), losses->where, y->where); \
    K->cross_entropy_backward(rows, classes, y->where, ints(label->where), losses->where,   \
                              dlogits->where);
    ON_BOTH(CALL)
#undef CALL
    Array *results[] = {y, dx, logs, dlogs, losses, dlogits};
    for (int i = 0; i < 6; i++) about_same(c, results[i]);
}

static void check_batch_statistics(Check *c)
{
    const int64_t rows = draw(c, 1, 1500), channels = draw(c, 1, 70);
    const NormRelu relu = (NormRelu)draw(c, 0, 2);
    Array *x = values(c, rows * channels), *mean = values(c, channels);
    Array *inverse = values(c, channels), *frozen = values(c, channels);
    Array *running = values(c, channels), *variance = array(c, channels, 0, 2);
#define CALL(where)                                                                             \
    K->inverse_deviation(channels, 1e-5f, variance->where, frozen->where);                      \
    K->batch_norm_statistics(                                                                   \
        &(BatchStatistics){rows, channels, relu, 0.1f, 1e-5f, running->where, variance->where}, \
        x->where, mean->where, inverse->where);
    ON_BOTH(CALL)
#undef CALL
    same_bits(c, frozen);
    Array *results[] = {mean, inverse, running, variance};
    for (int i = 0; i < 4; i++) about_same(c, results[i]);
}

static void check_batch_norm(Check *c)
{
    const int64_t rows = draw(c, 1, 1500), channels = draw(c, 1, 70);
    const NormRelu relu = (NormRelu)draw(c, 0, 2);
    const bool training = draw(c, 0, 1);
    const int known = (int)draw(c, 0, 2); // nothing, an array, dx itself
    Array *x = values(c, rows * channels), *dy = values(c, rows * channels);
    Array *y = values(c, rows * channels), *dx = values(c, rows * channels);
    Array *other = values(c, rows * channels), *mean = values(c, channels);
    Array *inverse = array(c, channels, 0.5f, 2), *scale = values(c, channels);
    Array *dscale = values(c, channels), *dshift = values(c, channels);
#define CALL(where)                                                                             \
    const BatchNormShape shape = {rows,        channels,       training,     relu,              \
                                  mean->where, inverse->where, scale->where, mean->where};      \
    K->batch_norm_apply(&shape, x->where, y->where);                                            \
    const float *const added[] = {NULL, other->where, dx->where};                               \
    K->batch_norm_backward(&shape, x->where, dy->where, added[known], dx->where, dscale->where, \
                           dshift->where);
    ON_BOTH(CALL)
#undef CALL
    same_bits(c, y);
    Array *results[] = {dx, dscale, dshift};
    for (int i = 0; i < 3; i++) about_same(c, results[i]);
}

static void check_group_norm(Check *c)
{
    const int64_t batch = draw(c, 1, 5), positions = draw(c, 1, 200), groups = draw(c, 1, 9);
    const int64_t channels = groups * draw(c, 1, 9), size = batch * positions * channels;
    Array *x = values(c, size), *dy = values(c, size), *y = values(c, size), *dx = values(c, size);
    Array *mean = values(c, batch * groups), *inverse = values(c, batch * groups);
    Array *scale = values(c, channels), *shift = values(c, channels);
    Array *dscale = values(c, batch * channels), *dshift = values(c, batch * channels);
#define CALL(where)                                                                             \
    const GroupNormShape shape = {batch, positions,    channels,    groups,                     \
                                  1e-5f, scale->where, shift->where};                           \
    K->group_norm(&shape, x->where, mean->where, inverse->where, y->where);                     \
    K->group_norm_sums(&shape, x->where, dy->where, mean->where, inverse->where, dscale->where, \
                       dshift->where);                                                          \
    K->group_norm_backward(&shape, x->where, dy->where, mean->where, inverse->where,            \
                           dscale->where, dshift->where, dx->where);
    ON_BOTH(CALL)
#undef CALL
    Array *results[] = {mean, inverse, y, dscale, dshift, dx};
    for (int i = 0; i < 6; i++) about_same(c, results[i]);
}

static void check_pools(Check *c)
{
    PoolShape s = {.batch = draw(c, 1, 3), .channels = draw(c, 1, 20)};
    s.kernel = draw(c, 1, 3);
    s.stride = draw(c, 1, 3);
    s.in_height = draw(c, s.kernel, 14);
    s.in_width = draw(c, s.kernel, 14);
    s.out_height = (s.in_height - s.kernel) / s.stride + 1;
    s.out_width = (s.in_width - s.kernel) / s.stride + 1;
    const int64_t in = s.batch * s.in_height * s.in_width * s.channels;
    const int64_t out = s.batch * s.out_height * s.out_width * s.channels;
    Array *x = values(c, in), *y = values(c, out), *index = values(c, out), *dx = values(c, in);
    Array *mean = values(c, out), *dmean = values(c, in);
    Array *adaptive = values(c, out), *dadaptive = values(c, in);
#define CALL(where)                                                      \
    K->max_pool2d(&s, x->where, y->where, ints(index->where));           \
    K->max_pool2d_backward(&s, ints(index->where), y->where, dx->where); \
    K->avg_pool2d(&s, x->where, mean->where);                            \
    K->avg_pool2d_backward(&s, y->where, dmean->where);                  \
    K->adaptive_avg_pool2d(&s, x->where, adaptive->where);               \
    K->adaptive_avg_pool2d_backward(&s, y->where, dadaptive->where);
    ON_BOTH(CALL)
#undef CALL
    same_ints(c, index);
    Array *results[] = {y, dx, mean, dmean, adaptive, dadaptive};
    for (int i = 0; i < 6; i++) same_bits(c, results[i]);
}

// Any table will do: where an output reads, how often, and with which weights.
static void check_resample(Check *c)
{
    const int taps = 1 << draw(c, 0, 2);
    ResampleShape s = {.batch = draw(c, 1, 3), .taps = taps};
    s.channels = draw(c, 1, 5) * (draw(c, 0, 1) ? 4 : 1);
    s.in_height = draw(c, 1, 12);
    s.in_width = draw(c, 1, 12);
    s.out_height = draw(c, 1, 20);
    s.out_width = draw(c, 1, 20);
    Array *rows = labels(c, s.out_height * taps, s.in_height);
    Array *columns = labels(c, s.out_width * taps, s.in_width);
    Array *row_weights = values(c, rows->count), *column_weights = values(c, columns->count);
    Array *x = values(c, s.batch * s.in_height * s.in_width * s.channels);
    Array *y = values(c, s.batch * s.out_height * s.out_width * s.channels);
    Array *dy = values(c, y->count), *dx = values(c, x->count);
    s.row_index = ints(rows->host);
    s.column_index = ints(columns->host);
    s.row_weight = row_weights->host;
    s.column_weight = column_weights->host;
#define CALL(where)                        \
    K->resample2d(&s, x->where, y->where); \
    K->resample2d_backward(&s, dy->where, dx->where);
    ON_BOTH(CALL)
#undef CALL
    same_bits(c, y);
    about_same(c, dx);
}

static void check_grid_sample(Check *c)
{
    const GridShape s = {draw(c, 1, 3),  draw(c, 1, 12), draw(c, 1, 12),
                         draw(c, 1, 20), draw(c, 1, 12), draw(c, 1, 12)};
    const int64_t pixels = s.batch * s.out_height * s.out_width;
    Array *x = values(c, s.batch * s.in_height * s.in_width * s.channels);
    Array *grid = array(c, 2 * pixels, -1.3f, 1.3f), *y = values(c, pixels * s.channels);
    Array *dy = values(c, y->count), *dx = values(c, x->count), *dgrid = values(c, grid->count);
#define CALL(where)                                      \
    K->grid_sample(&s, x->where, grid->where, y->where); \
    K->grid_sample_backward(&s, x->where, grid->where, dy->where, dx->where, dgrid->where);
    ON_BOTH(CALL)
#undef CALL
    about_same(c, y);
    about_same(c, dx);
    about_same(c, dgrid);
}

static void check_noise(Check *c)
{
    const int64_t count = draw(c, 0, 5000);
    const RandomKey key = {c->key.seed, 77, (uint32_t)draw(c, 0, 1000)};
    Array *x = values(c, count), *y = values(c, count), *dx = values(c, count);
    Array *uniform = values(c, count), *normal = values(c, count);
#define CALL(where)                                                  \
    K->dropout(count, 0.3f, key, x->where, y->where);                \
    K->dropout_backward(count, 0.3f, y->where, x->where, dx->where); \
    K->uniform(count, -2, 3, key, uniform->where);                   \
    K->normal(count, key, normal->where);
    ON_BOTH(CALL)
#undef CALL
    Array *results[] = {y, dx, uniform, normal};
    for (int i = 0; i < 4; i++) same_bits(c, results[i]);
}

static void check_data(Check *c)
{
    const int64_t count = draw(c, 1, 9), height = draw(c, 1, 20), width = draw(c, 1, 20);
    const BatchShape shape = {count, draw(c, 1, 6), height, width, draw(c, 0, 1) ? 3 : 1};
    const int64_t size = height * width * shape.channels;
    const int64_t pose_words = (int64_t)sizeof(ImagePose) / 4;
    Array *stored = values(c, (shape.samples * size + 3) / 4);
    Array *poses = array(c, count * pose_words, 0, 0), *images = values(c, count * size);
    Array *index = labels(c, count, shape.samples), *table = values(c, shape.samples * size);
    Array *rows = values(c, count * size);
    ImagePose *pose = (ImagePose *)(void *)poses->host;
    for (int64_t i = 0; i < count; i++)
        pose[i] = (ImagePose){.sample = ints(index->host)[i],
                              .shift_y = (int32_t)draw(c, 0, 8) - 4,
                              .shift_x = (int32_t)draw(c, 0, 8) - 4,
                              .cosine = 0.8f,
                              .sine = 0.6f,
                              .rotated = (uint8_t)draw(c, 0, 1),
                              .mirrored = (uint8_t)draw(c, 0, 1)};
    c->device->memory->to_device(poses->count * 4, poses->host, poses->device);
#define BYTES(values) ((const uint8_t *)(const void *)(values))
#define POSES(values) ((const ImagePose *)(const void *)(values))
#define CALL(where)                                                                    \
    K->batch_images(&shape, BYTES(stored->where), POSES(poses->where), images->where); \
    K->gather_rows(count, size, ints(index->where), shape.samples, table->where, rows->where);
    ON_BOTH(CALL)
#undef CALL
    same_bits(c, images);
    same_bits(c, rows);
}

static void check_updates(Check *c)
{
    const int64_t count = draw(c, 0, 5000);
    const SgdStep sgd = {0.1f, 0.9f, 5e-4f, draw(c, 0, 1)};
    const AdamStep adam = {1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 0.271f, 0.0547f};
    Array *gradient = values(c, count), *velocity = values(c, count), *plain = values(c, count);
    Array *moved = values(c, count), *first = values(c, count), *second = array(c, count, 0, 1);
    Array *adapted = values(c, count);
#define CALL(where)                                                      \
    K->sgd(&sgd, count, gradient->where, velocity->where, moved->where); \
    K->sgd(&sgd, count, gradient->where, NULL, plain->where);            \
    K->adam(&adam, count, gradient->where, first->where, second->where, adapted->where);
    ON_BOTH(CALL)
#undef CALL
    Array *results[] = {velocity, moved, plain, first, second, adapted};
    for (int i = 0; i < 6; i++) same_bits(c, results[i]);
}

// Where the device multiplies in tf32 or bf16, an error counts beside what the products sum up to:
// the tolerance is for values of one size, so the sums of k of them get it whole.
static void check_gemm(Check *c)
{
    const bool aligned = draw(c, 0, 1);
    const int64_t step = aligned ? 4 : 1, layout = draw(c, 0, 2);
    Gemm s = {.m = draw(c, 1, 50) * step, .n = draw(c, 1, 50) * step, .k = draw(c, 1, 80) * step};
    s.accumulate = draw(c, 0, 1);
    s.a_row = layout == 1 ? 1 : s.k;
    s.a_column = layout == 1 ? s.m : 1;
    s.b_row = layout == 2 ? 1 : s.n;
    s.b_column = layout == 2 ? s.k : 1;
    Array *a = values(c, s.m * s.k), *b = values(c, s.k * s.n), *bias = values(c, s.n);
    Array *product = values(c, s.m * s.n);
#define CALL(where) \
    K->gemm(&s, a->where, b->where, s.accumulate ? NULL : bias->where, product->where);
    ON_BOTH(CALL)
#undef CALL
    same_values(c, product, c->product_tolerance);
}

static ConvShape draw_conv(Check *c)
{
    static const int64_t units[] = {1, 4, 32}; // one way of the kernel for each
    const int64_t unit = units[draw(c, 0, 2)], most = unit == 32 ? 3 : 20;
    ConvShape s = {.batch = draw(c, 1, 4), .stride = draw(c, 1, 3), .dilation = 1};
    s.in_channels = unit * draw(c, 1, most);
    s.out_channels = unit * draw(c, 1, unit == 4 ? 40 : most);
    s.kernel_height = draw(c, 1, 5);
    s.kernel_width = draw(c, 1, 5);
    s.padding = draw(c, 0, 2);
    if (draw(c, 0, 3) == 0) s.dilation = 2;
    const int64_t tall = (s.kernel_height - 1) * s.dilation + 1;
    const int64_t wide = (s.kernel_width - 1) * s.dilation + 1;
    s.in_height = draw(c, tall, tall + 12);
    s.in_width = draw(c, wide, wide + 12);
    s.out_height = (s.in_height + 2 * s.padding - tall) / s.stride + 1;
    s.out_width = (s.in_width + 2 * s.padding - wide) / s.stride + 1;
    return s;
}

static void check_conv(Check *c)
{
    const ConvShape s = draw_conv(c);
    Array *x = values(c, s.batch * s.in_height * s.in_width * s.in_channels);
    Array *y = values(c, s.batch * s.out_height * s.out_width * s.out_channels);
    Array *weight = values(c, s.kernel_height * s.kernel_width * s.in_channels * s.out_channels);
    Array *bias = values(c, s.out_channels), *back = values(c, s.in_channels);
    Array *dy = values(c, y->count), *dx = values(c, x->count), *dweight = values(c, weight->count);
    Array *squares = values(c, s.batch), *addend = values(c, y->count);
#define CALL(where)                                                                 \
    K->conv2d(&s, x->where, weight->where, bias->where, addend->where, y->where);   \
    K->conv2d_input_gradient(&s, dy->where, weight->where, back->where, dx->where); \
    K->conv2d_weight_gradient(&s, x->where, dy->where, dweight->where);             \
    K->conv2d_weight_norms(&s, x->where, dy->where, squares->where);
    ON_BOTH(CALL)
#undef CALL
    same_values(c, y, c->product_tolerance);
    same_values(c, dx, c->product_tolerance);
    same_values(c, dweight, c->product_tolerance);
    same_values(c, squares, c->product_tolerance);
}

// More images than a block finishes, few positions and many channels: the norms from Gram matrices.
static void check_weight_norms(Check *c)
{
    ConvShape s = {.batch = draw(c, 9, 40), .stride = 1, .dilation = 1};
    s.in_channels = 32 + draw(c, 0, 40);
    s.out_channels = 32 + draw(c, 0, 40);
    s.kernel_height = s.kernel_width = draw(c, 1, 2);
    s.in_height = s.out_height = draw(c, 1, 5);
    s.in_width = s.out_width = draw(c, 1, 5);
    s.out_height += 1 - s.kernel_height + 2 * (s.padding = s.kernel_height - 1);
    s.out_width += 1 - s.kernel_width + 2 * s.padding;
    Array *x = values(c, s.batch * s.in_height * s.in_width * s.in_channels);
    Array *dy = values(c, s.batch * s.out_height * s.out_width * s.out_channels);
    Array *squares = values(c, s.batch);
#define CALL(where) K->conv2d_weight_norms(&s, x->where, dy->where, squares->where);
    ON_BOTH(CALL)
#undef CALL
    same_values(c, squares, c->product_tolerance);
}

static void check_frozen_conv(Check *c)
{
    const ConvShape s = draw_conv(c);
    const bool relu = draw(c, 0, 1);
    Array *x = values(c, s.batch * s.in_height * s.in_width * s.in_channels);
    Array *y = values(c, s.batch * s.out_height * s.out_width * s.out_channels);
    Array *weight = values(c, s.kernel_height * s.kernel_width * s.in_channels * s.out_channels);
    Array *scale = values(c, s.out_channels), *shift = values(c, s.out_channels);
    Array *side = values(c, y->count), *dy = values(c, y->count), *dx = values(c, x->count);
    Array *addend = values(c, y->count);
#define CALL(where)                                                                          \
    const ConvAfter after = {scale->where, shift->where, relu, addend->where};               \
    K->conv2d_frozen(&s, &after, x->where, weight->where, NULL, y->where);                   \
    K->conv2d_frozen_input_gradient(&s, &after, side->where, dy->where, weight->where, NULL, \
                                    dx->where);
    ON_BOTH(CALL)
#undef CALL
    same_values(c, y, c->product_tolerance);
    same_values(c, dx, c->product_tolerance);
}

static const struct {
    const char *name;
    void (*run)(Check *c);
} checks[] = {{"unary", check_unary},
              {"binary", check_binary},
              {"copies", check_copies},
              {"reductions", check_reductions},
              {"losses", check_losses},
              {"batch_statistics", check_batch_statistics},
              {"batch_norm", check_batch_norm},
              {"group_norm", check_group_norm},
              {"pools", check_pools},
              {"resample", check_resample},
              {"grid_sample", check_grid_sample},
              {"noise", check_noise},
              {"data", check_data},
              {"updates", check_updates},
              {"gemm", check_gemm},
              {"conv2d", check_conv},
              {"weight_norms", check_weight_norms},
              {"conv2d_frozen", check_frozen_conv}};
enum { CHECK_COUNT = sizeof checks / sizeof checks[0] };

static void release(Check *c)
{
    for (int i = 0; i < c->count; i++) {
        c->device->memory->release(c->arrays[i].device);
        free(c->arrays[i].host);
        free(c->arrays[i].back);
    }
    c->count = 0;
}

int device_check(const Kernels *device, Precision precision, uint64_t seed, int rounds, FILE *out,
                 int *passed)
{
    static const double tolerances[] = {2e-5, 1e-3, 1e-2};
    int failed = 0;
    *passed = 0;
    for (int i = 0; i < CHECK_COUNT; i++) {
        // Direct convolution: Winograd's own error is as large as what is looked for here.
        Check c = {.host = cpu_kernels_of(cpu_kernels()->name, CONV_DIRECT),
                   .device = device,
                   .key = {seed, random_purpose(checks[i].name), 0},
                   .tolerance = 2e-5,
                   .product_tolerance = tolerances[precision]};
        int round = 0;
        for (; round < rounds && c.worst < INFINITY; round++) {
            c.key.step = (uint32_t)round;
            c.drawn = 0;
            checks[i].run(&c);
            release(&c);
        }
        const bool ok = c.worst < INFINITY;
        fprintf(out, "%s %s %.3g", ok ? "ok" : "FAIL", checks[i].name, c.worst);
        fprintf(out, ok ? "\n" : " in round %d of seed %llu\n", round - 1,
                (unsigned long long)seed);
        fflush(out);
        failed += !ok;
        *passed += ok;
    }
    return failed;
}
