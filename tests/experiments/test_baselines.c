// The baselines of the NONE paper's Table 1 on a set of points: attention maps by hand, the signs of
// flooding, local gradient ascent and unlearning, which samples clustering and isolation take out.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/defenses/abl.h"
#include "experiments/defenses/attention.h"
#include "experiments/features.h"
#include "experiments/training_defense.h"
#include "nn/initialize.h"
#include "tests/test.h"

enum { SIDE = 3, PIXELS = SIDE * SIDE, CLASSES = 3, SAMPLES = 300, STAMPED = 20, TARGET = 2 };
enum { TRIGGER = PIXELS - 1 };

// ---- attention ----

static void attention_maps_are_computed_by_hand(void)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tape_tensor(tape, SHAPE(2, 1, 2, 2));
    const float values[] = {1, 1, 2, -1, 0, 3, 4, 0}; // sums of squares 2, 5 and 9, 16
    memcpy(x->data, values, sizeof values);
    const Tensor *a = attention_map(x);
    const double expected[] = {2 / sqrt(29), 5 / sqrt(29), 9 / sqrt(337), 16 / sqrt(337)};
    check(a->rank == 3 && a->shape[0] == 2 && a->shape[1] == 1 && a->shape[2] == 2, "%s",
          shape_text(a));
    for (int i = 0; i < 4; i++)
        check(fabs((double)a->data[i] - expected[i]) < 1e-6, "%g", (double)a->data[i]);
    tape_free(tape);
}

static void the_last_maps_are_seen(void)
{
    Error error = {0};
    Tape *tape = tape_create(cpu_kernels());
    AttentionMaps maps = {0};
    Observer observer = {attention_see, &maps};
    Classifier *c = classifier_create("resnet18", 32, 32, 1, CLASSES, &error);
    Tensor *x = tape_tensor(tape, SHAPE(1, 32, 32, 1));
    memset(x->data, 0, sizeof(float) * 1024);
    tape_observe(tape, &observer);
    classify(c, x, (Mode){0});
    check(maps.count == 3, "%d maps", maps.count);
    for (int i = 0; i < maps.count; i++) // after layers 2, 3 and 4
        check(maps.maps[i]->shape[1] == 16 >> i && maps.maps[i]->shape[3] == 128 << i, "%s",
              shape_text(maps.maps[i]));
    classifier_free(c);
    tape_free(tape);
}

// ---- a defense on points: class k lights pixel k, the last pixel is the trigger ----

typedef struct Trial {
    Dataset train;
    PoisonTruth truth;
    Attack attack;
    Json *classifier_settings;
    TrainingDefense defense;
} Trial;

static void fill(Trial *t)
{
    RandomKey key = {1, random_purpose("samples"), 0};
    for (int i = 0; i < SAMPLES; i++) {
        uint8_t *image = t->train.images + i * PIXELS;
        for (int p = 0; p < PIXELS; p++)
            image[p] = (uint8_t)random_below(key, (uint64_t)(i * PIXELS + p), 60);
        image[i % CLASSES] = (uint8_t)(200 + random_below(key, (uint64_t)i + 9999, 55));
        t->train.labels[i] = i % CLASSES;
    }
    t->truth = poison_truth_create(&t->train);
    for (int i = 0; i < SAMPLES; i += SAMPLES / STAMPED) { // all of class 0
        t->train.images[i * PIXELS + TRIGGER] = 255;
        t->train.labels[i] = TARGET;
        t->truth.stamped[i] = 1;
        t->truth.stamped_count++;
    }
}

static void base_setting(Trial *t, const char *name, double value)
{
    json_set(t->classifier_settings, name, json_number(value));
}

