// The neurons that classifiers list: the observer sees them, and nothing else makes or reads them.
#include <math.h>
#include <string.h>
#include "core/error.h"
#include "nn/classifier.h"
#include "nn/initialize.h"
#include "tests/test.h"

enum { CLASSES = 10, MOST = 64 };

static Classifier *network(const char *name, int side, int channels)
{
    Error error = {0};
    Classifier *c = classifier_create(name, side, side, channels, CLASSES, &error);
    check(c != NULL, "%s", error.message);
    initialize_he(&c->parameters, (RandomKey){1, 2, 3});
    return c;
}

static Tensor *image_of(Tape *tape, const Classifier *c)
{
    Tensor *x = tape_tensor(tape, SHAPE(1, c->height, c->width, c->channels));
    for (int64_t i = 0; i < x->count; i++)
        x->data[i] = random_uniform((RandomKey){5, 6, 7}, (uint64_t)i);
    return x;
}

static void scores_of(const Classifier *c, float scores[CLASSES])
{
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    const Tensor *y = classify(c, image_of(tape, c), (Mode){0});
    memcpy(scores, y->data, sizeof(float) * CLASSES);
    tape_free(tape);
}

typedef struct Seen {
    const Classifier *classifier;
    int order[MOST], count; // listed layers in the order in which they were seen
    float first[MOST];      // their first value
} Seen;

static void see(void *context, const Tensor *weight, Tensor *result)
{
    Seen *seen = context;
    const Classifier *c = seen->classifier;
    for (int l = 0; l < c->neuron_layers; l++) {
        if (c->neurons[l].watched != weight) continue;
        check(result->shape[result->rank - 1] == neuron_count(&c->neurons[l]), "%s, layer %d: %s",
              c->name, l, shape_text(result));
        seen->order[seen->count] = l;
        seen->first[seen->count++] = result->data[0];
    }
}

static Seen watched(const Classifier *c)
{
    Seen seen = {.classifier = c};
    Observer observer = {see, &seen};
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    tape_observe(tape, &observer);
    classify(c, image_of(tape, c), (Mode){0});
    tape_free(tape);
    return seen;
}

static const struct {
    const char *name;
    int side, channels, layers, neurons;
    bool chain; // each layer is read by one other alone
} networks[] = {
    {"nin", 28, 1, 8, 1408, true},        {"vgg11", 28, 1, 8, 2752, true},
    {"vgg16", 32, 3, 13, 4224, true},     {"vgg11-bn", 32, 3, 8, 2752, false},
    {"resnet18", 32, 3, 15, 4480, false}, {"resnet18-elu", 28, 1, 15, 4480, false},
    {"alexnet", 63, 3, 7, 9344, true},    {"mlp", 5, 1, 5, 500, true},
    {"mnist-dba", 28, 1, 3, 570, true},   {"resnet18-dba", 32, 3, 15, 2240, false},
    {"mnist-ia", 28, 1, 3, 608, true},
};
enum { NETWORKS = sizeof networks / sizeof networks[0] };

static void every_listed_layer_is_seen_once(void)
{
    for (int n = 0; n < NETWORKS; n++) {
        Classifier *c = network(networks[n].name, networks[n].side, networks[n].channels);
        int64_t neurons = 0;
        for (int l = 0; l < c->neuron_layers; l++) neurons += neuron_count(&c->neurons[l]);
        check(c->neuron_layers == networks[n].layers && neurons == networks[n].neurons,
              "%s: %d layers of %d neurons", c->name, c->neuron_layers, (int)neurons);
        bool found[MOST] = {false};
        Seen seen = watched(c);
        check(seen.count == c->neuron_layers, "%s: %d were seen", c->name, seen.count);
        for (int i = 0; i < seen.count; i++) {
            check(!found[seen.order[i]], "%s: layer %d is seen again", c->name, seen.order[i]);
            found[seen.order[i]] = true;
        }
        classifier_free(c);
    }
}

