// Where the classifier is, each watched layer's result is reduced to a number for each sample and
// neuron as soon as it is there; the batch's numbers, with the probabilities beside them, stand in
// one table, which is copied to the program once the batch is through.
#include "experiments/activations.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/batches.h"

enum { BATCH = 128 };

// What is being watched of the batch that begins with sample `begin`.
typedef struct Watch {
    const Classifier *classifier;
    Activations *activations;
    ImageStore store;
    int64_t begin;
    Tensor *table;   // (samples + 1, all neurons + classes): largest, probability; last row: counts
    int64_t *counts; // [all neurons]: values >= 0
    int64_t *values; // [layers]: values of a neuron
} Watch;

// counts[c] of x (rows, neurons), values >= 0: where clamp(x, 0, infinity) has derivative 1. In
// floats these sums are exact, a batch has fewer than 2^24 places.
static void count_positive(Tape *tape, int64_t rows, int64_t neurons, const float *x, float *counts)
{
    const Kernels *kernels = tape_kernels(tape);
    int64_t count = rows * neurons;
    float *ones = tape_allocate(tape, count * (int64_t)sizeof *ones);
    kernels->fill(count, 1, ones);
    kernels->unary_backward(UNARY_CLAMP, 0, INFINITY, count, x, x, ones, ones);
    kernels->sum(1, rows, neurons, ones, counts);
}

// One layer into its columns of the table.
static void see(void *context, const Tensor *weight, Tensor *result)
{
    Watch *w = context;
    int layer = 0;
    while (layer < w->classifier->neuron_layers && w->classifier->neurons[layer].watched != weight)
        layer++;
    if (layer == w->classifier->neuron_layers) return; // not watched
    Tape *tape = result->tape;
    int64_t n = result->shape[0], neurons = neuron_count(&w->classifier->neurons[layer]);
    int64_t places = result->count / (n * neurons), width = w->table->shape[1];
    float *columns = w->table->data + w->activations->first[layer];
    float *largest = tape_allocate(tape, n * neurons * (int64_t)sizeof *largest);
    int32_t *place = tape_allocate(tape, n * neurons * (int64_t)sizeof *place);
    StridedCopy into_table = {2, {n, neurons}, {neurons, 1}, {width, 1}};
    tape_kernels(tape)->max(n, places, neurons, result->data, largest, place);
    tape_kernels(tape)->copy(&into_table, largest, columns);
    if (w->activations->share)
        count_positive(tape, n * places, neurons, result->data, columns + n * width);
    w->values[layer] += n * places;
}

static Activations create(const Classifier *classifier, int64_t samples, bool shares)
{
    int layers = classifier->neuron_layers;
    Activations a = {.samples = samples, .layers = layers, .classes = classifier->classes};
    a.first = allocate(sizeof *a.first * (size_t)(layers + 1));
    for (int i = 0; i < layers; i++) {
        a.first[i] = a.neurons;
        a.neurons += neuron_count(&classifier->neurons[i]);
    }
    a.first[layers] = a.neurons;
    a.largest = allocate(sizeof *a.largest * (size_t)(samples * a.neurons));
    if (shares) a.share = allocate(sizeof *a.share * (size_t)(a.neurons + 1));
    a.probability = allocate(sizeof *a.probability * (size_t)(samples * a.classes));
    return a;
}

void activations_free(Activations *a)
{
    free(a->first);
    free(a->largest);
    free(a->share);
    free(a->probability);
    *a = (Activations){0};
}

// The table of a batch of so many samples, in the program's memory, to where it belongs.
static void take_table(Watch *w, const float *table, int64_t count)
{
    Activations *a = w->activations;
    int64_t width = a->neurons + a->classes;
    for (int64_t i = 0; i < count; i++) {
        const float *row = table + i * width;
        memcpy(a->largest + (w->begin + i) * a->neurons, row, sizeof *row * (size_t)a->neurons);
        memcpy(a->probability + (w->begin + i) * a->classes, row + a->neurons,
               sizeof *row * (size_t)a->classes);
    }
    for (int64_t c = 0; a->share && c < a->neurons; c++)
        w->counts[c] += (int64_t)table[count * width + c];
}

static void gather_batch(Watch *watch, Tape *tape, int64_t count)
{
    uint32_t indices[BATCH];
    int32_t labels[BATCH];
    const Activations *a = watch->activations;
    int64_t width = a->neurons + a->classes;
    for (int64_t i = 0; i < count; i++) indices[i] = (uint32_t)(watch->begin + i);
    watch->table = tape_tensor(tape, SHAPE(count + 1, width));
    Tensor *x = image_batch(&watch->store, tape, indices, count, (Augmentation){0}, (RandomKey){0},
                            0, labels);
    const Tensor *p = softmax(classify(watch->classifier, x, (Mode){0}));
    StridedCopy into_table = {2, {count, a->classes}, {a->classes, 1}, {width, 1}};
    tape_kernels(tape)->copy(&into_table, p->data, watch->table->data + a->neurons);
    float *table = tape_allocate_host(tape, watch->table->count * (int64_t)sizeof *table);
    tensor_read(watch->table, table);
    take_table(watch, table, count);
    tape_reset(tape);
}

Activations activations_gather(const Classifier *classifier, const Dataset *dataset, bool shares)
{
    const Kernels *kernels = classifier_kernels(classifier);
    Activations a = create(classifier, dataset->count, shares);
    Watch watch = {.classifier = classifier,
                   .activations = &a,
                   .store = image_store(dataset, kernels),
                   .counts = allocate_zeroed(sizeof(int64_t) * (size_t)(a.neurons + 1)),
                   .values = allocate_zeroed(sizeof(int64_t) * (size_t)(a.layers + 1))};
    Observer observer = {see, &watch};
    Tape *tape = tape_create(kernels);
    tape_record(tape, false);
    tape_observe(tape, &observer);
    for (; watch.begin < dataset->count; watch.begin += BATCH) {
        int64_t left = dataset->count - watch.begin;
        gather_batch(&watch, tape, left < BATCH ? left : BATCH);
    }
    tape_free(tape);
    image_store_free(&watch.store);
    for (int layer = 0; shares && layer < a.layers; layer++)
        for (int64_t c = a.first[layer]; c < a.first[layer + 1]; c++)
            a.share[c] = (double)watch.counts[c] / (double)watch.values[layer];
    free(watch.counts);
    free(watch.values);
    return a;
}
