// Reverse-mode differentiation. The tape is a list of nodes in the order of computation; backward
// walks it from the end: when a node's turn comes, every use of its output has already added its
// share to output->grad, so that the chain rule
//   d loss / d input += d loss / d output * d output / d input
// can be applied once. Nodes, intermediates and their gradients all live in one arena; the memory
// of a gradient whose node has had its turn serves the next one of the same size.
#include "core/tape.h"

#include <stdlib.h>
#include <string.h>
#include "core/arena.h"
#include "core/error.h"

// An intermediate's gradient. An array that several tensors have as their gradient (identity,
// reshape, both sides of a sum) is changed by none of them; without users it is a spare.
typedef struct Gradient {
    int users;
    int64_t bytes;
    float *values;
    struct Gradient *next; // in the list of spares
} Gradient;

// Which of a node's gradients are computed now: backward_clipped asks for those of intermediates
// first and for those of parameters later.
typedef enum Wanted { WANT_ALL, WANT_INTERMEDIATES, WANT_PARAMETERS } Wanted;

struct Tape {
    Arena *arena, *values; // tensors and nodes; the arrays, where these are on another device
    Gradient *spares;
    const Kernels *kernels;
    bool recording;
    Wanted wanted;
    const Observer *observer; // of layers, or NULL
    Node **nodes;             // grows with malloc, kept over resets
    int count, capacity;
    Tensor **written; // persistent tensors whose gradient this step has written
    int written_count, written_capacity;
};

Tape *tape_create(const Kernels *kernels)
{
    Tape *tape = allocate_zeroed(sizeof *tape);
    tape->arena = arena_create(NULL);
    if (kernels->memory) tape->values = arena_create(kernels->memory);
    tape->kernels = kernels;
    tape->recording = true;
    return tape;
}

void tape_free(Tape *tape)
{
    if (!tape) return;
    tape_reset(tape);
    arena_free(tape->arena);
    arena_free(tape->values);
    free(tape->nodes);
    free(tape->written);
    free(tape);
}

void tape_reset(Tape *tape)
{
    for (int i = 0; i < tape->written_count; i++) tape->written[i]->grad_written = false;
    tape->written_count = 0;
    tape->count = 0;
    tape->spares = NULL;
    arena_reset(tape->arena);
    if (tape->values) arena_reset(tape->values);
}

void tape_record(Tape *tape, bool recording)
{
    tape->recording = recording;
}

bool tape_recording(const Tape *tape)
{
    return tape->recording;
}

void tape_observe(Tape *tape, const Observer *observer)
{
    tape->observer = observer;
}

const Observer *tape_observer(const Tape *tape)
{
    return tape->observer;
}

const Kernels *tape_kernels(const Tape *tape)
{
    return tape->kernels;
}

void *tape_allocate(Tape *tape, int64_t bytes)
{
    return arena_allocate(tape->values ? tape->values : tape->arena, bytes);
}

void *tape_allocate_host(Tape *tape, int64_t bytes)
{
    return arena_allocate(tape->arena, bytes);
}

static Tensor *blank(Tape *tape, TensorType type, int rank, const int64_t *shape)
{
    if (rank < 0 || rank > TENSOR_MAX_RANK)
        panic("tensor of rank %d: ranks are 0 to %d", rank, TENSOR_MAX_RANK);
    Tensor *tensor = tape_allocate_host(tape, (int64_t)sizeof *tensor);
    memset(tensor, 0, sizeof *tensor);
    tensor->memory = tape->kernels->memory;
    tensor->type = type;
    tensor->rank = rank;
    tensor->count = 1;
    tensor->tape = tape;
    for (int i = 0; i < rank; i++) {
        tensor->shape[i] = shape[i];
        tensor->count *= shape[i];
    }
    return tensor;
}

Tensor *tape_tensor(Tape *tape, int rank, const int64_t *shape)
{
    Tensor *tensor = blank(tape, TENSOR_FLOAT, rank, shape);
    tensor->data = tape_allocate(tape, tensor->count * 4);
    return tensor;
}

Tensor *tape_tensor_int(Tape *tape, int rank, const int64_t *shape)
{
    Tensor *tensor = blank(tape, TENSOR_INT, rank, shape);
    tensor->ints = tape_allocate(tape, tensor->count * 4);
    return tensor;
}

Tensor *tape_floats(Tape *tape, int rank, const int64_t *shape, const float *values)
{
    Tensor *tensor = tape_tensor(tape, rank, shape);
    tensor_write(tensor, values);
    return tensor;
}

Tensor *tape_ints(Tape *tape, int64_t count, const int32_t *values)
{
    Tensor *tensor = tape_tensor_int(tape, SHAPE(count));
    tensor_write(tensor, values);
    return tensor;
}

