#include "experiments/activations.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "core/thread.h"
#include "data/batch.h"

enum { BATCH = 128 };

// What is being watched of the batch that begins with sample `begin`.
typedef struct Watch {
    const Classifier *classifier;
    Activations *activations;
    int64_t begin;
    // of the layer at hand
    const Tensor *result; // (n, ..., neurons)
    int64_t first;        // its neurons' place among all
    int32_t *positive;    // [n][neurons]
    int64_t *counts;      // [all neurons]: values >= 0
    int64_t *values;      // [layers]: values of a neuron
} Watch;

// Sample `task` of the batch: largest value and number of values >= 0 of each neuron.
static void watch_sample(void *context, int64_t task, int thread)
{
    (void)thread;
    const Watch *w = context;
    const Tensor *x = w->result;
    int64_t neurons = x->shape[x->rank - 1], size = x->count / x->shape[0];
    const float *values = x->data + task * size;
    float *largest =
        w->activations->largest + (w->begin + task) * w->activations->neurons + w->first;
    int32_t *positive = w->positive + task * neurons;
    memcpy(largest, values, sizeof(float) * (size_t)neurons);
    memset(positive, 0, sizeof(int32_t) * (size_t)neurons);
    for (int64_t at = 0; at < size; at += neurons)
        for (int64_t c = 0; c < neurons; c++) {
            float value = values[at + c];
            largest[c] = value > largest[c] ? value : largest[c];
            positive[c] += value >= 0;
        }
}

static void see(void *context, const Tensor *weight, Tensor *result)
{
    Watch *w = context;
    int layer = 0;
    while (layer < w->classifier->neuron_layers && w->classifier->neurons[layer].watched != weight)
        layer++;
    if (layer == w->classifier->neuron_layers) return; // not watched
    int64_t n = result->shape[0], neurons = neuron_count(&w->classifier->neurons[layer]);
    w->result = result;
    w->first = w->activations->first[layer];
    w->positive = tape_allocate(result->tape, n * neurons * (int64_t)sizeof *w->positive);
    parallel_for(n, watch_sample, w);
    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < neurons; c++)
            w->counts[w->first + c] += w->positive[i * neurons + c];
    w->values[layer] += result->count / neurons;
}

static Activations create(const Classifier *classifier, int64_t samples)
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
    a.share = allocate(sizeof *a.share * (size_t)(a.neurons + 1));
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

static void gather_batch(Watch *watch, const Dataset *d, Tape *tape, int64_t count)
{
    uint32_t indices[BATCH];
    Activations *a = watch->activations;
    for (int64_t i = 0; i < count; i++) indices[i] = (uint32_t)(watch->begin + i);
    Tensor *x = tape_tensor(tape, SHAPE(count, d->height, d->width, d->channels));
    batch_fill(d, indices, count, (Augmentation){0}, (RandomKey){0}, 0, x->data,
               tape_tensor_int(tape, SHAPE(count))->ints);
    const Tensor *p = softmax(classify(watch->classifier, x, (Mode){0}));
    memcpy(a->probability + watch->begin * a->classes, p->data, sizeof(float) * (size_t)p->count);
    tape_reset(tape);
}

Activations activations_gather(const Classifier *classifier, const Dataset *dataset)
{
    Activations a = create(classifier, dataset->count);
    Watch watch = {.classifier = classifier,
                   .activations = &a,
                   .counts = allocate_zeroed(sizeof(int64_t) * (size_t)(a.neurons + 1)),
                   .values = allocate_zeroed(sizeof(int64_t) * (size_t)(a.layers + 1))};
    Observer observer = {see, &watch};
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    tape_observe(tape, &observer);
    for (; watch.begin < dataset->count; watch.begin += BATCH) {
        int64_t left = dataset->count - watch.begin;
        gather_batch(&watch, dataset, tape, left < BATCH ? left : BATCH);
    }
    tape_free(tape);
    for (int layer = 0; layer < a.layers; layer++)
        for (int64_t c = a.first[layer]; c < a.first[layer + 1]; c++)
            a.share[c] = (double)watch.counts[c] / (double)watch.values[layer];
    free(watch.counts);
    free(watch.values);
    return a;
}
