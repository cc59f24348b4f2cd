// 3x3 and 5x5 convolution by Winograd's minimal filtering against plain loops in double: the error
// stays within 2e-5 of the largest value (shared/facts/speed.md), the path is really taken where it
// should be, and it has the same bits on every instruction set for any number of threads.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/kernels.h"
#include "core/thread.h"
#include "tests/test.h"

static const double TOLERANCE = 2e-5;

static const ConvShape shapes[] = {
    {16, 8, 8, 32, 8, 8, 32, 3, 3, 1, 1, 1},   // whole tiles
    {17, 6, 5, 64, 6, 5, 32, 3, 3, 1, 1, 1},   // tiles beyond the edge
    {16, 9, 11, 32, 7, 9, 96, 3, 3, 1, 0, 1},  // no padding
    {16, 6, 6, 32, 8, 8, 64, 3, 3, 1, 2, 1},   // padding 2
    {70, 3, 3, 320, 3, 3, 32, 3, 3, 1, 1, 1},  // several passes over the channels
    {64, 3, 3, 160, 3, 3, 224, 3, 3, 1, 1, 1}, // few tiles, many weights: by columns
    {1030, 3, 3, 32, 3, 3, 32, 3, 3, 1, 1, 1}, // many tiles: chunks of them
    {70, 2, 2, 64, 2, 2, 96, 3, 3, 1, 1, 1},   // tiles of 2x2
    {16, 8, 8, 32, 4, 4, 64, 5, 5, 1, 0, 1},   // 5x5
    {19, 7, 5, 64, 7, 5, 32, 5, 5, 1, 2, 1},
};
enum { SHAPE_COUNT = sizeof shapes / sizeof shapes[0] };

typedef struct Data {
    int64_t x_count, y_count, weight_count;
    float *x, *y, *weight, *bias;
} Data;

static float *drawn(int64_t count, uint32_t stream, bool rectified)
{
    float *values = allocate((size_t)count * sizeof(float));
    cpu_kernels()->normal(count, (RandomKey){7, stream, 0}, values);
    if (rectified)
        for (int64_t i = 0; i < count; i++) values[i] = fmaxf(values[i], 0);
    return values;
}

static Data data_of(const ConvShape *s)
{
    Data d = {.x_count = s->batch * s->in_height * s->in_width * s->in_channels,
              .y_count = s->batch * s->out_height * s->out_width * s->out_channels,
              .weight_count =
                  s->kernel_height * s->kernel_width * s->in_channels * s->out_channels};
    d.x = drawn(d.x_count, 1, true);
    d.y = drawn(d.y_count, 2, false);
    d.weight = drawn(d.weight_count, 3, false);
    d.bias = drawn(s->out_channels + s->in_channels, 4, false);
    return d;
}

static void data_free(Data *d)
{
    free(d->x);
    free(d->y);
    free(d->weight);
    free(d->bias);
}

// Calls f for every product of the convolution: y[out] += x[in] * weight[w] is its meaning.
typedef void Product(const Data *data, int64_t in, int64_t w, int64_t out, double *result);

static void for_all_products(const ConvShape *s, const Data *data, Product *f, double *result)
{
    for (int64_t pixel = 0; pixel < s->batch * s->out_height * s->out_width; pixel++)
        for (int64_t tap = 0; tap < s->kernel_height * s->kernel_width; tap++) {
            int64_t oy = pixel / s->out_width % s->out_height, ox = pixel % s->out_width;
            int64_t y = oy - s->padding + tap / s->kernel_width,
                    x = ox - s->padding + tap % s->kernel_width;
            if (y < 0 || y >= s->in_height || x < 0 || x >= s->in_width) continue;
            int64_t image = pixel / (s->out_height * s->out_width);
            int64_t in = ((image * s->in_height + y) * s->in_width + x) * s->in_channels;
            for (int64_t ci = 0; ci < s->in_channels; ci++)
                for (int64_t co = 0; co < s->out_channels; co++)
                    f(data, in + ci, (tap * s->in_channels + ci) * s->out_channels + co,
                      pixel * s->out_channels + co, result);
        }
}

static void into_output(const Data *d, int64_t in, int64_t w, int64_t out, double *result)
{
    result[out] += (double)d->x[in] * (double)d->weight[w];
}
static void into_input(const Data *d, int64_t in, int64_t w, int64_t out, double *result)
{
    result[in] += (double)d->y[out] * (double)d->weight[w];
}
static void into_weight(const Data *d, int64_t in, int64_t w, int64_t out, double *result)
{
    result[w] += (double)d->x[in] * (double)d->y[out];
}

