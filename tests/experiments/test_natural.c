// The search for natural Trojans on a network made by hand: an mlp in which thirty neurons carry the
// classes and one more a Trojan, which four pixels fire. The search finds the neuron, its class and
// a trigger of that size; without the neuron it finds none.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "core/error.h"
#include "core/thread.h"
#include "experiments/attack.h"
#include "experiments/attacks/trigger_search.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

enum { SIDE = 12, PIXELS = SIDE * SIDE, CLASSES = 3, SAMPLES = 60, LAYERS = 6, HIDDEN = 100 };
enum { EVIDENCE = 30, TROJAN = 57, TARGET = 2, REGION = PIXELS / CLASSES };
static const int bright[] = {9 * SIDE + 7, 9 * SIDE + 8}, dark[] = {10 * SIDE + 7, 10 * SIDE + 8};

static float *value(const Classifier *c, int layer, const char *what)
{
    char name[32];
    snprintf(name, sizeof name, "linear%d.%s", layer, what);
    return parameters_find(&c->parameters, name)->tensor->data;
}

// Neuron n below EVIDENCE is the mean over the region of class n % CLASSES and counts 1 for it; the
// Trojan neuron is .3 on flat images, 12.3 where the four pixels are as it likes them, and counts 4.
static Classifier *network(bool trojan)
{
    Error error = {0};
    Classifier *c = classifier_create("mlp", SIDE, SIDE, 1, CLASSES, &error);
    check(c != NULL, "%s", error.message);
    for (int layer = 1; layer <= LAYERS; layer++) {
        float *weight = value(c, layer, "weight");
        int out = layer < LAYERS ? HIDDEN : CLASSES;
        for (int n = 0; n < EVIDENCE; n++) {
            int k = n % CLASSES;
            for (int p = k * REGION; layer == 1 && p < (k + 1) * REGION; p++)
                weight[p * out + n] = 1.f / REGION;
            if (layer > 1) weight[n * out + (layer < LAYERS ? n : k)] = 1;
        }
        for (int i = 0; layer == 1 && i < 2; i++) {
            weight[bright[i] * out + TROJAN] = 6;
            weight[dark[i] * out + TROJAN] = -6;
        }
        if (layer > 1)
            weight[TROJAN * out + (layer < LAYERS ? TROJAN : TARGET)] = layer < LAYERS ? 1 : 4;
    }
    value(c, 1, "bias")[TROJAN] = .3f;
    if (!trojan) neurons_cut(&c->neurons[LAYERS - 2], 1, &(int64_t){TROJAN});
    parameters_freeze(&c->parameters, true);
    return c;
}

// The region of the sample's class is bright.
static Dataset samples(void)
{
    Dataset d = {.name = copy_string("regions"),
                 .count = SAMPLES,
                 .height = SIDE,
                 .width = SIDE,
                 .channels = 1,
                 .classes = CLASSES,
                 .images = allocate(SAMPLES * PIXELS),
                 .labels = allocate(SAMPLES * sizeof(int32_t))};
    for (int i = 0; i < SAMPLES; i++) {
        d.labels[i] = i % CLASSES;
        for (int p = 0; p < PIXELS; p++)
            d.images[i * PIXELS + p] =
                (uint8_t)((p / REGION == i % CLASSES ? 190 : 50) + (i * 7 + p * 3) % 5);
    }
    return d;
}

static const uint32_t *all_samples(void)
{
    static uint32_t indices[SAMPLES];
    for (uint32_t i = 0; i < SAMPLES; i++) indices[i] = i;
    return indices;
}

// M is the greatest mean of a region; the Trojan neuron at M against it at 0 counts 4 M.
static void stimulation_finds_the_planted_neuron(void)
{
    Dataset d = samples();
    Suspect found[CLASSES];
    for (int trojan = 0; trojan <= 1; trojan++) {
        Classifier *c = network(trojan);
        int count = suspects_find(c, &d, all_samples(), SAMPLES, CLASSES, found);
        check(count == CLASSES, "%d channels", count);
        check((found[0].channel == TROJAN) == trojan, "channel %d", (int)found[0].channel);
        check(!trojan || found[0].label == TARGET, "label %d", found[0].label);
        double largest = 192. / 255, expected = (trojan ? 4 : 1) * largest;
        check(fabs(found[0].margin - expected) < .01, "margin %g, not %g", found[0].margin,
              expected);
        for (int i = 1; i < count; i++)
            check(found[i].label != found[0].label && found[i].channel < EVIDENCE &&
                      found[i].channel % CLASSES == found[i].label,
                  "channel %d raises %d", (int)found[i].channel, found[i].label);
        classifier_free(c);
    }
    Classifier *c = network(true);
    check(suspects_find(c, &d, all_samples(), SAMPLES, 1, found) == 1, "only one");
    classifier_free(c);
    dataset_free(&d);
}

static TriggerSearch how_to_search(void)
{
    return (TriggerSearch){
        .size = 4, .epochs = 50, .batch_size = 20, .learning_rate = .1, .key = {1, 2, 3}};
}

static void the_trigger_is_found(void)
{
    Dataset d = samples();
    Classifier *c = network(true);
    TriggerSearch how = how_to_search();
    FoundTrigger found =
        trigger_search(c, &d, all_samples(), SAMPLES, &(Suspect){TROJAN, TARGET, 1}, &how);
    int pixels = 0;
    for (int i = 0; i < PIXELS; i++) pixels += found.mask[i] > 0;
    check(found.label == TARGET && found.agreement > 99, "label %d, agreement %g", found.label,
          found.agreement);
    check(pixels >= 1 && pixels <= 8, "%d pixels", pixels);
    bool reached = false; // one of the pixels that fire it, and in their sense
    for (int i = 0; i < 2; i++) {
        reached |= found.mask[bright[i]] > 0 && found.pattern[bright[i]] > .5f;
        reached |= found.mask[dark[i]] > 0 && found.pattern[dark[i]] < .5f;
    }
    check(reached, "none of the neuron's pixels is in the mask");
    double success = trigger_success(c, &d, SAMPLES, &found);
    check(success > 99, "REASR %g", success);
    classifier_free(c);
    c = network(false);
    success = trigger_success(c, &d, SAMPLES, &found);
    check(success == 0, "REASR %g without the neuron", success);
    found_trigger_free(&found);
    classifier_free(c);
    dataset_free(&d);
}

