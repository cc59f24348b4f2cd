// The operators on images against plain loops in double (trial.h): convolution, pooling,
// normalisation, resampling, on odd sizes, strides, dilations and paddings.
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "tests/core/trial.h"
#include "tests/test.h"

// ---- Convolution ----

static Tensor *call_conv2d(Tensor *const *x, const How *how)
{
    return conv2d(x[0], x[1], x[2], how->conv);
}
static Tensor *call_conv2d_add(Tensor *const *x, const How *how)
{
    return conv2d_add(x[0], x[1], x[2], x[3], how->conv);
}
static Tensor *call_conv_transpose2d(Tensor *const *x, const How *how)
{
    return conv_transpose2d(x[0], x[1], x[2], how->conv);
}

// n h w ci co kh kw, then stride padding dilation output_padding.
typedef struct ConvSizes {
    int64_t n, h, w, ci, co, kh, kw;
    Conv2d how;
} ConvSizes;

static void try_conv(const ConvSizes *s, bool transposed, bool bias)
{
    Trial trial = {transposed ? "conv_transpose2d" : "conv2d",
                   .call = transposed ? call_conv_transpose2d : call_conv2d,
                   .reference = transposed ? reference_conv_transpose2d : reference_conv2d,
                   .inputs = bias ? 3 : 2, .how = {.conv = s->how}};
    trial.shape[0] = (Shape)S(s->n, s->h, s->w, s->ci);
    trial.shape[1] =
        transposed ? (Shape)S(s->kh, s->kw, s->co, s->ci) : (Shape)S(s->kh, s->kw, s->ci, s->co);
    trial.shape[2] = (Shape)S(s->co);
    try(&trial);
}

static int64_t conv_size(int64_t in, int64_t kernel, const Conv2d *how)
{
    return (in + 2 * how->padding - how->dilation * (kernel - 1) - 1) / how->stride + 1;
}

static void try_conv_add(const ConvSizes *s)
{
    Trial trial = {"conv2d_add", .call = call_conv2d_add, .reference = reference_conv2d,
                   .inputs = 4, .how = {.conv = s->how}};
    trial.shape[0] = (Shape)S(s->n, s->h, s->w, s->ci);
    trial.shape[1] = (Shape)S(s->kh, s->kw, s->ci, s->co);
    trial.shape[2] = (Shape)S(s->co);
    trial.shape[3] =
        (Shape)S(s->n, conv_size(s->h, s->kh, &s->how), conv_size(s->w, s->kw, &s->how), s->co);
    try(&trial);
}

static void convolutions(void)
{
    static const ConvSizes sizes[] = {
        {2, 6, 7, 3, 4, 3, 3, {1, 1, 1, 0}},  {1, 9, 8, 2, 5, 3, 3, {2, 1, 1, 0}},
        {2, 7, 7, 17, 3, 1, 1, {1, 0, 1, 0}}, {1, 8, 9, 4, 2, 1, 1, {2, 0, 1, 0}},
        {1, 9, 11, 2, 3, 3, 3, {1, 2, 2, 0}}, {1, 10, 9, 1, 2, 3, 3, {2, 2, 3, 0}},
        {2, 9, 10, 3, 2, 5, 4, {3, 2, 1, 0}}, {1, 4, 4, 2, 19, 4, 4, {1, 0, 1, 0}},
        {3, 5, 6, 1, 1, 2, 3, {1, 1, 1, 0}},  {1, 3, 3, 2, 2, 5, 5, {1, 1, 1, 0}},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        try_conv(&sizes[i], false, true);
        try_conv(&sizes[i], false, false);
        try_conv_add(&sizes[i]);
    }
}

