// model_check [--device cpu|cuda|emulated] FILE...: whole networks against PyTorch. Each file (../shared/golden/README.md) holds
// a network's weights, an input, and what PyTorch makes of them in float64: the output with running
// statistics, then with batch statistics the output, the loss and every gradient. One line a file,
// "ok NAME error" or "FAIL NAME error reason"; exit status 0 only if none failed.
//
// The error is the largest absolute difference over the largest absolute expected value of a
// tensor. Of a gradient the file holds the norm and the first 16 values; the largest value of all
// is at least norm / sqrt(count), and the values are measured against that where they are smaller.
// A layer's bias is measured against its weight where that is larger: before batch norm a bias has
// the gradient 0, of which float32 can only leave its rounding errors.
//
// Outputs are continuous in input and weights, gradients are not: where the input of a relu or two
// candidates of a max pooling lie within float32's rounding error, no float32 program can know the
// side that float64 is on, and one of millions on the other side moves a first layer's gradient by
// more than the tolerance. So where gradients are off, the check looks for the sides that float64
// took: again and again it moves one tensor (the input, or a layer near the last gradient that is
// off) by about float32's rounding error, and keeps what brings the gradients nearer. It passes
// only when all gradients of one pass agree with the file's to the same tolerance. A wrong gradient
// is wrong on every side. Standard error says where moves were needed.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cuda/device.h"
#include "nn/classifier.h"
#include "nn/filter.h"
#include "tests/golden.h"

static const double tolerance = 5e-4;

// Rounding errors, the largest tried: of the input, relative; of values in a deep network, about 1.
static const float input_error = 1e-6f, value_error = 2e-5f;

enum {
    HEAD = 16,
    SIDE_LIMIT = 1024,
    BATCH_LIMIT = 1024,
    CLASS_LIMIT = 4096,
    MOVES = 40,
    NAME_LIMIT = 64
};

// One file's check. A classifier or a filter, as the file says.
typedef struct Check {
    const Kernels *kernels;
    const Safetensors *file;
    const char *path;
    Classifier *classifier;
    Filter *filter;
    Parameters *parameters;
    Tape *tape;
    Tensor *input, *moved, *labels; // persistent; moved: the input by rounding errors
    double worst;                   // largest error so far
    double worst_output;            // .. of those before the gradients
    int last_off;                   // parameter whose gradient is off, the last of them
    Error error;                    // what was wrong, the check ends there
} Check;

static const Mode batch_statistics = {.training = true, .without_dropout = true};

// The stored float tensor of this name and number of values, NULL after saying why not.
static const StoredTensor *expect(Check *check, const char *name, int64_t count)
{
    const StoredTensor *stored = safetensors_find(check->file, name);
    if (!stored || stored->type != STORED_F32 || stored->count != count) {
        fail(&check->error, "%s is missing, not float, or not of %lld values", name,
             (long long)count);
        return NULL;
    }
    return stored;
}

// Notes an error, and fails where it is too large.
static bool judge(Check *check, const char *name, double error)
{
    if (!(error <= check->worst)) check->worst = error;
    if (error <= tolerance) return true;
    return fail(&check->error, "%s is off by %.3g", name, error);
}

static bool compare(Check *check, const char *name, const float *values, int64_t count)
{
    const StoredTensor *stored = expect(check, name, count);
    return stored && judge(check, name, golden_error(values, stored->data, count));
}

static bool compare_tensor(Check *check, const char *name, const Tensor *tensor)
{
    float *values = golden_fetch(tensor, tensor->data);
    bool ok = compare(check, name, values, tensor->count);
    free(values);
    return ok;
}

static bool read_labels(Check *check, int64_t batch, int classes)
{
    const StoredTensor *stored = safetensors_find(check->file, "labels");
    if (!stored || stored->type != STORED_I32 || stored->count != batch)
        return fail(&check->error, "labels are missing, or not an int32 for each image");
    check->labels = tensor_create_int(SHAPE(batch));
    for (int64_t i = 0; i < batch; i++) {
        int32_t label = ((const int32_t *)stored->data)[i];
        if (label < 0 || label >= classes)
            return fail(&check->error, "label %d is not in 0..%d", label, classes - 1);
        check->labels->ints[i] = label;
    }
    return true;
}

