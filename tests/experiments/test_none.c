// NONE on a network made by hand, an mlp whose first three neurons carry the classes and one more a
// Trojan: which neurons it finds, which samples it removes, and what is left of the Trojan.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/error.h"
#include "experiments/training_defense.h"
#include "tests/test.h"

enum { SIDE = 3, PIXELS = SIDE * SIDE, CLASSES = 3, LAYERS = 6, SAMPLES = 300, STAMPED = 15 };
enum { TROJAN = 57, TRIGGER = PIXELS - 1, TARGET = 2 };

static float *value(const Classifier *c, int layer, const char *what)
{
    char name[32];
    snprintf(name, sizeof name, "linear%d.%s", layer, what);
    return parameters_find(&c->parameters, name)->tensor->data;
}

// Class k lights pixel k; neuron k passes it on through all layers. The Trojan neuron sees the last
// pixel only; in the last layer it outvotes the classes. All other neurons are off.
static Classifier *network(void)
{
    Error error = {0};
    Classifier *c = classifier_create("mlp", SIDE, SIDE, 1, CLASSES, &error);
    check(c != NULL, "%s", error.message);
    for (int layer = 1; layer <= LAYERS; layer++) {
        int out = layer < LAYERS ? 100 : CLASSES;
        float *weight = value(c, layer, "weight"), *bias = value(c, layer, "bias");
        for (int n = 0; layer < LAYERS && n < out; n++) bias[n] = -.1f;
        for (int k = 0; k < CLASSES; k++) weight[k * out + k] = layer == LAYERS ? 10 : 1;
        if (layer < LAYERS) {
            weight[(layer == 1 ? TRIGGER : TROJAN) * out + TROJAN] = layer == 1 ? 6 : 1;
            bias[TROJAN] = .01f;
        } else {
            weight[TROJAN * out + TARGET] = 20;
        }
    }
    return c;
}

typedef struct Trial {
    Dataset train;
    PoisonTruth truth;
    Attack attack;
    Classifier *classifier;
    Json *settings, *classifier_settings;
    TrainingDefense defense;
} Trial;

// Samples of all classes in turn, a little noise on every pixel; every 20th is stamped.
static void fill(Dataset *d)
{
    RandomKey key = {1, random_purpose("samples"), 0};
    for (int i = 0; i < SAMPLES; i++) {
        uint8_t *image = d->images + i * PIXELS;
        for (int p = 0; p < PIXELS; p++)
            image[p] = (uint8_t)random_below(key, (uint64_t)(i * PIXELS + p), 9);
        d->labels[i] = i % CLASSES;
        image[i % CLASSES] = (uint8_t)(200 + random_below(key, (uint64_t)i + 9999, 55));
    }
}

static void create(Trial *t, int count, const char **overrides)
{
    *t = (Trial){.classifier = network()};
    const TrainingDefenseMethod *method = training_defense_find("none");
    t->train = (Dataset){.name = copy_string("points"),
                         .count = SAMPLES,
                         .height = SIDE,
                         .width = SIDE,
                         .channels = 1,
                         .classes = CLASSES,
                         .images = allocate_zeroed(SAMPLES * PIXELS),
                         .labels = allocate(SAMPLES * sizeof(int32_t))};
    fill(&t->train);
    t->truth = poison_truth_create(&t->train);
    for (int i = 0; i < SAMPLES; i += SAMPLES / STAMPED) {
        t->train.images[i * PIXELS + TRIGGER] = 255;
        t->train.labels[i] = TARGET;
        t->truth.stamped[i] = 1;
        t->truth.stamped_count++;
    }
    t->attack.method = attack_method_find("none", NULL);
    t->settings =
        settings_resolve(method->settings, "none", SCALE_QUICK, &(Overrides){count, overrides});
    t->classifier_settings = json_object();
    json_set(t->classifier_settings, "batch_size", json_number(50));
    json_set(t->classifier_settings, "momentum", json_number(.9));
    json_set(t->classifier_settings, "weight_decay", json_number(0));
    t->defense = (TrainingDefense){.method = method,
                                   .settings = t->settings,
                                   .classifier_settings = t->classifier_settings,
                                   .classifier = t->classifier,
                                   .train = &t->train,
                                   .test = &t->train,
                                   .attack = &t->attack,
                                   .truth = &t->truth,
                                   .directory = temporary_directory(),
                                   .config_hash = "",
                                   .quiet = true,
                                   .curves = curves_create(),
                                   .findings = json_array()};
}

static void destroy(Trial *t)
{
    curves_free(&t->defense.curves);
    json_free(t->defense.findings);
    json_free(t->settings);
    json_free(t->classifier_settings);
    poison_truth_free(&t->truth);
    dataset_free(&t->train);
    classifier_free(t->classifier);
}

// Runs NONE with a learning rate of 0, so that only its reset changes anything.
static const Json *run(Trial *t, const char *hash)
{
    Error error = {0};
    t->defense.config_hash = hash; // no test takes up another's checkpoint
    check(t->defense.method->train(&t->defense, &error), "%s", error.message);
    return t->defense.findings->count > 0 ? t->defense.findings->items[0] : NULL;
}

static bool lists(const Json *finding, const char *what, const char *layer, int neuron)
{
    const Json *list = json_get(json_get(finding, what), layer);
    for (size_t i = 0; list && i < list->count; i++)
        if ((int)list->items[i]->number == neuron) return true;
    return false;
}