static void require_same_device(const Tape *tape, const Tensor *tensor)
{
    if (tensor->memory != tape->kernels->memory)
        panic("a tensor of shape %s is not on the tape's device (%s)", shape_text(tensor),
              tape->kernels->name);
}

Tensor *tape_input(Tape *tape, const Tensor *tensor)
{
    require_same_device(tape, tensor);
    Tensor *input = blank(tape, tensor->type, tensor->rank, tensor->shape);
    input->data = tensor->data;
    input->ints = tensor->ints;
    return input;
}

Tensor *detach(Tensor *x)
{
    return tape_input(tape_of(1, &x), x);
}

Tape *tape_of(int count, Tensor *const *inputs)
{
    Tape *tape = NULL;
    for (int i = 0; i < count; i++) {
        if (!inputs[i] || !inputs[i]->tape) continue;
        if (tape && inputs[i]->tape != tape)
            panic("an operator's inputs %s and others are on different tapes",
                  shape_text(inputs[i]));
        tape = inputs[i]->tape;
    }
    if (!tape) panic("no input of this operator is on a tape: pass data through tape_input");
    for (int i = 0; i < count; i++)
        if (inputs[i]) require_same_device(tape, inputs[i]);
    return tape;
}

void record(Tensor *y, void (*backward_of_node)(Node *), int count, Tensor *const *inputs,
            const void *saved, int64_t saved_bytes)
{
    Tape *tape = y->tape;
    bool needed = false;
    for (int i = 0; i < count; i++) needed |= inputs[i] && inputs[i]->needs_grad;
    if (!tape->recording || !needed) return;
    if (count > NODE_MAX_INPUTS)
        panic("an operator with %d inputs: at most %d", count, NODE_MAX_INPUTS);
    if (tape->count == tape->capacity) {
        tape->capacity = tape->capacity ? 2 * tape->capacity : 256;
        tape->nodes = reallocate(tape->nodes, (size_t)tape->capacity * sizeof *tape->nodes);
    }
    Node *node = tape_allocate_host(tape, (int64_t)sizeof *node);
    memset(node, 0, sizeof *node);
    node->backward = backward_of_node;
    node->output = y;
    node->input_count = count;
    memcpy(node->inputs, inputs, (size_t)count * sizeof *inputs);
    if (saved_bytes > 0)
        node->saved = memcpy(tape_allocate_host(tape, saved_bytes), saved, (size_t)saved_bytes);
    y->needs_grad = true;
    tape->nodes[tape->count++] = node;
}

static void variable_backward(Node *node)
{
    grad_pass(node, 0);
}

Tensor *tape_variable(Tape *tape, Tensor *parameter)
{
    Tensor *variable = tape_input(tape, parameter);
    record(variable, variable_backward, 1, &parameter, NULL, 0);
    return variable;
}

void record_sample_norms(Tensor *y, void (*sample_norms)(Node *, float *))
{
    const Tape *tape = y->tape;
    Node *last = tape->count > 0 ? tape->nodes[tape->count - 1] : NULL;
    if (last && last->output == y) last->sample_norms = sample_norms;
}

// Marks the gradient as written; a persistent tensor is remembered so that the reset can clear the
// mark.
static void mark_written(Tape *tape, Tensor *tensor)
{
    if (tensor->grad_written) return;
    tensor->grad_written = true;
    if (tensor->tape) return;
    if (tape->written_count == tape->written_capacity) {
        tape->written_capacity = tape->written_capacity ? 2 * tape->written_capacity : 64;
        tape->written =
            reallocate(tape->written, (size_t)tape->written_capacity * sizeof *tape->written);
    }
    tape->written[tape->written_count++] = tensor;
}

// An array for a gradient of this tensor, with one user.
static Gradient *gradient_create(Tape *tape, const Tensor *tensor)
{
    int64_t bytes = tensor->count * 4;
    Gradient **link = &tape->spares;
    while (*link && (*link)->bytes != bytes) link = &(*link)->next;
    Gradient *gradient = *link;
    if (gradient) {
        *link = gradient->next;
    } else {
        gradient = tape_allocate_host(tape, (int64_t)sizeof *gradient);
        *gradient = (Gradient){.bytes = bytes, .values = tape_allocate(tape, bytes)};
    }
    gradient->users = 1;
    return gradient;
}

static void gradient_release(Tape *tape, Gradient *gradient)
{
    if (--gradient->users > 0) return;
    gradient->next = tape->spares;
    tape->spares = gradient;
}

static void set_gradient(Tensor *tensor, Gradient *gradient)
{
    tensor->gradient = gradient;
    tensor->grad = gradient->values;
}

