#include "core/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"

enum { ALIGNMENT = 64 };

static void *allocate_values(int64_t count)
{
    size_t bytes = ((size_t)count * 4 + ALIGNMENT) / ALIGNMENT * ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, bytes);
    if (!memory) panic("out of memory: a tensor needs %zu bytes", bytes);
    memset(memory, 0, bytes);
    return memory;
}

static Tensor *create(TensorType type, int rank, const int64_t *shape)
{
    if (rank < 0 || rank > TENSOR_MAX_RANK)
        panic("tensor of rank %d: ranks are 0 to %d", rank, TENSOR_MAX_RANK);
    Tensor *tensor = allocate_zeroed(sizeof *tensor);
    tensor->type = type;
    tensor->rank = rank;
    tensor->count = 1;
    for (int i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
        tensor->count *= shape[i];
    }
    if (type == TENSOR_INT)
        tensor->ints = allocate_values(tensor->count);
    else
        tensor->data = allocate_values(tensor->count);
    return tensor;
}

Tensor *tensor_create(int rank, const int64_t *shape)
{
    return create(TENSOR_FLOAT, rank, shape);
}

Tensor *tensor_create_int(int rank, const int64_t *shape)
{
    return create(TENSOR_INT, rank, shape);
}

Tensor *parameter_create(int rank, const int64_t *shape)
{
    Tensor *tensor = create(TENSOR_FLOAT, rank, shape);
    tensor->grad = allocate_values(tensor->count);
    tensor->needs_grad = true;
    return tensor;
}

static void release_values(const DeviceMemory *memory, void *values)
{
    if (memory)
        memory->release(values);
    else
        free(values);
}

void tensor_free(Tensor *tensor)
{
    if (!tensor) return;
    if (tensor->tape)
        panic("tensor_free: this tensor of shape %s belongs to a tape", shape_text(tensor));
    release_values(tensor->memory, tensor->data);
    release_values(tensor->memory, tensor->ints);
    release_values(tensor->memory, tensor->grad);
    tensor_freeze(tensor, false);
    free(tensor);
}

void tensor_freeze(Tensor *tensor, bool frozen)
{
    tensor->frozen = frozen;
    for (int i = 0; i < 2; i++) {
        free(tensor->prepared[i]);
        tensor->prepared[i] = NULL;
    }
}

// The array as it is wanted on the other device, the old one given back.
static void *moved(const Tensor *tensor, void *values, const DeviceMemory *memory)
{
    if (!values) return NULL;
    int64_t bytes = tensor->count * 4;
    float *host = tensor->memory ? allocate_values(tensor->count) : values;
    if (tensor->memory) {
        tensor->memory->to_host(bytes, values, host);
        tensor->memory->release(values);
    }
    if (!memory) return host;
    void *device = memory->allocate(bytes);
    memory->to_device(bytes, host, device);
    free(host);
    return device;
}

void tensor_move(Tensor *tensor, const DeviceMemory *memory)
{
    if (tensor->tape)
        panic("tensor_move: this tensor of shape %s belongs to a tape", shape_text(tensor));
    if (tensor->memory == memory) return;
    tensor_freeze(tensor, tensor->frozen); // forgets what was made of it
    tensor->data = moved(tensor, tensor->data, memory);
    tensor->ints = moved(tensor, tensor->ints, memory);
    tensor->grad = moved(tensor, tensor->grad, memory);
    tensor->memory = memory;
}

static void *values_of(const Tensor *tensor)
{
    return tensor->type == TENSOR_INT ? (void *)tensor->ints : tensor->data;
}

void tensor_read(const Tensor *tensor, void *values)
{
    if (tensor->memory)
        tensor->memory->to_host(tensor->count * 4, values_of(tensor), values);
    else
        memcpy(values, values_of(tensor), (size_t)tensor->count * 4);
}

void tensor_write(Tensor *tensor, const void *values)
{
    if (tensor->memory)
        tensor->memory->to_device(tensor->count * 4, values, values_of(tensor));
    else
        memcpy(values_of(tensor), values, (size_t)tensor->count * 4);
}

bool same_shape(const Tensor *a, const Tensor *b)
{
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->shape[i] != b->shape[i]) return false;
    return true;
}

const char *shape_text(const Tensor *tensor)
{
    static _Thread_local char texts[4][160];
    static _Thread_local int next;
    char *text = texts[next++ % 4];
    size_t size = sizeof texts[0], used = (size_t)snprintf(text, size, "(");
    for (int i = 0; i < tensor->rank; i++)
        used += (size_t)snprintf(text + used, size - used, i ? ", %lld" : "%lld",
                                 (long long)tensor->shape[i]);
    snprintf(text + used, size - used, ")");
    return text;
}

float tensor_value(const Tensor *tensor)
{
    if (tensor->count != 1 || tensor->type != TENSOR_FLOAT)
        panic("tensor_value: shape %s is not a single float", shape_text(tensor));
    float value;
    tensor_read(tensor, &value);
    return value;
}
