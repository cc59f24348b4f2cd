// Convolution and transposed convolution. For a fixed weight W a convolution is a linear map
// y = C_W x; the gradient with respect to x is its adjoint, dx = C_W^T dy. Transposed convolution
// is that adjoint as a forward pass, y = C_W^T x, with gradient dx = C_W dy. So three kernels serve
// both: conv2d (C_W), conv2d_input_gradient (C_W^T) and conv2d_weight_gradient, which pairs the
// larger with the smaller image; in transposed convolution these have changed places.
#include "core/error.h"
#include "core/ops/common.h"

static void with_defaults(Conv2d *how)
{
    if (how->stride == 0) how->stride = 1;
    if (how->dilation == 0) how->dilation = 1;
}

static void require_operands(const char *name, const Tensor *x, const Tensor *weight,
                             const Tensor *bias, int64_t weight_in, int64_t weight_out, Conv2d how)
{
    if (x->rank != 4 || weight->rank != 4 || x->shape[3] != weight_in)
        panic("%s: x %s and weight %s do not fit: (n, h, w, ci) is wanted", name, shape_text(x),
              shape_text(weight));
    if (bias && (bias->rank != 1 || bias->shape[0] != weight_out))
        panic("%s: weight %s and bias %s do not fit", name, shape_text(weight), shape_text(bias));
    if (how.stride < 1 || how.padding < 0 || how.dilation < 1 || how.output_padding < 0)
        panic("%s: stride %lld, padding %lld, dilation %lld, output padding %lld on x %s", name,
              (long long)how.stride, (long long)how.padding, (long long)how.dilation,
              (long long)how.output_padding, shape_text(x));
}

static void bias_gradient(Node *node)
{
    Tensor *y = node->output;
    float *db = grad_begin(node, 2);
    if (!db) return;
    int64_t channels = y->shape[3];
    tape_kernels(y->tape)->sum(1, y->count / channels, channels, y->grad, db);
    grad_end(node, 2);
}

// ---- conv2d: out = floor((in + 2 padding - dilation (kernel - 1) - 1) / stride) + 1 ----

static int64_t conv_size(int64_t in, int64_t kernel, Conv2d how)
{
    int64_t room = in + 2 * how.padding - how.dilation * (kernel - 1) - 1;
    return room < 0 ? 0 : room / how.stride + 1;
}

// y = C_W x + b + a:   dx = C_W^T dy,   dW[k] = sum over positions of x at the tap k times dy,
// db = sum of dy over images and positions,   da = dy
static void conv2d_backward(Node *node)
{
    const ConvShape *shape = node->saved;
    const Tensor *x = node->inputs[0], *weight = node->inputs[1], *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    float *dx = grad_begin(node, 0);
    if (dx) {
        kernels->conv2d_input_gradient(shape, y->grad, weight->data, NULL, dx);
        grad_end(node, 0);
    }
    float *dweight = grad_begin(node, 1);
    if (dweight) {
        kernels->conv2d_weight_gradient(shape, x->data, y->grad, dweight);
        grad_end(node, 1);
    }
    bias_gradient(node);
    grad_pass(node, 3);
}

// db_i = sum of dY_i's rows; for dW_i see core/cpu/kernels/conv_norms.c.
static void add_sample_norms(const Node *node, const ConvShape *shape, const float *dy,
                             float *squares)
{
    const Tensor *x = node->inputs[0], *bias = node->inputs[2];
    Tape *tape = node->output->tape;
    const Kernels *kernels = tape_kernels(tape);
    int64_t batch = shape->batch, channels = shape->out_channels;
    float *norms = tape_allocate(tape, batch * 4);
    if (node->inputs[1]->needs_grad) {
        kernels->conv2d_weight_norms(shape, x->data, dy, norms);
        kernels->accumulate(batch, 1, norms, squares);
    }
    if (!bias || !bias->needs_grad) return;
    float *sums = tape_allocate(tape, batch * channels * 4);
    kernels->sum(batch, shape->out_height * shape->out_width, channels, dy, sums);
    kernels->dot_rows(batch, channels, sums, sums, norms);
    kernels->accumulate(batch, 1, norms, squares);
}

