// Softmax and the losses.
#include <stddef.h>
#include "core/error.h"
#include "core/ops.h"

static void check_rows(const char *operator, const Tensor * x)
{
    if (x->rank != 2 || x->shape[0] < 1 || x->shape[1] < 1)
        panic("%s: %s is not (n, classes)", operator, shape_text(x));
}

// y = e^x / sum e^x;   dx = y (dy - sum dy y)
static void softmax_backward(Node *node)
{
    const Tensor *y = node->output;
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(y->tape)->softmax_backward(y->shape[0], y->shape[1], y->data, y->grad, dx);
    grad_end(node, 0);
}

Tensor *softmax(Tensor *x)
{
    check_rows("softmax", x);
    Tape *tape = tape_of(1, &x);
    Tensor *y = tape_tensor(tape, 2, x->shape);
    tape_kernels(tape)->softmax(x->shape[0], x->shape[1], x->data, y->data);
    record(y, softmax_backward, 1, &x, NULL, 0);
    return y;
}

// y = x - log sum e^x;   dx = dy - e^y sum dy
static void log_softmax_backward(Node *node)
{
    const Tensor *y = node->output;
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(y->tape)->log_softmax_backward(y->shape[0], y->shape[1], y->data, y->grad, dx);
    grad_end(node, 0);
}

Tensor *log_softmax(Tensor *x)
{
    check_rows("log_softmax", x);
    Tape *tape = tape_of(1, &x);
    Tensor *y = tape_tensor(tape, 2, x->shape);
    tape_kernels(tape)->log_softmax(x->shape[0], x->shape[1], x->data, y->data);
    record(y, log_softmax_backward, 1, &x, NULL, 0);
    return y;
}

// l_n = -log p_n[label_n], p = softmax(logits);   dlogits = dl (p - onehot(label))
typedef struct CrossEntropy {
    float *probabilities;
    const int32_t *labels;
} CrossEntropy;

static void cross_entropy_backward(Node *node)
{
    const Tensor *logits = node->inputs[0], *y = node->output;
    const CrossEntropy *saved = node->saved;
    float *dlogits = grad_begin(node, 0);
    if (!dlogits) return;
    tape_kernels(y->tape)->cross_entropy_backward(
        logits->shape[0], logits->shape[1], saved->probabilities, saved->labels, y->grad, dlogits);
    grad_end(node, 0);
}

Tensor *cross_entropy(Tensor *logits, Tensor *labels)
{
    check_rows("cross_entropy", logits);
    if (labels->type != TENSOR_INT || labels->rank != 1 || labels->shape[0] != logits->shape[0])
        panic("cross_entropy: logits %s with labels %s", shape_text(logits), shape_text(labels));
    Tape *tape = tape_of(1, &logits);
    CrossEntropy saved = {tape_allocate(tape, logits->count * 4), labels->ints};
    Tensor *losses = tape_tensor(tape, 1, labels->shape);
    tape_kernels(tape)->cross_entropy(logits->shape[0], logits->shape[1], logits->data,
                                      labels->ints, losses->data, saved.probabilities);
    record(losses, cross_entropy_backward, 1, &logits, &saved, sizeof saved);
    return mean(losses, ALL_DIMENSIONS, false);
}

Tensor *mse_loss(Tensor *a, Tensor *b)
{
    return mean(square(subtract(a, b)), ALL_DIMENSIONS, false);
}

Tensor *l1_loss(Tensor *a, Tensor *b)
{
    return mean(absolute(subtract(a, b)), ALL_DIMENSIONS, false);
}

// KL(N(m, e^v) || N(0, I)) = 1/2 sum (m^2 + e^v - v - 1) over columns, mean over rows
Tensor *kl_standard_normal(Tensor *mean_of, Tensor *log_variance)
{
    if (mean_of->rank < 1 || !same_shape(mean_of, log_variance))
        panic("kl_standard_normal: mean %s, log variance %s", shape_text(mean_of),
              shape_text(log_variance));
    Tensor *terms = subtract(add(square(mean_of), exponential(log_variance)), log_variance);
    Tensor *total = sum(affine(1, terms, -1), ALL_DIMENSIONS, false);
    return scale(0.5f / (float)mean_of->shape[0], total);
}
