// Every kernel gives the same bits on every fused instruction set that the processor has, and for
// any number of threads, as the scalar reference with one thread. (Baseline rounds multiply-adds
// twice: it is compared within a tolerance.) What the values should be is the business of
// test_kernel_values.c.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/kernels.h"
#include "core/thread.h"
#include "tests/test.h"

// Inputs and outputs of one run: inputs are the same for every run, outputs start as a pattern, so
// that what a kernel fails to write is seen, and so is what it writes beyond the end.
enum { CAPACITY = 1 << 17, SLOTS = 6 };
static float inputs[SLOTS][CAPACITY], outputs[2][SLOTS][CAPACITY];

typedef struct Run {
    const Kernels *kernels;
    float (*out)[CAPACITY];
} Run;

static const RandomKey KEY = {0x123456789abcdefULL, 77, 3};

static void fill_inputs(void)
{
    static const float special[] = {0.0f,  -0.0f, 1.0f,   -1.0f,   1e-30f, -1e-30f, 1e-40f,
                                    50.0f, 90.0f, -90.0f, -103.0f, 1e30f,  -1e30f};
    for (int s = 0; s < SLOTS; s++)
        for (int64_t i = 0; i < CAPACITY; i++)
            inputs[s][i] = 6 * random_uniform(KEY, (uint64_t)(s * CAPACITY + i)) - 3;
    // Slot 0 has extreme values as well, slot 4 is positive.
    for (int64_t i = 0; i < CAPACITY; i += 7) inputs[0][i] = special[i / 7 % 13];
    for (int64_t i = 0; i < CAPACITY; i++) inputs[4][i] = fabsf(inputs[4][i]) + 0.01f;
}

static int32_t *as_int(float *p)
{
    return (int32_t *)(void *)p;
}

static bool same(float a, float b, bool exact)
{
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b); // the sign of a NaN is the processor's
    if (exact) return memcmp(&a, &b, sizeof a) == 0;
    return a == b || fabsf(a - b) <= 1e-3f * fmaxf(1, fmaxf(fabsf(a), fabsf(b)));
}

typedef void Case(const Run *run, const int64_t *size);

static void compare(const char *name, const int64_t *size, const Kernels *kernels, int threads)
{
    for (int s = 0; s < SLOTS; s++) {
        if (kernels->fused && memcmp(outputs[0][s], outputs[1][s], sizeof outputs[0][s]) == 0)
            continue;
        for (int64_t i = 0; i < CAPACITY; i++)
            if (!check(same(outputs[0][s][i], outputs[1][s][i], kernels->fused),
                       "%s (%lld, %lld, %lld, %lld) on %s with %d threads: output %d, element "
                       "%lld: %.9g, reference %.9g",
                       name, (long long)size[0], (long long)size[1], (long long)size[2],
                       (long long)size[3], kernels->name, threads, s, (long long)i,
                       (double)outputs[1][s][i], (double)outputs[0][s][i]))
                return;
    }
}

// Runs the case with the reference and one thread, then with everything else.
static void run_everywhere(const char *name, Case *run_case, const int64_t *size)
{
    static const char *const names[] = {"reference", "baseline", "avx2", "avx512", "neon"};
    memset(outputs[0], 0x55, sizeof outputs[0]);
    threads_set(1);
    run_case(&(Run){cpu_kernels_of("reference", CONV_FASTEST), outputs[0]}, size);
    for (int i = 0; i < 5; i++) {
        const Kernels *kernels = cpu_kernels_of(names[i], CONV_FASTEST);
        for (int threads = i < 2 ? 3 : 1; kernels && threads <= 3; threads++) {
            memset(outputs[1], 0x55, sizeof outputs[1]);
            threads_set(threads);
            run_case(&(Run){kernels, outputs[1]}, size);
            compare(name, size, kernels, threads);
        }
    }
}

#define EVERYWHERE(run_case, ...) run_everywhere(#run_case, run_case, (int64_t[4]){__VA_ARGS__})

// ---- elementwise.c
// -------------------------------------------------------------------------------

static const int64_t COUNTS[] = {0,  1,  2,  3,  5,   7,    8,    9,     15,    16,
                                 17, 31, 33, 63, 100, 1000, 4097, 16384, 16385, 40003};
enum { COUNT_COUNT = sizeof COUNTS / sizeof COUNTS[0] };

