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

// A tensor's values in the program's own memory, wherever the tensor is; the caller's to free.
static float *values_of(const Tensor *tensor)
{
    float *values = allocate(sizeof *values * (size_t)tensor->count);
    tensor_read(tensor, values);
    return values;
}

// The chosen neurons' values in a tensor of makers, every size-th one, become those of `from`
// (NULL: 0). The whole tensor is read and written once, however many neurons there are.
static void copy_columns(Tensor *to, const Tensor *from, int64_t size, int64_t count,
                         const int64_t *chosen)
{
    float *values = values_of(to), *others = from ? values_of(from) : NULL;
    for (int64_t k = 0; k < count; k++)
        for (int64_t i = chosen[k]; i < to->count; i += size) values[i] = others ? others[i] : 0;
    tensor_write(to, values);
    free(values);
    free(others);
}

void neurons_copy(const NeuronLayer *layer, const NeuronLayer *from, int64_t count,
                  const int64_t *chosen)
{
    for (int i = 0; count > 0 && i < NEURON_MAKERS && layer->made_by[i]; i++)
        copy_columns(layer->made_by[i], from->made_by[i], neuron_count(layer), count, chosen);
}

// What reads the neurons: `places` rows next to each other for each one (channels first).
static void cut_readers(Tensor *next, int64_t size, int64_t count, const int64_t *chosen)
{
    int64_t in = next->shape[next->rank - 2], out = next->shape[next->rank - 1];
    int64_t places = in / size;
    float *values = values_of(next);
    for (int64_t kernel = 0; kernel < next->count / (in * out); kernel++)
        for (int64_t k = 0; k < count; k++)
            memset(values + (kernel * in + chosen[k] * places) * out, 0,
                   sizeof *values * (size_t)(places * out));
    tensor_write(next, values);
    free(values);
}

void neurons_cut(const NeuronLayer *layer, int64_t count, const int64_t *chosen)
{
    int64_t size = neuron_count(layer);
    for (int i = 0; count > 0 && i < NEURON_MAKERS && layer->made_by[i]; i++)
        copy_columns(layer->made_by[i], NULL, size, count, chosen);
    if (count > 0 && layer->read_by) cut_readers(layer->read_by, size, count, chosen);
}
