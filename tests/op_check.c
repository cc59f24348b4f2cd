// op_check [--device NAME] [--precision NAME] FILE...: operators against PyTorch. Each file (../shared/golden/README.md) names an
// operator and holds its attributes, inputs x0, x1, ..., results y0, ..., the gradients gy0, ...
// that arrive there, and the gradients gx0, ... that must leave. The operators are those of
// core/ops.h and the optimizers those of optim/, found by the table below. One line a file, "ok
// NAME error" or "FAIL NAME error reason"; exit status 0 only if none failed. Each case runs in a
// process of its own, so that one which stops the program is a failure of that file only.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/ops.h"
#include "core/safetensors.h"
#include "cuda/device.h"
#include "optim/optimizer.h"
#include "tests/golden.h"

// What an error may be, by the precision of products (cuda/device.h).
static const double tolerances[] = {
    [PRECISION_EXACT] = 2e-5, [PRECISION_TF32] = 1e-3, [PRECISION_BF16] = 1e-2};

enum { MAX_INPUTS = 6, MAX_OUTPUTS = 3 };

typedef struct Case Case;

// How an operator is called: one of the three functions. Layouts not named are plain.
typedef struct Operation {
    const char *name;
    Tensor *(*unary)(Tensor *x);
    Tensor *(*binary)(Tensor *a, Tensor *b);
    bool (*run)(Case *c); // sets y; false with c->error
    GoldenLayout x[MAX_INPUTS], y;
} Operation;

struct Case {
    const Kernels *kernels;
    double tolerance;
    const Safetensors *file;
    const Operation *operation;
    Tape *tape;
    int inputs;
    Tensor *stored[MAX_INPUTS]; // persistent, in sieve's layout
    Tensor *x[MAX_INPUTS];      // the same on the tape; NULL beyond `inputs`
    Tensor *y[MAX_OUTPUTS];
    double worst; // largest error so far
    Error error;  // what was wrong; the case ends there
};

// The tensor "gx0" of the file, or NULL.
static const StoredTensor *find(const Case *c, const char *kind, int i)
{
    char name[16];
    snprintf(name, sizeof name, "%s%d", kind, i);
    return safetensors_find(c->file, name);
}

// ---- Attributes: all are strings ----

static const char *attribute(const Case *c, const char *name, const char *fallback)
{
    return json_get_string(c->file->metadata, name, fallback);
}

static double number(const Case *c, const char *name, double fallback)
{
    const char *text = attribute(c, name, NULL);
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
    const char *text = attribute(c, name, "");
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
    const char *given = attribute(c, name, fallback);
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
    const int32_t *values = find(c, "x", 1)->data;
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
                                                    real(c, "weight_decay", 0)});
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

// ---- One case ----

static bool read_inputs(Case *c)
{
    const StoredTensor *stored;
    for (; c->inputs < MAX_INPUTS && (stored = find(c, "x", c->inputs)); c->inputs++) {
        int i = c->inputs;
        if (stored->type == STORED_U64 || stored->rank > TENSOR_MAX_RANK)
            return fail(&c->error, "x%d is of a type or rank that no operator takes", i);
        if (stored->type == STORED_I32) {
            c->stored[i] = tensor_create_int(stored->rank, stored->shape);
            memcpy(c->stored[i]->ints, stored->data, (size_t)stored->count * sizeof(int32_t));
        } else {
            c->stored[i] = tensor_create(stored->rank, stored->shape);
            golden_import(c->operation->x[i], stored->rank, stored->shape, stored->data,
                          c->stored[i]->shape, c->stored[i]->data);
        }
        tensor_move(c->stored[i], c->kernels->memory);
        c->x[i] = tape_input(c->tape, c->stored[i]);
        c->x[i]->needs_grad = find(c, "gx", i) != NULL;
    }
    return c->inputs > 0 || fail(&c->error, "the file has no x0");
}

// Compares values, which have tensor's shape, with what the file expects.
static bool compare(Case *c, const char *kind, int i, GoldenLayout layout, const Tensor *tensor,
                    const float *values)
{
    const StoredTensor *expected = find(c, kind, i);
    if (!expected || expected->type != STORED_F32)
        return fail(&c->error, "%s%d is missing or not float", kind, i);
    if (!values) return fail(&c->error, "%s%d: nothing was computed", kind, i);
    float *own = golden_fetch(tensor, values);
    float *stored = allocate((uint64_t)tensor->count * sizeof(float));
    int64_t shape[TENSOR_MAX_RANK];
    golden_export(layout, tensor->rank, tensor->shape, own, shape, stored);
    free(own);
    bool same = tensor->rank == expected->rank &&
                memcmp(shape, expected->shape, (size_t)tensor->rank * sizeof shape[0]) == 0;
    double error = same ? golden_error(stored, expected->data, tensor->count) : INFINITY;
    free(stored);
    if (error > c->worst) c->worst = error;
    if (!same) return fail(&c->error, "%s%d has the wrong shape, %s", kind, i, shape_text(tensor));
    return error <= c->tolerance || fail(&c->error, "%s%d is off by %.3g", kind, i, error);
}

