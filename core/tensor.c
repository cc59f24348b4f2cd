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

void tensor_free(Tensor *tensor)
{
    if (!tensor) return;
    if (tensor->tape)
        panic("tensor_free: this tensor of shape %s belongs to a tape", shape_text(tensor));
    free(tensor->data);
    free(tensor->ints);
    free(tensor->grad);
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
    return tensor->data[0];
}
