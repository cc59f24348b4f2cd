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

// ---- From the size of the output to the size of an input ----

static void sum_to_input(Node *node, int i, const float *whole, float *gradient)
{
    const Tensor *y = node->output;
    sum_dimensions(y->tape, y->rank, y->shape, repeated_dimensions(node->inputs[i], y), whole,
                   gradient);
}

// d/dx = dy, summed.
static void pass_to_input(Node *node, int i)
{
    if (same_shape(node->inputs[i], node->output)) {
        grad_pass(node, i);
        return;
    }
    float *gradient = grad_begin(node, i);
    if (!gradient) return;
    sum_to_input(node, i, node->output->grad, gradient);
    grad_end(node, i);
}

// Input i at the size of the output.
static const float *spread_input(Node *node, int i)
{
    const Tensor *x = node->inputs[i], *y = node->output;
    if (same_shape(x, y)) return x->data;
    float *whole = tape_allocate(y->tape, y->count * 4);
    spread_dimensions(y->tape, y->rank, y->shape, repeated_dimensions(x, y), x->data, whole);
    return whole;
}

// gradient = dy b, summed to the size of input i. Where the innermost dimensions are summed, the
// products are not rounded before: little may be left of their sum.
static void sum_products_to_input(Node *node, int i, const float *b, float *gradient)
{
    const Tensor *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    unsigned dims = repeated_dimensions(node->inputs[i], y);
    int rank = y->rank;
    int64_t rows = 1, count = 1;
    while (rank > 0 && dims >> (rank - 1) & 1) count *= y->shape[--rank];
    for (int d = 0; d < rank; d++) rows *= y->shape[d];
    dims &= (1u << rank) - 1;
    float *sums = dims ? tape_allocate(y->tape, rows * 4) : gradient;
    if (rank < y->rank)
        kernels->dot_rows(rows, count, y->grad, b, sums);
    else
        kernels->binary(BINARY_MUL, &(Broadcast){1, {rows}, {1}, {1}}, y->grad, b, sums);
    if (dims) sum_dimensions(y->tape, rank, y->shape, dims, sums, gradient);
}

static void negate_array(const Kernels *kernels, int64_t count, const float *x, float *y)
{
    kernels->unary(UNARY_AFFINE, -1, 0, count, x, y);
}

// out = x (of the output's size) op input i.
static void with_input(Node *node, BinaryOp op, const float *x, int i, float *out)
{
    Tensor *y = node->output;
    Broadcast shape = broadcast_of("gradient", y, node->inputs[i]);
    tape_kernels(y->tape)->binary(op, &shape, x, node->inputs[i]->data, out);
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
        float *gradient = grad_begin(node, i);
        if (!gradient) continue;
        if (same_shape(node->inputs[i], node->output))
            with_input(node, BINARY_MUL, node->output->grad, 1 - i, gradient);
        else
            sum_products_to_input(node, i, spread_input(node, 1 - i), gradient);
        grad_end(node, i);
    }
}

Tensor *multiply(Tensor *a, Tensor *b)
{
    return binary("multiply", BINARY_MUL, a, b, multiply_backward);
}

// y = a / b:   da = dy / b,   db = -dy a / b^2
static void divide_left(Node *node)
{
    const Tensor *a = node->inputs[0], *y = node->output;
    float *da = grad_begin(node, 0);
    if (!da) return;
    bool repeats = !same_shape(a, y);
    float *quotients = repeats ? tape_allocate(y->tape, y->count * 4) : da;
    with_input(node, BINARY_DIV, y->grad, 1, quotients);
    if (repeats) sum_to_input(node, 0, quotients, da);
    grad_end(node, 0);
}

static void divide_right(Node *node)
{
    const Tensor *b = node->inputs[1], *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    Broadcast all = {1, {b->count}, {1}, {1}};
    float *db = grad_begin(node, 1);
    if (!db) return;
    float *products = tape_allocate(y->tape, b->count * 4);
    float *quotients = tape_allocate(y->tape, b->count * 4);
    sum_products_to_input(node, 1, spread_input(node, 0), products);
    kernels->binary(BINARY_DIV, &all, products, b->data, quotients);
    kernels->binary(BINARY_DIV, &all, quotients, b->data, db);
    negate_array(kernels, b->count, db, db);
    grad_end(node, 1);
}

static void divide_backward(Node *node)
{
    divide_left(node);
    divide_right(node);
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
