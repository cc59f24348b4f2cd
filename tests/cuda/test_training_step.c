// One training step of whole networks on the emulated device against the processor's: loss,
// gradients, and the parameters after SGD. Two steps of the device from the same start end in the
// same bits, also with its threads in another order.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/ops.h"
#include "cuda/device.h"
#include "cuda/emulator.h"
#include "nn/classifier.h"
#include "nn/initialize.h"
#include "optim/optimizer.h"
#include "tests/golden.h"
#include "tests/test.h"

// What a step leaves: the loss, then every gradient, then every parameter.
typedef struct Trace {
    float *values;
    int64_t count;
} Trace;

static void append(Trace *trace, const Tensor *tensor, const float *values)
{
    float *own = golden_fetch(tensor, values);
    trace->values =
        reallocate(trace->values, (uint64_t)(trace->count + tensor->count) * sizeof(float));
    memcpy(trace->values + trace->count, own, (size_t)tensor->count * sizeof(float));
    trace->count += tensor->count;
    free(own);
}

typedef struct Training {
    Tape *tape;
    Classifier *classifier;
    Optimizer *optimizer;
    Tensor *images, *labels;
    bool frozen_norm; // as NONE trains on (experiments/training_defense.h)
    Trace *trace;     // NULL, or where the loss goes
    uint32_t step;    // its number
} Training;

static Training training_create(const char *model, int64_t batch, int64_t side, int64_t channels,
                                const Kernels *kernels)
{
    Error error = {0};
    Training t = {.tape = tape_create(kernels)};
    t.classifier = classifier_create(model, (int)side, (int)side, (int)channels, 10, &error);
    initialize_default(&t.classifier->parameters, (RandomKey){7, 2, 3});
    t.images = tensor_create(SHAPE(batch, side, side, channels));
    t.labels = tensor_create_int(SHAPE(batch));
    for (int64_t i = 0; i < t.images->count; i++)
        t.images->data[i] = random_uniform((RandomKey){7, 1, 0}, (uint64_t)i);
    for (int64_t i = 0; i < batch; i++) t.labels->ints[i] = (int32_t)(i * 3 % 10);
    t.optimizer =
        optimizer_create_sgd(&t.classifier->parameters,
                             (Sgd){.learning_rate = 0.1f, .momentum = 0.9f, .weight_decay = 5e-4f});
    classifier_move(t.classifier, kernels);
    optimizer_move(t.optimizer, kernels);
    tensor_move(t.images, kernels->memory);
    tensor_move(t.labels, kernels->memory);
    return t;
}

static void training_free(Training *t)
{
    optimizer_free(t->optimizer);
    classifier_free(t->classifier);
    tensor_free(t->images);
    tensor_free(t->labels);
    tape_free(t->tape);
}

// With dropout: its masks must agree.
static void step(Training *t)
{
    Mode mode = {.training = !t->frozen_norm, .dropout = true, .key = {7, 5, t->step}};
    Tensor *loss = cross_entropy(classify(t->classifier, tape_input(t->tape, t->images), mode),
                                 tape_input(t->tape, t->labels));
    backward(loss);
    optimizer_step(t->optimizer);
    if (t->trace) append(t->trace, loss, loss->data);
    tape_reset(t->tape);
}

// Every gradient, then every parameter.
static void append_state(Trace *trace, const Training *t)
{
    const Parameters *parameters = &t->classifier->parameters;
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < parameters->count; i++) {
            const Tensor *tensor = parameters->items[i].tensor;
            if (pass == 1 || tensor->grad)
                append(trace, tensor, pass == 0 ? tensor->grad : tensor->data);
        }
}

static Trace train_step(const char *model, int64_t batch, int64_t side, int64_t channels,
                        bool frozen_norm, const Kernels *kernels)
{
    Trace trace = {0};
    Training t = training_create(model, batch, side, channels, kernels);
    t.frozen_norm = frozen_norm;
    t.trace = &trace;
    step(&t);
    append_state(&trace, &t);
    training_free(&t);
    return trace;
}

static void same_bits(Trace *first, Trace *second)
{
    check(first->count == second->count &&
              memcmp(first->values, second->values, (size_t)first->count * sizeof(float)) == 0,
          "the bits differ");
    free(first->values);
    free(second->values);
}

static void compare_step(const char *model, int64_t batch, int64_t side, int64_t channels,
                         bool frozen_norm, double tolerance)
{
    Error error = {0};
    const Kernels *device = device_kernels("emulated", PRECISION_EXACT, &error);
    if (!device) {
        skip("%s", error.message);
        return;
    }
    Trace host = train_step(model, batch, side, channels, frozen_norm, cpu_kernels());
    Trace own = train_step(model, batch, side, channels, frozen_norm, device);
    check(host.count == own.count, "%lld values, not %lld", (long long)own.count,
          (long long)host.count);
    double difference = 0, size = 0;
    for (int64_t i = 0; i < host.count; i++) {
        double d = (double)own.values[i] - (double)host.values[i];
        difference += d * d;
        size += (double)host.values[i] * (double)host.values[i];
    }
    double distance = sqrt(difference / size);
    check(distance <= tolerance, "%s: %g of the values' norm away", model, distance);
    check(fabsf(own.values[0] - host.values[0]) <= (float)tolerance * host.values[0],
          "%s: loss %g, not %g", model, (double)own.values[0], (double)host.values[0]);
    free(host.values);
    free(own.values);
}

