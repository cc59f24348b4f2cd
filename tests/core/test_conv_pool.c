// Convolution, dropout, pooling and relu in one pass against the four in turn: the same bits of
// results and gradients (but for the input gradient of a first layer, which has another order of
// sums). Also clipped sample by sample, and the same bits everywhere.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "core/thread.h"
#include "tests/test.h"

enum { BATCH = 17 };

typedef struct Case {
    int64_t size, in, out, kernel;
    Conv2d how;
    int64_t window;
    float probability;
    bool frozen;
    bool patches; // a first layer
} Case;

static const Case cases[] = {
    {28, 1, 32, 5, {0}, 2, .1f, false, true},
    {28, 1, 32, 5, {0}, 2, 0, true, true},
    {15, 3, 16, 3, {0}, 2, .2f, false, true}, // windows left over, and pixels
    {14, 1, 16, 5, {0}, 1, .2f, true, true},
    {13, 3, 16, 3, {.padding = 1}, 3, .5f, false, false}, // pixels outside all windows
    {12, 8, 48, 3, {.stride = 2, .padding = 1}, 2, .1f, false, false},
    {11, 2, 32, 4, {.stride = 2, .padding = 1}, 2, .3f, false, false},
    {12, 20, 16, 3, {.dilation = 2}, 4, .1f, true, false},
    {9, 4, 16, 3, {.stride = 3, .dilation = 2, .padding = 3}, 1, .2f, false, false},
};
enum { CASES = sizeof cases / sizeof cases[0] };

typedef struct Results {
    int64_t count[4];
    float *values[4]; // y and the gradients of x, weight, bias
} Results;

static Tensor *drawn(uint32_t purpose, int rank, const int64_t *shape)
{
    Tensor *tensor = parameter_create(rank, shape);
    cpu_kernels()->normal(tensor->count, (RandomKey){3, purpose, 0}, tensor->data);
    return tensor;
}

static void keep(Results *r, int i, const Tensor *tensor, const float *values)
{
    r->count[i] = values ? tensor->count : 0;
    r->values[i] = allocate((size_t)tensor->count * sizeof(float));
    if (values) memcpy(r->values[i], values, (size_t)tensor->count * sizeof(float));
}

static void results_free(Results *r)
{
    for (int i = 0; i < 4; i++) free(r->values[i]);
}

// One step with the loss mean(y^2).
static Results run(const Kernels *kernels, const Case *c, bool together, bool clipped)
{
    Tape *tape = tape_create(kernels);
    Tensor *images = drawn(1, SHAPE(BATCH, c->size, c->size, c->in));
    Tensor *weight = drawn(2, SHAPE(c->kernel, c->kernel, c->in, c->out));
    Tensor *bias = drawn(3, SHAPE(c->out)), *x = tape_input(tape, images), *y;
    x->needs_grad = !clipped;
    if (c->frozen) tensor_freeze(weight, true), tensor_freeze(bias, true);
    const RandomKey key = {5, 6, 7};
    const Pool2d pool = {.kernel = c->window};
    if (together)
        y = conv_dropout_pool_relu(x, weight, bias, c->how, c->probability, key, pool);
    else
        y = dropout_pool_relu_over(conv2d(x, weight, bias, c->how), c->probability, key, pool);
    Results r;
    keep(&r, 0, y, y->data);
    Tensor *loss = mean(square(y), ALL_DIMENSIONS, false);
    if (clipped)
        backward_clipped(loss, BATCH, .05, NULL);
    else
        backward(loss);
    keep(&r, 1, x, clipped ? NULL : x->grad);
    keep(&r, 2, weight, c->frozen ? NULL : weight->grad);
    keep(&r, 3, bias, c->frozen ? NULL : bias->grad);
    tape_free(tape);
    tensor_free(images);
    tensor_free(weight);
    tensor_free(bias);
    return r;
}

static bool near(const Results *a, const Results *b, int i, double tolerance)
{
    double error = 0, size = 0;
    for (int64_t k = 0; k < a->count[i]; k++) {
        error = fmax(error, fabs((double)a->values[i][k] - (double)b->values[i][k]));
        size = fmax(size, fabs((double)b->values[i][k]));
    }
    return error <= tolerance * size;
}

static void together_and_in_turn_agree(void)
{
    for (int i = 0; i < CASES; i++) {
        const Case *c = &cases[i];
        const int64_t reach = (c->kernel - 1) * (c->how.dilation ? c->how.dilation : 1) + 1;
        const int64_t stride = c->how.stride ? c->how.stride : 1;
        ConvPool shape = {.conv = {.out_channels = c->out}, .window = c->window};
        shape.conv.out_height = (c->size + 2 * c->how.padding - reach) / stride + 1;
        shape.conv.out_width = shape.conv.out_height;
        check(cpu_kernels()->conv2d_pool_fits(&shape), "case %d goes another way", i);
        Results one = run(cpu_kernels(), &cases[i], true, false);
        Results four = run(cpu_kernels(), &cases[i], false, false);
        for (int k = 0; k < 4; k++)
            check(k == 1 && c->patches ? near(&one, &four, k, 1e-6)
                                       : memcmp(one.values[k], four.values[k],
                                                (size_t)one.count[k] * sizeof(float)) == 0,
                  "case %d: other bits of %s", i,
                  (const char *[]){"y", "dx", "dweight", "dbias"}[k]);
        results_free(&one);
        results_free(&four);
    }
}

static void clipped_gradients_agree(void)
{
    for (int i = 0; i < CASES; i++) {
        if (cases[i].frozen) continue;
        Results one = run(cpu_kernels(), &cases[i], true, true);
        Results four = run(cpu_kernels(), &cases[i], false, true);
        check(near(&one, &four, 2, 1e-5) && near(&one, &four, 3, 1e-5),
              "case %d: other clipped gradients", i);
        results_free(&one);
        results_free(&four);
    }
}

static void all_instruction_sets_have_the_same_bits(void)
{
    static const char *const names[] = {"avx2", "avx512", "neon"};
    for (int i = 0; i < CASES; i++) {
        threads_set(1);
        Results wanted = run(cpu_kernels_of("reference", CONV_FASTEST), &cases[i], true, false);
        for (int n = 0; n < 9; n++) {
            const Kernels *kernels = cpu_kernels_of(names[n / 3], CONV_FASTEST);
            if (!kernels) continue;
            threads_set(n % 3 + 1);
            Results got = run(kernels, &cases[i], true, false);
            for (int k = 0; k < 4; k++)
                check(memcmp(got.values[k], wanted.values[k],
                             (size_t)wanted.count[k] * sizeof(float)) == 0,
                      "case %d, array %d: other bits on %s with %d threads", i, k, kernels->name,
                      n % 3 + 1);
            results_free(&got);
        }
        results_free(&wanted);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"together_and_in_turn_agree", together_and_in_turn_agree},
        {"clipped_gradients_agree", clipped_gradients_agree},
        {"all_instruction_sets_have_the_same_bits", all_instruction_sets_have_the_same_bits},
    };
    return TESTS_RUN(tests);
}