static void conv2d_sample_norms(Node *node, float *squares)
{
    add_sample_norms(node, node->saved, node->output->grad, squares);
}

static ConvShape conv_shape(const Tensor *x, const Tensor *weight, const Tensor *bias, Conv2d how)
{
    with_defaults(&how);
    require_operands("conv2d", x, weight, bias, weight->shape[2], weight->shape[3], how);
    if (how.output_padding != 0) panic("conv2d: an output padding is for conv_transpose2d");
    ConvShape shape = {.batch = x->shape[0],
                       .in_height = x->shape[1],
                       .in_width = x->shape[2],
                       .in_channels = x->shape[3],
                       .out_height = conv_size(x->shape[1], weight->shape[0], how),
                       .out_width = conv_size(x->shape[2], weight->shape[1], how),
                       .out_channels = weight->shape[3],
                       .kernel_height = weight->shape[0],
                       .kernel_width = weight->shape[1],
                       .stride = how.stride,
                       .padding = how.padding,
                       .dilation = how.dilation};
    if (shape.out_height < 1 || shape.out_width < 1)
        panic("conv2d: x %s is smaller than weight %s", shape_text(x), shape_text(weight));
    return shape;
}

static Tensor *conv_output(Tape *tape, const ConvShape *s)
{
    return tape_tensor(tape, SHAPE(s->batch, s->out_height, s->out_width, s->out_channels));
}

static void require_addend(const Tensor *addend, const Tensor *y)
{
    if (addend && (!addend->tape || !same_shape(addend, y)))
        panic("a convolution's addend: %s to be added to %s", shape_text(addend), shape_text(y));
}

Tensor *conv2d(Tensor *x, Tensor *weight, Tensor *bias, Conv2d how)
{
    return conv2d_add(x, weight, bias, NULL, how);
}

Tensor *conv2d_add(Tensor *x, Tensor *weight, Tensor *bias, Tensor *addend, Conv2d how)
{
    Tensor *inputs[] = {x, weight, bias, addend};
    Tape *tape = float_inputs("conv2d", 4, inputs);
    ConvShape shape = conv_shape(x, weight, bias, how);
    Tensor *y = conv_output(tape, &shape);
    require_addend(addend, y);
    tape_kernels(tape)->conv2d(&shape, x->data, weight->data, data_of(bias), data_of(addend),
                               y->data);
    record(y, conv2d_backward, 4, inputs, &shape, (int64_t)sizeof shape);
    record_sample_norms(y, conv2d_sample_norms);
    return y;
}

// ---- conv2d_frozen ----

typedef struct Frozen {
    ConvShape shape;
    ConvAfter after;
} Frozen;

// The weight in the form for this direction, made when it is first wanted; NULL where there is
// none.
static const float *prepared_weight(const Kernels *kernels, const ConvShape *shape, Tensor *weight,
                                    bool input_gradient)
{
    int64_t count = kernels->conv2d_prepared_count(shape);
    float **prepared = &weight->prepared[input_gradient];
    if (count > 0 && *prepared && weight->prepared_count[input_gradient] != count)
        tensor_freeze(weight, true); // forgets what was made for images of another size
    if (count > 0 && !*prepared) {
        *prepared = allocate_pages((unsigned long long)count * sizeof(float));
        weight->prepared_count[input_gradient] = count;
        kernels->conv2d_prepare(shape, input_gradient, weight->data, *prepared);
    }
    return count > 0 ? *prepared : NULL;
}