static void mnist_ia_takes_the_processors_step(void)
{
    compare_step("mnist-ia", 6, 28, 1, false, 1e-5);
}

// Float's rounding errors in the first layers pass through 18 batch norms of 32 to 2048 values: two
// instruction sets of the processor end 6e-4 apart.
static void preact_resnet18_takes_the_processors_step(void)
{
    if (!getenv("SIEVE_TEST_LONG")) {
        skip("make test-emulated runs it");
        return;
    }
    compare_step("preact-resnet18", 2, 32, 3, false, 2e-3);
}

// The networks of NONE's paper, as they are trained, and as NONE trains them on.
static void networks_of_none_take_the_processors_steps(void)
{
    if (!getenv("SIEVE_TEST_LONG")) {
        skip("make test-emulated runs it");
        return;
    }
    compare_step("nin", 1, 28, 1, false, 1e-5);
    compare_step("vgg11", 1, 28, 1, false, 1e-5);
    compare_step("vgg11-bn", 2, 28, 1, false, 2e-3);
    compare_step("vgg11-bn", 2, 28, 1, true, 1e-5);
    compare_step("resnet18", 1, 28, 1, true, 1e-5);
}

static void any_order_of_threads_gives_the_same_bits(void)
{
    Error error = {0};
    const Kernels *device = device_kernels("emulated", PRECISION_EXACT, &error);
    if (!device) {
        skip("%s", error.message);
        return;
    }
    Trace first = train_step("mnist-ia", 2, 28, 1, false, device);
    emulator_order(3);
    Trace second = train_step("mnist-ia", 2, 28, 1, false, device);
    emulator_order(0);
    same_bits(&first, &second);
}

// Steps whose learning rate, dropout mask, corrections and images change: one by one, and as graphs.
static void steps_as_graphs_end_in_the_same_bits(void)
{
    enum { STEPS = 6 };
    Error error = {0};
    const Kernels *device = device_kernels("emulated", PRECISION_TF32, &error);
    if (!device) {
        skip("%s", error.message);
        return;
    }
    Trace traces[2] = {{0}, {0}};
    for (int graphs = 0; graphs < 2; graphs++) {
        DeviceGraph *graph = device_graph_create();
        Training t = training_create("mnist-ia", 2, 28, 1, device);
        for (t.step = 0; t.step < STEPS; t.step++) {
            t.optimizer->learning_rate = 0.1f / (float)(t.step + 1);
            if (graphs) device_begin();
            step(&t);
            if (graphs) device_end(graph);
        }
        check(device_graphs(graph) == graphs, "%d graphs", device_graphs(graph));
        append_state(&traces[graphs], &t);
        training_free(&t);
        device_graph_free(graph);
    }
    same_bits(&traces[0], &traces[1]);
}

// A step that reads what it computed is none for a graph, but a right one.
static void a_step_may_read_in_its_middle(void)
{
    Error error = {0};
    const Kernels *device = device_kernels("emulated", PRECISION_EXACT, &error);
    if (!device) {
        skip("%s", error.message);
        return;
    }
    DeviceGraph *graph = device_graph_create();
    Tensor *x = tensor_create(SHAPE(1));
    tensor_move(x, device->memory);
    for (int i = 0; i < 4; i++) {
        device_begin();
        device->fill(1, (float)i, x->data);
        check(tensor_value(x) == (float)i, "%g, not %d", (double)tensor_value(x), i);
        device->accumulate(1, 2, x->data, x->data);
        device_end(graph);
        check(tensor_value(x) == 3 * (float)i, "%g, not %d", (double)tensor_value(x), 3 * i);
    }
    check(device_graphs(graph) == 0, "%d graphs", device_graphs(graph));
    tensor_free(x);
    device_graph_free(graph);
}

static const Kernels *counted_device;
static int updates;

static void counted_sgd(const SgdStep *how, int64_t count, const float *gradient, float *velocity,
                        float *parameter)
{
    updates++;
    counted_device->sgd(how, count, gradient, velocity, parameter);
}

// They were laid side by side when the optimizer was made, and moved there so.
static void all_parameters_are_updated_by_one_kernel(void)
{
    Error error = {0};
    counted_device = device_kernels("emulated", PRECISION_EXACT, &error);
    if (!counted_device) {
        skip("%s", error.message);
        return;
    }
    Training t = training_create("mnist-ia", 2, 28, 1, counted_device);
    Kernels counted = *counted_device;
    counted.sgd = counted_sgd;
    t.optimizer->kernels = &counted;
    step(&t);
    check(updates == 1 && t.optimizer->count > 1, "%d kernels for %d tensors", updates,
          t.optimizer->count);
    training_free(&t);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"mnist_ia_takes_the_processors_step", mnist_ia_takes_the_processors_step},
        {"any_order_of_threads_gives_the_same_bits", any_order_of_threads_gives_the_same_bits},
        {"steps_as_graphs_end_in_the_same_bits", steps_as_graphs_end_in_the_same_bits},
        {"a_step_may_read_in_its_middle", a_step_may_read_in_its_middle},
        {"all_parameters_are_updated_by_one_kernel", all_parameters_are_updated_by_one_kernel},
        {"preact_resnet18_takes_the_processors_step", preact_resnet18_takes_the_processors_step},
        {"networks_of_none_take_the_processors_steps", networks_of_none_take_the_processors_steps},
    };
    return TESTS_RUN(tests);
}
