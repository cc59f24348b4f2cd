// Parameters: names, layouts in files, what is refused; layers and their random start.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/initialize.h"
#include "nn/layers.h"
#include "tests/test.h"

typedef struct Small {
    Parameters parameters;
    Linear linear;
    Conv2dLayer conv;
    ConvTransposeLayer deconv;
    BatchNormLayer norm;
} Small;

static const LayerShape conv_shape = {.in = 3, .out = 5, .kernel = 2, .bias = true};

static Small small_create(void)
{
    Small net = {0};
    Parameters *parameters = &net.parameters;
    net.linear = linear_create(parameters, "linear", (LayerShape){.in = 3, .out = 2, .bias = true});
    net.conv = conv_create(parameters, "conv", conv_shape, (Conv2d){0});
    net.deconv = conv_transpose_create(parameters, "deconv", conv_shape, (Conv2d){0});
    net.norm = batch_norm_create(parameters, "norm", 5, .1f);
    return net;
}

static const char *const small_names[] = {
    "linear.weight", "linear.bias", "conv.weight", "conv.bias",         "deconv.weight",
    "deconv.bias",   "norm.weight", "norm.bias",   "norm.running_mean", "norm.running_var"};
enum { SMALL_NAMES = sizeof small_names / sizeof small_names[0] };

static const char *small_file(void)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/small.safetensors", temporary_directory());
    return path;
}

static void test_names_and_their_order_are_pytorchs(void)
{
    Small net = small_create();
    check(net.parameters.count == SMALL_NAMES, "%d tensors", net.parameters.count);
    for (int i = 0; i < net.parameters.count; i++)
        check(strcmp(net.parameters.items[i].name, small_names[i]) == 0, "tensor %d is %s, not %s",
              i, net.parameters.items[i].name, small_names[i]);
    check(parameters_values(&net.parameters) == 6 + 2 + 60 + 5 + 60 + 5 + 10,
          "%lld trainable values", (long long)parameters_values(&net.parameters));
    check(parameters_find(&net.parameters, "conv") == NULL, "found a tensor by half its name");
    parameters_free(&net.parameters);
}

static void check_stored(const Safetensors *file, const char *name, int rank, const int64_t *shape)
{
    const StoredTensor *stored = safetensors_find(file, name);
    if (!check(stored && stored->rank == rank, "%s is missing or of another rank", name)) return;
    for (int d = 0; d < rank; d++)
        check(stored->shape[d] == shape[d], "size %d of %s is %lld, not %lld", d, name,
              (long long)stored->shape[d], (long long)shape[d]);
}

// A value that tells where in memory it stood.
static void number_values(Tensor *tensor)
{
    for (int64_t i = 0; i < tensor->count; i++) tensor->data[i] = (float)i;
}

// memory[y][x][a][b] = stored[b][a][y][x];   memory[in][out] = stored[out][in]
static void test_stored_shapes_and_orders_are_pytorchs(void)
{
    Small net = small_create();
    number_values(net.linear.weight);
    number_values(net.conv.weight);
    number_values(net.deconv.weight);
    Safetensors *file = safetensors_create();
    parameters_store(&net.parameters, "net.", file);
    check_stored(file, "net.linear.weight", SHAPE(2, 3));
    check_stored(file, "net.conv.weight", SHAPE(5, 3, 2, 2));
    check_stored(file, "net.deconv.weight", SHAPE(3, 5, 2, 2));
    check_stored(file, "net.norm.running_var", SHAPE(5));
    const float *linear_values = safetensors_find(file, "net.linear.weight")->data;
    for (int out = 0; out < 2; out++)
        for (int in = 0; in < 3; in++)
            check(linear_values[out * 3 + in] == (float)(in * 2 + out), "linear (%d, %d)", out, in);
    const float *conv_values = safetensors_find(file, "net.conv.weight")->data;
    const float *deconv_values = safetensors_find(file, "net.deconv.weight")->data;
    for (int i = 0; i < 5 * 3 * 2 * 2; i++) {
        int x = i % 2, y = i / 2 % 2, ci = i / 4 % 3, co = i / 12;
        check(conv_values[i] == (float)(((y * 2 + x) * 3 + ci) * 5 + co), "conv value %d", i);
        co = i / 4 % 5, ci = i / 20;
        check(deconv_values[i] == (float)(((y * 2 + x) * 5 + co) * 3 + ci), "deconv value %d", i);
    }
    safetensors_free(file);
    parameters_free(&net.parameters);
}

static void check_equal(const Parameters *a, const Parameters *b)
{
    for (int i = 0; i < a->count; i++)
        check(memcmp(a->items[i].tensor->data, b->items[i].tensor->data,
                     (size_t)a->items[i].tensor->count * sizeof(float)) == 0,
              "%s came back changed", a->items[i].name);
}

