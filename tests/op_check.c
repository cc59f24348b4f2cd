// op_check [--device NAME] [--precision NAME] FILE...: operators against PyTorch. Each file
// (../shared/golden/README.md) names an operator and holds its attributes, inputs x0, x1, ...,
// results y0, ..., the gradients gy0, ... that arrive there, and the gradients gx0, ... that must
// leave. The operators are those of core/ops.h and the optimizers those of optim/, found by the
// table of op_calls.c. One line a file, "ok NAME error" or "FAIL NAME error reason"; exit status 0
// only if none failed. Each case runs in a process of its own, so that one which stops the program
// is a failure of that file only.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include "cuda/device.h"
#include "tests/op_calls.h"

// What an error may be, by the precision of products (cuda/device.h).
static const double tolerances[] = {
    [PRECISION_EXACT] = 2e-5, [PRECISION_TF32] = 1e-3, [PRECISION_BF16] = 1e-2};

// ---- One case ----

static bool read_inputs(Case *c)
{
    const StoredTensor *stored;
    for (; c->inputs < MAX_INPUTS && (stored = case_tensor(c, "x", c->inputs)); c->inputs++) {
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
        c->x[i]->needs_grad = case_tensor(c, "gx", i) != NULL;
    }
    return c->inputs > 0 || fail(&c->error, "the file has no x0");
}

// Compares values, which have tensor's shape, with what the file expects.
static bool compare(Case *c, const char *kind, int i, GoldenLayout layout, const Tensor *tensor,
                    const float *values)
{
    const StoredTensor *expected = case_tensor(c, kind, i);
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
    return !case_tensor(c, "y", count) || fail(&c->error, "y%d is not computed", count);
}

static bool check_gradients(Case *c)
{
    const StoredTensor *arriving = case_tensor(c, "gy", 0);
    Tensor *y = c->y[0];
    bool any = false;
    for (int i = 0; i < MAX_INPUTS; i++) any |= case_tensor(c, "gx", i) != NULL;
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
        if (case_tensor(c, "gx", i) &&
            !compare(c, "gx", i, c->operation->x[i], c->x[i], c->x[i]->grad))
            return false;
    return true;
}

static bool check_case(Case *c)
{
    const char *name = case_attribute(c, "op", NULL);
    if (!name) return fail(&c->error, "the file names no op");
    c->operation = operation_find(name);
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
