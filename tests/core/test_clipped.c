// backward_clipped against a plain loop: one sample at a time through the same network, its whole
// gradient, clipped and added up in double. Convolutions whose norms come from forming the gradient
// and from Gram matrices (core/cpu/kernels/conv_norms.c), strided, dilated, with and without bias; linear;
// group norm; a tensor used twice.
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/error.h"
#include "core/ops.h"
#include "core/thread.h"
#include "cuda/device.h"
#include "tests/test.h"

enum { SAMPLES = 6, SIDE = 10, CLASSES = 5, PARAMETERS = 13 };

typedef struct Network {
    Tensor *p[PARAMETERS], *images, *labels;
    Tape *tape;
} Network;

static Tensor *random_parameter(int i, int rank, const int64_t *shape, float size)
{
    Tensor *tensor = parameter_create(rank, shape);
    for (int64_t k = 0; k < tensor->count; k++)
        tensor->data[k] = size * random_normal((RandomKey){3, 5, (uint32_t)i}, (uint64_t)k);
    return tensor;
}

static void network_move(Network *net, const DeviceMemory *memory)
{
    for (int i = 0; i < PARAMETERS; i++) tensor_move(net->p[i], memory);
    tensor_move(net->images, memory);
}

static Network network_create(const Kernels *kernels)
{
    Network net = {.tape = tape_create(kernels),
                   .images = tensor_create(SHAPE(SAMPLES, SIDE, SIDE, 3)),
                   .labels = tensor_create_int(SHAPE(SAMPLES))};
    int i = 0;
    net.p[i] = random_parameter(i, SHAPE(3, 3, 3, 8), .3f), i++; // 100 positions: dW_i formed
    net.p[i] = random_parameter(i, SHAPE(8), .3f), i++;
    net.p[i] = random_parameter(i, SHAPE(8), 1), i++; // group norm
    net.p[i] = random_parameter(i, SHAPE(8), .3f), i++;
    net.p[i] = random_parameter(i, SHAPE(3, 3, 8, 16), .2f), i++;  // stride 2
    net.p[i] = random_parameter(i, SHAPE(3, 3, 16, 32), .1f), i++; // stride 2, 9 positions: Gram
    net.p[i] = random_parameter(i, SHAPE(32), .3f), i++;
    net.p[i] = random_parameter(i, SHAPE(2, 2, 32, 32), .1f), i++; // dilation 2, Gram
    net.p[i] = random_parameter(i, SHAPE(1, 1, 16, 32), .2f), i++; // of a shortcut
    net.p[i] = random_parameter(i, SHAPE(32), 1), i++;             // group norm
    net.p[i] = random_parameter(i, SHAPE(32), .3f), i++;
    net.p[i] = random_parameter(i, SHAPE(288, CLASSES), .1f), i++;
    net.p[i] = random_parameter(i, SHAPE(CLASSES), .1f), i++;
    for (int64_t k = 0; k < net.images->count; k++)
        net.images->data[k] = random_normal((RandomKey){3, 6, 0}, (uint64_t)k);
    for (int s = 0; s < SAMPLES; s++) net.labels->ints[s] = s % CLASSES;
    network_move(&net, kernels->memory);
    return net;
}

static void network_free(Network *net)
{
    tape_free(net->tape);
    for (int i = 0; i < PARAMETERS; i++) tensor_free(net->p[i]);
    tensor_free(net->images);
    tensor_free(net->labels);
}

// The mean loss of `count` samples from `first` on.
static Tensor *loss_of(const Network *net, int64_t first, int64_t count)
{
    Tensor *const *p = net->p;
    Tensor *x = slice(tape_input(net->tape, net->images), 0, first, first + count);
    Tensor *labels = tape_ints(net->tape, count, net->labels->ints + first);
    x = relu(group_norm(conv2d(x, p[0], p[1], (Conv2d){.padding = 1}), p[2], p[3], 4, 1e-5f));
    x = relu(conv2d(x, p[4], NULL, (Conv2d){.stride = 2, .padding = 1}));
    Tensor *shortcut = conv2d(x, p[8], NULL, (Conv2d){.stride = 2});
    x = add(conv2d(x, p[5], p[6], (Conv2d){.stride = 2, .padding = 1}), shortcut);
    x = add(x, conv2d(relu(x), p[7], NULL, (Conv2d){.padding = 1, .dilation = 2}));
    x = relu(group_norm(x, p[9], p[10], 32, 1e-5f));
    return cross_entropy(linear(flatten_channels_first(x), p[11], p[12]), labels);
}

