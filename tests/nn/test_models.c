// The networks: sizes, parameter counts, weights files, gradients when frozen, and PyTorch's
// outputs on the golden networks (build/model_check compares their gradients too).
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/file.h"
#include "core/thread.h"
#include "nn/classifier.h"
#include "nn/filter.h"
#include "nn/generator.h"
#include "nn/initialize.h"
#include "optim/optimizer.h"
#include "tests/test.h"

static const char *const classifiers[] = {"mnist-ia", "mnist-wanet"};
enum { CLASSIFIERS = sizeof classifiers / sizeof classifiers[0], BATCH = 4 };
static const RandomKey key = {.seed = 11};

static Tensor *random_tensor(int rank, const int64_t *shape)
{
    Tensor *tensor = tensor_create(rank, shape);
    for (int64_t i = 0; i < tensor->count; i++)
        tensor->data[i] = random_uniform((RandomKey){.seed = 12}, (uint64_t)i);
    return tensor;
}

static Classifier *classifier_of(const char *name)
{
    Error error = {0};
    Classifier *classifier = classifier_create(name, 28, 28, 1, 10, &error);
    if (!classifier) panic("%s", error.message);
    initialize_default(&classifier->parameters, key);
    return classifier;
}

static Filter *filter_of(bool variational)
{
    Error error = {0};
    Filter *filter =
        filter_create("filter-mnist", (FilterOptions){.variational = variational}, &error);
    if (!filter) panic("%s", error.message);
    initialize_default(&filter->parameters, key);
    return filter;
}

// The counts of facts/filtering.md: 1.2 and 3.3.
static void test_the_networks_have_the_papers_parameter_counts(void)
{
    Classifier *ia = classifier_of("mnist-ia"), *wanet = classifier_of("mnist-wanet");
    Filter *plain = filter_of(false), *variational = filter_of(true);
    check(parameters_values(&ia->parameters) == 582026, "mnist-ia");
    check(parameters_values(&wanet->parameters) == 585738, "mnist-wanet");
    check(parameters_values(&plain->parameters) == 379330, "filter-mnist");
    check(parameters_values(&variational->parameters) == 379330 - 2 * 256 + 256 * 576 + 512,
          "filter-mnist, variational");
    classifier_free(ia);
    classifier_free(wanet);
    filter_free(plain);
    filter_free(variational);
}

static void test_unknown_names_and_sizes_are_refused(void)
{
    Error error = {0};
    check(!classifier_create("lenet", 28, 28, 1, 10, &error), "created an unknown model");
    check(strstr(error.message, "lenet") && strstr(error.message, "mnist-wanet"), "says: %s",
          error.message);
    check(!classifier_create("mnist-ia", 15, 28, 1, 10, &error), "took 15x28 images");
    check(strstr(error.message, "15x28") != NULL, "says: %s", error.message);
    check(!filter_create("filter-x", (FilterOptions){0}, &error), "created an unknown filter");
    check(strstr(error.message, "filter-mnist") != NULL, "says: %s", error.message);
    check(!generator_create("filter-x", 2, 10, &error), "created an unknown generator");
}

static void check_shape(const Tensor *tensor, int rank, const int64_t *shape)
{
    bool same = tensor->rank == rank;
    for (int i = 0; same && i < rank; i++) same = tensor->shape[i] == shape[i];
    check(same, "the shape is %s", shape_text(tensor));
}

// The smallest and other sizes run: features are counted as the layers make them.
static void test_classifiers_take_other_image_sizes(void)
{
    static const int sizes[][2] = {{16, 16}, {17, 30}, {32, 32}};
    Tape *tape = tape_create(cpu_kernels());
    for (int i = 0; i < CLASSIFIERS * 3; i++) {
        int height = sizes[i % 3][0], width = sizes[i % 3][1];
        Classifier *classifier = classifier_create(classifiers[i / 3], height, width, 3, 7, NULL);
        Tensor *images = random_tensor(SHAPE(2, height, width, 3));
        check_shape(classify(classifier, tape_input(tape, images), (Mode){0}), SHAPE(2, 7));
        tape_reset(tape);
        tensor_free(images);
        classifier_free(classifier);
    }
    tape_free(tape);
}

