// Matrix products. Each gradient is again a product, with one factor transposed, which the kernel
// reads as it lies.
#include "core/ops/common.h"

// c (m,n) = a (m,k) b (k,n)
static Gemm product(int64_t m, int64_t n, int64_t k)
{
    return (Gemm){.m = m, .n = n, .k = k, .a_row = k, .a_column = 1, .b_row = n, .b_column = 1};
}

// y = a b:   da = dy b^T
static void left_gradient(Node *node)
{
    const Tensor *a = node->inputs[0], *b = node->inputs[1], *y = node->output;
    int64_t m = a->shape[0], k = a->shape[1], n = b->shape[1];
    float *da = grad_begin(node, 0);
    if (!da) return;
    Gemm shape = product(m, k, n);
    shape.b_row = 1; // b^T
    shape.b_column = n;
    tape_kernels(y->tape)->gemm(&shape, y->grad, b->data, NULL, da);
    grad_end(node, 0);
}

// y = a b:   db = a^T dy
static void right_gradient(Node *node)
{
    const Tensor *a = node->inputs[0], *b = node->inputs[1], *y = node->output;
    int64_t m = a->shape[0], k = a->shape[1], n = b->shape[1];
    float *db = grad_begin(node, 1);
    if (!db) return;
    Gemm shape = product(k, n, m);
    shape.a_row = 1; // a^T
    shape.a_column = k;
    tape_kernels(y->tape)->gemm(&shape, a->data, y->grad, NULL, db);
    grad_end(node, 1);
}

static void matmul_backward(Node *node)
{
    left_gradient(node);
    right_gradient(node);
}

static void require_matrices(const char *name, const Tensor *a, const Tensor *b)
{
    if (a->rank != 2 || b->rank != 2 || a->shape[1] != b->shape[0])
        panic("%s: %s times %s is not (m, k) times (k, n)", name, shape_text(a), shape_text(b));
}

Tensor *matmul(Tensor *a, Tensor *b)
{
    Tape *tape = float_inputs("matmul", 2, (Tensor *[]){a, b});
    require_matrices("matmul", a, b);
    Gemm shape = product(a->shape[0], b->shape[1], a->shape[1]);
    Tensor *y = tape_tensor(tape, 2, (int64_t[]){shape.m, shape.n});
    tape_kernels(tape)->gemm(&shape, a->data, b->data, NULL, y->data);
    record(y, matmul_backward, 2, (Tensor *[]){a, b}, NULL, 0);
    return y;
}

// y = x W + b:   dx = dy W^T,   dW = x^T dy,   db = sum of dy's rows
static void linear_backward(Node *node)
{
    Tensor *y = node->output;
    left_gradient(node);
    right_gradient(node);
    float *db = grad_begin(node, 2);
    if (!db) return;
    tape_kernels(y->tape)->sum(1, y->shape[0], y->shape[1], y->grad, db);
    grad_end(node, 2);
}

// dW_i = x_i^T dy_i has rank one: ||dW_i||^2 = ||x_i||^2 ||dy_i||^2,   ||db_i||^2 = ||dy_i||^2
static void linear_sample_norms(Node *node, float *squares)
{
    const Tensor *x = node->inputs[0], *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    int64_t rows = x->shape[0];
    float *of_x = tape_allocate(y->tape, rows * 4), *of_dy = tape_allocate(y->tape, rows * 4);
    kernels->dot_rows(rows, x->shape[1], x->data, x->data, of_x);
    kernels->dot_rows(rows, y->shape[1], y->grad, y->grad, of_dy);
    const float weight = node->inputs[1]->needs_grad ? 1 : 0;
    const float bias = node->inputs[2] && node->inputs[2]->needs_grad ? 1 : 0;
    kernels->unary(UNARY_AFFINE, weight, bias, rows, of_x, of_x);
    kernels->binary(BINARY_MUL, &(Broadcast){1, {rows}, {1}, {1}}, of_x, of_dy, of_x);
    kernels->accumulate(rows, 1, of_x, squares);
}

Tensor *linear(Tensor *x, Tensor *weight, Tensor *bias)
{
    Tensor *inputs[] = {x, weight, bias};
    Tape *tape = float_inputs("linear", 3, inputs);
    require_matrices("linear", x, weight);
    Gemm shape = product(x->shape[0], weight->shape[1], x->shape[1]);
    if (bias && (bias->rank != 1 || bias->shape[0] != shape.n))
        panic("linear: weight %s and bias %s do not fit", shape_text(weight), shape_text(bias));
    Tensor *y = tape_tensor(tape, 2, (int64_t[]){shape.m, shape.n});
    tape_kernels(tape)->gemm(&shape, x->data, weight->data, data_of(bias), y->data);
    record(y, linear_backward, 3, inputs, NULL, 0);
    record_sample_norms(y, linear_sample_norms);
    return y;
}