static void unary_case(const Run *run, const int64_t *size)
{
    const UnaryOp op = (UnaryOp)size[1];
    const float a = op == UNARY_CLAMP ? -1.25f : 0.1f, b = 1.5f;
    run->kernels->unary(op, a, b, size[0], inputs[0], run->out[0]);
    run->kernels->unary_backward(op, a, b, size[0], inputs[0], run->out[0], inputs[1], run->out[1]);
}

static void binary_case(const Run *run, const int64_t *size)
{
    const int64_t n = size[0], rows = 3;
    const Broadcast shapes[] = {
        {.rank = 1, .shape = {n}, .a_step = {1}, .b_step = {1}},
        {.rank = 1, .shape = {n}, .a_step = {1}, .b_step = {0}},
        {.rank = 2, .shape = {rows, n}, .a_step = {n, 1}, .b_step = {0, 1}},
        {.rank = 2, .shape = {rows, n}, .a_step = {1, 0}, .b_step = {n, 1}},
        {.rank = 2, .shape = {n, rows}, .a_step = {rows, 1}, .b_step = {1, 0}},
    };
    for (int s = 0; s < 5; s++)
        run->kernels->binary((BinaryOp)size[1], &shapes[s], inputs[0], inputs[1], run->out[s]);
}

static void simple_case(const Run *run, const int64_t *size)
{
    memcpy(run->out[0], inputs[2], (size_t)size[0] * sizeof(float));
    run->kernels->accumulate(size[0], 0.7f, inputs[0], run->out[0]);
    run->kernels->fill(size[0], 2.5f, run->out[1]);
    memcpy(run->out[2], inputs[0], (size_t)size[0] * sizeof(float)); // in place
    run->kernels->unary(UNARY_SIGMOID, 0, 0, size[0], run->out[2], run->out[2]);
    StridedCopy transposed = {
        .rank = 2, .shape = {size[0], 3}, .x_step = {3, 1}, .y_step = {1, size[0]}};
    run->kernels->copy(&transposed, inputs[1], run->out[3]);
}

// (planes, rows, columns) with the last two exchanged.
static void turn_case(const Run *run, const int64_t *size)
{
    const int64_t rows = size[1], columns = size[2], plane = rows * columns;
    StridedCopy turned = {.rank = 3,
                          .shape = {size[0], rows, columns},
                          .x_step = {plane, columns, 1},
                          .y_step = {plane, 1, rows}};
    run->kernels->copy(&turned, inputs[1], run->out[0]);
    for (int64_t i = 0; i < size[0] * plane; i++) {
        const int64_t from = i / plane * plane + i % rows * columns + i % plane / rows;
        if (!check(run->out[0][i] == inputs[1][from], "element %lld is not number %lld",
                   (long long)i, (long long)from))
            return;
    }
}

static void elementwise_kernels(void)
{
    EVERYWHERE(turn_case, 5, 16, 64);
    EVERYWHERE(turn_case, 3, 9, 64);
    EVERYWHERE(turn_case, 1, 300, 33);
    EVERYWHERE(turn_case, 2, 40, 700);
    for (int c = 0; c < COUNT_COUNT; c++) {
        for (int op = 0; op < UNARY_COUNT; op++) EVERYWHERE(unary_case, COUNTS[c], op);
        for (int op = 0; op < BINARY_COUNT; op++) EVERYWHERE(binary_case, COUNTS[c], op);
        EVERYWHERE(simple_case, COUNTS[c]);
    }
}

// ---- reduce.c, loss.c, norm.c
// --------------------------------------------------------------------

static void reduce_case(const Run *run, const int64_t *size)
{
    const Kernels *k = run->kernels;
    k->sum(size[0], size[1], size[2], inputs[1], run->out[0]);
    if (size[1] == 0) return;
    int32_t *index = as_int(run->out[2]);
    k->max(size[0], size[1], size[2], inputs[1], run->out[1], index);
    k->max_backward(size[0], size[1], size[2], index, inputs[2], run->out[3]);
}

static void rows_case(const Run *run, const int64_t *size)
{
    run->kernels->norm2_rows(size[0], size[1], inputs[1], run->out[0]);
    run->kernels->norm2_rows_backward(size[0], size[1], inputs[1], run->out[0], inputs[2],
                                      run->out[1]);
}

static void softmax_case(const Run *run, const int64_t *size)
{
    const Kernels *k = run->kernels;
    k->softmax(size[0], size[1], inputs[0], run->out[0]);
    k->softmax_backward(size[0], size[1], run->out[0], inputs[1], run->out[1]);
    k->log_softmax(size[0], size[1], inputs[2], run->out[2]);
    k->log_softmax_backward(size[0], size[1], run->out[2], inputs[1], run->out[3]);
}