static void transposed_convolutions(void)
{
    static const ConvSizes sizes[] = {
        {2, 3, 4, 3, 4, 4, 4, {2, 1, 1, 0}},  {1, 4, 3, 2, 3, 3, 3, {2, 1, 1, 1}},
        {1, 5, 5, 17, 2, 3, 3, {1, 0, 1, 0}}, {2, 3, 3, 2, 5, 2, 2, {2, 0, 1, 0}},
        {1, 3, 4, 2, 1, 3, 3, {3, 1, 2, 2}},  {1, 4, 4, 3, 18, 1, 1, {1, 0, 1, 0}},
        {1, 3, 3, 2, 2, 2, 3, {3, 0, 1, 2}},  {1, 4, 4, 2, 2, 3, 3, {1, 1, 2, 1}},
    };
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        try_conv(&sizes[i], true, true);
        try_conv(&sizes[i], true, false);
    }
}

static Tensor *call_max_pool2d(Tensor *const *x, const How *how)
{
    return max_pool2d(x[0], how->pool);
}
static Tensor *call_avg_pool2d(Tensor *const *x, const How *how)
{
    return avg_pool2d(x[0], how->pool);
}
static Tensor *call_adaptive_avg_pool2d(Tensor *const *x, const How *how)
{
    return adaptive_avg_pool2d(x[0], how->whole[0], how->whole[1]);
}

static void pooling(void)
{
    static const Pool2d windows[] = {{2, 2, 0}, {3, 2, 1}, {3, 1, 1},
                                     {3, 2, 0}, {2, 3, 0}, {1, 1, 0}};
    static const int64_t sizes[][2] = {{1, 1}, {3, 2}, {7, 6}, {9, 11}};
    for (size_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        Trial trial = {"max_pool2d", .call = call_max_pool2d,  .reference = reference_max_pool2d,
                       .inputs = 1,  .shape = {S(2, 7, 6, 3)}, .how = {.pool = windows[i]}};
        try(&trial);
        trial.name = "avg_pool2d";
        trial.call = call_avg_pool2d;
        trial.reference = reference_avg_pool2d;
        if (windows[i].padding == 0) try(&trial);
    }
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        try(&(Trial){"adaptive_avg_pool2d", .call = call_adaptive_avg_pool2d,
                     .reference = reference_adaptive_avg_pool2d, .inputs = 1,
                     .shape = {S(2, 7, 6, 3)}, .how = {.whole = {sizes[i][0], sizes[i][1]}}});
}

// One step of relu(max_pool2d(dropout(conv(x)))), in one operator or four: y, then the gradient of x
// of sum(y^2).
static float *dropout_pool_relu(bool together, float probability, Pool2d how, int64_t *count)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = parameter_create(SHAPE(3, 8, 8, 20)),
           *weight = parameter_create(SHAPE(1, 1, 20, 20));
    RandomKey key = {5, 6, 7};
    cpu_kernels()->normal(x->count, (RandomKey){1, 0, 0}, x->data);
    cpu_kernels()->normal(weight->count, (RandomKey){1, 1, 0}, weight->data);
    Tensor *y = conv2d(affine(1, add(tape_input(tape, x), x), 0), weight, NULL, (Conv2d){0});
    if (together) {
        y = dropout_pool_relu_over(y, probability, key, how);
    } else {
        if (probability > 0) y = dropout(y, probability, key);
        y = relu(max_pool2d(y, how));
    }
    *count = y->count + x->count;
    float *results = allocate((size_t)*count * sizeof *results);
    memcpy(results, y->data, (size_t)y->count * sizeof *results);
    int64_t from = y->count;
    backward(sum(square(y), ALL_DIMENSIONS, false));
    memcpy(results + from, x->grad, (size_t)x->count * sizeof *results);
    tape_free(tape);
    tensor_free(x);
    tensor_free(weight);
    return results;
}

static void dropout_pool_and_relu_are_all_three_in_turn(void)
{
    static const Pool2d windows[] = {{2, 2, 0}, {3, 3, 1}};
    for (int i = 0; i < 6; i++) {
        int64_t count;
        float probability = (float[]){0, .1f, .6f}[i / 2];
        float *one = dropout_pool_relu(true, probability, windows[i % 2], &count);
        float *two = dropout_pool_relu(false, probability, windows[i % 2], &count);
        check(memcmp(one, two, (size_t)count * sizeof *one) == 0, "other bits, case %d", i);
        free(one);
        free(two);
    }
}