// y = r(s C_W x + t):   dx = C_W^T (s dy r'),   r' = 1 where y > 0, else 0; or r' = 1 without relu
// y = C_W x + t + a:   dx = C_W^T dy,   da = dy
static void conv2d_frozen_backward(Node *node)
{
    const Frozen *frozen = node->saved;
    Tensor *weight = node->inputs[1], *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    float *dx = grad_begin(node, 0);
    if (dx) {
        kernels->conv2d_frozen_input_gradient(
            &frozen->shape, &frozen->after, y->data, y->grad, weight->data,
            prepared_weight(kernels, &frozen->shape, weight, true), dx);
        grad_end(node, 0);
    }
    grad_pass(node, 2);
}

Tensor *conv2d_frozen(Tensor *x, Tensor *weight, const Tensor *scale, const Tensor *shift,
                      Tensor *addend, Conv2d how, bool relu)
{
    Tensor *inputs[] = {x, weight, addend};
    Tape *tape = float_inputs("conv2d_frozen", 3, inputs);
    const Kernels *kernels = tape_kernels(tape);
    if (!weight->frozen || weight->needs_grad)
        panic("conv2d_frozen: weight %s is not frozen", shape_text(weight));
    if (addend && (scale || relu)) panic("conv2d_frozen: an addend after a scale or before relu");
    Frozen frozen = {.shape = conv_shape(x, weight, shift, how),
                     .after = {data_of(scale), data_of(shift), relu, data_of(addend)}};
    Tensor *y = conv_output(tape, &frozen.shape);
    require_addend(addend, y);
    kernels->conv2d_frozen(&frozen.shape, &frozen.after, x->data, weight->data,
                           prepared_weight(kernels, &frozen.shape, weight, false), y->data);
    record(y, conv2d_frozen_backward, 3, inputs, &frozen, sizeof frozen);
    return y;
}

// ---- conv_dropout_pool_relu ----

typedef struct Pooled {
    ConvPool shape;
    uint8_t *places;
} Pooled;

// With dc the gradient of the convolution's result, dy / (1 - p) at each maximum that relu let
// through and 0 elsewhere: as conv2d_backward.
static void conv_pool_backward(Node *node)
{
    const Pooled *saved = node->saved;
    const ConvPool *shape = &saved->shape;
    const Tensor *x = node->inputs[0], *weight = node->inputs[1], *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    float *dx = grad_begin(node, 0);
    if (dx) kernels->conv2d_pool_input_gradient(shape, saved->places, y->grad, weight->data, dx);
    grad_end(node, 0);
    float *dweight = grad_begin(node, 1);
    if (dweight)
        kernels->conv2d_pool_weight_gradient(shape, saved->places, x->data, y->grad, dweight);
    grad_end(node, 1);
    float *dbias = grad_begin(node, 2);
    if (dbias) kernels->conv2d_pool_bias_gradient(shape, saved->places, y->grad, dbias);
    grad_end(node, 2);
}

static void conv_pool_sample_norms(Node *node, float *squares)
{
    const Pooled *saved = node->saved;
    const ConvShape *s = &saved->shape.conv;
    Tape *tape = node->output->tape;
    int64_t count = s->batch * s->out_height * s->out_width * s->out_channels;
    float *spread = tape_allocate(tape, count * 4);
    tape_kernels(tape)->conv2d_pool_spread(&saved->shape, saved->places, node->output->grad,
                                           spread);
    add_sample_norms(node, s, spread, squares);
}