static void test_a_saved_classifier_answers_the_same(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *images = random_tensor(SHAPE(BATCH, 28, 28, 1));
    for (int i = 0; i < CLASSIFIERS; i++) {
        Classifier *a = classifier_of(classifiers[i]), *b = classifier_of(classifiers[i]);
        initialize_default(&b->parameters, (RandomKey){.seed = 99});
        char path[300];
        Error error = {0};
        snprintf(path, sizeof path, "%s/%s.safetensors", temporary_directory(), classifiers[i]);
        Tensor *x = tape_input(tape, images);
        classify(a, x, (Mode){.training = true}); // moves the running statistics
        check(parameters_save(&a->parameters, path, &error), "%s", error.message);
        check(parameters_load(&b->parameters, path, &error), "%s", error.message);
        Tensor *from_a = classify(a, x, (Mode){0}), *from_b = classify(b, x, (Mode){0});
        check(memcmp(from_a->data, from_b->data, (size_t)from_a->count * sizeof(float)) == 0,
              "%s answers differently after a round trip", classifiers[i]);
        classifier_free(a);
        classifier_free(b);
        tape_reset(tape);
    }
    tensor_free(images);
    tape_free(tape);
}

static void test_another_networks_weights_are_refused(void)
{
    Classifier *ia = classifier_of("mnist-ia"), *wanet = classifier_of("mnist-wanet");
    char path[300];
    Error error = {0};
    snprintf(path, sizeof path, "%s/ia.safetensors", temporary_directory());
    check(parameters_save(&ia->parameters, path, &error), "%s", error.message);
    check(!parameters_load(&wanet->parameters, path, &error), "took the weights of mnist-ia");
    check(strstr(error.message, path) != NULL, "says: %s", error.message);
    classifier_free(ia);
    classifier_free(wanet);
}

static void test_normalisation_is_the_same_as_normalising_first(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Classifier *classifier = classifier_of("mnist-ia");
    Tensor *images = random_tensor(SHAPE(BATCH, 28, 28, 1));
    Tensor *x = tape_input(tape, images);
    Tensor *expected = classify(classifier, affine(4, x, -2), (Mode){0});
    classifier_set_mean_std(classifier, (float[]){.5f}, (float[]){.25f});
    Tensor *logits = classify(classifier, x, (Mode){0});
    for (int64_t i = 0; i < logits->count; i++)
        check(fabsf(logits->data[i] - expected->data[i]) < 1e-5f, "logit %lld: %g, not %g",
              (long long)i, (double)logits->data[i], (double)expected->data[i]);
    classifier_set_mean_std(classifier, (float[]){0}, (float[]){1});
    check(classifier->mean == NULL, "mean 0 and deviation 1 still cost a pass");
    classifier_free(classifier);
    tensor_free(images);
    tape_free(tape);
}

static double largest(const float *values, int64_t count)
{
    double size = 0;
    for (int64_t i = 0; i < count; i++) size = fmax(size, fabs((double)values[i]));
    return size;
}

// As a defender uses it: the loss reaches the filter through a classifier that must not change.
static void test_gradients_pass_through_a_frozen_classifier(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Classifier *classifier = classifier_of("mnist-wanet");
    Filter *filter = filter_of(true);
    Tensor *images = random_tensor(SHAPE(BATCH, 28, 28, 1)),
           *labels = tensor_create_int(SHAPE(BATCH));
    parameters_freeze(&classifier->parameters, true);
    Tensor *filtered = filter_forward(filter, tape_input(tape, images), true, key);
    Tensor *logits = classify(classifier, filtered, (Mode){0});
    backward(cross_entropy(logits, tape_input(tape, labels)));
    for (int i = 0; i < classifier->parameters.count; i++) {
        const Parameter *parameter = &classifier->parameters.items[i];
        check(!parameter->tensor->grad_written, "frozen %s got a gradient", parameter->name);
    }
    for (int i = 0; i < filter->parameters.count; i++) {
        const Parameter *parameter = &filter->parameters.items[i];
        if (!parameter->trainable) continue;
        check(parameter->tensor->grad_written &&
                  largest(parameter->tensor->grad, parameter->tensor->count) > 0,
              "%s got no gradient", parameter->name);
    }
    tape_free(tape); // before the parameters: it marks their gradients as old
    classifier_free(classifier);
    filter_free(filter);
    tensor_free(images);
    tensor_free(labels);
}

