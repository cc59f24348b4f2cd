// Every network of the tables in nn/: number of parameters, sizes that it takes and refuses,
// gradients down to its first layer, weights files, random starts. build/model_check compares them
// with PyTorch; tests/nn/golden_models.py makes its cases.
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "nn/classifier.h"
#include "nn/filter.h"
#include "nn/generator.h"
#include "nn/initialize.h"
#include "tests/test.h"

enum { BATCH = 2, CLASSES = 10 };
static const RandomKey key = {.seed = 21};

typedef struct Case {
    const char *name;
    int height, width, channels;
    int64_t parameters; // with 10 classes, counted by PyTorch (and facts/ where the papers tell)
} Case;
static const Case classifiers[] = {
    {"preact-resnet18", 32, 32, 3, 11171146},
    {"resnet18-celeba", 64, 64, 3, 11189322},
    {"resnet18", 32, 32, 3, 11173962},
    {"resnet18", 28, 28, 1, 11172810},
    {"resnet18-leaky-relu", 32, 32, 3, 11173962},
    {"resnet18-elu", 32, 32, 3, 11173962},
    {"resnet18-tanhshrink", 32, 32, 3, 11173962},
    {"resnet18-softplus", 32, 32, 3, 11173962},
    {"vgg11", 32, 32, 3, 9225610},
    {"vgg11-bn", 32, 32, 3, 9231114},
    {"vgg16", 32, 32, 3, 14719818},
    {"vgg16-bn", 28, 28, 3, 14728266},
    {"nin", 32, 32, 3, 966986},
    {"mlp", 28, 28, 1, 119910},
    {"mnist-dba", 28, 28, 1, 431080},
    {"resnet18-dba", 32, 32, 3, 2797610},
    {"resnet18", 224, 224, 3, 11181642},
    {"nin", 224, 224, 3, 6580426},
};
static const Case filters[] = {
    {"filter-mnist", 28, 28, 1, 379330}, {"filter-celeba", 64, 64, 3, 9581190},
    {"filter-a", 32, 32, 3, 4950723},    {"filter-b", 32, 32, 3, 723267},
    {"filter-c", 32, 32, 3, 426819},     {"filter-d", 32, 32, 3, 467875},
};
enum {
    CLASSIFIERS = sizeof classifiers / sizeof classifiers[0],
    FILTERS = sizeof filters / sizeof filters[0]
};

static Classifier *classifier_of(const Case *c)
{
    Error error = {0};
    Classifier *classifier =
        classifier_create(c->name, c->height, c->width, c->channels, CLASSES, &error);
    if (!classifier) panic("%s", error.message);
    initialize_default(&classifier->parameters, key);
    return classifier;
}

static Filter *filter_of(const Case *c, bool variational)
{
    Error error = {0};
    Filter *filter = filter_create(c->name, (FilterOptions){.variational = variational}, &error);
    if (!filter) panic("%s", error.message);
    initialize_default(&filter->parameters, key);
    return filter;
}

static Tensor *random_images(int64_t count, const Case *c)
{
    Tensor *images = tensor_create(SHAPE(count, c->height, c->width, c->channels));
    for (int64_t i = 0; i < images->count; i++)
        images->data[i] = random_uniform((RandomKey){.seed = 22}, (uint64_t)i);
    return images;
}

static double size_of(const float *values, int64_t count)
{
    double squares = 0;
    for (int64_t i = 0; i < count; i++) squares += (double)values[i] * (double)values[i];
    return sqrt(squares);
}

static bool same(const Tensor *a, const Tensor *b)
{
    return same_shape(a, b) && memcmp(a->data, b->data, (size_t)a->count * sizeof(float)) == 0;
}

static void test_networks_have_pytorchs_numbers_of_parameters(void)
{
    for (int i = 0; i < CLASSIFIERS; i++) {
        Classifier *classifier = classifier_of(&classifiers[i]);
        int64_t values = parameters_values(&classifier->parameters);
        check(values == classifiers[i].parameters, "%s has %lld", classifiers[i].name,
              (long long)values);
        classifier_free(classifier);
    }
    for (int i = 0; i < FILTERS; i++) {
        Filter *filter = filter_of(&filters[i], false);
        int64_t values = parameters_values(&filter->parameters);
        check(values == filters[i].parameters, "%s has %lld", filters[i].name, (long long)values);
        filter_free(filter);
    }
}

