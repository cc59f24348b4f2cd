// Convolution with frozen weights against conv2d, batch norm with running statistics and relu one
// after the other: results and input gradients, both ways of convolution, the same bits everywhere.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "core/thread.h"
#include "tests/test.h"

static const double TOLERANCE = 2e-5; // of the largest value

typedef struct Case {
    const char *name;
    int64_t batch, size, in, out, kernel, stride;
    bool relu;
} Case;

static const Case cases[] = {
    {"3x3 by Winograd", 16, 8, 32, 64, 3, 1, true},
    {"3x3 by Winograd's columns", 64, 4, 192, 224, 3, 1, true},
    {"3x3 by Winograd, 2x2 results", 64, 2, 64, 32, 3, 1, true},
    {"5x5 by Winograd", 17, 7, 64, 32, 5, 1, true},
    {"3x3 by Winograd, no relu", 16, 9, 32, 32, 3, 1, false},
    {"stride 2", 5, 9, 16, 24, 3, 2, true},
    {"stride 2, no relu", 3, 8, 7, 5, 1, 2, false},
    {"one channel", 4, 10, 1, 20, 5, 1, true},
};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct Layer {
    Tensor *x, *weight, *scale, *shift, *mean, *variance, *dy;
    Conv2d how;
} Layer;

static Tensor *drawn(uint32_t purpose, float low, float high, int rank, const int64_t *shape)
{
    Tensor *tensor = tensor_create(rank, shape);
    cpu_kernels()->uniform(tensor->count, low, high, (RandomKey){3, purpose, 0}, tensor->data);
    return tensor;
}

static Layer layer_of(const Case *c)
{
    Layer l = {.how = {.stride = c->stride, .padding = c->kernel / 2}};
    int64_t out = (c->size + 2 * l.how.padding - c->kernel) / c->stride + 1;
    l.x = drawn(1, 0, 1, SHAPE(c->batch, c->size, c->size, c->in));
    l.weight = drawn(2, -1, 1, SHAPE(c->kernel, c->kernel, c->in, c->out));
    l.scale = drawn(3, .5f, 2, SHAPE(c->out));
    l.shift = drawn(4, -1, 1, SHAPE(c->out));
    l.mean = drawn(5, -1, 1, SHAPE(c->out));
    l.variance = drawn(6, .5f, 3, SHAPE(c->out));
    l.dy = drawn(7, -1, 1, SHAPE(c->batch, out, out, c->out));
    tensor_freeze(l.weight, true);
    return l;
}

static void layer_free(Layer *l)
{
    Tensor *all[] = {l->x, l->weight, l->scale, l->shift, l->mean, l->variance, l->dy};
    for (int i = 0; i < 7; i++) tensor_free(all[i]);
}

// y and then dx, the caller's.
static float *run(const Kernels *kernels, const Layer *l, bool frozen, bool relu, int64_t *count)
{
    Tape *tape = tape_create(kernels);
    Tensor *x = tape_input(tape, l->x), *y;
    x->needs_grad = true;
    if (frozen) {
        ScaleShift s =
            batch_norm_scale_shift(tape, l->scale, l->shift, l->mean, l->variance, 1e-5f);
        y = conv2d_frozen(x, l->weight, s.scale, s.shift, NULL, l->how, relu);
    } else {
        BatchNorm norm = {
            .momentum = .1f, .epsilon = 1e-5f, .relu = relu ? NORM_RELU_AFTER : NORM_RELU_NONE};
        y = batch_norm(conv2d(x, l->weight, NULL, l->how), l->scale, l->shift, l->mean, l->variance,
                       norm);
    }
    float *values = allocate((size_t)(y->count + x->count) * sizeof(float));
    memcpy(values, y->data, (size_t)y->count * sizeof(float));
    backward_from(y, l->dy->data);
    memcpy(values + y->count, x->grad, (size_t)x->count * sizeof(float));
    *count = y->count + x->count;
    tape_free(tape);
    return values;
}

static double error_of(int64_t count, const float *got, const float *wanted)
{
    double error = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        error = fmax(error, fabs((double)got[i] - (double)wanted[i]));
        size = fmax(size, fabs((double)wanted[i]));
    }
    return size > 0 ? error / size : 1;
}

static void frozen_and_step_by_step_agree(void)
{
    for (int i = 0; i < 2 * CASES; i++) {
        const Case *c = &cases[i / 2];
        const Kernels *kernels =
            cpu_kernels_of(cpu_kernels()->name, i % 2 ? CONV_DIRECT : CONV_FASTEST);
        Layer l = layer_of(c);
        int64_t count, y_count = l.dy->count;
        float *wanted = run(kernels, &l, false, c->relu, &count);
        for (int again = 0; again < 2; again++) { // the second time with what the first prepared
            float *got = run(kernels, &l, true, c->relu, &count);
            double y = error_of(y_count, got, wanted);
            double dx = error_of(count - y_count, got + y_count, wanted + y_count);
            check(y < TOLERANCE && dx < TOLERANCE, "%s%s: errors %.2g of y, %.2g of dx", c->name,
                  i % 2 ? ", direct" : "", y, dx);
            free(got);
        }
        free(wanted);
        layer_free(&l);
    }
}

