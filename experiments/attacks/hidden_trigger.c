// The hidden trigger attack (Saha, Subramanya and Pirsiavash, "Hidden Trigger Backdoor Attacks",
// AAAI 2020), on transfer learning: the victim takes a trained network over as it is, f, and trains
// a new last layer on it. Its training set holds images z' of the target class that look like images
// z of it, and to f are like source images with the trigger on; the trigger itself is in none.
//
//   s~ = (1 - m) s + m t,   a source image s with the trigger t at a random place
//   z' = argmin || f(z') - f(s~) ||_2^2,   || z' - z ||_inf <= epsilon,  z' in [0, 1]          (1)
//
// over batches of `pairs` source and as many target images (feature_collision.c). `aside` images of
// either class, at random, are set aside for that and leave the training set; the 2 x `aside` images
// z' of two passes over them, with other places and other partners, take their places in it,
// labelled as the target. f(x) is what the class scores are computed from: for alexnet fc7 after
// relu.
//
// f comes from a file (--extractor), or is trained here on the given data before anything else,
// where the paper has AlexNet trained on ImageNet. The trigger is a smooth field of random colours.
// ASR is measured on all images of other classes than the target; of a pair those are the source's.
// The learning rate falls along a cosine (the authors': to a tenth every ten epochs).
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/attacks/feature_collision.h"
#include "experiments/attacks/own_network.h"
#include "experiments/batches.h"

enum { GRID = 4, PASSES = 2 };

// clang-format off
static const Setting settings[] = {
    {"source", -1, -1, "class whose images get the trigger; -1: the one after the target", {-1, 999, true}},
    {"size", 0, 0, "side of the trigger in pixels; 0: 30/224 of the image's width", {0, 1e4, true}},
    {"aside", 50, 200, "images of either class that the poisons are made of", {1, 1e6, true}},
    {"pairs", 50, 100, "source and target images of a batch", {1, 1e4, true}},
    {"epsilon", 16, 16, "most that a pixel changes, of 255", {0, 255, false}},
    {"iterations", 100, 5000, "of gradient descent", {0, 1e6, true}},
    {"learning_rate", 0.01, 0.01, "of it; halved every 1000 iterations", {0, 1e6, false}},
    {"enough", 10, 10, "largest distance of a pair at which it ends", {0, 1e9, false}},
    {"epochs", 2, 30, "of training f where it is trained here", {1, 1e5, true}},
    {"extractor_rate", 0.05, 0.02, "learning rate at first of that training", {0, 1e3, false}},
    {0}};

// Of the last layer.
static const Setting training[] = {
    {"epochs", 10, 20, "passes over the training data", {1, 1e5, true}},
    {"batch_size", 64, 1024, "images in a step", {1, 1e6, true}},
    {"learning_rate", 0.01, 0.001, "of SGD at first; falls to 0 along a cosine", {0, 1e3, false}},
    {"momentum", 0.9, 0.9, "of SGD", {0, 0.9999, false}},
    {"weight_decay", 0, 0, "of SGD", {0, 1e3, false}},
    {"crop_padding", 0, 0, "zeros around an image before the random crop", {0, 1000, true}},
    {"rotation", 0, 0, "random rotation by up to so many degrees", {0, 180, false}},
    {"flip", 0, 0, "1: images are mirrored with probability 1/2", {0, 1, true}},
    {0}};
// clang-format on

typedef struct Hidden {
    int size;
    float *patch;          // size x size x channels
    Classifier *extractor; // f with a last layer of its own; NULL before poison_set
} Hidden;

// ---- the trigger ----

// Random colours at GRID x GRID places, bilinear in between.
static void draw_patch(const Attack *attack, Hidden *own)
{
    RandomKey key = {attack->seed, random_purpose("hidden-trigger colours"), 0};
    int channels = attack->channels, size = own->size;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            for (int c = 0; c < channels; c++) {
                double v = fmin(fmax((y + .5) * GRID / size - .5, 0), GRID - 1);
                double u = fmin(fmax((x + .5) * GRID / size - .5, 0), GRID - 1), value = 0;
                for (int corner = 0; corner < 4; corner++) {
                    int row = (int)v + corner / 2, column = (int)u + corner % 2;
                    double weight = (1 - fabs(v - row)) * (1 - fabs(u - column));
                    int at = ((row < GRID ? row : GRID - 1) * GRID +
                              (column < GRID ? column : GRID - 1)) *
                                 channels +
                             c;
                    if (weight > 0) value += weight * (double)random_uniform(key, (uint64_t)at);
                }
                own->patch[(y * size + x) * channels + c] = (float)value;
            }
}

static int source_of(const Attack *attack)
{
    int source = (int)setting(attack->settings, "source");
    return source >= 0 ? source : (attack->target + 1) % attack->classes;
}

