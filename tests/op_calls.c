// The calls of op_check: attributes read, operators applied.
#include "tests/op_calls.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "optim/optimizer.h"

const StoredTensor *case_tensor(const Case *c, const char *kind, int i)
{
    char name[16];
    snprintf(name, sizeof name, "%s%d", kind, i);
    return safetensors_find(c->file, name);
}

// ---- Attributes: all are strings ----

const char *case_attribute(const Case *c, const char *name, const char *fallback)
{
    return json_get_string(c->file->metadata, name, fallback);
}

static double number(const Case *c, const char *name, double fallback)
{
    const char *text = case_attribute(c, name, NULL);
    if (!text) return fallback;
    if (strcmp(text, "True") == 0) return 1;
    return strtod(text, NULL); // "False", "None": 0
}

static float real(const Case *c, const char *name, double fallback)
{
    return (float)number(c, name, fallback);
}

static int64_t whole(const Case *c, const char *name, int64_t fallback)
{
    double value = number(c, name, (double)fallback);
    return value > -1e9 && value < 1e9 ? (int64_t)value : fallback;
}

static bool flag(const Case *c, const char *name)
{
    return number(c, name, 0) != 0;
}

// The whole numbers of "2,3" or "(2, 3)"; returns how many, at most TENSOR_MAX_RANK.
static int list(const Case *c, const char *name, int64_t *values)
{
    const char *text = case_attribute(c, name, "");
    int count = 0;
    while (*text && count < TENSOR_MAX_RANK) {
        char *end;
        long value = strtol(text, &end, 10);
        if (end == text) {
            text++;
            continue;
        }
        values[count++] = value;
        text = end;
    }
    return count;
}

// Dimension numbers count from the end where negative.
static int dimension(const Tensor *x, int64_t dim)
{
    return (int)(dim < 0 ? dim + x->rank : dim);
}

static unsigned dimension_set(const Case *c, const Tensor *x)
{
    int64_t dims[TENSOR_MAX_RANK];
    unsigned set = 0;
    int count = list(c, "dims", dims);
    for (int i = 0; i < count; i++) set |= 1u << (dimension(x, dims[i]) & 31);
    return count ? set : ALL_DIMENSIONS;
}

// Whether the attribute is the one value that the operator has.
static bool only(Case *c, const char *name, const char *value, const char *fallback)
{
    const char *given = case_attribute(c, name, fallback);
    return strcmp(given, value) == 0 || fail(&c->error, "%s=%s is not offered", name, given);
}

// ---- Calls ----

static bool run_leaky_relu(Case *c)
{
    c->y[0] = leaky_relu(c->x[0], real(c, "slope", 0.01));
    return true;
}

static bool run_clamp(Case *c)
{
    c->y[0] = clamp(c->x[0], real(c, "min", -INFINITY), real(c, "max", INFINITY));
    return true;
}

static bool run_sum(Case *c)
{
    c->y[0] = sum(c->x[0], dimension_set(c, c->x[0]), flag(c, "keepdim"));
    return true;
}

static bool run_mean(Case *c)
{
    c->y[0] = mean(c->x[0], dimension_set(c, c->x[0]), flag(c, "keepdim"));
    return true;
}

static bool run_max(Case *c)
{
    int64_t dims[TENSOR_MAX_RANK];
    Tensor *x = c->x[0];
    if (list(c, "dims", dims) == 1)
        c->y[0] = max(x, dimension(x, dims[0]), flag(c, "keepdim"));
    else
        c->y[0] = max(reshape(x, SHAPE(x->count)), 0, false);
    return true;
}

static bool run_reshape(Case *c)
{
    int64_t shape[TENSOR_MAX_RANK];
    int rank = list(c, "shape", shape);
    c->y[0] = reshape(c->x[0], rank, shape);
    return true;
}

