// NONE, Fig. 4 and 5: in a network that BadNets has given a Trojan, what the channels that NONE finds
// compromised (the ones it resets, defenses/none.c) take on before their activation, at the place of
// an image where that is most: test images of other classes than the target's, without and with the
// trigger. Fig. 4 takes the channels of all layers of a network together, Fig. 5 each of the last
// four layers by itself (of ResNet18 the 14th to 17th convolution, shortcuts not counted).
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/activations.h"
#include "experiments/cell.h"
#include "experiments/figure.h"
#include "experiments/studies/value_histogram.h"

enum { ABOVE = 24, SHOWN_LAYERS = 4, MOST_LAYERS = 64 };

typedef struct Compromised {
    Subject subject;
    Json *record;      // of NONE's cell
    const Json *reset; // {"layer2.0.conv1": [12, 3], ...}: the channels of its first round
    Activations without, with;
} Compromised;

// ---- the test images without the target's class ----

static Dataset copy_of(const Dataset *d)
{
    size_t bytes = (size_t)d->count * (size_t)d->height * (size_t)d->width * (size_t)d->channels;
    Dataset copy = *d;
    copy.name = copy_string(d->name);
    copy.note = NULL;
    copy.images = allocate(bytes);
    copy.labels = allocate(sizeof *copy.labels * (size_t)d->count);
    memcpy(copy.images, d->images, bytes);
    memcpy(copy.labels, d->labels, sizeof *copy.labels * (size_t)d->count);
    return copy;
}

static void stamp_all(const Subject *s, Dataset *d)
{
    uint32_t *samples = allocate(sizeof *samples * (size_t)d->count);
    PoisonTruth truth = poison_truth_create(d);
    for (int64_t i = 0; i < d->count; i++) samples[i] = (uint32_t)i;
    attack_stamp_samples(&s->attack,
                         (RandomKey){(uint64_t)s->options->seed, random_purpose("test trigger"), 0},
                         samples, d->count, d, &truth);
    poison_truth_free(&truth);
    free(samples);
}

// All targets: every class stays.
static void drop_target(const Subject *s, Dataset *d)
{
    size_t size = (size_t)d->height * (size_t)d->width * (size_t)d->channels;
    int64_t kept = 0;
    for (int64_t i = 0; i < d->count; i++) {
        if (!s->attack.all_targets && d->labels[i] == s->attack.target) continue;
        memmove(d->images + (size_t)kept * size, d->images + (size_t)i * size, size);
        d->labels[kept++] = d->labels[i];
    }
    d->count = kept;
}

static Activations activations_of(const Subject *s, bool stamped)
{
    Dataset d = copy_of(&s->test);
    if (stamped) stamp_all(s, &d);
    drop_target(s, &d);
    Activations a = activations_gather(s->classifier, &d, false);
    dataset_free(&d);
    return a;
}

// ---- the compromised channels' values ----

// Trains the network and defends it, or reads it where that is done.
static bool create(const FigureRequest *request, const char *model, Options *options,
                   Compromised *c, Error *error)
{
    *options = request->options;
    options->model = model;
    if (!subject_create(options, &c->subject, error)) return false;
    c->record = cell_run(&c->subject, "none", error);
    const Json *findings = json_get(c->record, "findings");
    c->reset = findings && findings->count > 0 ? json_get(findings->items[0], "reset") : NULL;
    if (!c->reset) {
        if (c->record) fail(error, "%s: NONE's result lists no neurons", model);
        json_free(c->record);
        subject_free(&c->subject);
        return false;
    }
    c->without = activations_of(&c->subject, false);
    c->with = activations_of(&c->subject, true);
    return true;
}

static void destroy(Compromised *c)
{
    activations_free(&c->without);
    activations_free(&c->with);
    json_free(c->record);
    subject_free(&c->subject);
}