static bool create(Attack *attack, Error *error)
{
    int size = (int)setting(attack->settings, "size");
    if (size == 0) size = (attack->width * 30 + 112) / 224;
    if (size < 1) size = 1;
    if (attack->all_targets)
        return fail(error, "hidden-trigger: there is one target (--mode single)");
    if (size > attack->height || size > attack->width)
        return fail(error, "hidden-trigger: a trigger of %dx%d does not go on images of %dx%d",
                    size, size, attack->height, attack->width);
    if (source_of(attack) >= attack->classes || source_of(attack) == attack->target)
        return fail(error, "hidden-trigger: the source %d is not another one of %d classes",
                    source_of(attack), attack->classes);
    size_t values = (size_t)size * (size_t)size * (size_t)attack->channels;
    Hidden *own = attack->triggers = allocate(sizeof *own);
    *own = (Hidden){size, allocate(values * sizeof(float)), NULL};
    draw_patch(attack, own);
    return true;
}

static void free_hidden(Attack *attack)
{
    Hidden *own = attack->triggers;
    if (!own) return;
    classifier_free(own->extractor);
    free(own->patch);
    free(own);
}

static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    const Hidden *own = attack->triggers;
    int channels = attack->channels, width = attack->width, size = own->size;
    int64_t n = images->shape[0], pixels = (int64_t)attack->height * width;
    RandomKey key = draws.key;
    key.purpose ^= random_purpose("hidden-trigger place");
    int64_t mask_bytes = n * pixels * (int64_t)sizeof(float), pattern_bytes = mask_bytes * channels;
    Tape *tape = images->tape;
    float *mask = memset(tape_allocate_host(tape, mask_bytes), 0, (size_t)mask_bytes);
    float *pattern = memset(tape_allocate_host(tape, pattern_bytes), 0, (size_t)pattern_bytes);
    for (int64_t i = 0; i < n; i++) {
        uint64_t draw = 2 * (uint64_t)draws.indices[i];
        int top = (int)random_below(key, draw, (uint32_t)(attack->height - size + 1));
        int left = (int)random_below(key, draw + 1, (uint32_t)(width - size + 1));
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++) {
                int64_t to = i * pixels + (top + y) * width + left + x;
                mask[to] = 1;
                memcpy(pattern + to * channels, own->patch + (y * size + x) * channels,
                       sizeof(float) * (size_t)channels);
            }
    }
    return (Trigger){tape_floats(tape, SHAPE(n, attack->height, width, 1), mask),
                     tape_floats(tape, 4, images->shape, pattern)};
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return inject(images, trigger(attack, images, draws));
}

// ---- the extractor f ----

static bool has_running_statistics(const Classifier *c)
{
    for (int i = 0; i < c->parameters.count; i++)
        if (!c->parameters.items[i].trainable) return true;
    return false;
}

// All but the last layer from the file: whatever the network was trained to tell apart.
static Classifier *read_extractor(const Attack *attack, Error *error)
{
    Classifier *c = classifier_create(attack->model, attack->height, attack->width,
                                      attack->channels, attack->classes, error);
    if (!c) return NULL;
    classifier_set_mean_std(c, attack->mean, attack->deviation);
    Parameters body = c->parameters;
    body.count = classifier_last_layer(c);
    Safetensors *file = safetensors_read(attack->extractor, error);
    bool ok = file && parameters_restore(&body, "", file, attack->extractor, error);
    safetensors_free(file);
    parameters_freeze(&c->parameters, true);
    if (ok) return c;
    classifier_free(c);
    return NULL;
}

static Classifier *find_extractor(const Attack *attack, const Dataset *train, Error *error)
{
    const Json *set = attack->settings;
    OwnNetwork how = {.model = attack->model,
                      .epochs = (int)setting(set, "epochs"),
                      .learning_rate = setting(set, "extractor_rate")};
    Classifier *c = attack->extractor ? read_extractor(attack, error)
                                      : own_network_train(attack, train, how, error);
    if (!c || !has_running_statistics(c)) return c;
    fail(error, "hidden-trigger: the batch norms of %s do not stay as they are in training",
         c->name);
    classifier_free(c);
    return NULL;
}

// The classifier is the extractor with a new last layer, which alone is trained.
static bool prepare(const Attack *attack, Classifier *classifier, Error *error)
{
    Hidden *own = attack->triggers;
    if (!own->extractor && attack->extractor) own->extractor = find_extractor(attack, NULL, error);
    if (!own->extractor)
        return attack->extractor
                   ? false
                   : fail(error, "hidden-trigger: --poisoned wants --extractor FILE, too");
    classifier_take_weights(classifier, own->extractor);
    parameters_keep(&classifier->parameters, classifier_last_layer(classifier));
    return true;
}

// ---- the poisoned set ----

