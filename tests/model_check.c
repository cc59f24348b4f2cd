// model_check FILE...: whole networks against PyTorch. Each file (../shared/golden/README.md) holds
// a network's weights, an input, and what PyTorch makes of them: the output with running
// statistics, then with batch statistics the output, the loss and every gradient. One line a file,
// "ok NAME error" or "FAIL NAME error reason"; exit status 0 only if none failed.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/classifier.h"
#include "nn/filter.h"
#include "tests/golden.h"

static const double tolerance = 5e-4;

enum { HEAD = 16, SIDE_LIMIT = 1024, BATCH_LIMIT = 1024, CLASS_LIMIT = 4096 };

// One file's check. A classifier or a filter, as the file says.
typedef struct Check {
    const Safetensors *file;
    const char *path;
    Classifier *classifier;
    Filter *filter;
    Parameters *parameters;
    Tape *tape;
    Tensor *input, *labels; // persistent
    double worst;           // largest error so far
    Error error;            // what was wrong, the check ends there
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

static bool compare(Check *check, const char *name, const float *values, int64_t count)
{
    const StoredTensor *stored = expect(check, name, count);
    if (!stored) return false;
    double error = golden_error(values, stored->data, count);
    if (!(error <= check->worst)) check->worst = error;
    if (error <= tolerance) return true;
    return fail(&check->error, "%s is off by %.3g", name, error);
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

// The network that the file names, with the file's weights; sizes come from the input.
static bool create_network(Check *check, const char *model, const int64_t *shape)
{
    char name[64];
    snprintf(name, sizeof name, "%s", model);
    for (char *c = name; *c; c++)
        if (*c == '_') *c = '-';
    const char *said = json_get_string(check->file->metadata, "classes", "0");
    long classes = strtol(said, NULL, 10);
    if (classes < 0 || classes > CLASS_LIMIT)
        return fail(&check->error, "%.20s classes: 0 (a filter) to %d", said, CLASS_LIMIT);
    int channels = (int)shape[1], height = (int)shape[2], width = (int)shape[3];
    if (classes > 0) {
        check->classifier =
            classifier_create(name, height, width, channels, (int)classes, &check->error);
        if (!check->classifier || !read_labels(check, shape[0], (int)classes)) return false;
        check->parameters = &check->classifier->parameters;
    } else {
        Filter *filter = check->filter = filter_create(name, (FilterOptions){0}, &check->error);
        if (!filter) return false;
        if (filter->height != height || filter->width != width || filter->channels != channels)
            return fail(&check->error, "%s does not take this input", name);
        check->parameters = &filter->parameters;
    }
    return parameters_restore(check->parameters, "", check->file, check->path, &check->error);
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
    golden_from_nchw(input->data, check->input->shape, check->input->data);
    return create_network(check, model, shape);
}

static Tensor *run(Check *check, Tensor *x, Mode mode)
{
    if (check->classifier) return classify(check->classifier, x, mode);
    return filter_forward(check->filter, x, mode.training, mode.key);
}

static bool compare_output(Check *check, const char *name, const Tensor *output)
{
    if (check->classifier) return compare(check, name, output->data, output->count);
    float *stored = allocate((uint64_t)output->count * sizeof(float));
    golden_to_nchw(output->data, output->shape, stored);
    bool ok = compare(check, name, stored, output->count);
    free(stored);
    return ok;
}

static bool check_evaluation(Check *check)
{
    Tensor *output = run(check, tape_input(check->tape, check->input), (Mode){0});
    bool ok = compare_output(check, check->classifier ? "logits_eval" : "output_eval", output);
    tape_reset(check->tape);
    return ok;
}

static bool check_gradient(Check *check, const Parameter *parameter)
{
    const Tensor *tensor = parameter->tensor;
    if (!tensor->grad_written)
        return fail(&check->error, "%s has got no gradient", parameter->name);
    double squares = 0;
    for (int64_t i = 0; i < tensor->count; i++)
        squares += (double)tensor->grad[i] * (double)tensor->grad[i];
    float norm = (float)sqrt(squares);
    int64_t shape[TENSOR_MAX_RANK];
    float *stored = allocate((uint64_t)tensor->count * sizeof(float));
    parameter_export(parameter, tensor->grad, stored, shape);
    char name[2][256];
    snprintf(name[0], sizeof name[0], "grad.%s.norm", parameter->name);
    snprintf(name[1], sizeof name[1], "grad.%s.head", parameter->name);
    bool ok = compare(check, name[0], &norm, 1) &&
              compare(check, name[1], stored, tensor->count < HEAD ? tensor->count : HEAD);
    free(stored);
    return ok;
}

// Mean cross-entropy, or for a filter the mean over the batch of ||output - input||_2.
static bool check_training(Check *check)
{
    Tensor *x = tape_input(check->tape, check->input);
    Tensor *output = run(check, x, batch_statistics);
    Tensor *loss = check->classifier ? cross_entropy(output, tape_input(check->tape, check->labels))
                                     : mean(norm2_rows(subtract(output, x)), ALL_DIMENSIONS, false);
    bool ok = compare_output(check, "output_train", output) &&
              compare(check, "loss_train", loss->data, 1);
    backward(loss);
    for (int i = 0; ok && i < check->parameters->count; i++)
        if (check->parameters->items[i].trainable)
            ok = check_gradient(check, &check->parameters->items[i]);
    tape_reset(check->tape);
    return ok;
}

static bool check_file(const char *path, const Safetensors *file)
{
    Check check = {.file = file, .path = path, .tape = tape_create(cpu_kernels())};
    bool ok = read_network(&check) && check_evaluation(&check) && check_training(&check);
    const char *name = json_get_string(file->metadata, "model", path);
    if (ok)
        printf("ok %s %.3g\n", name, check.worst);
    else
        printf("FAIL %s %.3g %s\n", name, check.worst, check.error.message);
    classifier_free(check.classifier);
    filter_free(check.filter);
    tensor_free(check.input);
    tensor_free(check.labels);
    tape_free(check.tape);
    return ok;
}

int main(int argc, char **argv)
{
    int passed = 0, failed = 0;
    if (argc < 2) {
        fprintf(stderr, "usage: model_check FILE...\n");
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        Error error = {0};
        Safetensors *file = safetensors_read(argv[i], &error);
        bool ok = file && check_file(argv[i], file);
        if (!file) printf("FAIL %s nan %s\n", argv[i], error.message);
        safetensors_free(file);
        passed += ok;
        failed += !ok;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}
