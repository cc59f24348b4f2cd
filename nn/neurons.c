// The neurons of classifiers (nn/classifier.h): where their values lie in the parameters.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "nn/models/models.h"

void neurons_add(Classifier *classifier, NeuronLayer layer)
{
    size_t count = (size_t)classifier->neuron_layers + 1;
    classifier->neurons = reallocate(classifier->neurons, count * sizeof layer);
    classifier->neurons[classifier->neuron_layers++] = layer;
}

int64_t neuron_count(const NeuronLayer *layer)
{
    return layer->made_by[0]->shape[layer->made_by[0]->rank - 1];
}

void neuron_layer_name(const Classifier *classifier, const NeuronLayer *layer, char *text,
                       size_t size)
{
    const Parameters *parameters = &classifier->parameters;
    int i = 0;
    while (i < parameters->count && parameters->items[i].tensor != layer->made_by[0]) i++;
    if (i == parameters->count) panic("%s has no such layer of neurons", classifier->name);
    const char *name = parameters->items[i].name;
    snprintf(text, size, "%.*s", (int)(strrchr(name, '.') - name), name);
}

// The neuron's values in a tensor of makers: every count-th one.
static void copy_column(Tensor *to, const Tensor *from, int64_t count, int64_t neuron)
{
    for (int64_t i = neuron; i < to->count; i += count) to->data[i] = from ? from->data[i] : 0;
}

void neuron_copy(const NeuronLayer *layer, const NeuronLayer *from, int64_t neuron)
{
    for (int i = 0; i < NEURON_MAKERS && layer->made_by[i]; i++)
        copy_column(layer->made_by[i], from->made_by[i], neuron_count(layer), neuron);
}

void neuron_cut(const NeuronLayer *layer, int64_t neuron)
{
    int64_t count = neuron_count(layer);
    for (int i = 0; i < NEURON_MAKERS && layer->made_by[i]; i++)
        copy_column(layer->made_by[i], NULL, count, neuron);
    Tensor *next = layer->read_by;
    if (!next) return;
    int64_t in = next->shape[next->rank - 2], out = next->shape[next->rank - 1];
    int64_t places = in / count; // of a neuron, next to each other (channels first)
    for (int64_t kernel = 0; kernel < next->count / (in * out); kernel++)
        memset(next->data + (kernel * in + neuron * places) * out, 0,
               sizeof(float) * (size_t)(places * out));
}