static void test_saved_weights_come_back(void)
{
    Small net = small_create(), copy = small_create();
    initialize_default(&net.parameters, (RandomKey){.seed = 1});
    number_values(net.norm.running_mean);
    Error error = {0};
    check(parameters_save(&net.parameters, small_file(), &error), "%s", error.message);
    check(parameters_load(&copy.parameters, small_file(), &error), "%s", error.message);
    check_equal(&net.parameters, &copy.parameters);
    parameters_free(&net.parameters);
    parameters_free(&copy.parameters);
}

// Writes a file of the small network, changed by `damage`, and checks that reading it fails with
// these words and changes nothing.
static void check_refused(void (*damage)(Safetensors *file), const char *const words[3])
{
    Small net = small_create(), before = small_create();
    Safetensors *file = safetensors_create();
    initialize_default(&net.parameters, (RandomKey){.seed = 1});
    parameters_store(&net.parameters, "", file);
    damage(file);
    Error error = {0};
    check(safetensors_write(small_file(), file, &error), "%s", error.message);
    parameters_free(&net.parameters);
    net = small_create();
    check(!parameters_load(&net.parameters, small_file(), &error), "a damaged file was taken");
    check(strstr(error.message, small_file()) != NULL, "no file in: %s", error.message);
    for (int i = 0; i < 3 && words[i]; i++)
        check(strstr(error.message, words[i]) != NULL, "no \"%s\" in: %s", words[i], error.message);
    check_equal(&before.parameters, &net.parameters);
    safetensors_free(file);
    parameters_free(&net.parameters);
    parameters_free(&before.parameters);
}

static StoredTensor *stored(Safetensors *file, const char *name)
{
    for (int i = 0; i < file->count; i++)
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    return NULL;
}

static void swap_sizes(Safetensors *file)
{
    StoredTensor *weight = stored(file, "conv.weight");
    weight->shape[0] = 3;
    weight->shape[1] = 5;
}

static void drop_a_dimension(Safetensors *file)
{
    StoredTensor *weight = stored(file, "linear.weight");
    weight->rank = 1;
    weight->shape[0] = 6;
}

static void rename_one(Safetensors *file)
{
    StoredTensor *mean = stored(file, "norm.running_mean");
    memcpy(mean->name, "norm.running_mode", strlen(mean->name) + 1);
}

static void add_one(Safetensors *file)
{
    const float values[4] = {0};
    safetensors_add(file, "attention.weight", STORED_F32, SHAPE(2, 2), values);
}

static void make_integer(Safetensors *file)
{
    stored(file, "norm.bias")->type = STORED_I32;
}

static void test_a_wrong_shape_is_refused_with_both_shapes(void)
{
    check_refused(swap_sizes, (const char *[3]){"conv.weight", "(3, 5, 2, 2)", "(5, 3, 2, 2)"});
    check_refused(drop_a_dimension, (const char *[3]){"linear.weight", "(6)", "(2, 3)"});
}

static void test_missing_extra_and_integer_tensors_are_refused(void)
{
    check_refused(rename_one, (const char *[3]){"norm.running_mode"});
    check_refused(add_one, (const char *[3]){"attention.weight", "(2, 2)"});
    check_refused(make_integer, (const char *[3]){"norm.bias", "int32"});
}

static void test_a_missing_tensor_of_a_checkpoint_is_refused(void)
{
    Small net = small_create();
    Safetensors *file = safetensors_create();
    parameters_store(&net.parameters, "net.", file);
    Error error = {0};
    check(parameters_restore(&net.parameters, "net.", file, "F", &error), "%s", error.message);
    check(!parameters_restore(&net.parameters, "", file, "F", &error), "took names without prefix");
    check(strstr(error.message, "linear.weight") && strstr(error.message, "(2, 3)"),
          "the message is: %s", error.message);
    safetensors_free(file);
    parameters_free(&net.parameters);
}

static void test_pytorchs_batch_counts_are_ignored(void)
{
    Small net = small_create();
    Safetensors *file = safetensors_create();
    parameters_store(&net.parameters, "", file);
    const uint64_t batches = 17;
    safetensors_add(file, "norm.num_batches_tracked", STORED_U64, 0, NULL, &batches);
    Error error = {0};
    check(safetensors_write(small_file(), file, &error), "%s", error.message);
    check(parameters_load(&net.parameters, small_file(), &error), "%s", error.message);
    safetensors_free(file);
    parameters_free(&net.parameters);
}

static void test_freezing_touches_the_trainable_tensors_only(void)
{
    Small net = small_create();
    check(net.conv.weight->needs_grad && !net.norm.running_mean->needs_grad, "at the start");
    parameters_require_gradient(&net.parameters, false);
    for (int i = 0; i < net.parameters.count; i++)
        check(!net.parameters.items[i].tensor->needs_grad, "%s", net.parameters.items[i].name);
    parameters_require_gradient(&net.parameters, true);
    check(net.conv.weight->needs_grad && !net.norm.running_mean->needs_grad, "in the end");
    parameters_free(&net.parameters);
}