static bool is_wanted(const Node *node, int i)
{
    const Tensor *input = node->inputs[i];
    Wanted wanted = node->output->tape->wanted;
    if (!input || !input->needs_grad) return false;
    return wanted == WANT_ALL || (wanted == WANT_INTERMEDIATES) == (input->tape != NULL);
}

float *grad_begin(Node *node, int i)
{
    Tensor *input = node->inputs[i];
    if (!is_wanted(node, i)) return NULL;
    Tape *tape = node->output->tape;
    node->writing[i] = true;
    if (input->grad_written) {
        node->pending[i] = gradient_create(tape, input);
        return node->pending[i]->values;
    }
    if (input->tape) set_gradient(input, gradient_create(tape, input));
    return input->grad;
}

float *grad_begin_over(Node *node, int i)
{
    Tensor *input = node->inputs[i], *output = node->output;
    bool free_to_take = is_wanted(node, i) && input->tape && !input->grad_written &&
                        input->count == output->count && output->gradient->users == 1;
    if (!free_to_take) return grad_begin(node, i);
    output->gradient->users++;
    set_gradient(input, output->gradient);
    node->writing[i] = true;
    return input->grad;
}

// A gradient that nobody else reads is added to where it lies.
float *grad_begin_adding(Node *node, int i, const float **known)
{
    Tensor *input = node->inputs[i];
    *known = NULL;
    if (!is_wanted(node, i) || !input->tape || !input->grad_written)
        return grad_begin_over(node, i);
    node->writing[i] = node->adding[i] = true;
    *known = input->grad;
    if (input->gradient->users == 1) return input->grad;
    node->pending[i] = gradient_create(node->output->tape, input);
    return node->pending[i]->values;
}

// y = a + b of equal shapes.
static void add_arrays(const Kernels *kernels, int64_t count, const float *a, const float *b,
                       float *y)
{
    kernels->binary(BINARY_ADD, &(Broadcast){1, {count}, {1}, {1}}, a, b, y);
}

float *grad_begin_or_spare(Node *node, int i)
{
    float *gradient = grad_begin(node, i);
    return gradient ? gradient : tape_allocate(node->output->tape, node->inputs[i]->count * 4);
}

void grad_end(Node *node, int i)
{
    if (!node->writing[i]) return;
    Tensor *input = node->inputs[i];
    Tape *tape = node->output->tape;
    Gradient *pending = node->pending[i];
    const bool added = node->adding[i];
    node->writing[i] = node->adding[i] = false;
    node->pending[i] = NULL;
    if (!pending) {
        mark_written(tape, input);
    } else if (added) {
        gradient_release(tape, input->gradient);
        set_gradient(input, pending);
    } else if (input->tape && input->gradient->users > 1) {
        add_arrays(tape->kernels, input->count, input->grad, pending->values, pending->values);
        gradient_release(tape, input->gradient);
        set_gradient(input, pending);
    } else {
        tape->kernels->accumulate(input->count, 1, pending->values, input->grad);
        gradient_release(tape, pending);
    }
}

void grad_pass(Node *node, int i)
{
    Tensor *input = node->inputs[i];
    float *gradient = node->output->grad;
    if (!is_wanted(node, i)) return;
    if (!input->tape || input->grad_written) { // a parameter's own array, or a sum: copy or add
        float *own = grad_begin(node, i);
        StridedCopy all = {1, {input->count}, {1}, {1}};
        node->output->tape->kernels->copy(&all, gradient, own);
        grad_end(node, i);
        return;
    }
    set_gradient(input, node->output->gradient);
    input->gradient->users++;
    mark_written(node->output->tape, input);
}

// After its node's turn a gradient's memory is free.
static void run_backward(Tape *tape, const Tensor *root)
{
    for (int i = tape->count - 1; i >= 0; i--) {
        Tensor *output = tape->nodes[i]->output;
        if (!output->grad_written) continue;
        tape->nodes[i]->backward(tape->nodes[i]);
        output->grad_written = false;
        gradient_release(tape, output->gradient);
        if (output != root) output->grad = NULL;
    }
}

static Tape *start(Tensor *y)
{
    if (!y->tape || !y->needs_grad)
        panic("backward: the tensor of shape %s does not depend on any parameter", shape_text(y));
    set_gradient(y, gradient_create(y->tape, y));
    y->gradient->users++; // the caller: the root's gradient stays, unchanged
    y->grad_written = true;
    return y->tape;
}

void backward(Tensor *loss)
{
    if (loss->count != 1)
        panic("backward: a loss is one number, this one has shape %s", shape_text(loss));
    Tape *tape = start(loss);
    tape->kernels->fill(1, 1, loss->grad);
    run_backward(tape, loss);
}

void backward_from(Tensor *y, const float *gradient)
{
    Tape *tape = start(y);
    tape->kernels->copy(&(StridedCopy){1, {y->count}, {1}, {1}}, gradient, y->grad);
    run_backward(tape, y);
}