// Gradients of all parameters, one after the other; the caller's.
static float *gradients(const Network *net, int64_t *count)
{
    *count = 0;
    for (int i = 0; i < PARAMETERS; i++) *count += net->p[i]->count;
    float *all = allocate((size_t)*count * sizeof *all), *to = all;
    for (int i = 0; i < PARAMETERS; i++) {
        check(net->p[i]->grad_written, "parameter %d has no gradient", i);
        const Tensor *p = net->p[i];
        if (p->memory)
            p->memory->to_host(p->count * 4, p->grad, to);
        else
            memcpy(to, p->grad, (size_t)p->count * sizeof *to);
        to += net->p[i]->count;
    }
    return all;
}

static double norm_of(int64_t count, const float *values)
{
    double sum = 0;
    for (int64_t k = 0; k < count; k++) sum += (double)values[k] * (double)values[k];
    return sqrt(sum);
}

// The plain loop.
static double *one_at_a_time(const Network *net, double bound, double *norms)
{
    double *sum = NULL;
    for (int64_t s = 0; s < SAMPLES; s++) {
        int64_t count;
        backward(loss_of(net, s, 1));
        float *gradient = gradients(net, &count);
        norms[s] = norm_of(count, gradient);
        if (!sum) sum = allocate_zeroed((size_t)count * sizeof *sum);
        double factor = norms[s] > bound ? bound / norms[s] : 1;
        for (int64_t k = 0; k < count; k++) sum[k] += factor * (double)gradient[k] / SAMPLES;
        free(gradient);
        tape_reset(net->tape);
    }
    return sum;
}

static void clipped_gradients_are_those_of_the_plain_loop(void)
{
    Network net = network_create(cpu_kernels());
    double wanted_norms[SAMPLES];
    float norms[SAMPLES];
    free(one_at_a_time(&net, 1, wanted_norms));
    // Bounds below every norm, above every norm, and among them.
    double middle = (wanted_norms[0] + wanted_norms[1]) / 2, bounds[] = {.1, middle, 1e6};
    for (int b = 0; b < 3; b++) {
        int64_t count;
        double largest = 0, error = 0, *wanted = one_at_a_time(&net, bounds[b], wanted_norms);
        backward_clipped(loss_of(&net, 0, SAMPLES), SAMPLES, bounds[b], norms);
        float *seen = gradients(&net, &count);
        for (int s = 0; s < SAMPLES; s++)
            check(fabs((double)norms[s] - wanted_norms[s]) < 1e-5 * wanted_norms[s],
                  "sample %d: norm %.9g, not %.9g", s, (double)norms[s], wanted_norms[s]);
        for (int64_t k = 0; k < count; k++) {
            largest = fmax(largest, fabs(wanted[k]));
            error = fmax(error, fabs((double)seen[k] - wanted[k]));
        }
        check(error < 2e-6 * largest, "bound %g: error %g of %g", bounds[b], error, largest);
        check(norm_of(count, seen) <= bounds[b] * (1 + 1e-5), "bound %g: the mean has norm %g",
              bounds[b], norm_of(count, seen));
        free(seen);
        free(wanted);
        tape_reset(net.tape);
    }
    network_free(&net);
}

static void without_a_bound_it_is_backward(void)
{
    Network net = network_create(cpu_kernels());
    int64_t count;
    backward(loss_of(&net, 0, SAMPLES));
    float *wanted = gradients(&net, &count);
    tape_reset(net.tape);
    backward_clipped(loss_of(&net, 0, SAMPLES), SAMPLES, 1e30, NULL);
    float *seen = gradients(&net, &count);
    check(memcmp(seen, wanted, (size_t)count * sizeof *seen) == 0, "other bits");
    free(seen);
    free(wanted);
    network_free(&net);
}