static bool compute(Case *c)
{
    const Operation *operation = c->operation;
    if (operation->run) return operation->run(c);
    int needed = operation->unary ? 1 : 2;
    if (c->inputs != needed) return fail(&c->error, "%d inputs, not %d", c->inputs, needed);
    c->y[0] = needed == 1 ? operation->unary(c->x[0]) : operation->binary(c->x[0], c->x[1]);
    return true;
}

static bool check_outputs(Case *c)
{
    int count = 0;
    for (; count < MAX_OUTPUTS && c->y[count]; count++)
        if (!compare(c, "y", count, c->operation->y, c->y[count], c->y[count]->data)) return false;
    return !find(c, "y", count) || fail(&c->error, "y%d is not computed", count);
}

static bool check_gradients(Case *c)
{
    const StoredTensor *arriving = find(c, "gy", 0);
    Tensor *y = c->y[0];
    bool any = false;
    for (int i = 0; i < MAX_INPUTS; i++) any |= find(c, "gx", i) != NULL;
    if (!any) return true;
    if (!arriving || arriving->type != STORED_F32 || arriving->count != y->count ||
        arriving->rank != y->rank)
        return fail(&c->error, "gy0 is missing or has not y0's shape");
    int64_t shape[TENSOR_MAX_RANK];
    Tensor *gradient = tensor_create(y->rank, y->shape);
    golden_import(c->operation->y, y->rank, arriving->shape, arriving->data, shape, gradient->data);
    tensor_move(gradient, c->kernels->memory);
    backward_from(y, gradient->data);
    tensor_free(gradient);
    for (int i = 0; i < c->inputs; i++)
        if (find(c, "gx", i) && !compare(c, "gx", i, c->operation->x[i], c->x[i], c->x[i]->grad))
            return false;
    return true;
}

static bool check_case(Case *c)
{
    const char *name = attribute(c, "op", NULL);
    if (!name) return fail(&c->error, "the file names no op");
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
        if (strcmp(operations[i].name, name) == 0) c->operation = &operations[i];
    if (!c->operation) return fail(&c->error, "no operator is named %s", name);
    return read_inputs(c) && compute(c) && check_outputs(c) && check_gradients(c);
}

// "add-000" of "golden/ops/add-000.safetensors"
static void print_line(bool ok, const char *path, double error, const char *reason)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    int length = (int)strcspn(name, ".");
    printf("%s %.*s %.3g%s%s\n", ok ? "ok" : "FAIL", length, name, error, *reason ? " " : "",
           reason);
}

static bool check_file(const char *path, const Kernels *kernels, double tolerance)
{
    Error error = {0};
    Safetensors *file = safetensors_read(path, &error);
    if (!file) {
        print_line(false, path, NAN, error.message);
        return false;
    }
    Case c = {
        .kernels = kernels, .tolerance = tolerance, .file = file, .tape = tape_create(kernels)};
    bool ok = check_case(&c);
    print_line(ok, path, c.worst, c.error.message);
    for (int i = 0; i < c.inputs; i++) tensor_free(c.stored[i]);
    tape_free(c.tape);
    safetensors_free(file);
    return ok;
}

static bool check_on(const char *path, const char *device, Precision precision)
{
    Error error = {0};
    const Kernels *kernels = device_kernels(device, precision, &error);
    if (!kernels) print_line(false, path, NAN, error.message);
    return kernels && check_file(path, kernels, tolerances[precision]);
}

// In a process of its own; but a GPU takes longer to open than all cases together.
static bool check_apart(const char *path, const char *device, Precision precision)
{
    fflush(stdout);
    if (strcmp(device, "cuda") == 0) return check_on(path, device, precision);
    pid_t child = fork();
    if (child < 0) {
        print_line(false, path, NAN, "no process could be started");
        return false;
    }
    if (child == 0) {
        bool ok = check_on(path, device, precision);
        exit(ok ? 0 : 1);
    }
    int status = 0;
    if (waitpid(child, &status, 0) == child && WIFEXITED(status)) return WEXITSTATUS(status) == 0;
    print_line(false, path, NAN, "stopped the program");
    return false;
}

int main(int argc, char **argv)
{
    const char *device = "cpu";
    Precision precision = PRECISION_EXACT;
    int passed = 0, failed = 0, first = 1;
    for (; first + 1 < argc && strncmp(argv[first], "--", 2) == 0; first += 2) {
        Error error = {0};
        if (strcmp(argv[first], "--device") == 0) device = argv[first + 1];
        if (strcmp(argv[first], "--precision") == 0 &&
            !precision_parse(argv[first + 1], &precision, &error)) {
            fprintf(stderr, "op_check: %s\n", error.message);
            return 2;
        }
    }
    if (first >= argc) {
        fprintf(stderr, "usage: op_check [--device cpu|cuda|emulated] "
                        "[--precision exact|tf32|bf16] FILE...\n");
        return 2;
    }
    for (int i = first; i < argc; i++) {
        if (check_apart(argv[i], device, precision))
            passed++;
        else
            failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