typedef struct Moments {
    double mean, variance, largest;
} Moments;

static Moments moments(const Tensor *tensor)
{
    Moments m = {0};
    for (int64_t i = 0; i < tensor->count; i++) {
        double value = (double)tensor->data[i];
        m.mean += value / (double)tensor->count;
        m.variance += value * value / (double)tensor->count;
        m.largest = fmax(m.largest, fabs(value));
    }
    m.variance -= m.mean * m.mean;
    return m;
}

static void check_moments(const char *name, const Tensor *tensor, double variance, double bound)
{
    Moments m = moments(tensor);
    check(fabs(m.mean) < .05 * sqrt(variance), "%s: mean %g", name, m.mean);
    check(fabs(m.variance / variance - 1) < .05, "%s: variance %g, not %g", name, m.variance,
          variance);
    check(m.largest <= bound, "%s: a value of size %g, bound %g", name, m.largest, bound);
}

// Uniform in +-b has variance b^2/3; fan_in is 64*9 = 576 for the convolution, 32*9 = 288 for its
// transpose.
static void test_random_starts_have_the_right_spread(void)
{
    Parameters parameters = {0};
    LayerShape shape = {.in = 64, .out = 32, .kernel = 3, .bias = true};
    Conv2dLayer conv = conv_create(&parameters, "conv", shape, (Conv2d){0});
    ConvTransposeLayer deconv = conv_transpose_create(&parameters, "deconv", shape, (Conv2d){0});
    BatchNormLayer norm = batch_norm_create(&parameters, "norm", 4, .1f);
    number_values(norm.weight);
    initialize_default(&parameters, (RandomKey){.seed = 3});
    check_moments("conv", conv.weight, 1. / (3 * 576), 1 / sqrt(576) + 1e-6);
    check_moments("deconv", deconv.weight, 1. / (3 * 288), 1 / sqrt(288) + 1e-6);
    check(moments(conv.bias).largest > 0, "the bias is zero");
    check(norm.weight->data[3] == 1 && norm.bias->data[3] == 0 && norm.running_mean->data[3] == 0 &&
              norm.running_variance->data[3] == 1,
          "batch norm does not start at the identity");
    float first = conv.weight->data[0];
    initialize_he(&parameters, (RandomKey){.seed = 3});
    check_moments("conv, He", conv.weight, 2. / 576, 6 * sqrt(2. / 576));
    check(moments(conv.bias).largest == 0, "He's bias is not zero");
    initialize_default(&parameters, (RandomKey){.seed = 4});
    check(conv.weight->data[0] != first, "another seed starts the same");
    initialize_default(&parameters, (RandomKey){.seed = 3});
    check(conv.weight->data[0] == first, "the same seed starts differently");
    parameters_free(&parameters);
}

static void test_dropout_is_off_outside_training_and_differs_by_name(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *ones = tensor_create(SHAPE(1000));
    for (int i = 0; i < 1000; i++) ones->data[i] = 1;
    Tensor *x = tape_input(tape, ones);
    Mode training = {.training = true, .key = {.seed = 5}};
    Mode without = {.training = true, .without_dropout = true};
    check(dropout_forward(x, .5f, "a", (Mode){0}) == x, "dropout in evaluation");
    check(dropout_forward(x, .5f, "a", without) == x, "dropout though switched off");
    Tensor *a = dropout_forward(x, .5f, "a", training), *b = dropout_forward(x, .5f, "b", training);
    int kept = 0, differ = 0;
    for (int i = 0; i < 1000; i++) {
        kept += a->data[i] != 0;
        differ += a->data[i] != b->data[i];
    }
    check(kept > 400 && kept < 600, "%d of 1000 kept", kept);
    check(differ > 400 && differ < 600, "masks of two layers differ in %d of 1000", differ);
    tape_free(tape);
    tensor_free(ones);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"names_and_their_order_are_pytorchs", test_names_and_their_order_are_pytorchs},
        {"stored_shapes_and_orders_are_pytorchs", test_stored_shapes_and_orders_are_pytorchs},
        {"saved_weights_come_back", test_saved_weights_come_back},
        {"a_wrong_shape_is_refused_with_both_shapes",
         test_a_wrong_shape_is_refused_with_both_shapes},
        {"missing_extra_and_integer_tensors_are_refused",
         test_missing_extra_and_integer_tensors_are_refused},
        {"a_missing_tensor_of_a_checkpoint_is_refused",
         test_a_missing_tensor_of_a_checkpoint_is_refused},
        {"pytorchs_batch_counts_are_ignored", test_pytorchs_batch_counts_are_ignored},
        {"freezing_touches_the_trainable_tensors_only",
         test_freezing_touches_the_trainable_tensors_only},
        {"random_starts_have_the_right_spread", test_random_starts_have_the_right_spread},
        {"dropout_is_off_outside_training_and_differs_by_name",
         test_dropout_is_off_outside_training_and_differs_by_name},
    };
    return TESTS_RUN(tests);
}
