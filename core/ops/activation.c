// Functions of one element. Forward is one kernel call, backward another: dx = dy f'(x), which the
// kernel computes from x or from y = f(x), whichever is cheaper. Below them dropout and noise,
// whose random numbers are a function of (key, element) and so are the same in both passes.
#include "core/ops/common.h"

typedef struct Unary {
    UnaryOp op;
    float a, b;
} Unary;

static void unary_backward(Node *node)
{
    const Unary *unary = node->saved;
    Tensor *x = node->inputs[0], *y = node->output;
    float *dx = grad_begin_over(node, 0);
    if (!dx) return;
    tape_kernels(y->tape)->unary_backward(unary->op, unary->a, unary->b, x->count, x->data, y->data,
                                          y->grad, dx);
    grad_end(node, 0);
}

static Tensor *apply(const char *name, Unary unary, Tensor *x)
{
    Tape *tape = float_inputs(name, 1, &x);
    Tensor *y = tape_tensor(tape, x->rank, x->shape);
    tape_kernels(tape)->unary(unary.op, unary.a, unary.b, x->count, x->data, y->data);
    record(y, unary_backward, 1, &x, &unary, (int64_t)sizeof unary);
    return y;
}

// y = max(x, 0):   dx = dy where x > 0
Tensor *relu(Tensor *x)
{
    return apply("relu", (Unary){UNARY_RELU, 0, 0}, x);
}

// y = x where x > 0, else slope x:   dx = dy, else slope dy
Tensor *leaky_relu(Tensor *x, float slope)
{
    return apply("leaky_relu", (Unary){UNARY_LEAKY_RELU, slope, 0}, x);
}

// y = x where x > 0, else e^x - 1:   dx = dy, else dy (y + 1)
Tensor *elu(Tensor *x)
{
    return apply("elu", (Unary){UNARY_ELU, 0, 0}, x);
}

// y = 1 / (1 + e^-x):   dx = dy y (1 - y)
Tensor *sigmoid(Tensor *x)
{
    return apply("sigmoid", (Unary){UNARY_SIGMOID, 0, 0}, x);
}

// y = tanh x:   dx = dy (1 - y^2)
Tensor *hyperbolic_tangent(Tensor *x)
{
    return apply("hyperbolic_tangent", (Unary){UNARY_TANH, 0, 0}, x);
}

// y = x - tanh x:   dx = dy tanh(x)^2
Tensor *tanhshrink(Tensor *x)
{
    return apply("tanhshrink", (Unary){UNARY_TANHSHRINK, 0, 0}, x);
}

// y = log(1 + e^x):   dx = dy sigmoid(x)
Tensor *softplus(Tensor *x)
{
    return apply("softplus", (Unary){UNARY_SOFTPLUS, 0, 0}, x);
}

// y = e^x:   dx = dy y
Tensor *exponential(Tensor *x)
{
    return apply("exponential", (Unary){UNARY_EXP, 0, 0}, x);
}

// y = log x:   dx = dy / x
Tensor *logarithm(Tensor *x)
{
    return apply("logarithm", (Unary){UNARY_LOG, 0, 0}, x);
}

// y = sqrt x:   dx = dy / (2 y)
Tensor *square_root(Tensor *x)
{
    return apply("square_root", (Unary){UNARY_SQRT, 0, 0}, x);
}

// y = x^2:   dx = 2 x dy
Tensor *square(Tensor *x)
{
    return apply("square", (Unary){UNARY_SQUARE, 0, 0}, x);
}

// y = |x|:   dx = dy sign(x), 0 at 0
Tensor *absolute(Tensor *x)
{
    return apply("absolute", (Unary){UNARY_ABS, 0, 0}, x);
}

// y = min(max(x, low), high):   dx = dy where low <= x <= high
Tensor *clamp(Tensor *x, float low, float high)
{
    if (!(low <= high))
        panic("clamp: the bounds %g and %g are in the wrong order", (double)low, (double)high);
    return apply("clamp", (Unary){UNARY_CLAMP, low, high}, x);
}

// y = x / (1 - p) where kept (with probability 1 - p), else -0:   dx likewise from dy; the sign of
// a zero in y tells where

static void dropout_backward(Node *node)
{
    const float *probability = node->saved;
    const Tensor *y = node->output;
    float *dx = grad_begin_over(node, 0);
    if (!dx) return;
    tape_kernels(y->tape)->dropout_backward(y->count, *probability, y->data, y->grad, dx);
    grad_end(node, 0);
}

Tensor *dropout(Tensor *x, float probability, RandomKey key)
{
    if (!(probability >= 0 && probability < 1))
        panic("dropout: probability %g is not in [0, 1)", (double)probability);
    Tape *tape = float_inputs("dropout", 1, &x);
    Tensor *y = tape_tensor(tape, x->rank, x->shape);
    tape_kernels(tape)->dropout(x->count, probability, key, x->data, y->data);
    record(y, dropout_backward, 1, &x, &probability, (int64_t)sizeof probability);
    return y;
}

// y = mean + deviation e with e from N(0, 1), the reparameterisation of a Gaussian:
// dmean = dy,   ddeviation = dy e
typedef struct Noise {
    const float *values;
} Noise;

static Broadcast flat(int64_t count)
{
    return (Broadcast){1, {count}, {1}, {1}};
}

static void add_noise_backward(Node *node)
{
    const Noise *noise = node->saved;
    Tensor *y = node->output;
    Broadcast all = flat(y->count);
    grad_pass(node, 0);
    float *ddeviation = grad_begin(node, 1);
    if (!ddeviation) return;
    tape_kernels(y->tape)->binary(BINARY_MUL, &all, y->grad, noise->values, ddeviation);
    grad_end(node, 1);
}

Tensor *add_noise(Tensor *center, Tensor *deviation, RandomKey key)
{
    Tape *tape = float_inputs("add_noise", 2, (Tensor *[]){center, deviation});
    if (!same_shape(center, deviation))
        panic("add_noise: mean %s and deviation %s differ", shape_text(center),
              shape_text(deviation));
    const Kernels *kernels = tape_kernels(tape);
    Broadcast all = flat(center->count);
    Tensor *y = tape_tensor(tape, center->rank, center->shape);
    float *values = tape_allocate(tape, center->count * 4);
    kernels->normal(center->count, key, values);
    kernels->binary(BINARY_MUL, &all, deviation->data, values, y->data);
    kernels->accumulate(center->count, 1, center->data, y->data);
    record(y, add_noise_backward, 2, (Tensor *[]){center, deviation}, &(Noise){values},
           (int64_t)sizeof(Noise));
    return y;
}