// The name of our network: with - for _, and "-bn" for a VGG that has batch norm, which the golden
// files call by the same name as one without.
static void network_name(const Check *check, const char *model, char name[NAME_LIMIT])
{
    bool vgg_bn = strncmp(model, "vgg", 3) == 0 && !strstr(model, "bn") &&
                  safetensors_find(check->file, "features.1.running_mean");
    snprintf(name, NAME_LIMIT, "%.40s%s", model, vgg_bn ? "-bn" : "");
    for (char *c = name; *c; c++)
        if (*c == '_') *c = '-';
}

static bool create_classifier(Check *check, const char *name, const int64_t *shape, int classes)
{
    check->classifier = classifier_create(name, (int)shape[2], (int)shape[3], (int)shape[1],
                                          classes, &check->error);
    if (!check->classifier || !read_labels(check, shape[0], classes)) return false;
    check->parameters = &check->classifier->parameters;
    return true;
}

static bool create_filter(Check *check, const char *name, const int64_t *shape)
{
    const Json *metadata = check->file->metadata;
    bool variational = strcmp(json_get_string(metadata, "variational", "0"), "1") == 0;
    FilterOptions options = {.variational = variational};
    if (!filter_for(name, (int)shape[2], (int)shape[3], (int)shape[1], &check->error)) return false;
    check->filter = filter_create(name, options, &check->error);
    check->parameters = &check->filter->parameters;
    return true;
}

// The network that the file names, with the file's weights; sizes come from the input.
static bool create_network(Check *check, const char *model, const int64_t *shape)
{
    char name[NAME_LIMIT];
    network_name(check, model, name);
    const char *said = json_get_string(check->file->metadata, "classes", "0");
    long classes = strtol(said, NULL, 10);
    if (classes < 0 || classes > CLASS_LIMIT)
        return fail(&check->error, "%.20s classes: 0 (a filter) to %d", said, CLASS_LIMIT);
    bool created = classes > 0 ? create_classifier(check, name, shape, (int)classes)
                               : create_filter(check, name, shape);
    if (!created ||
        !parameters_restore(check->parameters, "", check->file, check->path, &check->error))
        return false;
    parameters_move(check->parameters, check->kernels->memory);
    tensor_move(check->input, check->kernels->memory);
    tensor_move(check->moved, check->kernels->memory);
    if (check->labels) tensor_move(check->labels, check->kernels->memory);
    return true;
}

static bool read_network(Check *check)
{
    const char *model = json_get_string(check->file->metadata, "model", NULL);
    const StoredTensor *input = safetensors_find(check->file, "input");
    if (!model || !input) return fail(&check->error, "no model or no input in the file");
    const int64_t *shape = input->shape; // n, c, h, w
    if (input->type != STORED_F32 || input->rank != 4 || input->count == 0 ||
        shape[0] > BATCH_LIMIT || shape[1] > SIDE_LIMIT || shape[2] > SIDE_LIMIT ||
        shape[3] > SIDE_LIMIT)
        return fail(&check->error, "the input is no batch of images");
    check->input = tensor_create(SHAPE(shape[0], shape[2], shape[3], shape[1]));
    check->moved = tensor_create(SHAPE(shape[0], shape[2], shape[3], shape[1]));
    golden_from_nchw(input->data, check->input->shape, check->input->data);
    return create_network(check, model, shape);
}

// A filter's output comes from the mean of its latent: nothing is sampled here.
static Tensor *run(const Check *check, Tensor *x, Mode mode, Latent *latent)
{
    if (check->classifier) return classify(check->classifier, x, mode);
    *latent = filter_encode(check->filter, x, mode.training);
    return filter_decode(check->filter, *latent, latent->mean, mode.training);
}

static bool compare_output(Check *check, const char *name, const Tensor *output)
{
    if (check->classifier) return compare_tensor(check, name, output);
    float *stored = allocate((uint64_t)output->count * sizeof(float));
    float *values = golden_fetch(output, output->data);
    golden_to_nchw(values, output->shape, stored);
    bool ok = compare(check, name, stored, output->count);
    free(values);
    free(stored);
    return ok;
}

static bool check_evaluation(Check *check)
{
    Latent latent;
    Tensor *output = run(check, tape_input(check->tape, check->input), (Mode){0}, &latent);
    bool ok = compare_output(check, check->classifier ? "logits_eval" : "output_eval", output);
    tape_reset(check->tape);
    return ok;
}

static const StoredTensor *expected_gradient(Check *check, const Parameter *parameter,
                                             const char *part, int64_t count)
{
    char name[NAME_LIMIT * 4];
    snprintf(name, sizeof name, "grad.%s.%s", parameter->name, part);
    return expect(check, name, count);
}

