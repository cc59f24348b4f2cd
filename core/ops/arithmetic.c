// Arithmetic, element by element. Shapes broadcast as in numpy: aligned at the right, a size of 1
// (or a missing dimension) repeats. Repeating is linear, and its adjoint is summing: a gradient is
// first formed at the size of the output, then summed over the repeated dimensions.
#include "core/ops/common.h"

// ---- The shape rule ----

// Size of dimension d of x when it is seen as one of `rank` dimensions.
static int64_t size_at(const Tensor *x, int rank, int d)
{
    int own = d - (rank - x->rank);
    return own < 0 ? 1 : x->shape[own];
}

// Steps through x for each dimension of the result; 0 where x repeats.
static void broadcast_steps(const Tensor *x, int rank, int64_t *step)
{
    int64_t next = 1;
    for (int d = rank - 1; d >= 0; d--) {
        int64_t size = size_at(x, rank, d);
        step[d] = size == 1 ? 0 : next;
        next *= size;
    }
}

static Broadcast broadcast_of(const char *name, const Tensor *a, const Tensor *b)
{
    Broadcast result = {.rank = a->rank > b->rank ? a->rank : b->rank};
    for (int d = 0; d < result.rank; d++) {
        int64_t of_a = size_at(a, result.rank, d), of_b = size_at(b, result.rank, d);
        if (of_a != of_b && of_a != 1 && of_b != 1)
            panic("%s: shapes %s and %s do not broadcast", name, shape_text(a), shape_text(b));
        result.shape[d] = of_a == 1 ? of_b : of_a;
    }
    broadcast_steps(a, result.rank, result.a_step);
    broadcast_steps(b, result.rank, result.b_step);
    return result;
}

// The dimensions of the output along which x was repeated.
static unsigned repeated_dimensions(const Tensor *x, const Tensor *output)
{
    unsigned dims = 0;
    for (int d = 0; d < output->rank; d++)
        if (size_at(x, output->rank, d) != output->shape[d] || d < output->rank - x->rank)
            dims |= 1u << d;
    return dims;
}

static Tensor *binary(const char *name, BinaryOp op, Tensor *a, Tensor *b,
                      void (*backward_of_node)(Node *))
{
    Tape *tape = float_inputs(name, 2, (Tensor *[]){a, b});
    Broadcast shape = broadcast_of(name, a, b);
    Tensor *y = tape_tensor(tape, shape.rank, shape.shape);
    tape_kernels(tape)->binary(op, &shape, a->data, b->data, y->data);
    record(y, backward_of_node, 2, (Tensor *[]){a, b}, &shape, (int64_t)sizeof shape);
    return y;
}

// ---- Gradients at the size of the output ----

// Where to form the gradient of input i before it is summed: at its place where nothing repeats.
// NULL when it needs none.
static float *whole_begin(Node *node, int i)
{
    float *gradient = grad_begin(node, i);
    if (!gradient || same_shape(node->inputs[i], node->output)) return gradient;
    return tape_allocate(node->output->tape, node->output->count * 4);
}

static void sum_to_input(Node *node, int i, const float *whole, float *gradient)
{
    const Tensor *y = node->output;
    sum_dimensions(y->tape, y->rank, y->shape, repeated_dimensions(node->inputs[i], y), whole,
                   gradient);
}

static void whole_end(Node *node, int i, const float *whole)
{
    if (whole != node->pending[i]) sum_to_input(node, i, whole, node->pending[i]);
    grad_end(node, i);
}

// d/dx = dy, summed.
static void pass_to_input(Node *node, int i)
{
    if (same_shape(node->inputs[i], node->output)) {
        grad_pass(node, i, node->output->grad);
        return;
    }
    float *gradient = grad_begin(node, i);
    if (!gradient) return;
    sum_to_input(node, i, node->output->grad, gradient);
    grad_end(node, i);
}