static void check_gradients(const char *name, const Parameters *parameters)
{
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *p = &parameters->items[i];
        if (!p->trainable) continue;
        double size = p->tensor->grad_written ? size_of(p->tensor->grad, p->tensor->count) : 0;
        check(size > 0 && isfinite(size), "%s: the gradient of %s has size %g", name, p->name,
              size);
    }
}

static void test_every_classifier_learns_in_every_layer(void)
{
    Tensor *labels = tensor_create_int(SHAPE(BATCH));
    labels->ints[0] = 3;
    for (int i = 0; i < CLASSIFIERS; i++) {
        Tape *tape = tape_create(cpu_kernels());
        Classifier *classifier = classifier_of(&classifiers[i]);
        Tensor *images = random_images(BATCH, &classifiers[i]);
        Mode mode = {.training = true, .without_dropout = true};
        Tensor *logits = classify(classifier, tape_input(tape, images), mode);
        check(logits->rank == 2 && logits->shape[0] == BATCH && logits->shape[1] == CLASSES,
              "%s gives %s", classifiers[i].name, shape_text(logits));
        backward(cross_entropy(logits, tape_input(tape, labels)));
        check_gradients(classifiers[i].name, &classifier->parameters);
        tape_free(tape); // before the parameters: it marks their gradients as old
        classifier_free(classifier);
        tensor_free(images);
    }
    tensor_free(labels);
}

static void check_filter(const Case *c, bool variational)
{
    Tape *tape = tape_create(cpu_kernels());
    Filter *filter = filter_of(c, variational);
    Tensor *images = random_images(BATCH, c), *x = tape_input(tape, images);
    Latent latent = filter_encode(filter, x, true);
    check((latent.log_variance != NULL) == variational, "%s: the middle layer", c->name);
    Tensor *y = filter_decode(filter, latent, latent_sample(latent, true, key), true);
    check(same_shape(x, y), "%s makes %s of %s", c->name, shape_text(y), shape_text(x));
    backward(mean(norm2_rows(subtract(y, x)), ALL_DIMENSIONS, false));
    check_gradients(c->name, &filter->parameters);
    tape_free(tape);
    filter_free(filter);
    tensor_free(images);
}

static void test_every_filter_learns_in_every_layer(void)
{
    for (int i = 0; i < FILTERS; i++) {
        check_filter(&filters[i], false);
        check_filter(&filters[i], true);
    }
}

static void test_every_filter_has_a_generator_of_its_size(void)
{
    for (int i = 0; i < FILTERS; i++) {
        const Case *c = &filters[i];
        Tape *tape = tape_create(cpu_kernels());
        Error error = {0};
        Generator *generator = generator_create(c->name, c->channels + 1, CLASSES, &error);
        if (!check(generator != NULL, "%s", error.message)) return;
        initialize_default(&generator->parameters, key);
        Tensor *noise = tensor_create(SHAPE(4, GENERATOR_NOISE));
        Tensor *classes = tensor_create_int(SHAPE(4));
        cpu_kernels()->normal(noise->count, key, noise->data);
        Tensor *y = generate(generator, tape_input(tape, noise), classes, true);
        check(y->shape[0] == 4 && y->shape[1] == c->height && y->shape[2] == c->width &&
                  y->shape[3] == c->channels + 1,
              "%s: %s", c->name, shape_text(y));
        for (int64_t k = 0; k < y->count; k++)
            if (!check(y->data[k] > 0 && y->data[k] < 1, "a value of %g", (double)y->data[k]))
                break;
        backward(mean(y, ALL_DIMENSIONS, false));
        for (int k = 0; k < generator->parameters.count; k++) {
            const Parameter *p = &generator->parameters.items[k];
            check(p->tensor->grad_written == p->trainable, "%s: %s", c->name, p->name);
        }
        tape_free(tape);
        generator_free(generator);
        tensor_free(noise);
        tensor_free(classes);
    }
}