static void test_a_variational_filter_samples_in_training_only(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Filter *filter = filter_of(true);
    Tensor *images = random_tensor(SHAPE(BATCH, 28, 28, 1)), *x = tape_input(tape, images);
    Latent latent = filter_encode(filter, x, false);
    check_shape(latent.mean, SHAPE(BATCH, 256));
    check_shape(latent.log_variance, SHAPE(BATCH, 256));
    check(largest(latent.log_variance->data, latent.log_variance->count) <= 10, "not clamped");
    check(latent_sample(latent, false, key) == latent.mean, "sampled in evaluation");
    Tensor *z = latent_sample(latent, true, key), *again = latent_sample(latent, true, key);
    Tensor *next = latent_sample(latent, true, (RandomKey){.seed = key.seed, .step = 1});
    check(memcmp(z->data, again->data, (size_t)z->count * sizeof(float)) == 0, "not repeatable");
    check(memcmp(z->data, next->data, (size_t)z->count * sizeof(float)) != 0, "steps repeat");
    double squares = 0; // of the noise (z - mean)/deviation: N(0, 1)
    for (int64_t i = 0; i < z->count; i++) {
        double deviation = exp(.5 * (double)latent.log_variance->data[i]);
        double noise = ((double)z->data[i] - (double)latent.mean->data[i]) / deviation;
        squares += noise * noise / (double)z->count;
    }
    check(fabs(squares - 1) < .15, "the noise has variance %g", squares);
    check_shape(filter_decode(filter, latent, z, true), SHAPE(BATCH, 28, 28, 1));
    filter_free(filter);
    tensor_free(images);
    tape_free(tape);
}

static void test_the_generator_depends_on_noise_and_class(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Generator *generator = generator_create("filter-mnist", 2, 10, NULL);
    initialize_default(&generator->parameters, key);
    Tensor *noise = tensor_create(SHAPE(BATCH, GENERATOR_NOISE));
    Tensor *labels = tensor_create_int(SHAPE(BATCH));
    cpu_kernels()->normal(noise->count, key, noise->data);
    for (int64_t i = 0; i < GENERATOR_NOISE; i++) // rows 0, 1: same noise, other class
        noise->data[GENERATOR_NOISE + i] = noise->data[i];
    for (int i = 0; i < BATCH; i++) labels->ints[i] = i > 0; // rows 1..: same class, other noise
    Tensor *images = generate(generator, tape_input(tape, noise), labels, true);
    check_shape(images, SHAPE(BATCH, 28, 28, 2));
    int64_t size = images->count / BATCH;
    const float *y = images->data;
    check(memcmp(y, y + size, (size_t)size * sizeof(float)) != 0, "the class does not matter");
    check(memcmp(y + size, y + 2 * size, (size_t)size * sizeof(float)) != 0, "nor the noise");
    for (int64_t i = 0; i < images->count; i++)
        check(y[i] > 0 && y[i] < 1, "a value of %g", (double)y[i]);
    backward(mean(images, ALL_DIMENSIONS, false));
    for (int i = 0; i < generator->parameters.count; i++) {
        const Parameter *parameter = &generator->parameters.items[i];
        check(parameter->tensor->grad_written == parameter->trainable, "%s", parameter->name);
    }
    tape_free(tape); // before the parameters: it marks their gradients as old
    generator_free(generator);
    tensor_free(noise);
    tensor_free(labels);
}