static int classified(const Trial *t, int sample)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tape_tensor(tape, SHAPE(1, SIDE, SIDE, 1));
    for (int p = 0; p < PIXELS; p++) x->data[p] = (float)t->train.images[sample * PIXELS + p] / 255;
    int k = argmax(classify(t->classifier, x, (Mode){0}), 1)->ints[0];
    tape_free(tape);
    return k;
}

// How many samples that are not stamped have the greatest noise at the trigger's place.
static int top_of_the_rest(const Trial *t)
{
    int top = -1, count = 0;
    for (int i = 0; i < SAMPLES; i++) {
        int noise = t->train.images[i * PIXELS + TRIGGER];
        if (t->truth.stamped[i] || noise < top) continue;
        count = noise > top ? 1 : count + 1;
        top = noise;
    }
    return count;
}

static void finds_the_planted_neuron(bool printed, const char *hash)
{
    const char *overrides[] = {"none.learning_rate=0", "none.reset=0.01",
                               printed ? "none.printed=1" : "none.printed=0"};
    Trial t;
    create(&t, 3, overrides);
    check(classified(&t, 0) == TARGET && classified(&t, 1) == 1, "the Trojan works, so do classes");
    const Json *finding = run(&t, hash);
    for (int layer = 1; layer < LAYERS; layer++) {
        char name[32];
        snprintf(name, sizeof name, "linear%d", layer);
        check(lists(finding, "reset", name, TROJAN), "%s: reset", name);
        check(lists(finding, "judged_by", name, TROJAN), "%s: judged by", name);
        check(!lists(finding, "reset", name, 0) && !lists(finding, "reset", name, 1),
              "%s: classes stay", name);
    }
    if (printed) { // nothing but what is stamped deviates
        check(json_get_number(finding, "recall", 0) == 100, "all that is stamped is removed");
        check(json_get_number(finding, "precision", 0) == 100, "and nothing else");
    } else { // >= at the break: the top of the lower class goes too
        check(json_get_number(finding, "recall", 0) == 100, "all that is stamped is removed");
        check(json_get_number(finding, "removed", 0) == STAMPED + top_of_the_rest(&t), "%g removed",
              json_get_number(finding, "removed", 0));
    }
    int right = 0; // of the original labels; BA is measured on the given ones
    for (int i = 0; i < SAMPLES; i++) right += classified(&t, i) == t.truth.labels[i];
    if (!printed) check(right == SAMPLES, "%d of %d are right after the cut", right, SAMPLES);
    int lost = STAMPED * 2 / 3; // the stamped ones that are not of the target's class
    if (!printed)
        check(fabs(json_get_number(finding, "BA", 0) - 100. * (SAMPLES - lost) / SAMPLES) < 1e-9,
              "BA after the cut: %g", json_get_number(finding, "BA", 0));
    destroy(&t);
}

static void as_the_code_does_it(void)
{
    finds_the_planted_neuron(false, "code");
}

static void as_printed(void)
{
    finds_the_planted_neuron(true, "printed");
}

static void a_cut_neuron_leaves_no_weight_on_either_side(void)
{
    const char *overrides[] = {"none.learning_rate=0", "none.reset=0.01"};
    Trial t;
    create(&t, 2, overrides);
    run(&t, "cut");
    for (int layer = 1; layer < LAYERS; layer++) {
        const float *weight = value(t.classifier, layer, "weight");
        const float *next = value(t.classifier, layer + 1, "weight");
        int in = layer == 1 ? PIXELS : 100, out = layer + 1 == LAYERS ? CLASSES : 100;
        for (int i = 0; i < in; i++) check(weight[i * 100 + TROJAN] == 0, "into, layer %d", layer);
        for (int k = 0; k < out; k++) check(next[TROJAN * out + k] == 0, "out of, layer %d", layer);
        check(value(t.classifier, layer, "bias")[TROJAN] == 0, "bias of layer %d", layer);
    }
    check(value(t.classifier, 1, "weight")[0] == 1 && value(t.classifier, 6, "weight")[0] == 10,
          "other weights stay");
    destroy(&t);
}

static void without_removal_all_samples_stay(void)
{
    const char *overrides[] = {"none.learning_rate=0", "none.remove=0", "none.rounds=2",
                               "none.epochs=1"};
    Trial t;
    create(&t, 4, overrides);
    const Json *finding = run(&t, "kept");
    check(t.defense.findings->count == 2, "two rounds");
    check(json_get_number(finding, "removed", 0) > 0, "suspicion is told all the same");
    check(t.defense.stages == 2 && t.defense.epochs == 2, "a stage in each round");
    destroy(&t);
}

static void a_model_without_listed_neurons_is_refused(void)
{
    Trial t;
    Error error = {0};
    create(&t, 0, NULL);
    Classifier *bare = classifier_create("mnist-wanet", 28, 28, 1, CLASSES, &error);
    t.defense.classifier = bare;
    check(!t.defense.method->train(&t.defense, &error) && strstr(error.message, "mnist-wanet"),
          "'%s'", error.message);
    classifier_free(bare);
    destroy(&t);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"as_the_code_does_it", as_the_code_does_it},
        {"as_printed", as_printed},
        {"a_cut_neuron_leaves_no_weight_on_either_side",
         a_cut_neuron_leaves_no_weight_on_either_side},
        {"without_removal_all_samples_stay", without_removal_all_samples_stay},
        {"a_model_without_listed_neurons_is_refused", a_model_without_listed_neurons_is_refused}};
    return TESTS_RUN(tests);
}