// Frozen networks join layers, but not while they are watched.
static void a_frozen_network_shows_the_same(void)
{
    Classifier *c = network("resnet18", 32, 3);
    Seen before = watched(c);
    parameters_freeze(&c->parameters, true);
    Seen after = watched(c);
    check(before.count == after.count, "as many layers");
    for (int i = 0; i < before.count; i++)
        check(before.order[i] == after.order[i] &&
                  fabsf(before.first[i] - after.first[i]) < 1e-4f * (1 + fabsf(before.first[i])),
              "layer %d: %g and %g", before.order[i], (double)before.first[i],
              (double)after.first[i]);
    classifier_free(c);
}

// Whatever makes a neuron that was cut, the scores are the same, and other than with the neuron.
static void what_makes_a_cut_neuron_does_not_matter(void)
{
    for (int n = 0; n < NETWORKS; n++) {
        if (!networks[n].chain) continue;
        Classifier *c = network(networks[n].name, networks[n].side, networks[n].channels);
        Classifier *other = network(networks[n].name, networks[n].side, networks[n].channels);
        initialize_he(&other->parameters, (RandomKey){9, 9, 9});
        for (int l = 0; l < c->neuron_layers; l += c->neuron_layers / 3) {
            float whole[CLASSES], cut[CLASSES], changed[CLASSES];
            bool matters = false;
            int64_t quarter = neuron_count(&c->neurons[l]) / 4;
            int64_t chosen[] = {0, quarter, 2 * quarter, 3 * quarter};
            scores_of(c, whole);
            neurons_cut(&c->neurons[l], 4, chosen);
            scores_of(c, cut);
            neurons_copy(&c->neurons[l], &other->neurons[l], 4, chosen);
            scores_of(c, changed);
            for (int i = 0; i < CLASSES; i++) matters |= whole[i] != cut[i];
            check(matters, "%s, layer %d: the neurons mattered", c->name, l);
            check(memcmp(cut, changed, sizeof cut) == 0, "%s, layer %d", c->name, l);
        }
        classifier_free(c);
        classifier_free(other);
    }
}

static void layers_have_their_pytorch_names(void)
{
    char name[32];
    Classifier *c = network("resnet18", 32, 3);
    const char *names[] = {"layer2.0.conv1", "layer2.0.downsample.0", "layer2.0.conv2",
                           "layer2.1.conv1"};
    for (int l = 0; l < 4; l++) {
        neuron_layer_name(c, &c->neurons[l], name, sizeof name);
        check(strcmp(name, names[l]) == 0, "layer %d is %s", l, name);
    }
    classifier_free(c);
}

// The last map that is shown, or in a network without maps what is shown last.
static void keep_last_map(void *context, const Tensor *weight, Tensor *result)
{
    Tensor **last = context;
    if (!weight && (result->rank == 4 || !*last || (*last)->rank == 2)) *last = result;
}

static void scores_of_the_last_map_are_the_networks(void)
{
    static const char *const more[] = {"mnist-wanet", "preact-resnet18", "vgg11-bn-gn"};
    for (int n = 0; n < NETWORKS + 3; n++) {
        Classifier *c = n < NETWORKS
                            ? network(networks[n].name, networks[n].side, networks[n].channels)
                            : network(more[n - NETWORKS], 28, 1);
        Tensor *last = NULL;
        Observer observer = {keep_last_map, &last};
        Tape *tape = tape_create(cpu_kernels());
        tape_record(tape, false);
        tape_observe(tape, &observer);
        const Tensor *whole = classify(c, image_of(tape, c), (Mode){0});
        const Tensor *rest = c->scores(c, last, (Mode){0});
        check(memcmp(whole->data, rest->data, sizeof(float) * CLASSES) == 0, "%s", c->name);
        tape_free(tape);
        classifier_free(c);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"every_listed_layer_is_seen_once", every_listed_layer_is_seen_once},
        {"a_frozen_network_shows_the_same", a_frozen_network_shows_the_same},
        {"what_makes_a_cut_neuron_does_not_matter", what_makes_a_cut_neuron_does_not_matter},
        {"layers_have_their_pytorch_names", layers_have_their_pytorch_names},
        {"scores_of_the_last_map_are_the_networks", scores_of_the_last_map_are_the_networks}};
    return TESTS_RUN(tests);
}
