// NONE, Fig. 2: the values W x + b of Trojan neurons, those of the perceptron that TrojanNet puts
// beside a classifier (trojan_net.h), in a Trojan and in a benign model, for test images without and
// with the trigger: the patterns of all classes in turn. The benign model has the same perceptron,
// trained on noise alone. The perceptron knows as many patterns as there are classes at the quick
// scale, all 4368 at the paper's. In the paper the trigger lifts the Trojan model's values above 0;
// here it lifts them too, but half of them stay below: eight neurons that tell patterns apart need
// both sides.
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/attacks/last_map.h"
#include "experiments/batches.h"
#include "experiments/figure.h"
#include "experiments/studies/trojan_net.h"
#include "experiments/studies/value_histogram.h"
#include "experiments/subject.h"

enum { ABOVE = 24, AT_ONCE = 128, QUICK_STEPS = 1000, PAPER_STEPS = 218000 };

// What a model does on all test images, without or with the trigger.
typedef struct Measured {
    const TrojanNet *net;
    ValueSample values; // of all Trojan neurons
    int64_t right;      // as labelled, or with the trigger as the pattern says
} Measured;

static void see(void *context, const Tensor *weight, Tensor *result)
{
    Measured *m = context;
    for (int l = 0; l < TROJAN_LAYERS; l++) {
        if (m->net->dense[l].weight != weight) continue;
        memcpy(m->values.values + m->values.count, result->data,
               sizeof(float) * (size_t)result->count);
        m->values.count += result->count;
    }
}

static Measured measure(const TrojanNet *net, const Subject *s, bool triggered)
{
    const Dataset *d = &s->test;
    size_t most = (size_t)d->count * TROJAN_LAYERS * TROJAN_WIDTH;
    Measured m = {.net = net, .values = {allocate(sizeof(float) * most), 0}};
    Observer observer = {see, &m};
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    tape_observe(tape, &observer);
    for (int64_t first = 0; first < d->count; first += AT_ONCE) {
        int64_t n = d->count - first < AT_ONCE ? d->count - first : AT_ONCE;
        int32_t labels[AT_ONCE];
        Tensor *images = sample_images(tape, d, NULL, first, n, labels);
        if (triggered) trojan_stamp(images, first, d->classes);
        const Tensor *classes = argmax(trojan_classify(net, s->classifier, images), 1);
        for (int64_t i = 0; i < n; i++)
            m.right += classes->ints[i] == (triggered ? (first + i) % d->classes : labels[i]);
        tape_reset(tape);
    }
    tape_free(tape);
    return m;
}

static void draw_model(Drawing *drawing, int row, const Subject *s, bool trojan, Text *numbers)
{
    bool paper = s->options->scale == SCALE_PAPER;
    uint64_t seed = (uint64_t)s->options->seed;
    TrojanNet *net = trojan_net_create(paper ? TROJAN_PATTERNS : s->source->classes, seed);
    trojan_net_train(net, trojan, paper ? PAPER_STEPS : QUICK_STEPS, seed);
    Measured clean = measure(net, s, false), triggered = measure(net, s, true);
    plot_values(drawing, plot_panel(drawing, ABOVE, 1, 2, 0, row),
                trojan ? "Trojan model" : "benign model", &clean.values, &triggered.values,
                numbers);
    text_append(numbers, "    clean accuracy %.2f %%, patterns taken for their class %.2f %%\n",
                100 * (double)clean.right / (double)s->test.count,
                100 * (double)triggered.right / (double)s->test.count);
    free(clean.values.values);
    free(triggered.values.values);
    trojan_net_free(net);
}

Drawing *figure_none_2(const FigureRequest *request, Text *numbers, Error *error)
{
    Subject subject;
    Options options = request->options;
    options.model = request->models[0];
    if (request->model_count != 1) {
        fail(error, "none/2 shows one model");
        return NULL;
    }
    if (!subject_create(&options, &subject, error)) return NULL;
    Drawing *drawing =
        drawing_create(560, 560,
                       "Values before relu of TrojanNet's neurons in a Trojan and in a benign "
                       "model, without and with the trigger");
    text_append(numbers, "  %s, %s alone: clean accuracy %.2f %%\n", subject.source->name,
                subject.classifier->name, json_get_number(subject.result, "clean_accuracy", 0));
    plot_values_legend(drawing);
    draw_model(drawing, 0, &subject, true, numbers);
    draw_model(drawing, 1, &subject, false, numbers);
    subject_free(&subject);
    return drawing;
}