static bool run_permute(Case *c)
{
    int64_t dims[TENSOR_MAX_RANK];
    int order[TENSOR_MAX_RANK], count = list(c, "dims", dims);
    if (count != c->x[0]->rank) return fail(&c->error, "dims are not as many as x has");
    for (int i = 0; i < count; i++) order[i] = dimension(c->x[0], dims[i]);
    c->y[0] = permute(c->x[0], order);
    return true;
}

static bool run_concat(Case *c)
{
    c->y[0] = concat(c->inputs, c->x, dimension(c->x[0], whole(c, "dim", 0)));
    return true;
}

static bool run_pad2d(Case *c)
{
    c->y[0] = pad2d(c->x[0], whole(c, "left", 0), whole(c, "right", 0), whole(c, "top", 0),
                    whole(c, "bottom", 0));
    return true;
}

// Python's rules: negative positions count from the end, those beyond it are the end.
static int64_t slice_position(int64_t position, int64_t size)
{
    if (position < 0) position += size;
    return position < 0 ? 0 : position > size ? size : position;
}

static bool run_slice(Case *c)
{
    int dim = dimension(c->x[0], whole(c, "dim", 0));
    if (dim < 0 || dim >= c->x[0]->rank) return fail(&c->error, "x has no dimension %d", dim);
    int64_t size = c->x[0]->shape[dim];
    c->y[0] = slice(c->x[0], dim, slice_position(whole(c, "start", 0), size),
                    slice_position(whole(c, "stop", size), size));
    return true;
}

static bool run_linear(Case *c)
{
    c->y[0] = linear(c->x[0], c->x[1], c->x[2]);
    return true;
}

static Conv2d conv_attributes(const Case *c)
{
    return (Conv2d){.stride = whole(c, "stride", 1),
                    .padding = whole(c, "padding", 0),
                    .dilation = whole(c, "dilation", 1),
                    .output_padding = whole(c, "output_padding", 0)};
}

static bool run_conv2d(Case *c)
{
    c->y[0] = conv2d(c->x[0], c->x[1], c->x[2], conv_attributes(c));
    return true;
}

static bool run_conv_transpose2d(Case *c)
{
    c->y[0] = conv_transpose2d(c->x[0], c->x[1], c->x[2], conv_attributes(c));
    return true;
}

static Pool2d pool_attributes(const Case *c)
{
    return (Pool2d){whole(c, "kernel", 0), whole(c, "stride", 0), whole(c, "padding", 0)};
}

static bool run_max_pool2d(Case *c)
{
    c->y[0] = max_pool2d(c->x[0], pool_attributes(c));
    return true;
}

static bool run_avg_pool2d(Case *c)
{
    c->y[0] = avg_pool2d(c->x[0], pool_attributes(c));
    return true;
}

static bool run_adaptive_avg_pool2d(Case *c)
{
    int64_t size[TENSOR_MAX_RANK] = {0};
    int count = list(c, "output", size);
    c->y[0] = adaptive_avg_pool2d(c->x[0], size[0], size[count > 1]);
    return true;
}

// y1 and y2 are the running values after the call.
static bool run_batch_norm(Case *c)
{
    BatchNorm how = {real(c, "momentum", 0.1), real(c, "eps", 1e-5), flag(c, "training"),
                     NORM_RELU_NONE};
    if (c->inputs != 5) return fail(&c->error, "%d inputs, not 5", c->inputs);
    c->y[0] = batch_norm(c->x[0], c->x[1], c->x[2], c->stored[3], c->stored[4], how);
    c->y[1] = c->stored[3];
    c->y[2] = c->stored[4];
    return true;
}

static bool run_group_norm(Case *c)
{
    if (c->inputs != 3) return fail(&c->error, "%d inputs, not 3", c->inputs);
    c->y[0] =
        group_norm(c->x[0], c->x[1], c->x[2], whole(c, "num_groups", 1), real(c, "eps", 1e-5));
    return true;
}