static float *clipped_with(const char *isa, int threads, int64_t *count)
{
    const Kernels *kernels = cpu_kernels_of(isa, CONV_FASTEST);
    if (!kernels || !kernels->fused) return NULL;
    threads_set(threads);
    Network net = network_create(kernels);
    backward_clipped(loss_of(&net, 0, SAMPLES), SAMPLES, .5, NULL);
    float *seen = gradients(&net, count);
    network_free(&net);
    return seen;
}

static void the_bits_are_the_same_everywhere(void)
{
    static const char *const isas[] = {"reference", "avx2", "avx512", "neon"};
    int64_t count;
    float *wanted = clipped_with("reference", 1, &count);
    for (int i = 0; i < 4; i++)
        for (int threads = 1; threads <= 3; threads++) {
            float *seen = clipped_with(isas[i], threads, &count);
            if (!seen) continue;
            check(memcmp(seen, wanted, (size_t)count * sizeof *seen) == 0,
                  "%s with %d threads: other bits", isas[i], threads);
            free(seen);
        }
    free(wanted);
}

static void a_device_clips_alike(void)
{
    Error error = {0};
    const Kernels *device = device_kernels("emulated", PRECISION_EXACT, &error);
    if (!device) {
        skip("%s", error.message);
        return;
    }
    const Kernels *both[] = {cpu_kernels(), device};
    float *seen[2];
    int64_t count = 0;
    for (int i = 0; i < 2; i++) {
        Network net = network_create(both[i]);
        backward_clipped(loss_of(&net, 0, SAMPLES), SAMPLES, .5, NULL);
        seen[i] = gradients(&net, &count);
        network_free(&net);
    }
    double largest = 0, error_of = 0;
    for (int64_t k = 0; k < count; k++) {
        largest = fmax(largest, fabs((double)seen[0][k]));
        error_of = fmax(error_of, fabs((double)seen[1][k] - (double)seen[0][k]));
    }
    check(error_of < 1e-5 * largest, "error %g of %g", error_of, largest);
    free(seen[0]);
    free(seen[1]);
}

static void use_batch_norm(const Network *net, Tensor *x)
{
    Tensor *running = tensor_create(SHAPE(3));
    Tensor *weight = parameter_create(SHAPE(3));
    x = batch_norm(x, weight, weight, running, running, (BatchNorm){.training = true});
    backward_clipped(mean(x, ALL_DIMENSIONS, false), SAMPLES, 1, NULL);
    (void)net;
}

static void use_a_parameter_twice(const Network *net, Tensor *x)
{
    Tensor *a = conv2d(x, net->p[0], NULL, (Conv2d){0}),
           *b = conv2d(x, net->p[0], NULL, (Conv2d){0});
    backward_clipped(mean(add(a, b), ALL_DIMENSIONS, false), SAMPLES, 1, NULL);
}

static void miscount(const Network *net, Tensor *x)
{
    Tensor *y = conv2d(x, net->p[0], NULL, (Conv2d){0});
    backward_clipped(mean(y, ALL_DIMENSIONS, false), SAMPLES - 1, 1, NULL);
}

static void what_cannot_be_clipped_stops_the_program(void)
{
    static void (*const misuses[])(const Network *, Tensor *) = {use_batch_norm,
                                                                 use_a_parameter_twice, miscount};
    for (int i = 0; i < 3; i++) {
        pid_t child = fork();
        if (child == 0) {
            if (!freopen("/dev/null", "w", stderr)) _exit(0);
            Network net = network_create(cpu_kernels());
            misuses[i](&net, tape_input(net.tape, net.images));
            _exit(0);
        }
        int status = 0;
        waitpid(child, &status, 0);
        check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "misuse %d passed", i);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        // first: a fork has none of the threads that later tests start
        {"what_cannot_be_clipped_stops_the_program", what_cannot_be_clipped_stops_the_program},
        {"clipped_gradients_are_those_of_the_plain_loop",
         clipped_gradients_are_those_of_the_plain_loop},
        {"without_a_bound_it_is_backward", without_a_bound_it_is_backward},
        {"the_bits_are_the_same_everywhere", the_bits_are_the_same_everywhere},
        {"a_device_clips_alike", a_device_clips_alike},
    };
    return TESTS_RUN(tests);
}