static void all_instruction_sets_have_the_same_bits(void)
{
    static const char *const names[] = {"avx2", "avx512", "neon"};
    for (int i = 0; i < CASES; i++) {
        Layer l = layer_of(&cases[i]);
        int64_t count;
        threads_set(1);
        float *wanted =
            run(cpu_kernels_of("reference", CONV_FASTEST), &l, true, cases[i].relu, &count);
        for (int n = 0; n < 3; n++)
            for (int threads = 1; threads <= 3; threads += 2) {
                const Kernels *kernels = cpu_kernels_of(names[n], CONV_FASTEST);
                if (!kernels) continue;
                threads_set(threads);
                tensor_freeze(l.weight, true); // prepared afresh
                float *got = run(kernels, &l, true, cases[i].relu, &count);
                check(memcmp(wanted, got, (size_t)count * sizeof(float)) == 0,
                      "%s: %s with %d threads has other bits", cases[i].name, names[n], threads);
                free(got);
            }
        free(wanted);
        layer_free(&l);
    }
}

// y and the gradients of x and the addend, the caller's.
static float *run_with_addend(const Layer *l, bool in_one, int64_t *count)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tape_input(tape, l->x), *addend = tape_input(tape, l->dy), *y;
    x->needs_grad = addend->needs_grad = true;
    if (in_one)
        y = conv2d_frozen(x, l->weight, NULL, l->shift, addend, l->how, false);
    else
        y = add(conv2d_frozen(x, l->weight, NULL, l->shift, NULL, l->how, false), addend);
    backward_from(y, l->dy->data);
    const int64_t size = y->count * (int64_t)sizeof(float), all = 2 * y->count + x->count;
    float *values = allocate((size_t)all * sizeof(float));
    memcpy(values, y->data, (size_t)size);
    memcpy(values + y->count, addend->grad, (size_t)size);
    memcpy(values + 2 * y->count, x->grad, (size_t)x->count * sizeof(float));
    *count = all;
    tape_free(tape);
    return values;
}

static void an_addend_in_the_same_pass_is_the_sum(void)
{
    for (int i = 0; i < CASES; i++) {
        Layer l = layer_of(&cases[i]);
        int64_t count;
        float *wanted = run_with_addend(&l, false, &count),
              *got = run_with_addend(&l, true, &count);
        check(memcmp(wanted, got, (size_t)count * sizeof(float)) == 0,
              "%s: a convolution with an addend and its sum with it differ", cases[i].name);
        free(wanted);
        free(got);
        layer_free(&l);
    }
}

static void a_thawed_weight_is_prepared_afresh(void)
{
    Layer l = layer_of(&cases[0]);
    int64_t count;
    free(run(cpu_kernels(), &l, true, true, &count));
    check(l.weight->prepared[0] && l.weight->prepared[1], "nothing was kept with the weight");
    tensor_freeze(l.weight, false);
    check(!l.weight->prepared[0] && !l.weight->prepared[1], "something is still kept");
    for (int64_t i = 0; i < l.weight->count; i++) l.weight->data[i] = -l.weight->data[i];
    tensor_freeze(l.weight, true);
    float *wanted = run(cpu_kernels(), &l, false, true, &count);
    float *got = run(cpu_kernels(), &l, true, true, &count);
    check(error_of(count, got, wanted) < TOLERANCE, "the old weight was used");
    free(wanted);
    free(got);
    layer_free(&l);
}

// Images of 8x8, then of 2x2, whose tiles have other spectra, then of 8x8 again.
static void images_of_another_size_get_their_own_weights(void)
{
    Layer large = layer_of(&cases[0]);
    Case few = cases[0];
    few.batch = 64;
    few.size = 2;
    Layer small = layer_of(&few);
    Layer *turns[] = {&large, &small, &large};
    tensor_free(small.weight);
    small.weight = large.weight;
    for (int i = 0; i < 3; i++) {
        int64_t count;
        float *wanted = run(cpu_kernels(), turns[i], false, true, &count);
        float *got = run(cpu_kernels(), turns[i], true, true, &count);
        check(error_of(count, got, wanted) < TOLERANCE, "turn %d: other images' weights", i);
        free(wanted);
        free(got);
    }
    small.weight = NULL;
    layer_free(&small);
    layer_free(&large);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"frozen_and_step_by_step_agree", frozen_and_step_by_step_agree},
        {"all_instruction_sets_have_the_same_bits", all_instruction_sets_have_the_same_bits},
        {"an_addend_in_the_same_pass_is_the_sum", an_addend_in_the_same_pass_is_the_sum},
        {"a_thawed_weight_is_prepared_afresh", a_thawed_weight_is_prepared_afresh},
        {"images_of_another_size_get_their_own_weights",
         images_of_another_size_get_their_own_weights},
    };
    return TESTS_RUN(tests);
}
