// The same bits everywhere: a small training run with the operators that sum (convolution,
// products, normalisation, pooling, losses) ends in the same parameters for any number of threads
// and on every instruction set with fused multiply-add.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/ops.h"
#include "core/thread.h"
#include "tests/test.h"

enum { BATCH = 24, SIZE = 13, CLASSES = 7, STEPS = 3, PARAMETERS = 8 };

// 0, 2, 4: weights of two convolutions and the classes; 1, 3, 5: biases; 6, 7: of the
// normalisation.
typedef struct Network {
    Tensor *parameters[PARAMETERS], *running_mean, *running_variance, *images, *labels;
} Network;

static Tensor *drawn(Tensor *tensor, const char *name, float factor)
{
    RandomKey key = {3, random_purpose(name), 0};
    for (int64_t i = 0; i < tensor->count; i++)
        tensor->data[i] = factor * random_normal(key, (uint64_t)i);
    return tensor;
}

static void create(Network *network)
{
    Tensor **p = network->parameters;
    p[0] = drawn(parameter_create(SHAPE(3, 3, 3, 20)), "convolution 1", 0.3f);
    p[1] = drawn(parameter_create(SHAPE(20)), "bias 1", 0.1f);
    p[2] = drawn(parameter_create(SHAPE(4, 4, 11, 20)), "transposed 2", 0.1f);
    p[3] = drawn(parameter_create(SHAPE(11)), "bias 2", 0.1f);
    p[4] = drawn(parameter_create(SHAPE(6 * 6 * 11, CLASSES)), "classes", 0.05f);
    p[5] = drawn(parameter_create(SHAPE(CLASSES)), "bias 3", 0.1f);
    p[6] = drawn(parameter_create(SHAPE(20)), "scale", 1);
    p[7] = drawn(parameter_create(SHAPE(20)), "shift", 1);
    network->running_mean = tensor_create(SHAPE(20));
    network->running_variance = tensor_create(SHAPE(20));
    network->images = drawn(tensor_create(SHAPE(BATCH, SIZE, SIZE, 3)), "images", 1);
    network->labels = tensor_create_int(SHAPE(BATCH));
    for (int32_t i = 0; i < BATCH; i++) network->labels->ints[i] = i % CLASSES;
}

static void destroy(Network *network)
{
    for (int i = 0; i < PARAMETERS; i++) tensor_free(network->parameters[i]);
    tensor_free(network->running_mean);
    tensor_free(network->running_variance);
    tensor_free(network->images);
    tensor_free(network->labels);
}

// 13 -> 7 -> 14 -> 13 (nearest) -> 6: strided convolution, normalisation, transposed convolution,
// resampling, pooling, classes.
static Tensor *loss_of(Network *network, Tape *tape, int step)
{
    Tensor **p = network->parameters;
    Tensor *x = dropout(tape_input(tape, network->images), 0.1f, (RandomKey){3, 4, (uint32_t)step});
    Tensor *y = conv2d(x, p[0], p[1], (Conv2d){.stride = 2, .padding = 1});
    y = batch_norm(y, p[6], p[7], network->running_mean, network->running_variance,
                   (BatchNorm){0.1f, 1e-5f, true, NORM_RELU_AFTER});
    y = conv_transpose2d(elu(y), p[2], p[3], (Conv2d){.stride = 2, .padding = 1});
    y = resample2d(hyperbolic_tangent(y), SIZE, SIZE, RESAMPLE_BICUBIC, true);
    y = max_pool2d(softplus(y), (Pool2d){.kernel = 3, .stride = 2});
    Tensor *logits = linear(flatten_channels_first(y), p[4], p[5]);
    Tensor *loss = cross_entropy(logits, tape_input(tape, network->labels));
    return sum3(loss, scale(1e-3f, mean(norm2_rows(y), ALL_DIMENSIONS, false)),
                scale(1e-2f, mean(square(logits), ALL_DIMENSIONS, false)));
}