static void create(Trial *t, const char *name, int count, const char **overrides)
{
    Error error = {0};
    const TrainingDefenseMethod *method = training_defense_find(name);
    Overrides given = {count, overrides};
    *t = (Trial){.train = {.name = copy_string("points"),
                           .count = SAMPLES,
                           .height = SIDE,
                           .width = SIDE,
                           .channels = 1,
                           .classes = CLASSES,
                           .images = allocate_zeroed(SAMPLES * PIXELS),
                           .labels = allocate(SAMPLES * sizeof(int32_t))},
                 .classifier_settings = json_object()};
    fill(t);
    t->attack.method = attack_method_find("none", NULL);
    base_setting(t, "epochs", 20), base_setting(t, "batch_size", 20);
    base_setting(t, "learning_rate", .05), base_setting(t, "momentum", .9);
    base_setting(t, "weight_decay", 0);
    base_setting(t, "one_cycle", 0);
    base_setting(t, "he_start", 0);
    t->defense =
        (TrainingDefense){.method = method,
                          .settings = settings_resolve(method->settings, name, SCALE_QUICK, &given),
                          .classifier_settings = t->classifier_settings,
                          .classifier = classifier_create("mlp", SIDE, SIDE, 1, CLASSES, &error),
                          .train = &t->train,
                          .clean = &t->train,
                          .test = &t->train,
                          .seed = 1,
                          .attack = &t->attack,
                          .truth = &t->truth,
                          .directory = temporary_directory(),
                          .config_hash = name,
                          .quiet = true,
                          .curves = curves_create(),
                          .findings = json_array()};
    initialize_he(&t->defense.classifier->parameters, (RandomKey){1, 2, 3});
}

static void destroy(Trial *t)
{
    curves_free(&t->defense.curves);
    json_free(t->defense.findings);
    json_free((Json *)t->defense.settings);
    json_free(t->classifier_settings);
    poison_truth_free(&t->truth);
    dataset_free(&t->train);
    classifier_free(t->defense.classifier);
}

// A Trojaned classifier by hand: neuron k passes pixel k on through all layers, neuron 57 the last
// pixel, where the trigger is; it outvotes the others.
static void plant_trojan(Trial *t)
{
    enum { LAYERS = 6, WIDTH = 100, TROJAN = 57 };
    Parameters *parameters = &t->defense.classifier->parameters;
    for (int i = 0; i < parameters->count; i++) {
        Tensor *tensor = parameters->items[i].tensor;
        memset(tensor->data, 0, sizeof(float) * (size_t)tensor->count);
    }
    for (int layer = 1; layer <= LAYERS; layer++) {
        char name[32];
        snprintf(name, sizeof name, "linear%d.weight", layer);
        float *weight = parameters_find(parameters, name)->tensor->data;
        int out = layer < LAYERS ? WIDTH : CLASSES;
        for (int k = 0; k < CLASSES; k++) weight[k * out + k] = layer == LAYERS ? 10 : 1;
        weight[(layer == 1 ? TRIGGER : TROJAN) * out + (layer < LAYERS ? TROJAN : TARGET)] = 3;
    }
}

static void run(Trial *t)
{
    Error error = {0};
    check(t->defense.method->train(&t->defense, &error), "%s", error.message);
}

static const Json *finding(const Trial *t)
{
    return t->defense.findings->count > 0 ? t->defense.findings->items[0] : NULL;
}

// Mean loss of the stamped samples and of the others, under their given labels.
static double mean_loss(const Trial *t, bool stamped)
{
    double *losses = sample_losses(t->defense.classifier, &t->train), sum = 0;
    for (int i = 0; i < SAMPLES; i++) sum += t->truth.stamped[i] == stamped ? losses[i] : 0;
    free(losses);
    return sum / (stamped ? STAMPED : SAMPLES - STAMPED);
}

static void features_are_what_the_last_layer_reads(void)
{
    Trial t;
    create(&t, "abl", 0, NULL);
    Features f = features_gather(t.defense.classifier, &t.train);
    double *losses = sample_losses(t.defense.classifier, &t.train);
    const Parameters *parameters = &t.defense.classifier->parameters;
    const float *weight = parameters_find(parameters, "linear6.weight")->tensor->data;
    const float *bias = parameters_find(parameters, "linear6.bias")->tensor->data;
    check(f.samples == SAMPLES && f.size == 100, "%d numbers a sample", (int)f.size);
    for (int i = 0; i < SAMPLES; i += 37) {
        double scores[CLASSES], sum = 0;
        for (int k = 0; k < CLASSES; k++) {
            scores[k] = (double)bias[k];
            for (int c = 0; c < 100; c++)
                scores[k] += (double)f.values[i * 100 + c] * (double)weight[c * CLASSES + k];
            sum += exp(scores[k]);
        }
        double expected = log(sum) - scores[t.train.labels[i]];
        check(fabs(losses[i] - expected) < 1e-5, "sample %d: %g, not %g", i, losses[i], expected);
    }
    free(losses);
    features_free(&f);
    destroy(&t);
}

