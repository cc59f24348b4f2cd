// VGG (Simonyan and Zisserman, 2014) with 11 or 16 layers with weights, as NONE's code has them:
//   features    3x3 convolutions with bias, relu after each; M: pool 2
//     vgg11     64 M 128 M 256 256 M 512 512 M 512 512 M
//     vgg16     64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M
//   classifier  small images: one linear layer from what is left (32x32: 512 numbers)
//               large images: average to 7x7, linear 4096, relu, dropout .5, linear 4096, relu,
//               dropout .5, linear
// vgg11-bn and vgg16-bn have batch norm between convolution and relu. PyTorch's list counts
// convolution, batch norm, relu and pooling: "features.0", "features.3", ... Convolutions start
// normal with deviation sqrt(2 / (9 out)), linear layers with .01, biases at 0.
#include "nn/models/models.h"

#include <stdio.h>

enum { POOL = 0, MOST = 18, HIDDEN = 4096, POOLED = 7, CLASSIFIER = 3 };
static const int64_t vgg11[] = {64,  POOL, 128,  POOL, 256, 256, POOL,
                                512, 512,  POOL, 512,  512, POOL};
static const int64_t vgg16[] = {64,   64,  POOL, 128, 128,  POOL, 256, 256, 256,
                                POOL, 512, 512,  512, POOL, 512,  512, 512, POOL};

typedef struct Vgg {
    const int64_t *plan; // channels, or POOL
    int length;
    bool normalised;
    Form form;
    Conv2dLayer conv[MOST];
    BatchNormLayer norm[MOST];
    Linear classifier[CLASSIFIER]; // the first alone for small images
} Vgg;

// Up to the last pooling, which the plan ends with.
static Tensor *features(const Vgg *net, Tensor *x, bool training)
{
    for (int i = 0; i + 1 < net->length; i++) {
        if (net->plan[i] == POOL) {
            x = max_pool2d(features_shown(x), (Pool2d){.kernel = 2});
            continue;
        }
        x = conv_forward(&net->conv[i], x);
        x = net->normalised ? batch_norm_relu_forward(&net->norm[i], x, training) : relu(x);
    }
    return features_shown(x);
}

static Tensor *scores(const Classifier *classifier, Tensor *map, Mode mode)
{
    static const char *const names[] = {"classifier.2", "classifier.5"};
    const Vgg *net = classifier->network;
    Tensor *x = max_pool2d(map, (Pool2d){.kernel = 2});
    if (net->form == FORM_SMALL)
        return linear_forward(&net->classifier[0], features_shown(flatten_channels_first(x)));
    x = flatten_channels_first(adaptive_avg_pool2d(x, POOLED, POOLED));
    for (int i = 0; i < 2; i++)
        x = dropout_forward(relu(linear_forward(&net->classifier[i], x)), .5f, names[i], mode);
    return linear_forward(&net->classifier[2], features_shown(x));
}

static Tensor *forward(const Classifier *classifier, Tensor *images, Mode mode)
{
    return scores(classifier, features(classifier->network, images, mode.training), mode);
}

static void features_create(Vgg *net, Parameters *parameters, int64_t in)
{
    char name[32];
    for (int i = 0, index = 0; i < net->length; i++) {
        int64_t out = net->plan[i];
        if (out == POOL) {
            index++;
            continue;
        }
        LayerShape shape = {in, out, 3, .bias = true, .weight_deviation = he_deviation(3, out)};
        snprintf(name, sizeof name, "features.%d", index++);
        net->conv[i] = conv_create(parameters, name, shape, (Conv2d){.padding = 1});
        snprintf(name, sizeof name, "features.%d", index);
        if (net->normalised) net->norm[i] = batch_norm_create(parameters, name, out, .1f);
        index += net->normalised ? 2 : 1; // batch norm, relu
        in = out;
    }
}

// Every convolution; the last one's channels are read by the first linear layer.
static void neurons_list(const Vgg *net, Classifier *classifier)
{
    for (int i = 0, next = 1; i < net->length; i = next++) {
        while (next < net->length && net->plan[next] == POOL) next++;
        const Conv2dLayer *conv = &net->conv[i];
        const BatchNormLayer *norm = net->normalised ? &net->norm[i] : NULL;
        neurons_add(classifier,
                    (NeuronLayer){.watched = conv->weight,
                                  .made_by = {conv->weight, conv->bias, norm ? norm->weight : NULL,
                                              norm ? norm->bias : NULL},
                                  .read_by = next < net->length ? net->conv[next].weight
                                                                : net->classifier[0].weight});
    }
}

static Linear linear_of(Parameters *parameters, const char *name, int64_t in, int64_t out)
{
    LayerShape shape = {.in = in, .out = out, .bias = true, .weight_deviation = .01f};
    return linear_create(parameters, name, shape);
}

static bool build(Classifier *classifier, Vgg plan, Error *error)
{
    plan.form = network_form(classifier, error);
    if (plan.form == FORM_NONE) return false;
    Parameters *parameters = &classifier->parameters;
    Vgg *net = classifier->network = allocate(sizeof *net);
    *net = plan;
    features_create(net, parameters, classifier->channels);
    classifier->forward = forward;
    classifier->scores = scores;
    if (net->form == FORM_SMALL) {
        int64_t left = 512 * (classifier->seen_height / 32) * (classifier->seen_width / 32);
        net->classifier[0] = linear_of(parameters, "classifier", left, classifier->classes);
        neurons_list(net, classifier);
        return true;
    }
    net->classifier[0] = linear_of(parameters, "classifier.0", 512 * POOLED * POOLED, HIDDEN);
    net->classifier[1] = linear_of(parameters, "classifier.3", HIDDEN, HIDDEN);
    net->classifier[2] = linear_of(parameters, "classifier.6", HIDDEN, classifier->classes);
    neurons_list(net, classifier);
    return true;
}

static Vgg plan_11(bool normalised)
{
    return (Vgg){vgg11, (int)(sizeof vgg11 / sizeof vgg11[0]), normalised, .form = FORM_NONE};
}

static Vgg plan_16(bool normalised)
{
    return (Vgg){vgg16, (int)(sizeof vgg16 / sizeof vgg16[0]), normalised, .form = FORM_NONE};
}

bool vgg11_build(Classifier *classifier, Error *error)
{
    return build(classifier, plan_11(false), error);
}

bool vgg11_bn_build(Classifier *classifier, Error *error)
{
    return build(classifier, plan_11(true), error);
}

bool vgg16_build(Classifier *classifier, Error *error)
{
    return build(classifier, plan_16(false), error);
}

bool vgg16_bn_build(Classifier *classifier, Error *error)
{
    return build(classifier, plan_16(true), error);
}
