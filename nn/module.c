// The list of a network's tensors, and the way between its memory layout and PyTorch's in files.
// Reading checks every name and shape first and copies afterwards, so that a refused file changes
// nothing.
#include "nn/module.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SHAPE_TEXT = 160, NAME_LIMIT = 256 };

// Dimension d of the stored shape is dimension stored_dims[layout][d] of the memory.
static const int stored_dims[][TENSOR_MAX_RANK] = {
    [LAYOUT_PLAIN] = {0, 1, 2, 3, 4, 5},
    [LAYOUT_LINEAR] = {1, 0},
    [LAYOUT_CONV] = {3, 2, 0, 1},
};

Tensor *parameters_add(Parameters *parameters, const char *prefix, const char *suffix,
                       Parameter how, int rank, const int64_t *shape)
{
    char name[NAME_LIMIT];
    snprintf(name, sizeof name, "%s.%s", prefix, suffix);
    if (parameters_find(parameters, name)) panic("two tensors are named %s", name);
    Parameter added = how;
    added.name = copy_string(name);
    added.tensor = how.trainable ? parameter_create(rank, shape) : tensor_create(rank, shape);
    for (int64_t i = 0; i < added.tensor->count; i++) added.tensor->data[i] = how.start;
    uint64_t bytes = (uint64_t)(parameters->count + 1) * sizeof(Parameter);
    parameters->items = reallocate(parameters->items, bytes);
    parameters->items[parameters->count++] = added;
    return added.tensor;
}

void parameters_free(Parameters *parameters)
{
    for (int i = 0; i < parameters->count; i++) {
        free(parameters->items[i].name);
        tensor_free(parameters->items[i].tensor);
    }
    free(parameters->items);
    *parameters = (Parameters){0};
}

void parameters_move(Parameters *parameters, const DeviceMemory *memory)
{
    Tensor **group = allocate(((uint64_t)parameters->count + 1) * sizeof *group);
    for (int trainable = 0; trainable < 2; trainable++) {
        int count = 0;
        for (int i = 0; i < parameters->count; i++)
            if (parameters->items[i].trainable == trainable)
                group[count++] = parameters->items[i].tensor;
        tensors_move(count, group, memory);
    }
    free(group);
}

const Parameter *parameters_find(const Parameters *parameters, const char *name)
{
    for (int i = 0; i < parameters->count; i++)
        if (strcmp(parameters->items[i].name, name) == 0) return &parameters->items[i];
    return NULL;
}

int64_t parameters_values(const Parameters *parameters)
{
    int64_t values = 0;
    for (int i = 0; i < parameters->count; i++)
        if (parameters->items[i].trainable) values += parameters->items[i].tensor->count;
    return values;
}

void parameters_require_gradient(Parameters *parameters, bool required)
{
    for (int i = 0; i < parameters->count; i++)
        if (parameters->items[i].trainable) parameters->items[i].tensor->needs_grad = required;
}

void parameters_keep(Parameters *parameters, int count)
{
    for (int i = 0; i < count; i++) {
        parameters->items[i].kept = true;
        parameters->items[i].trainable = parameters->items[i].tensor->needs_grad = false;
    }
}

int parameters_kept(const Parameters *parameters)
{
    int count = 0;
    while (count < parameters->count && parameters->items[count].kept) count++;
    return count;
}

void parameters_freeze(Parameters *parameters, bool frozen)
{
    parameters_require_gradient(parameters, !frozen);
    for (int i = 0; i < parameters->count; i++) tensor_freeze(parameters->items[i].tensor, frozen);
}

// ---- Layouts ----

static void stored_shape(const Parameter *parameter, int64_t *shape)
{
    for (int d = 0; d < parameter->tensor->rank; d++)
        shape[d] = parameter->tensor->shape[stored_dims[parameter->layout][d]];
}

// Where the memory keeps the value that is the index-th of the file.
static int64_t memory_index(const Parameter *parameter, int64_t index)
{
    const Tensor *tensor = parameter->tensor;
    int64_t position[TENSOR_MAX_RANK] = {0}, memory = 0;
    for (int d = tensor->rank - 1; d >= 0; d--) {
        int dim = stored_dims[parameter->layout][d];
        position[dim] = index % tensor->shape[dim];
        index /= tensor->shape[dim];
    }
    for (int d = 0; d < tensor->rank; d++) memory = memory * tensor->shape[d] + position[d];
    return memory;
}

void parameter_export(const Parameter *parameter, const float *values, float *stored,
                      int64_t *shape)
{
    stored_shape(parameter, shape);
    for (int64_t i = 0; i < parameter->tensor->count; i++)
        stored[i] = values[memory_index(parameter, i)];
}

static void parameter_import(const Parameter *parameter, const float *stored)
{
    tensor_freeze(parameter->tensor, parameter->tensor->frozen); // forgets what was made of it
    float *values = allocate((uint64_t)parameter->tensor->count * sizeof *values);
    for (int64_t i = 0; i < parameter->tensor->count; i++)
        values[memory_index(parameter, i)] = stored[i];
    tensor_write(parameter->tensor, values);
    free(values);
}