static void compare(const char *name, int shape, int64_t count, const float *got,
                    const double *wanted)
{
    double largest = 0, error = 0;
    for (int64_t i = 0; i < count; i++) {
        largest = fmax(largest, fabs(wanted[i]));
        error = fmax(error, fabs((double)got[i] - wanted[i]));
    }
    check(error <= TOLERANCE * largest, "%s of shape %d: error %.2e of the largest value", name,
          shape, error / largest);
}

static void errors_are_small(void)
{
    for (int i = 0; i < SHAPE_COUNT; i++) {
        const ConvShape *s = &shapes[i];
        Data d = data_of(s);
        int64_t most = d.x_count + d.y_count + d.weight_count;
        float *got = allocate((size_t)most * sizeof *got);
        double *wanted = allocate_zeroed((size_t)most * sizeof *wanted);
        for (int64_t n = 0; n < d.y_count; n++)
            wanted[n] = (double)d.bias[n % s->out_channels] + (double)d.y[n];
        for_all_products(s, &d, into_output, wanted);
        cpu_kernels()->conv2d(s, d.x, d.weight, d.bias, d.y, got);
        compare("conv2d", i, d.y_count, got, wanted);

        memset(wanted, 0, (size_t)most * sizeof *wanted);
        for_all_products(s, &d, into_input, wanted);
        cpu_kernels()->conv2d_input_gradient(s, d.y, d.weight, NULL, got);
        compare("input gradient", i, d.x_count, got, wanted);

        memset(wanted, 0, (size_t)most * sizeof *wanted);
        for_all_products(s, &d, into_weight, wanted);
        cpu_kernels()->conv2d_weight_gradient(s, d.x, d.y, got);
        compare("weight gradient", i, d.weight_count, got, wanted);
        free(got);
        free(wanted);
        data_free(&d);
    }
}

// All three kernels' results one after the other.
static float *run(const Kernels *kernels, const ConvShape *s, const Data *d, int64_t *count)
{
    *count = d->x_count + d->y_count + d->weight_count;
    float *results = allocate((size_t)*count * sizeof(float));
    kernels->conv2d(s, d->x, d->weight, d->bias, d->y, results);
    kernels->conv2d_input_gradient(s, d->y, d->weight, d->bias, results + d->y_count);
    kernels->conv2d_weight_gradient(s, d->x, d->y, results + d->y_count + d->x_count);
    return results;
}

static void the_fast_path_is_taken(void)
{
    const Kernels *direct = cpu_kernels_of("reference", CONV_DIRECT);
    const Kernels *fastest = cpu_kernels_of("reference", CONV_FASTEST);
    const ConvShape *s = &shapes[2];
    Data d = data_of(s);
    int64_t count, from[] = {0, d.y_count, d.y_count + d.x_count};
    float *a = run(direct, s, &d, &count), *b = run(fastest, s, &d, &count);
    for (int i = 0; i < 3; i++)
        check(memcmp(a + from[i], b + from[i], 1000 * sizeof(float)) != 0,
              "kernel %d: both paths have the same bits: one of them is not taken", i);
    ConvShape one_image = *s; // too few
    one_image.batch = 1;
    fastest->conv2d(&one_image, d.x, d.weight, NULL, NULL, b);
    direct->conv2d(&one_image, d.x, d.weight, NULL, NULL, a);
    check(memcmp(a, b, (size_t)(s->out_height * s->out_width * s->out_channels) * 4) == 0,
          "a small convolution does not go directly");
    free(a);
    free(b);
    data_free(&d);
}

static void all_instruction_sets_have_the_same_bits(void)
{
    static const char *const names[] = {"avx2", "avx512", "neon"};
    for (int i = 1; i < SHAPE_COUNT; i++) {
        Data d = data_of(&shapes[i]);
        int64_t count;
        threads_set(1);
        float *wanted = run(cpu_kernels_of("reference", CONV_FASTEST), &shapes[i], &d, &count);
        for (int n = 0; n < 3; n++)
            for (int threads = 1; threads <= 3; threads++) {
                const Kernels *kernels = cpu_kernels_of(names[n], CONV_FASTEST);
                if (!kernels) continue;
                threads_set(threads);
                float *got = run(kernels, &shapes[i], &d, &count);
                check(memcmp(wanted, got, (size_t)count * sizeof(float)) == 0,
                      "shape %d: %s with %d threads has other bits", i, names[n], threads);
                free(got);
            }
        free(wanted);
        data_free(&d);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"errors_are_small", errors_are_small},
        {"the_fast_path_is_taken", the_fast_path_is_taken},
        {"all_instruction_sets_have_the_same_bits", all_instruction_sets_have_the_same_bits},
    };
    return TESTS_RUN(tests);
}