static void refused(const char *name, int side, const char *words)
{
    Error error = {0};
    Classifier *classifier = classifier_create(name, side, side, 3, CLASSES, &error);
    check(!classifier && strstr(error.message, words), "%s on %d pixels: %s", name, side,
          error.message);
    classifier_free(classifier);
}

static void test_sizes_that_do_not_fit_are_refused(void)
{
    refused("vgg11", 27, "vgg11 needs images of at least 28x28, not 27x27");
    refused("nin", 16, "nin needs images of at least 28x28, not 16x16");
    refused("resnet18-elu", 24, "resnet18-elu needs images of at least 28x28");
    refused("alexnet", 62, "alexnet needs images of at least 63x63, not 62x62");
    refused("preact-resnet18", 24, "at least 25x25");
    Error error = {0};
    check(!filter_for("filter-d", 28, 28, 1, &error), "filter-d took 28x28x1");
    check(strstr(error.message, "32x32x3, not 28x28x1") != NULL, "says: %s", error.message);
    check(!filter_for(NULL, 224, 224, 3, &error), "a filter for 224x224x3");
    check(strstr(error.message, "224x224x3") != NULL, "says: %s", error.message);
    check(!filter_for("filter-e", 32, 32, 3, &error), "took filter-e");
    check(strstr(error.message, "filter-celeba") != NULL, "says: %s", error.message);
}

static void test_the_papers_filter_is_the_default_of_its_size(void)
{
    static const struct {
        int side, channels;
        const char *name;
    } rows[] = {{28, 1, "filter-mnist"}, {32, 3, "filter-c"}, {64, 3, "filter-celeba"}};
    for (int i = 0; i < 3; i++) {
        const char *name = filter_for(NULL, rows[i].side, rows[i].side, rows[i].channels, NULL);
        check(name && strcmp(name, rows[i].name) == 0, "%s, not %s", name, rows[i].name);
    }
    const char *chosen = filter_for("filter-a", 32, 32, 3, NULL);
    check(chosen && strcmp(chosen, "filter-a") == 0, "not the chosen one");
}

// 28x28 in the middle of black 32x32, black before normalisation.
static void test_small_images_stand_in_a_black_frame(void)
{
    static const Case small = {"vgg11-bn", 28, 28, 1, 0}, whole = {"vgg11-bn", 32, 32, 1, 0};
    Tape *tape = tape_create(cpu_kernels());
    Classifier *a = classifier_of(&small), *b = classifier_of(&whole);
    Tensor *images = random_images(BATCH, &small), *framed = tensor_create(SHAPE(BATCH, 32, 32, 1));
    for (int64_t i = 0; i < images->count; i++)
        framed->data[(i / 784 * 32 + i / 28 % 28 + 2) * 32 + i % 28 + 2] = images->data[i];
    classifier_set_mean_std(a, (float[]){.13f}, (float[]){.31f});
    classifier_set_mean_std(b, (float[]){.13f}, (float[]){.31f});
    Tensor *x = tape_input(tape, images);
    check(same(classify(a, x, (Mode){0}), classify(b, tape_input(tape, framed), (Mode){0})),
          "a frame that is not black, or elsewhere");
    tape_free(tape);
    classifier_free(a);
    classifier_free(b);
    tensor_free(images);
    tensor_free(framed);
}

static void test_dbas_networks_see_images_as_they_are(void)
{
    static const Case cases[] = {{"mnist-dba", 28, 28, 1, 0}, {"resnet18-dba", 32, 32, 3, 0}};
    for (int i = 0; i < 2; i++) {
        Tape *tape = tape_create(cpu_kernels());
        Classifier *a = classifier_of(&cases[i]);
        Tensor *images = random_images(BATCH, &cases[i]), *x = tape_input(tape, images);
        const Tensor *before = classify(a, x, (Mode){0});
        classifier_set_mean_std(a, (float[]){.5f, .4f, .3f}, (float[]){.2f, .2f, .2f});
        check(same(before, classify(a, x, (Mode){0})), "%s is normalised", a->name);
        tape_free(tape);
        classifier_free(a);
        tensor_free(images);
    }
}