// ---- Files ----

void parameters_store(const Parameters *parameters, const char *prefix, Safetensors *file)
{
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *parameter = &parameters->items[i];
        char name[2 * NAME_LIMIT];
        snprintf(name, sizeof name, "%s%s", prefix, parameter->name);
        int64_t shape[TENSOR_MAX_RANK];
        const uint64_t bytes = (uint64_t)parameter->tensor->count * sizeof(float);
        float *values = allocate(bytes), *stored = allocate(bytes);
        tensor_read(parameter->tensor, values);
        parameter_export(parameter, values, stored, shape);
        safetensors_add(file, name, STORED_F32, parameter->tensor->rank, shape, stored);
        free(values);
        free(stored);
    }
}

// "(32, 1, 5, 5)"
static void print_shape(int rank, const int64_t *shape, char text[SHAPE_TEXT])
{
    int length = snprintf(text, SHAPE_TEXT, "(");
    for (int d = 0; d < rank; d++)
        length += snprintf(text + length, (size_t)(SHAPE_TEXT - length), d ? ", %lld" : "%lld",
                           (long long)shape[d]);
    snprintf(text + length, (size_t)(SHAPE_TEXT - length), ")");
}

static const StoredTensor *find_stored(const Parameter *parameter, const char *prefix,
                                       const Safetensors *file)
{
    char name[2 * NAME_LIMIT];
    snprintf(name, sizeof name, "%s%s", prefix, parameter->name);
    return safetensors_find(file, name);
}

static bool parameter_fits(const Parameter *parameter, const char *prefix, const Safetensors *file,
                           const char *path, Error *error)
{
    static const char *const types[] = {
        [STORED_F32] = "float", [STORED_I32] = "int32", [STORED_U64] = "uint64"};
    int rank = parameter->tensor->rank;
    int64_t shape[TENSOR_MAX_RANK];
    char needed[SHAPE_TEXT], found[SHAPE_TEXT];
    stored_shape(parameter, shape);
    print_shape(rank, shape, needed);
    const StoredTensor *stored = find_stored(parameter, prefix, file);
    if (!stored)
        return fail(error, "%s: has no tensor %s%s, which should be %s", path, prefix,
                    parameter->name, needed);
    if (stored->type != STORED_F32)
        return fail(error, "%s: tensor %s%s is %s, not float", path, prefix, parameter->name,
                    types[stored->type]);
    print_shape(stored->rank, stored->shape, found);
    if (stored->rank != rank || memcmp(stored->shape, shape, (size_t)rank * sizeof shape[0]) != 0)
        return fail(error, "%s: tensor %s%s is %s, but the network's is %s", path, prefix,
                    parameter->name, found, needed);
    return true;
}

bool parameters_fit(const Parameters *parameters, const char *prefix, const Safetensors *file,
                    const char *path, Error *error)
{
    for (int i = 0; i < parameters->count; i++)
        if (!parameter_fits(&parameters->items[i], prefix, file, path, error)) return false;
    return true;
}

bool parameters_restore(Parameters *parameters, const char *prefix, const Safetensors *file,
                        const char *path, Error *error)
{
    if (!parameters_fit(parameters, prefix, file, path, error)) return false;
    for (int i = 0; i < parameters->count; i++)
        parameter_import(&parameters->items[i],
                         find_stored(&parameters->items[i], prefix, file)->data);
    return true;
}

// PyTorch counts batches beside each batch norm; nothing here depends on that count.
static bool is_batch_count(const char *name)
{
    static const char ending[] = "num_batches_tracked";
    size_t length = strlen(name);
    return length >= sizeof ending - 1 && strcmp(name + length - (sizeof ending - 1), ending) == 0;
}

static bool nothing_extra(const Parameters *parameters, const Safetensors *file, const char *path,
                          Error *error)
{
    char found[SHAPE_TEXT];
    for (int i = 0; i < file->count; i++) {
        const StoredTensor *stored = &file->tensors[i];
        if (is_batch_count(stored->name) || parameters_find(parameters, stored->name)) continue;
        print_shape(stored->rank, stored->shape, found);
        return fail(error, "%s: tensor %s %s is not one of this network's", path, stored->name,
                    found);
    }
    return true;
}

bool parameters_save(const Parameters *parameters, const char *path, Error *error)
{
    Safetensors *file = safetensors_create();
    parameters_store(parameters, "", file);
    bool ok = safetensors_write(path, file, error);
    safetensors_free(file);
    return ok;
}

bool parameters_load(Parameters *parameters, const char *path, Error *error)
{
    Safetensors *file = safetensors_read(path, error);
    if (!file) return false;
    bool ok = nothing_extra(parameters, file, path, error) &&
              parameters_restore(parameters, "", file, path, error);
    safetensors_free(file);
    return ok;
}