static bool is_bias(const Parameter *parameter)
{
    size_t length = strlen(parameter->name);
    return length > 4 && strcmp(parameter->name + length - 4, "bias") == 0;
}

// norm / sqrt(count) of the expected gradient, which its largest value is not below; of the layer's
// weight where the parameter is a bias and that is more. Negative after saying what is missing.
static double gradient_scale(Check *check, const Parameter *parameter)
{
    const StoredTensor *norm = expected_gradient(check, parameter, "norm", 1);
    if (!norm) return -1;
    double scale = (double)((const float *)norm->data)[0] / sqrt((double)parameter->tensor->count);
    if (!is_bias(parameter)) return scale;
    char weight[NAME_LIMIT * 4];
    int layer_name = (int)strlen(parameter->name) - 4;
    snprintf(weight, sizeof weight, "%.*sweight", layer_name, parameter->name);
    const Parameter *layer = parameters_find(check->parameters, weight);
    return layer ? fmax(scale, gradient_scale(check, layer)) : scale;
}

// The error of a parameter's gradient; negative after saying what is missing.
static double gradient_error(Check *check, const Parameter *parameter)
{
    const Tensor *tensor = parameter->tensor;
    int64_t count = tensor->count < HEAD ? tensor->count : HEAD, shape[TENSOR_MAX_RANK];
    const StoredTensor *norm = expected_gradient(check, parameter, "norm", 1);
    const StoredTensor *head = expected_gradient(check, parameter, "head", count);
    double scale = gradient_scale(check, parameter);
    if (!norm || !head || scale < 0) return -1;
    if (!tensor->grad_written) {
        fail(&check->error, "%s has got no gradient", parameter->name);
        return -1;
    }
    double squares = 0, size = scale, difference = 0;
    float *gradient = golden_fetch(tensor, tensor->grad);
    for (int64_t i = 0; i < tensor->count; i++)
        squares += (double)gradient[i] * (double)gradient[i];
    float *stored = allocate((uint64_t)tensor->count * sizeof(float));
    parameter_export(parameter, gradient, stored, shape);
    free(gradient);
    const float *expected = head->data;
    for (int64_t i = 0; i < count; i++) {
        difference = fmax(difference, fabs((double)stored[i] - (double)expected[i]));
        size = fmax(size, fabs((double)expected[i]));
    }
    free(stored);
    double of_norm = fabs(sqrt(squares) - (double)((const float *)norm->data)[0]);
    of_norm /= scale * sqrt((double)tensor->count); // the norm that this scale would give
    return isfinite(squares) && size > 0 ? fmax(difference / size, of_norm) : INFINITY;
}

// By how much all gradients together exceed the tolerance: 0 where all agree. Negative where
// something is missing.
static double gradients_excess(Check *check)
{
    double excess = 0;
    for (int i = 0; i < check->parameters->count; i++) {
        const Parameter *parameter = &check->parameters->items[i];
        if (!parameter->trainable) continue;
        double error = gradient_error(check, parameter);
        if (error < 0) return -1;
        char name[NAME_LIMIT * 4];
        snprintf(name, sizeof name, "grad.%s", parameter->name);
        if (judge(check, name, error)) continue;
        check->last_off = i;
        excess += error - tolerance;
    }
    return excess;
}

// Mean cross-entropy, or for a filter the mean over the batch of ||output - input||_2, and .003
// times the KL divergence of its latent where it is variational.
static Tensor *loss_of(const Check *check, Tensor *x, Tensor *output, Latent latent)
{
    if (check->classifier) return cross_entropy(output, tape_input(check->tape, check->labels));
    Tensor *loss = mean(norm2_rows(subtract(output, x)), ALL_DIMENSIONS, false);
    if (!latent.log_variance) return loss;
    int64_t n = latent.mean->shape[0];
    Tensor *divergence = kl_standard_normal(reshape(latent.mean, SHAPE(n, -1)),
                                            reshape(latent.log_variance, SHAPE(n, -1)));
    return add(loss, scale(.003f, divergence));
}

// One pass with batch statistics. The gradients' excess; negative where the outputs, which count
// where nothing is moved, are off.
static double training_pass(Check *check, bool with_outputs)
{
    Tensor *x = tape_input(check->tape, check->moved);
    Latent latent = {0};
    Tensor *output = run(check, x, batch_statistics, &latent);
    Tensor *loss = loss_of(check, x, output, latent);
    double excess = -1;
    if (!with_outputs || (compare_output(check, "output_train", output) &&
                          compare_tensor(check, "loss_train", loss))) {
        if (with_outputs) check->worst_output = check->worst;
        backward(loss);
        excess = gradients_excess(check);
    }
    tape_reset(check->tape);
    return excess;
}