static void cross_entropy_case(const Run *run, const int64_t *size)
{
    static int32_t labels[CAPACITY];
    for (int64_t r = 0; r < size[0]; r++) labels[r] = (int32_t)(r * 7 % size[1]);
    const Kernels *k = run->kernels;
    k->cross_entropy(size[0], size[1], inputs[1], labels, run->out[0], run->out[1]);
    k->cross_entropy_backward(size[0], size[1], run->out[1], labels, inputs[2], run->out[2]);
}

static void norm_case(const Run *run, const int64_t *size)
{
    const Kernels *k = run->kernels;
    const int64_t rows = size[0], channels = size[1];
    float *mean = run->out[0], *inverse = mean + channels, *dscale = inverse + channels;
    float *running = run->out[5], *variance = running + channels;
    memcpy(running, inputs[3], (size_t)(2 * channels) * sizeof *running);
    k->batch_norm_statistics(
        &(BatchStatistics){rows, channels, (NormRelu)size[2], 0.1f, 1e-5f, running, variance},
        inputs[1], mean, inverse);
    BatchNormShape shape = {rows, channels,  true,      (NormRelu)size[2],
                            mean, inputs[4], inputs[3], inputs[2]};
    k->batch_norm_apply(&shape, inputs[1], run->out[1]);
    k->batch_norm_backward(&shape, inputs[1], inputs[2], NULL, run->out[2], dscale,
                           dscale + channels);
    shape.training = false;
    k->batch_norm_backward(&shape, inputs[1], inputs[2], inputs[0], run->out[3], run->out[4],
                           run->out[4] + channels);
}

// size: samples, positions, channels, groups
static void group_norm_case(const Run *run, const int64_t *size)
{
    const Kernels *k = run->kernels;
    GroupNormShape shape = {size[0], size[1], size[2], size[3], 1e-5f, inputs[3], inputs[2]};
    float *mean = run->out[0], *inverse = mean + size[0] * size[3];
    float *dscale = run->out[1], *dshift = dscale + size[0] * size[2];
    k->group_norm(&shape, inputs[1], mean, inverse, run->out[2]);
    k->group_norm_sums(&shape, inputs[1], inputs[2], mean, inverse, dscale, dshift);
    k->group_norm_backward(&shape, inputs[1], inputs[2], mean, inverse, dscale, dshift,
                           run->out[3]);
}

static void reducing_kernels(void)
{
    static const int64_t widths[] = {1, 2, 3, 4, 8, 10, 16, 17, 24, 43, 64, 100, 255, 256, 300};
    for (int w = 0; w < 15; w++)
        for (int c = 0; c < COUNT_COUNT && COUNTS[c] * widths[w] <= 40003; c++) {
            const int64_t count = COUNTS[c], width = widths[w];
            EVERYWHERE(reduce_case, 1, count, width);
            EVERYWHERE(reduce_case, 3, count, width);
            EVERYWHERE(rows_case, width, count);
            EVERYWHERE(softmax_case, count, width);
            EVERYWHERE(cross_entropy_case, count, width);
            for (int relu = 0; relu < 3 && count > 0; relu++)
                EVERYWHERE(norm_case, count, width, relu);
        }
    EVERYWHERE(group_norm_case, 3, 1, 7, 7);
    EVERYWHERE(group_norm_case, 7, 49, 6, 2);
    EVERYWHERE(group_norm_case, 2, 130, 64, 32);
    EVERYWHERE(group_norm_case, 40, 5, 96, 32);
    EVERYWHERE(group_norm_case, 2, 3, 5000, 500);
    EVERYWHERE(group_norm_case, 1, 9, 4096, 1);
    EVERYWHERE(reduce_case, 1, 5, 20000);
    EVERYWHERE(reduce_case, 1, 120001, 1);
    EVERYWHERE(reduce_case, 5000, 3, 7);
    EVERYWHERE(rows_case, 3, 40001);
    EVERYWHERE(norm_case, 37, 3001, 1);
    EVERYWHERE(norm_case, 5000, 24, 1);
}

// ---- pool.c, resample.c
// --------------------------------------------------------------------------

