// Tensors: dense row-major arrays of float (or int32 labels) of rank 0 to 6; images are N,H,W,C. A
// tensor is either persistent (tensor_create .. tensor_free: parameters, states, batches) or
// belongs to a tape's step (core/tape.h).
#ifndef SIEVE_CORE_TENSOR_H
#define SIEVE_CORE_TENSOR_H

#include <stdbool.h>
#include <stdint.h>
#include "core/kernels.h"

enum { TENSOR_MAX_RANK = KERNEL_MAX_RANK };

typedef enum TensorType { TENSOR_FLOAT, TENSOR_INT } TensorType;

struct Tape;
struct Gradient;
struct TensorBlock;

typedef struct Tensor {
    TensorType type;
    int rank;
    int64_t shape[TENSOR_MAX_RANK];
    int64_t count;              // product of the shape
    const DeviceMemory *memory; // where its arrays are; NULL: the program's own memory
    float *data;                // TENSOR_FLOAT
    int32_t *ints;              // TENSOR_INT
    float *grad; // same shape as data; for a persistent tensor allocated with it where needs_grad
    bool needs_grad;
    bool grad_written;         // grad holds something since the last step began
    struct TensorBlock *block; // persistent: the memory of its arrays, which others may share
    struct Tape *tape;         // NULL: persistent
    struct Gradient *gradient; // the tape's own account of grad
    bool frozen;        // persistent: its values stay, so operators may keep what they make of them
    float *prepared[2]; // a frozen weight for conv2d, for its input gradient; NULL: not yet made
    int64_t prepared_count[2]; // floats of it
} Tensor;

// Persistent tensors, zero-filled, in the program's own memory.
Tensor *tensor_create(int rank, const int64_t *shape);
Tensor *tensor_create_int(int rank, const int64_t *shape);
void tensor_free(Tensor *tensor); // NULL is allowed

// A persistent tensor whose gradient backward() fills: a parameter.
Tensor *parameter_create(int rank, const int64_t *shape);

// Moves a persistent tensor, its gradient with it, to a device (NULL: back to the program's own
// memory).
void tensor_move(Tensor *tensor, const DeviceMemory *memory);

// The same for several, which come to lie side by side: their values in one array, in this order,
// each from a multiple of 64 bytes on, zeros between them; their gradients likewise in another.
// What is done to all of them value by value can so be done to one array. Each is still freed and
// moved on its own.
void tensors_move(int count, Tensor *const *tensors, const DeviceMemory *memory);

// Whether b's values, and the gradients where both have one, come right after a's.
bool tensors_side_by_side(const Tensor *a, const Tensor *b);

// All its values (float or int32) between its device and an array of the program, both ways.
void tensor_read(const Tensor *tensor, void *values);
void tensor_write(Tensor *tensor, const void *values);
void gradient_read(const Tensor *tensor, float *values); // likewise its gradient, where it has one

// A shape written in place: tensor_create(SHAPE(128, 28, 28, 1)).
#define SHAPE(...)                                                               \
    (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) \
    {                                                                            \
        __VA_ARGS__                                                              \
    }

// From now on its values stay as they are, and no gradient is wanted (true); or may change again.
void tensor_freeze(Tensor *tensor, bool frozen);

bool same_shape(const Tensor *a, const Tensor *b);

// "(128, 28, 28, 1)" for messages; valid until the fourth next call on this thread.
const char *shape_text(const Tensor *tensor);

// The single value of a tensor of one element.
float tensor_value(const Tensor *tensor);

#endif
