#include "core/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"

enum { ALIGNMENT = 16 }; // elements: 64 bytes

// The arrays of one persistent tensor, or of several side by side; the last of them gives it back.
typedef struct TensorBlock {
    int users;
    const DeviceMemory *memory;
    void *values, *gradients; // NULL where nobody has one
} TensorBlock;

// How far one tensor's array is from the next one's.
static int64_t padded(int64_t count)
{
    return (count + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
}

static float *allocate_values(int64_t count)
{
    size_t bytes = (size_t)padded(count + 1) * sizeof(float);
    float *memory = allocate_pages(bytes);
    memset(memory, 0, bytes);
    return memory;
}

static void *values_of(const Tensor *tensor)
{
    return tensor->type == TENSOR_INT ? (void *)tensor->ints : tensor->data;
}

static void set_values(Tensor *tensor, void *values)
{
    if (tensor->type == TENSOR_INT)
        tensor->ints = values;
    else
        tensor->data = values;
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
    tensor->block = allocate_zeroed(sizeof *tensor->block);
    *tensor->block = (TensorBlock){.users = 1, .values = allocate_values(tensor->count)};
    set_values(tensor, tensor->block->values);
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
    tensor->grad = tensor->block->gradients = allocate_values(tensor->count);
    tensor->needs_grad = true;
    return tensor;
}

static void leave_block(TensorBlock *block)
{
    if (--block->users > 0) return;
    void (*release)(void *) = block->memory ? block->memory->release : free;
    release(block->values);
    release(block->gradients);
    free(block);
}

void tensor_free(Tensor *tensor)
{
    if (!tensor) return;
    if (tensor->tape)
        panic("tensor_free: this tensor of shape %s belongs to a tape", shape_text(tensor));
    leave_block(tensor->block);
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

bool tensors_side_by_side(const Tensor *a, const Tensor *b)
{
    const int64_t bytes = padded(a->count) * 4;
    return a->block == b->block && (char *)values_of(a) + bytes == (char *)values_of(b) &&
           (!a->grad || !b->grad || a->grad + padded(a->count) == b->grad);
}

// An array of the program as one of the device, which takes its place.
static void *delivered(float *host, int64_t count, const DeviceMemory *memory)
{
    if (!memory) return host;
    void *device = memory->allocate(count * 4);
    memory->to_device(count * 4, host, device);
    free(host);
    return device;
}

static void fetch(const Tensor *tensor, const void *values, void *host)
{
    if (tensor->memory)
        tensor->memory->to_host(tensor->count * 4, values, host);
    else
        memcpy(host, values, (size_t)tensor->count * 4);
}

// Copies of the tensors' arrays in a block of their own.
static TensorBlock *gathered(int count, Tensor *const *tensors, const DeviceMemory *memory)
{
    int64_t values = 0, gradients = 0;
    for (int i = 0; i < count; i++) {
        values += padded(tensors[i]->count);
        if (tensors[i]->grad) gradients += padded(tensors[i]->count);
    }
    float *value = allocate_values(values),
          *gradient = gradients ? allocate_values(gradients) : NULL;
    for (int64_t i = 0, v = 0, g = 0; i < count; i++) {
        const Tensor *tensor = tensors[i];
        fetch(tensor, values_of(tensor), value + v);
        v += padded(tensor->count);
        if (!tensor->grad) continue;
        fetch(tensor, tensor->grad, gradient + g);
        g += padded(tensor->count);
    }
    TensorBlock *block = allocate_zeroed(sizeof *block);
    *block = (TensorBlock){count, memory, delivered(value, values, memory),
                           gradient ? delivered(gradient, gradients, memory) : NULL};
    return block;
}

static bool are_there(int count, Tensor *const *tensors, const DeviceMemory *memory)
{
    for (int i = 0; i < count; i++)
        if (tensors[i]->memory != memory ||
            (i > 0 && !tensors_side_by_side(tensors[i - 1], tensors[i])))
            return false;
    return true;
}

void tensors_move(int count, Tensor *const *tensors, const DeviceMemory *memory)
{
    for (int i = 0; i < count; i++)
        if (tensors[i]->tape)
            panic("tensors_move: a tensor of shape %s belongs to a tape", shape_text(tensors[i]));
    if (are_there(count, tensors, memory)) return;
    TensorBlock *block = gathered(count, tensors, memory);
    float *values = block->values, *gradients = block->gradients;
    for (int i = 0; i < count; i++) {
        Tensor *tensor = tensors[i];
        tensor_freeze(tensor, tensor->frozen); // forgets what was made of it
        leave_block(tensor->block);
        tensor->block = block;
        tensor->memory = memory;
        set_values(tensor, values);
        values += padded(tensor->count);
        if (!tensor->grad) continue;
        tensor->grad = gradients;
        gradients += padded(tensor->count);
    }
}

void tensor_move(Tensor *tensor, const DeviceMemory *memory)
{
    tensors_move(1, &tensor, memory);
}

void tensor_read(const Tensor *tensor, void *values)
{
    fetch(tensor, values_of(tensor), values);
}

void gradient_read(const Tensor *tensor, float *values)
{
    fetch(tensor, tensor->grad, values);
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