Tensor *conv_dropout_pool_relu(Tensor *x, Tensor *weight, Tensor *bias, Conv2d how,
                               float probability, RandomKey key, Pool2d pool)
{
    Tensor *inputs[] = {x, weight, bias};
    Tape *tape = float_inputs("conv_dropout_pool_relu", 3, inputs);
    const Kernels *kernels = tape_kernels(tape);
    Pooled saved = {.shape = {conv_shape(x, weight, bias, how), pool.kernel, probability, key}};
    bool side_by_side = (pool.stride == 0 || pool.stride == pool.kernel) && pool.padding == 0;
    if (!side_by_side || !kernels->conv2d_pool_fits || !kernels->conv2d_pool_fits(&saved.shape))
        return dropout_pool_relu_over(weight->frozen
                                          ? conv2d_frozen(x, weight, NULL, bias, NULL, how, false)
                                          : conv2d(x, weight, bias, how),
                                      probability, key, pool);
    const ConvShape *s = &saved.shape.conv;
    Tensor *y = tape_tensor(tape, SHAPE(s->batch, s->out_height / pool.kernel,
                                        s->out_width / pool.kernel, s->out_channels));
    saved.places = tape_allocate(tape, y->count);
    kernels->conv2d_pool(&saved.shape, x->data, weight->data, data_of(bias), y->data, saved.places);
    record(y, conv_pool_backward, 3, inputs, &saved, sizeof saved);
    record_sample_norms(y, conv_pool_sample_norms);
    return y;
}

// ---- conv_transpose2d ----
// out = (in - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1: one of the sizes
// from which a convolution makes `in`; output_padding says which.

static int64_t transposed_size(int64_t in, int64_t kernel, Conv2d how)
{
    return (in - 1) * how.stride - 2 * how.padding + how.dilation * (kernel - 1) +
           how.output_padding + 1;
}

// y = C_W^T x + b:   dx = C_W dy,   dW[k] = sum over positions of dy at the tap k times x
static void conv_transpose2d_backward(Node *node)
{
    const ConvShape *shape = node->saved; // of C_W: from y's size to x's
    const Tensor *x = node->inputs[0], *weight = node->inputs[1], *y = node->output;
    const Kernels *kernels = tape_kernels(y->tape);
    float *dx = grad_begin(node, 0);
    if (dx) {
        kernels->conv2d(shape, y->grad, weight->data, NULL, NULL, dx);
        grad_end(node, 0);
    }
    float *dweight = grad_begin(node, 1);
    if (dweight) {
        kernels->conv2d_weight_gradient(shape, y->grad, x->data, dweight);
        grad_end(node, 1);
    }
    bias_gradient(node);
}

Tensor *conv_transpose2d(Tensor *x, Tensor *weight, Tensor *bias, Conv2d how)
{
    Tensor *inputs[] = {x, weight, bias};
    Tape *tape = float_inputs("conv_transpose2d", 3, inputs);
    with_defaults(&how);
    require_operands("conv_transpose2d", x, weight, bias, weight->shape[3], weight->shape[2], how);
    if (how.output_padding >= how.stride && how.output_padding >= how.dilation)
        panic("conv_transpose2d: output padding %lld is not below stride or dilation",
              (long long)how.output_padding);
    ConvShape shape = {.batch = x->shape[0],
                       .in_height = transposed_size(x->shape[1], weight->shape[0], how),
                       .in_width = transposed_size(x->shape[2], weight->shape[1], how),
                       .in_channels = weight->shape[2],
                       .out_height = x->shape[1],
                       .out_width = x->shape[2],
                       .out_channels = x->shape[3],
                       .kernel_height = weight->shape[0],
                       .kernel_width = weight->shape[1],
                       .stride = how.stride,
                       .padding = how.padding,
                       .dilation = how.dilation};
    if (shape.in_height < 1 || shape.in_width < 1)
        panic("conv_transpose2d: x %s is too small for weight %s with padding %lld", shape_text(x),
              shape_text(weight), (long long)how.padding);
    Tensor *y = tape_tensor(
        tape, 4, (int64_t[]){shape.batch, shape.in_height, shape.in_width, shape.in_channels});
    tape_kernels(tape)->conv2d_input_gradient(&shape, x->data, weight->data, data_of(bias),
                                              y->data);
    record(y, conv_transpose2d_backward, 3, inputs, &shape, (int64_t)sizeof shape);
    return y;
}