// The size of the result: height and width, or scale; what is not said is read off y0.
static bool run_resample(Case *c, ResampleMode mode)
{
    const StoredTensor *expected = safetensors_find(c->file, "y0");
    if (!expected || expected->rank != 4 || c->x[0]->rank != 4)
        return fail(&c->error, "x0 and y0 are not images");
    double factor = number(c, "scale", 0);
    int64_t size[2] = {expected->shape[2], expected->shape[3]};
    for (int i = 0; factor > 0 && i < 2; i++)
        size[i] = (int64_t)((double)c->x[0]->shape[1 + i] * factor);
    c->y[0] = resample2d(c->x[0], whole(c, "height", size[0]), whole(c, "width", size[1]), mode,
                         flag(c, "align_corners"));
    return true;
}

static bool run_nearest(Case *c)
{
    return run_resample(c, RESAMPLE_NEAREST);
}

static bool run_bilinear(Case *c)
{
    return run_resample(c, RESAMPLE_BILINEAR);
}

static bool run_bicubic(Case *c)
{
    return run_resample(c, RESAMPLE_BICUBIC);
}

static bool run_grid_sample(Case *c)
{
    if (!only(c, "padding_mode", "zeros", "zeros") || !only(c, "mode", "bilinear", "bilinear"))
        return false;
    if (!flag(c, "align_corners")) return fail(&c->error, "align_corners=0 is not offered");
    c->y[0] = grid_sample(c->x[0], c->x[1]);
    return true;
}

static bool rows_of_classes(Case *c)
{
    if (c->x[0]->rank == 2 && dimension(c->x[0], whole(c, "dim", 1)) == 1) return true;
    return fail(&c->error, "only rows of a matrix are offered");
}

static bool run_softmax(Case *c)
{
    if (!rows_of_classes(c)) return false;
    c->y[0] = softmax(c->x[0]);
    return true;
}

static bool run_log_softmax(Case *c)
{
    if (!rows_of_classes(c)) return false;
    c->y[0] = log_softmax(c->x[0]);
    return true;
}

static bool run_cross_entropy(Case *c)
{
    const Tensor *logits = c->x[0], *labels = c->x[1];
    if (!only(c, "reduction", "mean", "mean")) return false;
    if (!labels || labels->type != TENSOR_INT || logits->rank != 2)
        return fail(&c->error, "x0 and x1 are not rows of logits and int32 labels");
    const int32_t *values = case_tensor(c, "x", 1)->data;
    for (int64_t i = 0; i < labels->count; i++)
        if (values[i] < 0 || values[i] >= logits->shape[1])
            return fail(&c->error, "label %d is out of range", values[i]);
    c->y[0] = cross_entropy(c->x[0], c->x[1]);
    return true;
}

// ---- Optimizers: x0 starts, x1, x2, ... are the gradients of the steps, y0, y1, ... the values
// after each ----

static bool run_optimizer(Case *c, Optimizer *(*create)(const Case *c, const Parameters *list))
{
    Parameters parameters = {0};
    const Tensor *start = c->stored[0];
    if (c->inputs < 2 || c->inputs > 1 + MAX_OUTPUTS)
        return fail(&c->error, "%d inputs: values and 1 to %d gradients are wanted", c->inputs,
                    MAX_OUTPUTS);
    Tensor *parameter = parameters_add(&parameters, "the", "parameter",
                                       (Parameter){.trainable = true}, start->rank, start->shape);
    Optimizer *optimizer = create(c, &parameters);
    parameters_move(&parameters, c->kernels->memory);
    optimizer_move(optimizer, c->kernels);
    const StridedCopy all = {1, {start->count}, {1}, {1}};
    c->kernels->copy(&all, start->data, parameter->data);
    for (int step = 1; step < c->inputs; step++) {
        const Tensor *gradient = c->stored[step];
        if (!same_shape(gradient, start) || gradient->type != TENSOR_FLOAT)
            return fail(&c->error, "x%d has not the shape of x0", step);
        c->kernels->copy(&all, gradient->data, parameter->grad);
        parameter->grad_written = true;
        optimizer_step(optimizer);
        Tensor *after = c->y[step - 1] = tape_tensor(c->tape, start->rank, start->shape);
        c->kernels->copy(&all, parameter->data, after->data);
    }
    optimizer_free(optimizer);
    parameters_free(&parameters);
    return true;
}