// The losses and parameters of every step, one after the other; the caller frees them.
static float *run(const Kernels *kernels, int threads, int64_t *length)
{
    Network network;
    AdamStep how = {1e-3f, 0.9f, 0.999f, 1e-8f, 1e-3f, 0.1f, 0.03f};
    float *moments[PARAMETERS][2];
    int64_t values = 1, used = 0;
    threads_set(threads);
    create(&network);
    for (int i = 0; i < PARAMETERS; i++) {
        uint64_t bytes = (uint64_t)network.parameters[i]->count * sizeof(float);
        for (int k = 0; k < 2; k++) moments[i][k] = allocate_zeroed(bytes);
        values += network.parameters[i]->count;
    }
    *length = values * STEPS;
    float *trace = allocate((uint64_t)*length * sizeof(float));
    Tape *tape = tape_create(kernels);
    for (int step = 0; step < STEPS; step++) {
        Tensor *loss = loss_of(&network, tape, step);
        backward(loss);
        trace[used++] = tensor_value(loss);
        for (int i = 0; i < PARAMETERS; i++) {
            Tensor *p = network.parameters[i];
            kernels->adam(&how, p->count, p->grad, moments[i][0], moments[i][1], p->data);
            memcpy(trace + used, p->data, (size_t)p->count * sizeof(float));
            used += p->count;
        }
        tape_reset(tape);
    }
    for (int i = 0; i < PARAMETERS; i++)
        for (int k = 0; k < 2; k++) free(moments[i][k]);
    tape_free(tape);
    destroy(&network);
    return trace;
}

static void check_same(const char *what, const float *seen, const float *expected, int64_t length)
{
    int64_t different = 0, first = -1;
    for (int64_t i = 0; i < length; i++)
        if (memcmp(&seen[i], &expected[i], sizeof(float)) != 0) {
            first = different == 0 ? i : first;
            different++;
        }
    check(different == 0, "%s: %lld of %lld values differ, first number %lld: %.9g, not %.9g", what,
          (long long)different, (long long)length, (long long)first,
          (double)seen[first < 0 ? 0 : first], (double)expected[first < 0 ? 0 : first]);
}

static const char *const instruction_sets[] = {"reference", "baseline", "avx2", "avx512", "neon"};
enum { SETS = sizeof instruction_sets / sizeof instruction_sets[0] };

static void any_number_of_threads_gives_the_same_bits(void)
{
    for (int s = 0; s < SETS; s++) {
        const Kernels *kernels = cpu_kernels_of(instruction_sets[s], CONV_FASTEST);
        if (!kernels) continue;
        int64_t length;
        float *one = run(kernels, 1, &length);
        for (int threads = 2; threads <= 4; threads++) {
            char what[64];
            snprintf(what, sizeof what, "%s, %d threads", instruction_sets[s], threads);
            float *several = run(kernels, threads, &length);
            check_same(what, several, one, length);
            free(several);
        }
        free(one);
    }
}

static void every_instruction_set_gives_the_same_bits(void)
{
    int64_t length;
    int compared = 0;
    float *expected = run(cpu_kernels_of("reference", CONV_FASTEST), 2, &length);
    for (int s = 1; s < SETS; s++) {
        const Kernels *kernels = cpu_kernels_of(instruction_sets[s], CONV_FASTEST);
        if (!kernels || !kernels->fused) continue;
        float *seen = run(kernels, 2, &length);
        check_same(instruction_sets[s], seen, expected, length);
        free(seen);
        compared++;
    }
    free(expected);
    if (compared == 0) skip("this processor has no second instruction set with fused multiply-add");
}

// Without it the tests above could compare nothing but the start.
static void the_run_learns(void)
{
    int64_t length;
    float *trace = run(cpu_kernels(), 2, &length);
    float first = trace[0], last = trace[length / STEPS * (STEPS - 1)];
    check(first > 0 && last < first, "the loss went from %g to %g", (double)first, (double)last);
    free(trace);
}

int main(int argc, char **argv)
{
    const Test tests[] = {
        {"any_number_of_threads_gives_the_same_bits", any_number_of_threads_gives_the_same_bits},
        {"every_instruction_set_gives_the_same_bits", every_instruction_set_gives_the_same_bits},
        {"the_run_learns", the_run_learns},
    };
    return TESTS_RUN(tests);
}
