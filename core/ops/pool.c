// Pooling of images (n, h, w, c).
#include <stddef.h>
#include "core/error.h"
#include "core/ops.h"

typedef struct Pool {
    PoolShape shape;
    int32_t *index; // max pooling: where each maximum was
} Pool;

static PoolShape pool_shape(const char *operator, const Tensor * x, Pool2d how)
{
    how.stride = how.stride ? how.stride : how.kernel;
    bool fits = x->rank == 4 && how.kernel > 0 && how.stride > 0 && how.padding >= 0 &&
                2 * how.padding <= how.kernel && x->shape[1] + 2 * how.padding >= how.kernel &&
                x->shape[2] + 2 * how.padding >= how.kernel;
    if (!fits)
        panic("%s: images %s, kernel %lld, stride %lld, padding %lld", operator, shape_text(x),
              (long long)how.kernel, (long long)how.stride, (long long)how.padding);
    return (PoolShape){.batch = x->shape[0],
                       .in_height = x->shape[1],
                       .in_width = x->shape[2],
                       .channels = x->shape[3],
                       .out_height = (x->shape[1] + 2 * how.padding - how.kernel) / how.stride + 1,
                       .out_width = (x->shape[2] + 2 * how.padding - how.kernel) / how.stride + 1,
                       .kernel = how.kernel,
                       .stride = how.stride,
                       .padding = how.padding};
}

static Tensor *output_of(Tape *tape, const PoolShape *s)
{
    return tape_tensor(tape, SHAPE(s->batch, s->out_height, s->out_width, s->channels));
}

// y = the window's largest value;   dx = dy at the place of the first largest, 0 elsewhere, added
// up where windows overlap
static void max_pool2d_backward(Node *node)
{
    const Pool *saved = node->saved;
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(node->output->tape)
        ->max_pool2d_backward(&saved->shape, saved->index, node->output->grad, dx);
    grad_end(node, 0);
}

Tensor *max_pool2d(Tensor *x, Pool2d how)
{
    Tape *tape = tape_of(1, &x);
    Pool saved = {.shape = pool_shape("max_pool2d", x, how)};
    Tensor *y = output_of(tape, &saved.shape);
    saved.index = tape_allocate(tape, y->count * 4);
    tape_kernels(tape)->max_pool2d(&saved.shape, x->data, y->data, saved.index);
    record(y, max_pool2d_backward, 1, &x, &saved, sizeof saved);
    return y;
}

// ---- dropout, pooling and relu as one ----

typedef struct DropoutPool {
    Pool pool;
    float scale; // of what dropout keeps
} DropoutPool;

// Where y > 0 its maximum was kept, for what is dropped is 0: dx = scale dy there, 0 elsewhere.
static void dropout_pool_relu_backward(Node *node)
{
    const DropoutPool *saved = node->saved;
    const Tensor *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    float *passed = tape_allocate(y->tape, y->count * 4);
    kernels->unary_backward(UNARY_RELU, 0, 0, y->count, y->data, y->data, y->grad, passed);
    if (saved->scale != 1) kernels->unary(UNARY_AFFINE, saved->scale, 0, y->count, passed, passed);
    kernels->max_pool2d_backward(&saved->pool.shape, saved->pool.index, passed, dx);
    grad_end(node, 0);
}

Tensor *dropout_pool_relu_over(Tensor *x, float probability, RandomKey key, Pool2d how)
{
    Tape *tape = tape_of(1, &x);
    const Kernels *kernels = tape_kernels(tape);
    if (!(probability >= 0 && probability < 1) || !x->tape)
        panic("dropout_pool_relu_over: probability %g, x %s", (double)probability, shape_text(x));
    DropoutPool saved = {.pool.shape = pool_shape("dropout_pool_relu_over", x, how),
                         .scale = 1 / (1 - probability)};
    Tensor *y = output_of(tape, &saved.pool.shape);
    saved.pool.index = tape_allocate(tape, y->count * 4);
    if (probability > 0) kernels->dropout(x->count, probability, key, x->data, x->data);
    kernels->max_pool2d(&saved.pool.shape, x->data, y->data, saved.pool.index);
    kernels->unary(UNARY_RELU, 0, 0, y->count, y->data, y->data);
    record(y, dropout_pool_relu_backward, 1, &x, &saved, sizeof saved);
    return y;
}

// y = the window's mean;   dx = dy / (kernel * kernel), added up where windows overlap
static void avg_pool2d_backward(Node *node)
{
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(node->output->tape)->avg_pool2d_backward(node->saved, node->output->grad, dx);
    grad_end(node, 0);
}

Tensor *avg_pool2d(Tensor *x, Pool2d how)
{
    Tape *tape = tape_of(1, &x);
    PoolShape shape = pool_shape("avg_pool2d", x, how);
    if (how.padding != 0) panic("avg_pool2d: padding %lld is not offered", (long long)how.padding);
    Tensor *y = output_of(tape, &shape);
    tape_kernels(tape)->avg_pool2d(&shape, x->data, y->data);
    record(y, avg_pool2d_backward, 1, &x, &shape, sizeof shape);
    return y;
}

// y[o] = mean of x over rows floor(o h / oh) .. ceil((o + 1) h / oh), columns likewise;   dx = dy /
// (pixels of the window)
static void adaptive_avg_pool2d_backward(Node *node)
{
    float *dx = grad_begin(node, 0);
    if (!dx) return;
    tape_kernels(node->output->tape)
        ->adaptive_avg_pool2d_backward(node->saved, node->output->grad, dx);
    grad_end(node, 0);
}

Tensor *adaptive_avg_pool2d(Tensor *x, int64_t height, int64_t width)
{
    if (x->rank != 4 || height < 1 || width < 1)
        panic("adaptive_avg_pool2d: images %s to %lldx%lld", shape_text(x), (long long)height,
              (long long)width);
    Tape *tape = tape_of(1, &x);
    PoolShape shape = {.batch = x->shape[0],
                       .in_height = x->shape[1],
                       .in_width = x->shape[2],
                       .channels = x->shape[3],
                       .out_height = height,
                       .out_width = width};
    Tensor *y = output_of(tape, &shape);
    tape_kernels(tape)->adaptive_avg_pool2d(&shape, x->data, y->data);
    record(y, adaptive_avg_pool2d_backward, 1, &x, &shape, sizeof shape);
    return y;
}