static void check_round_trip(const char *name, Parameters *a, Parameters *b)
{
    char path[300];
    Error error = {0};
    snprintf(path, sizeof path, "%s/%s.safetensors", temporary_directory(), name);
    initialize_default(b, (RandomKey){.seed = 99});
    check(parameters_save(a, path, &error), "%s", error.message);
    check(parameters_load(b, path, &error), "%s", error.message);
    for (int i = 0; i < a->count; i++)
        check(same(a->items[i].tensor, b->items[i].tensor), "%s: %s", name, a->items[i].name);
    remove(path);
}

static void test_weights_come_back_from_files(void)
{
    for (int i = 0; i < CLASSIFIERS; i++) {
        Classifier *a = classifier_of(&classifiers[i]), *b = classifier_of(&classifiers[i]);
        check_round_trip(classifiers[i].name, &a->parameters, &b->parameters);
        classifier_free(a);
        classifier_free(b);
    }
    for (int i = 0; i < 2 * FILTERS; i++) {
        Filter *a = filter_of(&filters[i / 2], i % 2), *b = filter_of(&filters[i / 2], i % 2);
        check_round_trip(filters[i / 2].name, &a->parameters, &b->parameters);
        filter_free(a);
        filter_free(b);
    }
}

// The deviation of a tensor's values, 0 where it is all zero.
static double deviation(const Classifier *classifier, const char *name)
{
    const Parameter *p = parameters_find(&classifier->parameters, name);
    if (!check(p != NULL, "no %s", name)) return -1;
    return size_of(p->tensor->data, p->tensor->count) / sqrt((double)p->tensor->count);
}

static void near(const Classifier *classifier, const char *name, double expected, double within)
{
    double found = deviation(classifier, name);
    check(fabs(found - expected) <= within * expected, "%s: %s has deviation %g, not %g",
          classifier->name, name, found, expected);
}

static void test_random_starts_are_those_of_the_papers_code(void)
{
    static const Case cases[] = {{"nin", 32, 32, 3, 0},
                                 {"vgg16", 32, 32, 3, 0},
                                 {"resnet18", 32, 32, 3, 0},
                                 {"preact-resnet18", 32, 32, 3, 0}};
    Classifier *c[4];
    for (int i = 0; i < 4; i++) c[i] = classifier_of(&cases[i]);
    near(c[0], "classifier.8.weight", .05, .02);
    near(c[0], "classifier.8.bias", .001, .2);
    near(c[1], "features.28.weight", sqrt(2. / (9 * 512)), .02);
    near(c[1], "features.28.bias", 0, 0);
    near(c[1], "classifier.weight", .01, .05);
    near(c[2], "layer4.0.downsample.0.weight", sqrt(2. / 512), .02);
    near(c[2], "fc.weight", 1 / sqrt(3. * 512), .05);
    near(c[3], "layer4.0.conv2.weight", 1 / sqrt(3. * 9 * 512), .02);
    for (int i = 0; i < 4; i++) classifier_free(c[i]);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"networks_have_pytorchs_numbers_of_parameters",
         test_networks_have_pytorchs_numbers_of_parameters},
        {"every_classifier_learns_in_every_layer", test_every_classifier_learns_in_every_layer},
        {"every_filter_learns_in_every_layer", test_every_filter_learns_in_every_layer},
        {"every_filter_has_a_generator_of_its_size", test_every_filter_has_a_generator_of_its_size},
        {"sizes_that_do_not_fit_are_refused", test_sizes_that_do_not_fit_are_refused},
        {"the_papers_filter_is_the_default_of_its_size",
         test_the_papers_filter_is_the_default_of_its_size},
        {"small_images_stand_in_a_black_frame", test_small_images_stand_in_a_black_frame},
        {"dbas_networks_see_images_as_they_are", test_dbas_networks_see_images_as_they_are},
        {"weights_come_back_from_files", test_weights_come_back_from_files},
        {"random_starts_are_those_of_the_papers_code",
         test_random_starts_are_those_of_the_papers_code},
    };
    return TESTS_RUN(tests);
}
