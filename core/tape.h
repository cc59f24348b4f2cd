// The tape: records the operators of one step and runs the chain rule over them in reverse.
// Everything an operator makes lives in the tape's arena until tape_reset; after the first steps of
// a loop nothing is taken from malloc any more.
#ifndef SIEVE_CORE_TAPE_H
#define SIEVE_CORE_TAPE_H

#include "core/tensor.h"

typedef struct Tape Tape;

Tape *tape_create(const Kernels *kernels); // the device's kernels; cpu_kernels() on the processor
void tape_free(Tape *tape);

// Forgets the step: all its tensors are gone. Gradients of persistent tensors stay, and count as
// not written.
void tape_reset(Tape *tape);

// Whether operators are recorded for backward (the default) or only computed.
void tape_record(Tape *tape, bool record);
bool tape_recording(const Tape *tape);

// Who watches the layers of a network (nn/layers.h): called with a layer's weight and its result, a
// tensor of the step, as soon as that is computed. The weight tells which layer it is; NULL stands
// for features (features_shown). Later operators may write over the result; whoever needs it longer
// copies it.
typedef struct Observer {
    void (*see)(void *context, const Tensor *weight, Tensor *result);
    void *context;
} Observer;

// From now on, across resets; NULL: nobody (the default). The observer must outlive its watch.
void tape_observe(Tape *tape, const Observer *observer);
const Observer *tape_observer(const Tape *tape);

// The tensor's values as an input of this step, without a gradient; shares its memory.
Tensor *tape_input(Tape *tape, const Tensor *tensor);

// A parameter as an input of this step, with its gradient: where what is fed to a network is what is
// learned, and nothing else of the operator would be on the tape.
Tensor *tape_variable(Tape *tape, Tensor *parameter);

// A fresh tensor of this step, contents undefined.
Tensor *tape_tensor(Tape *tape, int rank, const int64_t *shape);
Tensor *tape_tensor_int(Tape *tape, int rank, const int64_t *shape);

// The same with values of the program's own, which it may change at once: floats of this shape, or
// count int32.
Tensor *tape_floats(Tape *tape, int rank, const int64_t *shape, const float *values);
Tensor *tape_ints(Tape *tape, int64_t count, const int32_t *values);

// x's values cut off from what made them: no gradient flows back.
Tensor *detach(Tensor *x);

// d loss / d p into p->grad of every persistent tensor with needs_grad that loss (one element)
// depends on. Gradients in between are gone afterwards: their memory is used again. Several calls
// before a reset add up; a parameter that loss does not reach keeps grad_written false.
void backward(Tensor *loss);

// The same with a given gradient of y, of y's shape, on y's device.
void backward_from(Tensor *y, const float *gradient);

// For differentially private SGD: of a loss that is the mean over `samples` samples, with g_i the
// gradient of sample i's loss with respect to all parameters together,
//   p->grad = 1/samples sum_i min(1, bound / ||g_i||) g_i,
// exactly, in one walk over the tape (core/tape.c). norms: ||g_i|| of each sample, on the tape's
// device; may be NULL. The
// samples must not meet before the loss (no batch statistics), the first dimension must count them
// wherever an operator uses a parameter, and each parameter must be used once, by an operator that
// knows its norms (linear, conv2d, group_norm); otherwise the program stops.
void backward_clipped(Tensor *loss, int64_t samples, double bound, float *norms);

// ---- For operators (core/ops)
// --------------------------------------------------------------------------------------

enum { NODE_MAX_INPUTS = 6 };

typedef struct Node Node;
struct Node {
    void (*backward)(Node *node); // reads output->grad, writes through grad_begin .. grad_end
    Tensor *output;
    Tensor *inputs[NODE_MAX_INPUTS]; // NULL where an optional input is absent
    int input_count;
    // Adds to squares[i], on the tape's device, the squared norm of sample i's part of the
    // parameters' gradients, from output->grad; NULL where the operator cannot say.
    void (*sample_norms)(Node *node, float *squares);
    void *saved; // what the forward pass keeps for the backward pass, in the arena; the operator's
                 // own struct
    bool writing[NODE_MAX_INPUTS];             // between grad_begin and grad_end ..
    bool adding[NODE_MAX_INPUTS];              // .. of a kernel that adds itself
    struct Gradient *pending[NODE_MAX_INPUTS]; // .. into this; NULL: straight into the input's grad
};

// The tape of the first input that has one; stops the program where none has.
Tape *tape_of(int count, Tensor *const *inputs);
const Kernels *tape_kernels(const Tape *tape);
// 64-byte aligned, contents undefined: on the device, for kernels; and in the program's own memory.
void *tape_allocate(Tape *tape, int64_t bytes);
void *tape_allocate_host(Tape *tape, int64_t bytes);

// Enters y = op(inputs) when recording and when an input needs a gradient (y then needs one too).
// saved_bytes of `saved` are copied into the arena.
void record(Tensor *y, void (*backward)(Node *), int count, Tensor *const *inputs,
            const void *saved, int64_t saved_bytes);

// Gives the node that made y, if one was recorded, its sample_norms.
void record_sample_norms(Tensor *y, void (*sample_norms)(Node *node, float *squares));

// Where to write (overwriting) the gradient of input i: NULL when it needs none. grad_end adds it
// to what is there already.
float *grad_begin(Node *node, int i);
// The same for an operator that reads each element of output->grad before it writes that of the
// input's gradient, and nothing of it afterwards: may be output->grad itself.
float *grad_begin_over(Node *node, int i);
// The same for a kernel that can add as it writes: *known is what is to be added to each element,
// NULL for nothing; it may be the array that is written.
float *grad_begin_adding(Node *node, int i, const float **known);
// For kernels that compute all gradients at once: memory to write to even where none is needed
// (grad_end then drops it).
float *grad_begin_or_spare(Node *node, int i);
void grad_end(Node *node, int i);

// The gradient of input i is that of the output as it stands (identity, reshape): no copy is made
// where that is safe.
void grad_pass(Node *node, int i);

#endif