// The first samples, less those of the label: an all-covering trigger that looks like class 1.
static void success_leaves_out_the_label(void)
{
    Dataset d = samples();
    Classifier *c = network(false);
    float mask[PIXELS] = {0}, pattern[PIXELS] = {0};
    FoundTrigger trigger = {.mask = mask, .pattern = pattern, .label = 1};
    check(trigger_success(c, &d, SAMPLES, &trigger) == 0, "nothing is put on");
    for (int p = 0; p < PIXELS; p++) {
        mask[p] = p / REGION == 0; // hides what tells class 0
        pattern[p] = 0;
    }
    trigger.label = 2;
    double one = trigger_success(c, &d, 1, &trigger);
    for (int p = 0; p < PIXELS; p++) mask[p] = pattern[p] = p / REGION == 2;
    double all = trigger_success(c, &d, SAMPLES, &trigger);
    check(one == 0 || one == 100, "of one sample %g", one);
    check(all == 100, "a bright third region makes class 2 of all: %g", all);
    classifier_free(c);
    dataset_free(&d);
}

// The whole method, of a network with the neuron and of one without.
static Json *searched(bool trojan, const char *epochs)
{
    const char *overrides[] = {"natural.sizes=2", "natural.searched=20", "natural.stimulated=10",
                               epochs};
    Error error = {0};
    Dataset d = samples();
    Classifier *c = network(trojan);
    Attack attack = {.method = attack_method_find("natural", &error),
                     .height = SIDE,
                     .width = SIDE,
                     .channels = 1,
                     .classes = CLASSES,
                     .seed = 1};
    attack.settings = settings_resolve(attack.method->settings, "natural", SCALE_QUICK,
                                       &(Overrides){4, overrides});
    check(!attack_plants_trojan(&attack), "nothing is planted");
    Json *record = json_object();
    attack_search(&attack, c, &d, true, record);
    attack_free(&attack);
    classifier_free(c);
    dataset_free(&d);
    return record;
}

static void success_is_high_with_the_neuron_and_low_without(void)
{
    Json *with = searched(true, "natural.epochs=50"),
         *without = searched(false, "natural.epochs=50");
    const Json *found = json_get(with, "found");
    check(found->count == 2, "%zu sizes", found->count);
    double mean = 0;
    for (size_t i = 0; i < found->count; i++) {
        mean += json_get_number(found->items[i], "REASR", -1) / 2;
        check(json_get_number(found->items[i], "size", 0) == 2 * ((double)i + 1), "size %zu", i);
    }
    check(json_get_number(with, "ASR", -1) == mean, "ASR is not the mean");
    check(json_get_number(found->items[1], "channel", -1) == TROJAN, "the channel");
    check(mean > 90, "ASR %g with the neuron", mean);
    check(json_get_number(without, "ASR", 100) < 5, "ASR %g without",
          json_get_number(without, "ASR", 100));
    json_free(with);
    json_free(without);
}

static void threads_do_not_matter(void)
{
    Text one = {0}, three = {0};
    threads_set(1);
    Json *record = searched(true, "natural.epochs=8");
    json_print(record, &one);
    json_free(record);
    threads_set(3);
    record = searched(true, "natural.epochs=8");
    json_print(record, &three);
    json_free(record);
    check(strcmp(one.text, three.text) == 0, "%s\n%s", one.text, three.text);
    text_free(&one);
    text_free(&three);
}

// Cells have the success of what was found in the network before and after the defense, and the
// table of the paper takes it from there.
static void a_run_searches_before_and_after_the_defense(void)
{
    Outcome o = run_sieve("run --data digits --attack natural --defense none --model mlp --quiet "
                          "--train-images 300 --test-images 100 --threads 1 --json n.json --set "
                          "classifier.epochs=1 --set natural.sizes=3 --set natural.epochs=3 --set "
                          "none.remove=0");
    succeeded(o);
    check(strstr(o.output, "none: success of the triggers found ") != NULL, "%s", o.output);
    Json *record = read_result("n.json");
    double after = json_get_number(record, "ASR", -1);
    double before = json_get_number(record, "undefended_ASR", -1);
    const Json *found = json_get(record, "found");
    check(after >= 0 && after <= 100 && before >= 0 && before <= 100, "ASR %g, %g before", after,
          before);
    check(found && found->count == 3, "three sizes");
    check(!json_get(record, "T") && !json_get(record, "trojan_accuracy"), "nothing is planted");
    json_free(record);
    clear_work();
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"stimulation_finds_the_planted_neuron", stimulation_finds_the_planted_neuron},
        {"the_trigger_is_found", the_trigger_is_found},
        {"success_leaves_out_the_label", success_leaves_out_the_label},
        {"success_is_high_with_the_neuron_and_low_without",
         success_is_high_with_the_neuron_and_low_without},
        {"threads_do_not_matter", threads_do_not_matter},
        {"a_run_searches_before_and_after_the_defense",
         a_run_searches_before_and_after_the_defense}};
    threads_set(1); // so small that threads only wait for each other
    return TESTS_RUN(tests);
}