static void pool_case(const Run *run, const int64_t *size)
{
    const Kernels *k = run->kernels;
    const int64_t kernel = size[1], stride = size[2], padding = size[3];
    PoolShape shape = {3, 13, 11, size[0], 0, 0, kernel, stride, padding};
    shape.out_height = (shape.in_height + 2 * padding - kernel) / stride + 1;
    shape.out_width = (shape.in_width + 2 * padding - kernel) / stride + 1;
    k->max_pool2d(&shape, inputs[1], run->out[0], as_int(run->out[1]));
    k->max_pool2d_backward(&shape, as_int(run->out[1]), inputs[2], run->out[2]);
    shape.padding = 0;
    shape.out_height = (shape.in_height - kernel) / stride + 1;
    shape.out_width = (shape.in_width - kernel) / stride + 1;
    k->avg_pool2d(&shape, inputs[1], run->out[3]);
    k->avg_pool2d_backward(&shape, inputs[2], run->out[4]);
}

static void adaptive_case(const Run *run, const int64_t *size)
{
    PoolShape shape = {.batch = 3, .in_height = 13, .in_width = 11, .channels = size[0]};
    shape.out_height = size[1];
    shape.out_width = size[2];
    run->kernels->adaptive_avg_pool2d(&shape, inputs[1], run->out[0]);
    run->kernels->adaptive_avg_pool2d_backward(&shape, inputs[2], run->out[1]);
}

static void resample_case(const Run *run, const int64_t *size)
{
    int32_t index[2][128];
    for (int i = 0; i < 128; i++) {
        index[0][i] = i * 5 % 13;
        index[1][i] = i * 3 % 11;
    }
    ResampleShape shape = {3, 13, 11, size[0], 17, 9, (int)size[1], NULL, NULL, NULL, NULL};
    shape.row_index = index[0];
    shape.column_index = index[1];
    shape.row_weight = inputs[3];
    shape.column_weight = inputs[4];
    run->kernels->resample2d(&shape, inputs[1], run->out[0]);
    run->kernels->resample2d_backward(&shape, inputs[2], run->out[1]);
}

static void grid_case(const Run *run, const int64_t *size)
{
    GridShape shape = {size[1], 13, 11, size[0], 9, 17};
    static float grid[CAPACITY];
    for (int64_t i = 0; i < CAPACITY; i++) grid[i] = inputs[3][i] * 0.4f; // to -1.2 .. 1.2
    run->kernels->grid_sample(&shape, inputs[1], grid, run->out[0]);
    run->kernels->grid_sample_backward(&shape, inputs[1], grid, inputs[2], run->out[1],
                                       run->out[2]);
}

static void image_kernels(void)
{
    static const int64_t channels[] = {1, 2, 3, 4, 7, 8, 9, 16, 17, 24, 32, 33, 64, 100};
    for (int c = 0; c < 14; c++) {
        EVERYWHERE(pool_case, channels[c], 2, 2, 0);
        EVERYWHERE(pool_case, channels[c], 3, 2, 1);
        EVERYWHERE(pool_case, channels[c], 3, 1, 1);
        EVERYWHERE(pool_case, channels[c], 2, 3, 0);
        EVERYWHERE(adaptive_case, channels[c], 1, 1);
        EVERYWHERE(adaptive_case, channels[c], 4, 3);
        EVERYWHERE(adaptive_case, channels[c], 15, 12);
        for (int taps = 1; taps <= 4; taps *= 2) EVERYWHERE(resample_case, channels[c], taps);
        EVERYWHERE(grid_case, channels[c], 1);
        EVERYWHERE(grid_case, channels[c], 5);
    }
}

// ---- data.c
// -------------------------------------------------------------------------------

static void data_case(const Run *run, const int64_t *size)
{
    enum { COUNT = 9, SAMPLES = 4, HEIGHT = 11, WIDTH = 13 };
    const BatchShape shape = {COUNT, SAMPLES, HEIGHT, WIDTH, size[0]};
    static uint8_t stored[SAMPLES * HEIGHT * WIDTH * 3];
    ImagePose poses[COUNT];
    int32_t index[COUNT];
    for (size_t i = 0; i < sizeof stored; i++) stored[i] = (uint8_t)random_word(KEY, i);
    for (int i = 0; i < COUNT; i++) {
        index[i] = i * 3 % SAMPLES;
        poses[i] = (ImagePose){.sample = index[i],
                               .shift_y = i - 4,
                               .shift_x = 3 - i,
                               .cosine = .8f,
                               .sine = .6f,
                               .rotated = i & 1,
                               .mirrored = i >> 1 & 1};
    }
    run->kernels->batch_images(&shape, stored, poses, run->out[0]);
    run->kernels->gather_rows(COUNT, 100 * size[0], index, SAMPLES, inputs[1], run->out[1]);
}