// Largest error over largest expected value (where that is not 0), both in memory order.
static double golden_difference(const Safetensors *file, const char *name, const Tensor *output)
{
    const StoredTensor *expected = safetensors_find(file, name);
    if (!check(expected && expected->count == output->count, "no fitting %s", name)) return 0;
    const float *values = expected->data;
    double difference = 0;
    for (int64_t i = 0; i < output->count; i++)
        difference = fmax(difference, fabs((double)output->data[i] - (double)values[i]));
    double size = largest(values, output->count);
    return size > 0 ? difference / size : difference;
}

// One channel: N,C,H,W and N,H,W,C are the same memory.
static void check_golden(const char *file_name, Classifier *classifier, Filter *filter)
{
    const char *path = shared_path(file_name);
    if (!path) {
        skip("no %s", file_name);
        return;
    }
    Error error = {0};
    Safetensors *file = safetensors_read(path, &error);
    if (!check(file != NULL, "%s", error.message)) return;
    Parameters *parameters = classifier ? &classifier->parameters : &filter->parameters;
    check(parameters_restore(parameters, "", file, path, &error), "%s", error.message);
    const StoredTensor *input = safetensors_find(file, "input");
    Tensor *images = tensor_create(SHAPE(input->shape[0], 28, 28, 1));
    memcpy(images->data, input->data, (size_t)images->count * sizeof(float));
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tape_input(tape, images);
    for (int training = 0; training < 2; training++) {
        Mode mode = {.training = training, .without_dropout = true};
        Tensor *output = classifier ? classify(classifier, x, mode)
                                    : filter_forward(filter, x, mode.training, key);
        const char *name = training ? "output_train" : classifier ? "logits_eval" : "output_eval";
        double difference = golden_difference(file, name, output);
        check(difference < 1e-4, "%s of %s is off by %g", name, file_name, difference);
    }
    tape_free(tape);
    tensor_free(images);
    safetensors_free(file);
}

static void test_golden_classifiers_and_filter_give_pytorchs_outputs(void)
{
    Classifier *ia = classifier_of("mnist-ia"), *wanet = classifier_of("mnist-wanet");
    Filter *filter = filter_of(false);
    check_golden("golden/models/mnist_ia.safetensors", ia, NULL);
    check_golden("golden/models/mnist_wanet.safetensors", wanet, NULL);
    check_golden("golden/models/filter_mnist.safetensors", NULL, filter);
    classifier_free(ia);
    classifier_free(wanet);
    filter_free(filter);
}

// From 0, the same batch b twice: m b, then m b + (1 - m) m b, which is 2 - m times as much.
static void check_momentum(const Parameters *parameters, const char *name, float momentum,
                           const float *after_one)
{
    const Tensor *statistic = parameters_find(parameters, name)->tensor;
    for (int64_t i = 0; i < statistic->count; i++) {
        float expected = (2 - momentum) * after_one[i];
        check(fabsf(statistic->data[i] - expected) <= 1e-4f * fabsf(expected) + 1e-7f,
              "%s: %g after one pass, %g after two", name, (double)after_one[i],
              (double)statistic->data[i]);
    }
}

static void test_running_statistics_move_by_each_networks_momentum(void)
{
    static const char *const names[] = {"layer2.bn1.running_mean", "encoder.0.1.running_mean"};
    Tape *tape = tape_create(cpu_kernels());
    Classifier *classifier = classifier_of("mnist-wanet");
    Filter *filter = filter_of(false);
    Tensor *images = random_tensor(SHAPE(BATCH, 28, 28, 1)), *x = tape_input(tape, images);
    const Parameters *lists[] = {&classifier->parameters, &filter->parameters};
    float after_one[2][32];
    for (int pass = 0; pass < 2; pass++) {
        classify(classifier, x, (Mode){.training = true});
        filter_forward(filter, x, true, key);
        for (int i = 0; pass == 0 && i < 2; i++) {
            const Tensor *statistic = parameters_find(lists[i], names[i])->tensor;
            memcpy(after_one[i], statistic->data, (size_t)statistic->count * sizeof(float));
        }
    }
    check_momentum(lists[0], names[0], .1f, after_one[0]);
    check_momentum(lists[1], names[1], .01f, after_one[1]);
    classifier_free(classifier);
    filter_free(filter);
    tensor_free(images);
    tape_free(tape);
}

