// optim/private.c: what it adds to the clipped gradient (tests/core/test_clipped.c) is noise of the
// stated deviation, other for each tensor and key; and networks with group norm can be clipped.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "nn/classifier.h"
#include "nn/initialize.h"
#include "optim/private.h"
#include "tests/test.h"

enum { SAMPLES = 4 };

typedef struct Trial {
    Classifier *classifier;
    Tensor *images, *labels;
    Tape *tape;
} Trial;

static Trial trial_create(const char *name, int side, int channels)
{
    Error error = {0};
    Trial t = {classifier_create(name, side, side, channels, 10, &error),
               tensor_create(SHAPE(SAMPLES, side, side, channels)),
               tensor_create_int(SHAPE(SAMPLES)), tape_create(cpu_kernels())};
    check(t.classifier != NULL, "%s", error.message);
    initialize_he(&t.classifier->parameters, (RandomKey){1, 2, 0});
    for (int64_t i = 0; i < t.images->count; i++)
        t.images->data[i] = random_uniform((RandomKey){1, 3, 0}, (uint64_t)i);
    return t;
}

static void trial_free(Trial *t)
{
    tape_free(t->tape);
    classifier_free(t->classifier);
    tensor_free(t->images);
    tensor_free(t->labels);
}

// The gradient of one tensor; the caller's.
static float *gradient_of(const Trial *t, const char *name, PrivateGradient how, RandomKey key)
{
    Tensor *logits =
        classify(t->classifier, tape_input(t->tape, t->images), (Mode){.training = true});
    Tensor *loss = cross_entropy(logits, tape_input(t->tape, t->labels));
    backward_private(loss, &t->classifier->parameters, SAMPLES, how, key);
    const Tensor *tensor = parameters_find(&t->classifier->parameters, name)->tensor;
    float *copy = allocate((unsigned long long)tensor->count * sizeof *copy);
    memcpy(copy, tensor->grad, (size_t)tensor->count * sizeof *copy);
    tape_reset(t->tape);
    return copy;
}

static void noise_has_the_stated_deviation(void)
{
    Trial t = trial_create("mlp", 1, 2);
    const char *const names[] = {"linear2.weight", "linear3.weight"};
    const RandomKey key = {5, 6, 7}, other = {5, 6, 8};
    const PrivateGradient silent = {.clip = 2}, noisy = {.clip = 2, .noise = .5};
    enum { COUNT = 100 * 100 };
    double product = 0, again = 0;
    float *noise[2];
    for (int k = 0; k < 2; k++) {
        float *clean = gradient_of(&t, names[k], silent, key);
        float *next = gradient_of(&t, names[k], noisy, other);
        noise[k] = gradient_of(&t, names[k], noisy, key);
        double sum = 0, squares = 0;
        for (int i = 0; i < COUNT; i++) {
            noise[k][i] -= clean[i];
            sum += (double)noise[k][i];
            squares += (double)noise[k][i] * (double)noise[k][i];
            again += (double)noise[k][i] * (double)(next[i] - clean[i]);
        }
        double deviation = sqrt(squares / COUNT), wanted = .5 * 2 / SAMPLES;
        check(fabs(deviation - wanted) < .03 * wanted, "%s: deviation %g, not %g", names[k],
              deviation, wanted);
        check(fabs(sum / COUNT) < .04 * wanted, "%s: mean %g", names[k], sum / COUNT);
        free(clean);
        free(next);
    }
    for (int i = 0; i < COUNT; i++) product += (double)noise[0][i] * (double)noise[1][i];
    check(fabs(product) < .04 * COUNT * .0625, "two tensors share their noise: %g", product);
    check(fabs(again) < .06 * COUNT * .0625, "two keys give the same noise: %g", again);
    free(noise[0]);
    free(noise[1]);
    trial_free(&t);
}

static void networks_with_group_norm_can_be_clipped(void)
{
    static const char *const names[] = {"resnet18-gn", "vgg11-bn-gn", "nin-gn"};
    for (int i = 0; i < 3; i++) {
        Trial t = trial_create(names[i], 32, 3);
        Parameters *parameters = &t.classifier->parameters;
        Tensor *loss = cross_entropy(
            classify(t.classifier, tape_input(t.tape, t.images), (Mode){.training = true}),
            tape_input(t.tape, t.labels));
        double squares = 0;
        backward_private(loss, parameters, SAMPLES, (PrivateGradient){.clip = .01}, (RandomKey){0});
        for (int k = 0; k < parameters->count; k++) {
            const Tensor *tensor = parameters->items[k].tensor;
            check(strstr(parameters->items[k].name, "running") == NULL, "%s has %s", names[i],
                  parameters->items[k].name);
            check(tensor->grad_written, "%s: %s has no gradient", names[i],
                  parameters->items[k].name);
            for (int64_t v = 0; v < tensor->count; v++)
                squares += (double)tensor->grad[v] * (double)tensor->grad[v];
        }
        double norm = sqrt(squares);
        check(norm > 1e-4 && norm <= .01 * (1 + 1e-5), "%s: the gradient has norm %g", names[i],
              norm);
        trial_free(&t);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"noise_has_the_stated_deviation", noise_has_the_stated_deviation},
        {"networks_with_group_norm_can_be_clipped", networks_with_group_norm_can_be_clipped},
    };
    return TESTS_RUN(tests);
}