// ---- Clipped gradients. One walk computes the gradients of all intermediates as usual, but of a node
// with parameters only each sample's squared norm (from its input and output->grad; the operator
// knows how), and keeps output->grad. Then all norms are known, and with the rows of the kept
// output->grad scaled by min(1, bound / norm) the operator's ordinary backward pass gives the sum of
// the clipped gradients: parameters enter linearly, so scaling a sample's output->grad scales its
// share. (Book-keeping: Bu, Wang, Zha, Karypis, "Differentially Private Optimization on Large Model
// at Small Cost", 2022.)

static bool has_parameters(const Node *node)
{
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] && node->inputs[i]->needs_grad && !node->inputs[i]->tape) return true;
    return false;
}

static void add_sample_norms(Node *node, int64_t samples, float *squares)
{
    const Tensor *output = node->output;
    if (!node->sample_norms)
        panic("backward_clipped: the operator that makes %s from a parameter has no norms for each "
              "sample",
              shape_text(output));
    if (output->rank < 1 || output->shape[0] != samples)
        panic("backward_clipped: %s does not count %lld samples", shape_text(output),
              (long long)samples);
    node->sample_norms(node, squares);
}

// The walk. Of nodes with parameters output->grad stays.
static void run_to_intermediates(Tape *tape, const Tensor *root, int64_t samples, float *squares)
{
    tape->wanted = WANT_INTERMEDIATES;
    for (int i = tape->count - 1; i >= 0; i--) {
        Node *node = tape->nodes[i];
        Tensor *output = node->output;
        bool kept = has_parameters(node);
        if (!output->grad_written) {
            output->grad = NULL;
            continue;
        }
        if (kept) {
            output->gradient->users++;
            add_sample_norms(node, samples, squares);
        }
        node->backward(node);
        output->grad_written = false;
        gradient_release(tape, output->gradient);
        if (!kept && output != root) output->grad = NULL;
    }
    tape->wanted = WANT_ALL;
}

static void add_clipped(Tape *tape, Node *node, int64_t samples, const float *factors)
{
    Tensor *output = node->output;
    Gradient *kept = output->gradient; // others may have the same
    Gradient *clipped = kept->users > 1 ? gradient_create(tape, output) : kept;
    int64_t row = output->count / samples;
    Broadcast rows = {2, {samples, row}, {row, 1}, {1, 0}};
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] && !node->inputs[i]->tape && node->inputs[i]->grad_written)
            panic("backward_clipped: the parameter %s is used twice", shape_text(node->inputs[i]));
    tape->kernels->binary(BINARY_MUL, &rows, kept->values, factors, clipped->values);
    set_gradient(output, clipped);
    tape->wanted = WANT_PARAMETERS;
    node->backward(node);
    tape->wanted = WANT_ALL;
    output->grad = NULL;
    gradient_release(tape, kept);
    if (clipped != kept) gradient_release(tape, clipped);
}

// norms = samples sqrt(squares), because output->grad is that of the mean; factors = min(1, bound /
// norms), which is 1 where a norm is 0.
static void factors_of(Tape *tape, int64_t samples, double bound, const float *squares,
                       float *norms, float *factors)
{
    const Kernels *kernels = tape->kernels;
    float *limit = tape_allocate(tape, (int64_t)sizeof *limit);
    kernels->fill(1, (float)bound, limit);
    kernels->unary(UNARY_SQRT, 0, 0, samples, squares, norms);
    kernels->unary(UNARY_AFFINE, (float)samples, 0, samples, norms, norms);
    kernels->binary(BINARY_DIV, &(Broadcast){1, {samples}, {0}, {1}}, limit, norms, factors);
    kernels->unary(UNARY_CLAMP, 0, 1, samples, factors, factors);
}

void backward_clipped(Tensor *loss, int64_t samples, double bound, float *norms)
{
    if (loss->count != 1 || samples < 1)
        panic("backward_clipped: a loss of shape %s, %lld samples", shape_text(loss),
              (long long)samples);
    Tape *tape = start(loss);
    float *squares = tape_allocate(tape, samples * (int64_t)sizeof *squares);
    float *factors = tape_allocate(tape, samples * (int64_t)sizeof *factors);
    if (!norms) norms = tape_allocate(tape, samples * (int64_t)sizeof *norms);
    tape->kernels->fill(samples, 0, squares);
    tape->kernels->fill(1, 1, loss->grad);
    run_to_intermediates(tape, loss, samples, squares);
    factors_of(tape, samples, bound, squares, norms, factors);
    for (int i = tape->count - 1; i >= 0; i--)
        if (has_parameters(tape->nodes[i]) && tape->nodes[i]->output->grad)
            add_clipped(tape, tape->nodes[i], samples, factors);
}