// Of these layers of neurons; the caller frees the values.
static ValueSample values_of(const Compromised *c, const Activations *a, int count,
                             const int *layers)
{
    ValueSample sample = {allocate(sizeof(float) * (size_t)(a->samples * a->neurons)), 0};
    for (int l = 0; l < count; l++) {
        char name[64];
        const Classifier *classifier = c->subject.classifier;
        neuron_layer_name(classifier, &classifier->neurons[layers[l]], name, sizeof name);
        const Json *channels = json_get(c->reset, name);
        for (size_t k = 0; channels && k < channels->count; k++) {
            int64_t n = a->first[layers[l]] + (int64_t)channels->items[k]->number;
            for (int64_t i = 0; i < a->samples; i++)
                sample.values[sample.count++] = a->largest[i * a->neurons + n];
        }
    }
    return sample;
}

static void draw(Drawing *drawing, Box box, const Compromised *c, const char *title, int count,
                 const int *layers, Text *numbers)
{
    ValueSample without = values_of(c, &c->without, count, layers);
    ValueSample with = values_of(c, &c->with, count, layers);
    if (without.count > 0)
        plot_values(drawing, box, title, &without, &with, numbers);
    else
        text_append(numbers, "  %-32s no compromised channel\n", title);
    free(without.values);
    free(with.values);
}

static void append_accuracy(const Compromised *c, Text *numbers)
{
    text_append(numbers, "  %s, %s: BA %.2f %%, ASR %.2f %%; with NONE BA %.2f %%, ASR %.2f %%\n",
                c->subject.source->name, c->subject.classifier->name,
                json_get_number(c->record, "undefended_BA", 0),
                json_get_number(c->record, "undefended_ASR", 0),
                json_get_number(c->record, "BA", 0), json_get_number(c->record, "ASR", 0));
}

Drawing *figure_none_4(const FigureRequest *request, Text *numbers, Error *error)
{
    int layers[MOST_LAYERS];
    Drawing *drawing = drawing_create(
        380. * request->model_count, 320,
        "Values of the channels that NONE finds compromised, without and with the trigger");
    plot_values_legend(drawing);
    for (int l = 0; l < MOST_LAYERS; l++) layers[l] = l;
    for (int m = 0; m < request->model_count; m++) {
        Compromised c = {0};
        Options options;
        if (!create(request, request->models[m], &options, &c, error)) {
            drawing_free(drawing);
            return NULL;
        }
        append_accuracy(&c, numbers);
        draw(drawing, plot_panel(drawing, ABOVE, request->model_count, 1, m, 0), &c,
             request->models[m], c.without.layers, layers, numbers);
        destroy(&c);
    }
    return drawing;
}

// A shortcut is watched elsewhere than at the convolution that makes it.
static bool is_shortcut(const NeuronLayer *layer)
{
    return layer->watched != layer->made_by[0];
}

Drawing *figure_none_5(const FigureRequest *request, Text *numbers, Error *error)
{
    Compromised c = {0};
    Options options;
    int layers[SHOWN_LAYERS], count = 0;
    if (request->model_count != 1) {
        fail(error, "none/5 shows the layers of one model");
        return NULL;
    }
    if (!create(request, request->models[0], &options, &c, error)) return NULL;
    const Classifier *classifier = c.subject.classifier;
    for (int l = classifier->neuron_layers - 1; l >= 0 && count < SHOWN_LAYERS; l--)
        if (!is_shortcut(&classifier->neurons[l])) layers[count++] = l;
    append_accuracy(&c, numbers);
    Drawing *drawing = drawing_create(760, 600,
                                      "Values of the channels that NONE finds compromised in the "
                                      "last layers, without and with the trigger");
    plot_values_legend(drawing);
    for (int i = 0; i < count; i++) {
        char name[64];
        const int *layer = &layers[count - 1 - i];
        neuron_layer_name(classifier, &classifier->neurons[*layer], name, sizeof name);
        draw(drawing, plot_panel(drawing, ABOVE, 2, 2, i % 2, i / 2), &c, name, 1, layer, numbers);
    }
    destroy(&c);
    return drawing;
}