// Every other time the input, which moves all values a little; else the bias at the last gradient
// that is off or one after it, with half the chance for each further one: a side that is wrong there
// shows in the gradients before it.
static Tensor *choose(const Check *check, uint32_t number)
{
    if (number % 2 == 1) return check->moved;
    uint32_t further = 1 + random_below((RandomKey){.seed = number}, 0, 255);
    for (int place = check->last_off; place < check->parameters->count; place++) {
        const Parameter *parameter = &check->parameters->items[place];
        if (!parameter->trainable || !is_bias(parameter)) continue;
        if (further % 2 == 1) return parameter->tensor;
        further /= 2;
    }
    return check->moved;
}

// The tensor's values, changed by rounding errors of several sizes; biases by those of what they are added to, about 1.
static void move(Tensor *tensor, const float *values, uint32_t number)
{
    RandomKey key = {.seed = number};
    float size = (tensor->rank > 1 ? input_error : value_error) / (float)(1 << number / 2 % 4);
    float *moved = allocate((uint64_t)tensor->count * sizeof *moved);
    for (int64_t i = 0; i < tensor->count; i++) {
        float by = size * (2 * random_uniform(key, 1 + (uint64_t)i) - 1);
        moved[i] = values[i] + (tensor->rank > 1 ? by * values[i] : by);
    }
    tensor_write(tensor, moved);
    free(moved);
}

// Looks for the sides of relu and max pooling that float64 took; `excess` is that of the values as
// they are.
static bool find_sides(Check *check, double excess)
{
    const double worst = check->worst;
    const Error as_it_is = check->error;
    for (uint32_t number = 1; number <= MOVES && excess > 0; number++) {
        Tensor *tensor = choose(check, number);
        int last_off = check->last_off;
        float *before = golden_fetch(tensor, tensor->data);
        move(tensor, before, number);
        check->worst = check->worst_output;
        double moved = training_pass(check, false);
        if (moved < excess) {
            excess = moved;
        } else {
            tensor_write(tensor, before);
            check->last_off = last_off;
        }
        free(before);
        if (excess == 0)
            fprintf(stderr, "%s: %s; agrees after %u moves by rounding errors\n", check->path,
                    as_it_is.message, (unsigned)number);
    }
    if (excess == 0) return true;
    check->worst = worst;
    check->error = as_it_is;
    return false;
}

static bool check_training(Check *check)
{
    float *input = golden_fetch(check->input, check->input->data);
    tensor_write(check->moved, input);
    free(input);
    double excess = training_pass(check, true);
    return excess == 0 || (excess > 0 && isfinite(excess) && find_sides(check, excess));
}

static bool check_file(const char *path, const Safetensors *file, const Kernels *kernels)
{
    Check check = {.kernels = kernels, .file = file, .path = path, .tape = tape_create(kernels)};
    bool ok = read_network(&check) && check_evaluation(&check) && check_training(&check);
    const char *name = json_get_string(file->metadata, "model", path);
    if (ok)
        printf("ok %s %.3g\n", name, check.worst);
    else
        printf("FAIL %s %.3g %s\n", name, check.worst, check.error.message);
    classifier_free(check.classifier);
    filter_free(check.filter);
    tensor_free(check.input);
    tensor_free(check.moved);
    tensor_free(check.labels);
    tape_free(check.tape);
    return ok;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0, first = 1;
    Error missing = {0};
    const char *device = "cpu";
    if (argc > 2 && strcmp(argv[1], "--device") == 0) {
        device = argv[2];
        first = 3;
    }
    if (first >= argc) {
        fprintf(stderr, "usage: model_check [--device cpu|cuda|emulated] FILE...\n");
        return 2;
    }
    const Kernels *kernels = device_kernels(device, PRECISION_EXACT, &missing);
    if (!kernels) {
        fprintf(stderr, "model_check: %s\n", missing.message);
        return 1;
    }
    for (int i = first; i < argc; i++) {
        Error error = {0};
        Safetensors *file = safetensors_read(argv[i], &error);
        bool ok = file && check_file(argv[i], file, kernels);
        if (!file) printf("FAIL %s nan %s\n", argv[i], error.message);
        safetensors_free(file);
        passed += ok;
        failed += !ok;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