static void clustering_takes_out_the_poisoned_cluster(void)
{
    const char *overrides[] = {"activation-clustering.analysis=2"};
    Trial t;
    create(&t, "activation-clustering", 1, overrides);
    plant_trojan(&t);
    run(&t);
    const Json *classes = json_get(finding(&t), "classes");
    check(classes && classes->count == CLASSES, "three classes");
    check(json_get_number(finding(&t), "recall", 0) > 90, "recall %g",
          json_get_number(finding(&t), "recall", 0));
    const Json *poisoned = classes ? json_get(classes->items[TARGET], "poisoned") : NULL;
    check(poisoned && poisoned->boolean, "the target's class is split");
    check(mean_loss(&t, false) < .1, "the rest is learnt again: %g", mean_loss(&t, false));
    check(mean_loss(&t, true) > 1, "and the Trojan is not: %g", mean_loss(&t, true));
    destroy(&t);
}

static void the_smaller_cluster_goes_in_every_class(void)
{
    Trial t;
    create(&t, "activation-clustering", 0, NULL);
    plant_trojan(&t);
    run(&t);
    const Json *classes = json_get(finding(&t), "classes");
    double sum = 0;
    for (size_t k = 0; classes && k < classes->count; k++) {
        double smaller = json_get_number(classes->items[k], "smaller_cluster", -1);
        check(smaller > 0 && 2 * smaller <= json_get_number(classes->items[k], "samples", 0),
              "%g of class %d", smaller, (int)k);
        sum += smaller;
    }
    check(json_get_number(finding(&t), "removed", 0) == sum, "all of them are removed");
    destroy(&t);
}

// The loss of two samples whose true class has this probability: value and d / d its score.
static void loss_at(double probability, bool flood, float *value, float *slope)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *scores = parameter_create(SHAPE(1, 2)), *label = tape_tensor_int(tape, SHAPE(1));
    scores->data[0] = (float)log(probability / (1 - probability));
    label->ints[0] = 0;
    Tensor *zero = tape_tensor(tape, SHAPE(1, 2));
    zero->data[0] = zero->data[1] = 0;
    Tensor *x = add(zero, scores);
    Tensor *loss = cross_entropy(x, label);
    loss = flood ? flooding(loss, .5f) : local_gradient_ascent(loss, .5f);
    *value = tensor_value(loss);
    backward(loss);
    *slope = scores->grad[0];
    tape_free(tape);
    tensor_free(scores);
}

// L = -log p; dL / dscore = p - 1. p = .9 lies below gamma = .5, p = .2 above.
static void the_loss_turns_round_at_gamma(void)
{
    float value, slope;
    loss_at(.2, true, &value, &slope);
    check(fabs((double)value + log(.2)) < 1e-5 && fabs((double)slope + .8) < 1e-5,
          "flooding, above: %g, slope %g", (double)value, (double)slope);
    loss_at(.9, true, &value, &slope);
    check(fabs((double)value - (1 + log(.9))) < 1e-5 && fabs((double)slope - .1) < 1e-5,
          "flooding, below: %g, slope %g", (double)value, (double)slope);
    loss_at(.2, false, &value, &slope);
    check(fabs((double)value + log(.2)) < 1e-5 && fabs((double)slope + .8) < 1e-5,
          "LGA, above: %g, slope %g", (double)value, (double)slope);
    loss_at(.9, false, &value, &slope);
    check(fabs((double)value - log(.9)) < 1e-5 && fabs((double)slope - .1) < 1e-5,
          "LGA, below: %g, slope %g", (double)value, (double)slope);
}

// Two runs that differ in stage 3 alone.
static void isolated_samples_are_unlearnt(void)
{
    double loss[2];
    for (int i = 0; i < 2; i++) {
        const char *overrides[] = {"abl.isolate=0.1", "abl.batch_size=20", "abl.tuning_epochs=4",
                                   "abl.epochs=1",
                                   i == 0 ? "abl.unlearning_rate=0" : "abl.unlearning_rate=0.01"};
        Trial t;
        create(&t, "abl", 5, overrides);
        t.defense.config_hash = i == 0 ? "kept" : "unlearnt";
        run(&t);
        check(json_get_number(finding(&t), "removed", 0) == SAMPLES / 10, "a tenth is isolated");
        check(t.defense.stages == 3, "three stages");
        double *losses = sample_losses(t.defense.classifier, &t.train);
        Text path = {0};
        text_append(&path, "%s/removed-1.csv", t.defense.directory);
        Bytes csv;
        check(file_read(path.text, 1 << 20, &csv, NULL), "the samples are listed");
        loss[i] = 0;
        for (char *line = strtok((char *)csv.data, "\n"); line; line = strtok(NULL, "\n"))
            if (strncmp(line, "index", 5) != 0) loss[i] += losses[atoi(line)];
        bytes_free(&csv);
        text_free(&path);
        free(losses);
        destroy(&t);
    }
    check(loss[1] > 1.05 * loss[0], "their loss rises from %g to %g", loss[0], loss[1]);
}