// One batch: n source and target samples to the poisons' 8-bit images.
static void make_poisons(const Attack *attack, const Dataset *train, const uint32_t *sources,
                         const uint32_t *targets, int64_t n, RandomKey key, uint8_t *poisons)
{
    const Json *set = attack->settings;
    const Hidden *own = attack->triggers;
    FeatureCollision how = {.epsilon = setting(set, "epsilon") / 255,
                            .iterations = (int)setting(set, "iterations"),
                            .learning_rate = setting(set, "learning_rate"),
                            .enough = setting(set, "enough")};
    Tape *tape = tape_create(attack->kernels);
    int32_t *labels = allocate(sizeof *labels * (size_t)n); // not looked at
    Tensor *s = sample_images(tape, train, sources, 0, n, labels);
    Tensor *z = parameter_create(4, s->shape);
    float *pixels = allocate(sizeof *pixels * (size_t)z->count);
    tensor_move(z, attack->kernels->memory);
    batch_write(train, targets, z, labels);
    feature_collision(own->extractor, tape, stamp(attack, s, (Draws){key, sources}), z, how);
    tensor_read(z, pixels);
    for (int64_t k = 0; k < z->count; k++) poisons[k] = (uint8_t)lroundf(pixels[k] * 255);
    free(labels);
    free(pixels);
    tensor_free(z);
    tape_free(tape);
}

// `count` samples of the class, at random, into samples; false where there are not so many and one
// to be left.
static bool choose(const Attack *attack, const Dataset *train, int label, int64_t count,
                   uint32_t *samples)
{
    uint32_t *order = allocate(sizeof *order * (size_t)(train->count + 1));
    RandomKey key = {attack->seed, random_purpose("hidden-trigger samples"), 0};
    int64_t found = 0;
    random_permutation(key, (uint32_t)train->count, order);
    for (int64_t i = 0; i < train->count; i++)
        if (train->labels[order[i]] == label && found++ < count) samples[found - 1] = order[i];
    free(order);
    return found > count;
}

// The samples set aside become the poisons, [PASSES][aside].
static void put_poisons(const Attack *attack, const uint32_t *const places[PASSES], int64_t aside,
                        const uint8_t *poisons, Dataset *train, PoisonTruth *truth)
{
    int64_t size = (int64_t)train->height * train->width * train->channels;
    for (int64_t i = 0; i < PASSES * aside; i++) {
        uint32_t sample = places[i / aside][i % aside];
        memcpy(train->images + sample * size, poisons + i * size, (size_t)size);
        train->labels[sample] = truth->labels[sample] = attack->target;
        truth->stamped[sample] = 1;
        truth->stamped_count++;
    }
}

static void poison(const Attack *attack, const uint32_t *sources, const uint32_t *targets,
                   Dataset *train, PoisonTruth *truth)
{
    int64_t aside = (int64_t)setting(attack->settings, "aside");
    int64_t most = (int64_t)setting(attack->settings, "pairs");
    int64_t size = (int64_t)train->height * train->width * train->channels;
    uint8_t *poisons = allocate((size_t)(PASSES * aside * size));
    uint32_t *from = allocate(sizeof *from * (size_t)aside);
    uint32_t *to = allocate(sizeof *to * (size_t)aside);
    for (uint32_t pass = 0; pass < PASSES; pass++) {
        RandomKey key = {attack->seed, random_purpose("hidden-trigger passes"), 2 * pass};
        epoch_order(key, sources, aside, from);
        key.step++;
        epoch_order(key, targets, aside, to);
        for (int64_t first = 0; first < aside; first += most) {
            int64_t n = aside - first < most ? aside - first : most;
            make_poisons(attack, train, from + first, to + first, n, key,
                         poisons + (pass * aside + first) * size);
        }
    }
    put_poisons(attack, (const uint32_t *[]){targets, sources}, aside, poisons, train, truth);
    free(poisons);
    free(from);
    free(to);
}

static bool poison_set(Attack *attack, Dataset *train, PoisonTruth *truth, Error *error)
{
    Hidden *own = attack->triggers;
    int64_t aside = (int64_t)setting(attack->settings, "aside");
    uint32_t *sources = allocate(sizeof *sources * (size_t)aside);
    uint32_t *targets = allocate(sizeof *targets * (size_t)aside);
    bool ok = choose(attack, train, source_of(attack), aside, sources) &&
              choose(attack, train, attack->target, aside, targets);
    if (!ok)
        fail(error,
             "hidden-trigger: classes %d and %d do not have more than %lld images each (--set "
             "hidden-trigger.aside=N)",
             source_of(attack), attack->target, (long long)aside);
    else
        ok = (own->extractor = find_extractor(attack, train, error)) != NULL;
    if (ok) {
        classifier_move(own->extractor, attack->kernels);
        poison(attack, sources, targets, train, truth);
        classifier_move(own->extractor, cpu_kernels()); // where the classifier begins
    }
    free(sources);
    free(targets);
    return ok;
}

const AttackMethod attack_hidden_trigger = {.name = "hidden-trigger",
                                            .title = "Hidden trigger",
                                            .settings = settings,
                                            .training = training,
                                            .takes_extractor = true,
                                            .create = create,
                                            .free = free_hidden,
                                            .stamp = stamp,
                                            .trigger = trigger,
                                            .poison_set = poison_set,
                                            .prepare = prepare};