static Optimizer *create_sgd(const Case *c, const Parameters *parameters)
{
    return optimizer_create_sgd(parameters, (Sgd){real(c, "lr", 1e-3), real(c, "momentum", 0),
                                                  real(c, "weight_decay", 0), flag(c, "nesterov")});
}

static Optimizer *create_adam(const Case *c, const Parameters *parameters)
{
    return optimizer_create_adam(parameters, (Adam){real(c, "lr", 1e-3), real(c, "beta1", 0.9),
                                                    real(c, "beta2", 0.999), real(c, "eps", 1e-8),
                                                    real(c, "weight_decay", 0), false});
}

static bool run_sgd(Case *c)
{
    return run_optimizer(c, create_sgd);
}

static bool run_adam(Case *c)
{
    return run_optimizer(c, create_adam);
}

#define IMAGES .x = {GOLDEN_CHANNELS_LAST}, .y = GOLDEN_CHANNELS_LAST
#define CONVOLUTION .x = {GOLDEN_CHANNELS_LAST, GOLDEN_CONV_WEIGHT}, .y = GOLDEN_CHANNELS_LAST

static const Operation operations[] = {
    {"add", .binary = add},
    {"sub", .binary = subtract},
    {"mul", .binary = multiply},
    {"div", .binary = divide},
    {"relu", .unary = relu},
    {"sigmoid", .unary = sigmoid},
    {"tanh", .unary = hyperbolic_tangent},
    {"exp", .unary = exponential},
    {"neg", .unary = negate},
    {"square", .unary = square},
    {"softplus", .unary = softplus},
    {"tanhshrink", .unary = tanhshrink},
    {"elu", .unary = elu},
    {"abs", .unary = absolute},
    {"log", .unary = logarithm},
    {"sqrt", .unary = square_root},
    {"leaky_relu", .run = run_leaky_relu},
    {"clamp", .run = run_clamp},
    {"sum", .run = run_sum},
    {"mean", .run = run_mean},
    {"max", .run = run_max},
    {"norm2_rows", .unary = norm2_rows},
    {"reshape", .run = run_reshape},
    {"permute", .run = run_permute},
    {"concat", .run = run_concat},
    {"slice", .run = run_slice},
    {"pad2d", .run = run_pad2d, IMAGES},
    {"matmul", .binary = matmul},
    {"linear", .run = run_linear, .x = {GOLDEN_PLAIN, GOLDEN_LINEAR_WEIGHT}},
    {"conv2d", .run = run_conv2d, CONVOLUTION},
    {"conv_transpose2d", .run = run_conv_transpose2d, CONVOLUTION},
    {"max_pool2d", .run = run_max_pool2d, IMAGES},
    {"avg_pool2d", .run = run_avg_pool2d, IMAGES},
    {"adaptive_avg_pool2d", .run = run_adaptive_avg_pool2d, IMAGES},
    {"batch_norm", .run = run_batch_norm, IMAGES},
    {"group_norm", .run = run_group_norm, IMAGES},
    {"upsample_nearest2d", .run = run_nearest, IMAGES},
    {"upsample_bilinear2d", .run = run_bilinear, IMAGES},
    {"upsample_bicubic2d", .run = run_bicubic, IMAGES},
    {"grid_sample", .run = run_grid_sample, IMAGES},
    {"softmax", .run = run_softmax},
    {"log_softmax", .run = run_log_softmax},
    {"cross_entropy", .run = run_cross_entropy},
    {"mse_loss", .binary = mse_loss},
    {"l1_loss", .binary = l1_loss},
    {"kl_gauss", .binary = kl_standard_normal},
    {"sgd", .run = run_sgd},
    {"adam", .run = run_adam},
};

const Operation *operation_find(const char *name)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].name, name) == 0) return &operations[i];
    return NULL;
}
