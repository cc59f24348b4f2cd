// The table of classifiers, and what is the same for all of them: normalisation in front,
// ownership.
#include "nn/classifier.h"

#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "nn/models/models.h"

typedef struct Model {
    const char *name;
    bool (*build)(Classifier *classifier, Error *error);
} Model;

static const Model models[] = {
    {"mnist-ia", mnist_ia_build},
    {"mnist-wanet", mnist_wanet_build},
    {"mnist-dba", mnist_dba_build},
    {"preact-resnet18", preact_resnet18_build},
    {"resnet18-celeba", resnet18_celeba_build},
    {"resnet18-dba", resnet18_dba_build},
    {"resnet18", resnet18_build},
    {"resnet18-leaky-relu", resnet18_leaky_relu_build},
    {"resnet18-elu", resnet18_elu_build},
    {"resnet18-tanhshrink", resnet18_tanhshrink_build},
    {"resnet18-softplus", resnet18_softplus_build},
    {"vgg11", vgg11_build},
    {"vgg11-bn", vgg11_bn_build},
    {"vgg16", vgg16_build},
    {"vgg16-bn", vgg16_bn_build},
    {"nin", nin_build},
    {"alexnet", alexnet_build},
    {"mlp", mlp_build},
};
enum { MODELS = sizeof models / sizeof models[0] };
static const char GROUP_NORM[] = "-gn";

static bool has_group_norm(const char *name)
{
    size_t length = strlen(name), ending = strlen(GROUP_NORM);
    return length > ending && strcmp(name + length - ending, GROUP_NORM) == 0;
}

// By its name, or its name and "-gn".
static const Model *find_model(const char *name, Error *error)
{
    size_t length = strlen(name) - (has_group_norm(name) ? strlen(GROUP_NORM) : 0);
    for (int i = 0; i < MODELS; i++)
        if (strlen(models[i].name) == length && strncmp(models[i].name, name, length) == 0)
            return &models[i];
    Text known = {0};
    for (int i = 0; i < MODELS; i++) text_append(&known, " %s", models[i].name);
    fail(error, "unknown model %s; the models are%s", name, known.text);
    text_free(&known);
    return NULL;
}

Classifier *classifier_create(const char *name, int height, int width, int channels, int classes,
                              Error *error)
{
    const Model *model = find_model(name, error);
    if (!model) return NULL;
    Classifier *classifier = allocate_zeroed(sizeof *classifier);
    classifier->name = copy_string(name);
    classifier->parameters.group_norm = has_group_norm(name);
    classifier->height = classifier->seen_height = height;
    classifier->width = classifier->seen_width = width;
    classifier->channels = channels;
    classifier->classes = classes;
    if (!model->build(classifier, error)) {
        classifier_free(classifier);
        return NULL;
    }
    return classifier;
}

void classifier_free(Classifier *classifier)
{
    if (!classifier) return;
    parameters_free(&classifier->parameters);
    tensor_free(classifier->mean);
    tensor_free(classifier->deviation);
    free(classifier->neurons);
    free(classifier->network);
    free(classifier->name);
    free(classifier);
}

void classifier_move(Classifier *classifier, const Kernels *kernels)
{
    parameters_move(&classifier->parameters, kernels->memory);
    classifier->kernels = kernels->memory ? kernels : NULL;
    if (!classifier->mean) return;
    tensor_move(classifier->mean, kernels->memory);
    tensor_move(classifier->deviation, kernels->memory);
}

const Kernels *classifier_kernels(const Classifier *classifier)
{
    return classifier->kernels ? classifier->kernels : cpu_kernels();
}

void classifier_set_mean_std(Classifier *classifier, const float *mean, const float *deviation)
{
    tensor_free(classifier->mean);
    tensor_free(classifier->deviation);
    classifier->mean = classifier->deviation = NULL;
    bool identity = true;
    for (int c = 0; c < classifier->channels; c++) identity &= mean[c] == 0 && deviation[c] == 1;
    if (identity || classifier->sees_raw_images) return;
    classifier->mean = tensor_create(SHAPE(classifier->channels));
    classifier->deviation = tensor_create(SHAPE(classifier->channels));
    for (int c = 0; c < classifier->channels; c++) {
        classifier->mean->data[c] = mean[c];
        classifier->deviation->data[c] = deviation[c];
    }
}

void classifier_take_weights(Classifier *classifier, const Classifier *from)
{
    for (int i = 0; i < classifier->parameters.count; i++) {
        Tensor *to = classifier->parameters.items[i].tensor;
        float *values = allocate(sizeof(float) * (size_t)to->count);
        tensor_read(from->parameters.items[i].tensor, values);
        tensor_write(to, values);
        free(values);
    }
}

int classifier_last_layer(const Classifier *classifier)
{
    const Parameter *items = classifier->parameters.items;
    int i = classifier->parameters.count - 1;
    size_t prefix = (size_t)(strrchr(items[i].name, '.') - items[i].name) + 1;
    while (i > 0 && strncmp(items[i - 1].name, items[i].name, prefix) == 0) i--;
    return i;
}

void classifier_take_input(Classifier *classifier, const Classifier *from)
{
    float mean[CLASSIFIER_MOST_CHANNELS], deviation[CLASSIFIER_MOST_CHANNELS];
    if (from->mean) {
        tensor_read(from->mean, mean);
        tensor_read(from->deviation, deviation);
        classifier_set_mean_std(classifier, mean, deviation);
    }
    classifier_move(classifier, classifier_kernels(from));
}

Classifier *classifier_copy(const Classifier *c, Error *error)
{
    Classifier *copy =
        classifier_create(c->name, c->height, c->width, c->channels, c->classes, error);
    if (!copy) return NULL;
    classifier_take_input(copy, c);
    classifier_take_weights(copy, c);
    parameters_keep(&copy->parameters, parameters_kept(&c->parameters));
    return copy;
}

// The images in the middle of a black frame of the size that the network sees.
static Tensor *framed(const Classifier *classifier, Tensor *images)
{
    int64_t rows = classifier->seen_height - classifier->height;
    int64_t columns = classifier->seen_width - classifier->width;
    if (rows == 0 && columns == 0) return images;
    return pad2d(images, columns / 2, columns - columns / 2, rows / 2, rows - rows / 2);
}

Tensor *classify(const Classifier *classifier, Tensor *images, Mode mode)
{
    if (images->rank != 4 || images->shape[1] != classifier->height ||
        images->shape[2] != classifier->width || images->shape[3] != classifier->channels)
        panic("%s takes images of %dx%dx%d, not %s", classifier->name, classifier->height,
              classifier->width, classifier->channels, shape_text(images));
    images = framed(classifier, images);
    if (classifier->mean)
        images = divide(subtract(images, classifier->mean), classifier->deviation);
    return classifier->forward(classifier, images, mode);
}