// ---- Normalisation and resampling ----

static Tensor *call_batch_norm(Tensor *const *x, const How *how)
{
    return batch_norm(
        x[0], x[1], x[2], x[3], x[4],
        (BatchNorm){(float)how->number[0], (float)how->number[1], how->training, NORM_RELU_NONE});
}

static void batch_norms(void)
{
    Trial trial = {"batch_norm", .call = call_batch_norm, .reference = reference_batch_norm,
                   .inputs = 5,  .constants = 2,          .low = .5,
                   .high = 3};
    for (int training = 0; training < 2; training++) {
        trial.how = (How){.number = {.1, 1e-5}, .training = training};
        trial.shape[0] = (Shape)S(3, 4, 5, 6);
        for (int i = 1; i < 5; i++) trial.shape[i] = (Shape)S(6);
        try(&trial);
        trial.shape[0] = (Shape)S(9, 6);
        try(&trial);
        trial.constants = 4; // frozen weights: only x has a gradient
        try(&trial);
        trial.constants = 2;
    }
}

static Tensor *call_group_norm(Tensor *const *x, const How *how)
{
    return group_norm(x[0], x[1], x[2], how->whole[0], (float)how->number[1]);
}

static void group_norms(void)
{
    static const Trial trials[] = {
        {"group_norm", .call = call_group_norm, .reference = reference_group_norm, .inputs = 3,
         .shape = {S(3, 4, 5, 6), S(6), S(6)}, .how = {.number = {0, 1e-5}, .whole = {3}}},
        {"group_norm", .call = call_group_norm, .reference = reference_group_norm, .inputs = 3,
         .shape = {S(2, 9, 8, 4), S(4), S(4)}, .how = {.number = {0, 1e-5}, .whole = {1}}},
        {"group_norm", .call = call_group_norm, .reference = reference_group_norm, .inputs = 3,
         .shape = {S(5, 12), S(12), S(12)}, .how = {.number = {0, 1e-3}, .whole = {4}}},
        {"group_norm", .call = call_group_norm, .reference = reference_group_norm, .inputs = 3,
         .constants = 2, .shape = {S(2, 3, 3, 7), S(7), S(7)},
         .how = {.number = {0, 1e-5}, .whole = {7}}},
    };
    TRY_ALL(trials);
}

// One step of y = batch_norm(x) and relu, in one operator or two: y, then the gradients of x,
// weight and bias of sum(y^2).
static float *norm_and_relu(bool together, NormRelu order, bool training)
{
    enum { X = 500 * 6, CHANNELS = 6 };
    Tape *tape = tape_create(cpu_kernels());
    Tensor *p[5] = {parameter_create(SHAPE(500, CHANNELS))}, *x = p[0];
    for (int i = 1; i < 5; i++) p[i] = parameter_create(SHAPE(CHANNELS));
    for (uint32_t i = 0; i < 5; i++)
        cpu_kernels()->uniform(p[i]->count, i == 1 || i == 4 ? .5f : -1, 1, (RandomKey){1, i, 0},
                               p[i]->data);
    BatchNorm how = {.1f, 1e-5f, training, together ? order : NORM_RELU_NONE};
    Tensor *y = add(tape_input(tape, x), x);
    if (!together && order == NORM_RELU_BEFORE) y = relu(y);
    y = batch_norm(y, p[1], p[2], p[3], p[4], how);
    if (!together && order == NORM_RELU_AFTER) y = relu(y);
    float *results = allocate((2 * X + 2 * CHANNELS) * sizeof *results);
    memcpy(results, y->data, X * sizeof *results);
    backward(sum(square(y), ALL_DIMENSIONS, false));
    memcpy(results + X, x->grad, X * sizeof *results);
    for (int i = 0; i < 2; i++)
        memcpy(results + 2 * X + i * CHANNELS, p[1 + i]->grad, CHANNELS * sizeof *results);
    tape_free(tape);
    for (int i = 0; i < 5; i++) tensor_free(p[i]);
    return results;
}