static void without_isolation_there_are_two_stages(void)
{
    const char *overrides[] = {"abl.isolate=0", "abl.epochs=1"};
    Trial t;
    create(&t, "abl", 2, overrides);
    t.defense.config_hash = "two stages";
    run(&t);
    check(t.defense.stages == 2 && json_get_number(finding(&t), "removed", -1) == 0, "two stages");
    destroy(&t);
}

// ---- NAD ----

static Dataset pictures(int64_t count)
{
    enum { WIDE = 16 };
    Dataset d = {.name = copy_string("pictures"),
                 .count = count,
                 .height = WIDE,
                 .width = WIDE,
                 .channels = 1,
                 .classes = CLASSES,
                 .images = allocate_zeroed((size_t)count * WIDE * WIDE),
                 .labels = allocate((size_t)count * sizeof(int32_t))};
    for (int64_t i = 0; i < count; i++) {
        d.labels[i] = (int32_t)(i % CLASSES);
        for (int p = 0; p < WIDE; p++) // a bright row
            d.images[i * WIDE * WIDE + (3 + 4 * d.labels[i]) * WIDE + p] = (uint8_t)(200 + i % 50);
    }
    return d;
}

// With every step of a learning rate of 0 the student stays the poisoned classifier.
static void the_student_starts_as_the_poisoned_classifier(void)
{
    Error error = {0};
    Trial t;
    const char *overrides[] = {"nad.learning_rate=0", "nad.epochs=1", "nad.teacher_epochs=1"};
    create(&t, "nad", 3, overrides);
    dataset_free(&t.train);
    poison_truth_free(&t.truth);
    t.train = pictures(90);
    t.truth = poison_truth_create(&t.train);
    classifier_free(t.defense.classifier);
    t.defense.classifier = classifier_create("mnist-ia", 16, 16, 1, CLASSES, &error);
    initialize_he(&t.defense.classifier->parameters, (RandomKey){4, 5, 6});
    Classifier *before = classifier_copy(t.defense.classifier, &error);
    run(&t);
    const Parameters *a = &before->parameters, *b = &t.defense.classifier->parameters;
    for (int i = 0; i < a->count; i++)
        check(memcmp(a->items[i].tensor->data, b->items[i].tensor->data,
                     sizeof(float) * (size_t)a->items[i].tensor->count) == 0,
              "%s has changed", a->items[i].name);
    check(t.defense.stages == 2, "teacher and student");
    classifier_free(before);
    destroy(&t);
}

static void a_model_without_maps_is_refused(void)
{
    Error error = {0};
    Trial t;
    create(&t, "nad", 0, NULL);
    check(!t.defense.method->train(&t.defense, &error) && strstr(error.message, "mlp"), "'%s'",
          error.message);
    destroy(&t);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"attention_maps_are_computed_by_hand", attention_maps_are_computed_by_hand},
        {"the_last_maps_are_seen", the_last_maps_are_seen},
        {"features_are_what_the_last_layer_reads", features_are_what_the_last_layer_reads},
        {"clustering_takes_out_the_poisoned_cluster", clustering_takes_out_the_poisoned_cluster},
        {"the_smaller_cluster_goes_in_every_class", the_smaller_cluster_goes_in_every_class},
        {"the_loss_turns_round_at_gamma", the_loss_turns_round_at_gamma},
        {"isolated_samples_are_unlearnt", isolated_samples_are_unlearnt},
        {"without_isolation_there_are_two_stages", without_isolation_there_are_two_stages},
        {"the_student_starts_as_the_poisoned_classifier",
         the_student_starts_as_the_poisoned_classifier},
        {"a_model_without_maps_is_refused", a_model_without_maps_is_refused}};
    return TESTS_RUN(tests);
}