// Steps of training on one batch with this many threads; the last loss, and the weights in `saved`.
static float train(int threads, int steps, const char *saved)
{
    threads_set(threads);
    Tape *tape = tape_create(cpu_kernels());
    Classifier *classifier = classifier_of("mnist-ia");
    Optimizer *optimizer =
        optimizer_create_adam(&classifier->parameters, (Adam){.learning_rate = 1e-3f});
    Tensor *images = random_tensor(SHAPE(16, 28, 28, 1)), *labels = tensor_create_int(SHAPE(16));
    for (int i = 0; i < 16; i++) labels->ints[i] = i % 10;
    float last = 0;
    for (int step = 0; step < steps; step++) {
        Mode mode = {.training = true, .key = {.seed = 1, .step = (uint32_t)step}};
        Tensor *logits = classify(classifier, tape_input(tape, images), mode);
        Tensor *loss = cross_entropy(logits, tape_input(tape, labels));
        backward(loss);
        optimizer_step(optimizer);
        last = tensor_value(loss);
        tape_reset(tape);
    }
    Error error = {0};
    check(parameters_save(&classifier->parameters, saved, &error), "%s", error.message);
    optimizer_free(optimizer);
    classifier_free(classifier);
    tensor_free(images);
    tensor_free(labels);
    tape_free(tape);
    return last;
}

static void test_training_fits_a_batch_in_the_same_bits_for_any_number_of_threads(void)
{
    char paths[2][300];
    Bytes files[2];
    int threads = threads_count();
    for (int i = 0; i < 2; i++) {
        snprintf(paths[i], sizeof paths[i], "%s/trained%d", temporary_directory(), i);
        float loss = train(i == 0 ? 1 : 3, 60, paths[i]);
        check(loss < .5f, "the loss is still %g", (double)loss);
        Error error = {0};
        check(file_read(paths[i], 1 << 24, &files[i], &error), "%s", error.message);
    }
    threads_set(threads);
    check(files[0].size == files[1].size &&
              memcmp(files[0].data, files[1].data, files[0].size) == 0,
          "1 and 3 threads end in different weights");
    bytes_free(&files[0]);
    bytes_free(&files[1]);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_networks_have_the_papers_parameter_counts",
         test_the_networks_have_the_papers_parameter_counts},
        {"unknown_names_and_sizes_are_refused", test_unknown_names_and_sizes_are_refused},
        {"classifiers_take_other_image_sizes", test_classifiers_take_other_image_sizes},
        {"a_saved_classifier_answers_the_same", test_a_saved_classifier_answers_the_same},
        {"another_networks_weights_are_refused", test_another_networks_weights_are_refused},
        {"normalisation_is_the_same_as_normalising_first",
         test_normalisation_is_the_same_as_normalising_first},
        {"gradients_pass_through_a_frozen_classifier",
         test_gradients_pass_through_a_frozen_classifier},
        {"a_variational_filter_samples_in_training_only",
         test_a_variational_filter_samples_in_training_only},
        {"the_generator_depends_on_noise_and_class", test_the_generator_depends_on_noise_and_class},
        {"running_statistics_move_by_each_networks_momentum",
         test_running_statistics_move_by_each_networks_momentum},
        {"training_fits_a_batch_in_the_same_bits_for_any_number_of_threads",
         test_training_fits_a_batch_in_the_same_bits_for_any_number_of_threads},
        {"golden_classifiers_and_filter_give_pytorchs_outputs",
         test_golden_classifiers_and_filter_give_pytorchs_outputs},
    };
    return TESTS_RUN(tests);
}