static void batch_norm_with_relu_is_both_in_turn(void)
{
    enum { COUNT = 2 * 500 * 6 + 2 * 6 };
    for (int number = 0; number < 4; number++) {
        bool training = number % 2;
        NormRelu order = number < 2 ? NORM_RELU_AFTER : NORM_RELU_BEFORE;
        float *one = norm_and_relu(true, order, training);
        float *two = norm_and_relu(false, order, training);
        check(memcmp(one, two, COUNT * sizeof *one) == 0, "other bits, case %d", number);
        free(one);
        free(two);
    }
}

static void batch_norm_moves_the_running_values_in_training_only(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tensor_create(SHAPE(4, 1)), *weight = tensor_create(SHAPE(1));
    Tensor *center = tensor_create(SHAPE(1)), *variance = tensor_create(SHAPE(1));
    memcpy(x->data, (float[]){1, 2, 4, 9}, 4 * sizeof(float)); // mean 4, unbiased variance 38/3
    center->data[0] = 2;
    variance->data[0] = 5;
    for (int training = 0; training < 2; training++) {
        BatchNorm how = {.1f, 1e-5f, training, NORM_RELU_NONE};
        batch_norm(tape_input(tape, x), weight, weight, center, variance, how);
        double expected[] = {training ? 2.2 : 2, training ? 4.5 + 3.8 / 3 : 5};
        check(fabs((double)center->data[0] - expected[0]) < 1e-6, "mean %g",
              (double)center->data[0]);
        check(fabs((double)variance->data[0] - expected[1]) < 1e-6, "variance %g",
              (double)variance->data[0]);
    }
    tape_free(tape);
    tensor_free(x);
    tensor_free(weight);
    tensor_free(center);
    tensor_free(variance);
}

static Tensor *call_resample2d(Tensor *const *x, const How *how)
{
    return resample2d(x[0], how->whole[0], how->whole[1], how->mode, how->align_corners);
}

static void resampling(void)
{
    static const int64_t sizes[][2] = {{8, 8}, {5, 9}, {3, 2}, {4, 5}, {13, 4}};
    Trial trial = {"resample2d", .call = call_resample2d, .reference = reference_resample2d,
                   .inputs = 1, .shape = {S(2, 4, 5, 3)}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int mode = RESAMPLE_NEAREST; mode <= RESAMPLE_BICUBIC; mode++)
            for (int align = 0; align < 2; align++) {
                trial.how = (How){.whole = {sizes[i][0], sizes[i][1]},
                                  .mode = (ResampleMode)mode,
                                  .align_corners = align};
                try(&trial);
            }
    try(&(Trial){"grid_sample", .binary = grid_sample, .reference = reference_grid_sample,
                 .inputs = 2, .shape = {S(2, 5, 6, 3), S(2, 4, 7, 2)}, .low = -1.2, .high = 1.2});
}

int main(int argc, char **argv)
{
    const Test tests[] = {
        {"convolutions", convolutions},
        {"transposed_convolutions", transposed_convolutions},
        {"pooling", pooling},
        {"dropout_pool_and_relu_are_all_three_in_turn",
         dropout_pool_and_relu_are_all_three_in_turn},
        {"batch_norms", batch_norms},
        {"group_norms", group_norms},
        {"batch_norm_with_relu_is_both_in_turn", batch_norm_with_relu_is_both_in_turn},
        {"batch_norm_moves_the_running_values_in_training_only",
         batch_norm_moves_the_running_values_in_training_only},
        {"resampling", resampling},
    };
    return TESTS_RUN(tests);
}