static void data_kernels(void)
{
    EVERYWHERE(data_case, 1);
    EVERYWHERE(data_case, 3);
}

// ---- noise.c, optimizer.c
// ------------------------------------------------------------------------

static void noise_case(const Run *run, const int64_t *size)
{
    run->kernels->dropout(size[0], 0.3f, KEY, inputs[1], run->out[0]);
    run->kernels->uniform(size[0], -2, 3, KEY, run->out[1]);
    run->kernels->normal(size[0], KEY, run->out[2]);
    run->kernels->dropout(size[0], 0, KEY, inputs[1], run->out[3]);
    run->kernels->dropout(size[0], 1, KEY, inputs[1], run->out[4]);
    run->kernels->dropout_backward(size[0], 0.3f, run->out[0], inputs[1], run->out[5]);
}

static void optimizer_case(const Run *run, const int64_t *size)
{
    const size_t bytes = (size_t)size[0] * sizeof(float);
    const SgdStep sgd = {0.1f, 0.9f, 5e-4f, size[1] == 1};
    const AdamStep adam = {1e-3f, 0.9f, 0.999f, 1e-8f, 0.01f, 0.271f, 0.0547f};
    memcpy(run->out[0], inputs[1], bytes);
    memcpy(run->out[1], inputs[2], bytes);
    run->kernels->sgd(&sgd, size[0], inputs[3], run->out[0], run->out[1]);
    run->kernels->sgd(&sgd, size[0], inputs[3], NULL, run->out[1]);
    memcpy(run->out[2], inputs[1], bytes);
    memcpy(run->out[3], inputs[4], bytes);
    memcpy(run->out[4], inputs[2], bytes);
    run->kernels->adam(&adam, size[0], inputs[3], run->out[2], run->out[3], run->out[4]);
}

static void noise_and_optimizer_kernels(void)
{
    for (int c = 0; c < COUNT_COUNT; c++) {
        EVERYWHERE(noise_case, COUNTS[c]);
        EVERYWHERE(optimizer_case, COUNTS[c], 0);
        EVERYWHERE(optimizer_case, COUNTS[c], 1);
    }
    EVERYWHERE(noise_case, 120007);
}

// ---- gemm.c: few rows, where tasks pack columns of their own, and many; a row's bits do not
// depend on how many there are. ----

static void gemm_case(const Run *run, const int64_t *size)
{
    const int64_t m = size[0], n = size[1], k = size[2];
    Gemm plain = {.m = m, .n = n, .k = k, .a_row = k, .a_column = 1, .b_row = n, .b_column = 1};
    Gemm turned = plain;
    turned.b_row = 1, turned.b_column = k;
    run->kernels->gemm(&plain, inputs[1], inputs[2], inputs[3], run->out[0]);
    run->kernels->gemm(&turned, inputs[1], inputs[2], NULL, run->out[1]);
    memcpy(run->out[2], inputs[4], (size_t)(m * n) * sizeof(float));
    plain.accumulate = true;
    run->kernels->gemm(&plain, inputs[1], inputs[2], NULL, run->out[2]);
    if (m == 1) return;
    plain.accumulate = false;
    plain.m = m / 2;
    run->kernels->gemm(&plain, inputs[1], inputs[2], inputs[3], run->out[3]);
    check(memcmp(run->out[0], run->out[3], (size_t)(m / 2 * n) * sizeof(float)) == 0,
          "half of the rows have other bits");
}

static void matrix_kernels(void)
{
    EVERYWHERE(gemm_case, 1, 10, 5);
    EVERYWHERE(gemm_case, 128, 70, 33);
    EVERYWHERE(gemm_case, 256, 260, 1);
    EVERYWHERE(gemm_case, 70, 330, 33);
    EVERYWHERE(gemm_case, 300, 130, 65);
    EVERYWHERE(gemm_case, 20, 40, 1100);
    EVERYWHERE(gemm_case, 12, 256, 500);
    EVERYWHERE(gemm_case, 257, 300, 40);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"elementwise_kernels_have_the_same_bits", elementwise_kernels},
        {"reducing_kernels_have_the_same_bits", reducing_kernels},
        {"matrix_kernels_have_the_same_bits", matrix_kernels},
        {"image_kernels_have_the_same_bits", image_kernels},
        {"data_kernels_have_the_same_bits", data_kernels},
        {"noise_and_optimizer_kernels_have_the_same_bits", noise_and_optimizer_kernels},
    };
    fill_inputs();
    return TESTS_RUN(tests);
}