static void negate_array(const Kernels *kernels, int64_t count, const float *x, float *y)
{
    kernels->unary(UNARY_AFFINE, -1, 0, count, x, y);
}

// out = whole (of the output's size) op input i of the node.
static void with_input(Node *node, BinaryOp op, const float *whole, int i, float *out)
{
    Tensor *y = node->output;
    Broadcast shape = broadcast_of("gradient", y, node->inputs[i]);
    tape_kernels(y->tape)->binary(op, &shape, whole, node->inputs[i]->data, out);
}

// ---- The operators ----

// y = a + b:   da = dy,   db = dy
static void add_backward(Node *node)
{
    pass_to_input(node, 0);
    pass_to_input(node, 1);
}

Tensor *add(Tensor *a, Tensor *b)
{
    return binary("add", BINARY_ADD, a, b, add_backward);
}

// y = a - b:   da = dy,   db = -dy
static void subtract_backward(Node *node)
{
    pass_to_input(node, 0);
    float *db = grad_begin(node, 1);
    if (!db) return;
    Tensor *y = node->output, *b = node->inputs[1];
    const float *sums = y->grad;
    if (!same_shape(b, y)) {
        sum_to_input(node, 1, y->grad, db);
        sums = db;
    }
    negate_array(tape_kernels(y->tape), b->count, sums, db);
    grad_end(node, 1);
}

Tensor *subtract(Tensor *a, Tensor *b)
{
    return binary("subtract", BINARY_SUB, a, b, subtract_backward);
}

// y = a b:   da = dy b,   db = dy a
static void multiply_backward(Node *node)
{
    for (int i = 0; i < 2; i++) {
        float *whole = whole_begin(node, i);
        if (!whole) continue;
        with_input(node, BINARY_MUL, node->output->grad, 1 - i, whole);
        whole_end(node, i, whole);
    }
}

Tensor *multiply(Tensor *a, Tensor *b)
{
    return binary("multiply", BINARY_MUL, a, b, multiply_backward);
}

// y = a / b:   da = dy / b,   db = -dy a / b^2 = -(dy / b) y
static void divide_backward(Node *node)
{
    Tensor *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    float *da = whole_begin(node, 0);
    if (da) {
        with_input(node, BINARY_DIV, y->grad, 1, da);
        whole_end(node, 0, da);
    }
    float *db = whole_begin(node, 1);
    if (db) {
        float *quotient = tape_allocate(y->tape, y->count * 4);
        with_input(node, BINARY_DIV, y->grad, 1, quotient);
        kernels->binary(BINARY_MUL, &(Broadcast){1, {y->count}, {1}, {1}}, quotient, y->data, db);
        negate_array(kernels, y->count, db, db);
        whole_end(node, 1, db);
    }
}

Tensor *divide(Tensor *a, Tensor *b)
{
    return binary("divide", BINARY_DIV, a, b, divide_backward);
}

// y = factor x + offset:   dx = factor dy
typedef struct Affine {
    float factor, offset;
} Affine;

static void affine_backward(Node *node)
{
    const Affine *affine = node->saved;
    Tensor *y = node->output;
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(y->tape)->unary(UNARY_AFFINE, affine->factor, 0, y->count, y->grad, dx);
    grad_end(node, 0);
}

Tensor *affine(float factor, Tensor *x, float offset)
{
    Tape *tape = float_inputs("affine", 1, &x);
    Tensor *y = tape_tensor(tape, x->rank, x->shape);
    Affine saved = {factor, offset};
    tape_kernels(tape)->unary(UNARY_AFFINE, factor, offset, x->count, x->data, y->data);
    record(y, affine_backward, 1, &x, &saved, (int64_t)sizeof saved);
    return y;
}

Tensor *scale(float factor, Tensor *x)
{
    return affine(factor, x, 0);
}

Tensor *negate(Tensor *x)
{
    return affine(-1, x, 0);
}

Tensor *sum3(Tensor *a, Tensor *b, Tensor *c)
{
    return add(add(a, b), c);
}
