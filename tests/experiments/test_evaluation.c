// The figures C, T, R, FPR, FNR (filtering paper, section 5.1) by hand, and the predictions that
// they are made from.
#include "experiments/evaluation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "data/batch.h"
#include "data/digits.h"
#include "nn/initialize.h"
#include "tests/test.h"

static void close_to(const char *name, double got, double wanted)
{
    check(fabs(got - wanted) < 1e-12, "%s: %.15g, expected %.15g", name, got, wanted);
}

// Ten test images of four classes. Written out, so that each figure can be counted by eye.
//                                      0  1  2  3  4  5  6  7  8  9
static int32_t labels[10] = /*      */ {0, 0, 1, 1, 1, 2, 2, 3, 3, 3};
static int32_t clean[10] = /*       */ {0, 0, 1, 1, 2, 2, 2, 3, 3, 0}; // 8 right
static int32_t trojan[10] = /*      */ {0, 0, 0, 0, 0, 0, 0, 0, 0, 3}; // target 0: 9 hits
static int32_t trojan_all[10] = /*  */ {1, 1, 2, 2, 2, 3, 3, 0, 3, 0}; // y + 1 mod 4: 9 hits
static int32_t filtered[10] = /*    */ {0, 1, 1, 1, 1, 2, 3, 3, 2, 3}; // 7 right, 5 unlike clean
static int32_t filtered_trojan[10] = /**/ {0, 0, 1, 0, 1, 1, 0, 3, 1, 3};

static Attack attack_of(bool all)
{
    static const AttackMethod method = {.name = "some"};
    return (Attack){.method = &method, .classes = 4, .all_targets = all, .target = 0};
}

static void figures_of_a_single_target_leave_out_its_class(void)
{
    Attack attack = attack_of(false);
    Predictions p = {10, labels, clean, trojan, filtered, filtered_trojan, NULL};
    Metrics m = metrics(&p, &attack);
    close_to("clean accuracy", m.clean_accuracy, 80);
    close_to("Trojan accuracy, all images", m.trojan_accuracy, 90);
    close_to("C", m.C, 80 - 70);
    close_to("FPR", m.FPR, 50); // images 1, 4, 6, 8, 9
    // Images 2 to 9 are not of class 0: of them 3 and 6 are still taken for 0.
    close_to("T", m.T, 100 * 2.0 / 8);
    // Filtered and unfiltered agree on 3, 6 (0 = 0) and 9 (3 = 3).
    close_to("FNR", m.FNR, 100 * 3.0 / 8);
    // Recognised as the true class, all ten images: 0, 1, 2, 4, 7, 9.
    close_to("R", m.R, 80 - 60);
}

static void figures_of_all_targets_count_every_image(void)
{
    Attack attack = attack_of(true);
    int32_t after[10] = {1, 0, 1, 2, 1, 2, 2, 0, 3, 3};
    Predictions p = {10, labels, clean, trojan_all, filtered, after, NULL};
    Metrics m = metrics(&p, &attack);
    close_to("Trojan accuracy", m.trojan_accuracy, 90); // all but 8
    close_to("T", m.T, 30);                             // 0 (1), 3 (2), 7 (0)
    close_to("FNR", m.FNR, 40);                         // 0, 3, 7, and 8 (3 = 3)
    close_to("R", m.R, 80 - 70);                        // 1, 2, 4, 5, 6, 8, 9 are recognised
}

static void figures_can_be_negative(void)
{
    Attack attack = attack_of(false);
    Predictions p = {10, labels, clean, trojan, labels, labels, NULL};
    Metrics m = metrics(&p, &attack);
    close_to("C of a filter that repairs", m.C, -20);
    close_to("R of a filter that repairs", m.R, -20);
    close_to("T", m.T, 0);
    close_to("FNR", m.FNR, 100 * 1.0 / 8); // image 9 is 3 with and without
}

static void what_was_not_predicted_is_zero(void)
{
    Attack attack = attack_of(false);
    Metrics m = metrics(&(Predictions){.count = 10, .labels = labels, .clean = clean}, &attack);
    close_to("clean accuracy", m.clean_accuracy, 80);
    check(m.trojan_accuracy == 0 && m.C == 0 && m.T == 0 && m.R == 0 && m.FPR == 0 && m.FNR == 0,
          "nothing else");
    Predictions benign = {
        .count = 10, .labels = labels, .clean = clean, .filtered_clean = filtered};
    m = metrics(&benign, &attack);
    check(m.FPR == 50 && m.C > 0 && m.T == 0 && m.R == 0 && m.FNR == 0,
          "a filter without an attack");
    Predictions bare = {.count = 10, .labels = labels, .clean = clean, .trojan = trojan};
    m = metrics(&bare, &attack);
    check(m.trojan_accuracy == 90 && m.C == 0 && m.R == 0, "an attack without a filter");
}

static void only_images_of_the_target_class_give_no_rate(void)
{
    Attack attack = attack_of(false);
    Predictions p = {2, labels, clean, trojan, filtered, filtered_trojan, NULL};
    Metrics m = metrics(&p, &attack);
    check(m.T == 0 && m.FNR == 0, "T and FNR of no images are 0, not NaN");
}

// ---- predictions ----

typedef struct World {
    Dataset train, test;
    Classifier *classifier;
    Filter *filter;
    Attack attack;
} World;

enum { IMAGES = 300 }; // more than one batch of the evaluation

static World world_create(void)
{
    World w = {0};
    Error error = {0};
    const DataSource *source = data_source_find("digits", &error);
    dataset_load(source, &(DataRequest){.train_count = 10, .test_count = IMAGES}, &w.train, &w.test,
                 &error);
    w.classifier = classifier_create("mnist-ia", 28, 28, 1, 10, &error);
    w.filter = filter_create("filter-mnist", (FilterOptions){0}, &error);
    initialize_default(&w.classifier->parameters, (RandomKey){1, random_purpose("C"), 0});
    initialize_default(&w.filter->parameters, (RandomKey){1, random_purpose("F"), 0});
    w.attack = (Attack){.method = &attack_badnet_plus,
                        .height = 28,
                        .width = 28,
                        .channels = 1,
                        .classes = 10,
                        .seed = 4,
                        .settings = settings_resolve(attack_badnet_plus.settings, "badnet+",
                                                     SCALE_QUICK, &(Overrides){0})};
    attack_create(&w.attack, &error);
    return w;
}

static void world_free(World *w)
{
    dataset_free(&w->train);
    dataset_free(&w->test);
    classifier_free(w->classifier);
    filter_free(w->filter);
    attack_free(&w->attack);
}

static Evaluation evaluation_of(const World *w, const uint32_t *samples, int64_t count)
{
    return (Evaluation){.classifier = w->classifier,
                        .attack = &w->attack,
                        .filter = w->filter,
                        .dataset = &w->test,
                        .samples = samples,
                        .count = count,
                        .seed = 9};
}

// The class of one image, alone on its tape.
static int class_of(const World *w, const float *image, bool filter)
{
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    Tensor *x = tape_tensor(tape, SHAPE(1, 28, 28, 1));
    memcpy(x->data, image, sizeof(float) * 28 * 28);
    if (filter) x = filter_forward(w->filter, x, false, (RandomKey){0});
    const Tensor *logits = classify(w->classifier, x, (Mode){0});
    int best = 0;
    for (int k = 1; k < 10; k++)
        if (logits->data[k] > logits->data[best]) best = k;
    tape_free(tape);
    return best;
}

// Sample i's image, clean and with its trigger, and its label.
static int32_t sample(const Evaluation *e, int64_t i, float *image, float *stamped)
{
    Tape *tape = tape_create(cpu_kernels());
    SampleBatch batch;
    ImageStore store = image_store(e->dataset, cpu_kernels());
    sample_batch(e, &store, tape, i, 1, false, &batch);
    memcpy(image, batch.clean->data, sizeof(float) * 28 * 28);
    memcpy(stamped, batch.trojan->data, sizeof(float) * 28 * 28);
    int32_t label = batch.labels[0];
    tape_free(tape);
    return label;
}

static void predictions_are_the_classes_of_each_image(void)
{
    World w = world_create();
    Evaluation e = evaluation_of(&w, NULL, IMAGES);
    Predictions p = predict(&e);
    float image[28 * 28], stamped[28 * 28];
    for (int64_t i = 0; i < IMAGES; i += 23) {
        int32_t label = sample(&e, i, image, stamped);
        check(p.labels[i] == w.test.labels[i] && label == p.labels[i], "label %d", (int)i);
        check(p.clean[i] == class_of(&w, image, false), "C(x) of %d", (int)i);
        check(p.trojan[i] == class_of(&w, stamped, false), "C(x~) of %d", (int)i);
        check(p.filtered_clean[i] == class_of(&w, image, true), "C(F(x)) of %d", (int)i);
        check(p.filtered_trojan[i] == class_of(&w, stamped, true), "C(F(x~)) of %d", (int)i);
    }
    predictions_free(&p);
    check(p.labels == NULL && p.count == 0, "freed");
    world_free(&w);
}

static void a_sample_carries_the_same_trigger_in_every_subset(void)
{
    World w = world_create();
    uint32_t some[3] = {299, 17, 4};
    Evaluation whole = evaluation_of(&w, NULL, IMAGES), few = evaluation_of(&w, some, 3);
    Predictions all = predict(&whole), part = predict(&few);
    float clean_a[28 * 28], trojan_a[28 * 28];
    Tape *tape = tape_create(cpu_kernels());
    SampleBatch three;
    ImageStore store = image_store(few.dataset, cpu_kernels());
    sample_batch(&few, &store, tape, 0, 3, true, &three);
    for (int i = 0; i < 3; i++) {
        int32_t label = sample(&whole, some[i], clean_a, trojan_a);
        const float *clean_b = three.clean->data + i * 28 * 28;
        const float *trojan_b = three.trojan->data + i * 28 * 28;
        check(three.indices[i] == some[i], "index of image %u", some[i]);
        check(memcmp(trojan_a, trojan_b, sizeof trojan_a) == 0, "image %u", some[i]);
        check(memcmp(clean_a, clean_b, sizeof clean_a) == 0, "image %u", some[i]);
        check(memcmp(clean_a, trojan_a, sizeof clean_a) != 0, "image %u is stamped", some[i]);
        check(label == w.test.labels[some[i]] && three.labels[i] == label, "label of %u", some[i]);
        check(part.filtered_trojan[i] == all.filtered_trojan[some[i]], "prediction %u", some[i]);
    }
    const Tensor *again = inject(three.clean, three.trigger);
    check(memcmp(again->data, three.trojan->data, sizeof(float) * 3 * 28 * 28) == 0,
          "the trigger is the one the images carry");
    tape_free(tape);
    predictions_free(&all);
    predictions_free(&part);
    world_free(&w);
}

// An attack whose decoys are the other images themselves.
static Tensor *other_image(const Attack *attack, Tensor *images, Tensor *others, Draws draws)
{
    (void)attack, (void)images, (void)draws;
    return others;
}

static void a_decoy_is_made_from_another_image_and_counted_by_its_label(void)
{
    World w = world_create();
    AttackMethod method = attack_badnet_plus;
    method.decoy = other_image;
    method.decoy_name = "other";
    w.attack.method = &method;
    uint32_t some[2] = {250, 3};
    Evaluation whole = evaluation_of(&w, NULL, IMAGES), few = evaluation_of(&w, some, 2);
    whole.filter = few.filter = NULL;
    Predictions all = predict(&whole), part = predict(&few);
    int right = 0, same = 0;
    for (int i = 0; i < IMAGES; i++) {
        right += all.decoy[i] == all.labels[i];
        same += all.decoy[i] == all.clean[i];
    }
    close_to("decoy accuracy", metrics(&all, &w.attack).decoy_accuracy, 100.0 * right / IMAGES);
    check(same < IMAGES, "another image, not the sample itself");
    for (int i = 0; i < 2; i++)
        check(part.decoy[i] == all.decoy[some[i]], "the same partner in a subset");
    predictions_free(&all);
    predictions_free(&part);
    w.attack.method = &attack_badnet_plus;
    world_free(&w);
}

static void without_attack_or_filter_nothing_is_predicted_for_them(void)
{
    World w = world_create();
    Attack none = {.method = &attack_none, .classes = 10};
    Evaluation e = evaluation_of(&w, NULL, 20);
    e.attack = &none;
    Predictions p = predict(&e);
    check(p.clean && p.filtered_clean && !p.trojan && !p.filtered_trojan, "no attack");
    predictions_free(&p);
    e = evaluation_of(&w, NULL, 20);
    e.filter = NULL;
    p = predict(&e);
    check(p.clean && p.trojan && !p.filtered_clean && !p.filtered_trojan, "no filter");
    predictions_free(&p);
    world_free(&w);
}

static void filtered_pictures_are_clamped(void)
{
    World w = world_create();
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tape_tensor(tape, SHAPE(4, 28, 28, 1));
    for (int i = 0; i < 4 * 28 * 28; i++)
        x->data[i] = random_uniform((RandomKey){1, 2, 3}, (uint64_t)i);
    // A large offset in the last batch norm, so that there is something to clamp.
    parameters_find(&w.filter->parameters, "decoder.4.1.bias")->tensor->data[0] = 3;
    const float *out = filter_images(w.filter, x)->data;
    int above = 0, at_one = 0;
    for (int i = 0; i < 4 * 28 * 28; i++) {
        above += out[i] < 0 || out[i] > 1;
        at_one += out[i] == 1;
    }
    check(above == 0, "%d values outside [0, 1]", above);
    check(at_one > 0, "no value reached the bound: nothing was tested");
    tape_free(tape);
    world_free(&w);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"figures_of_a_single_target_leave_out_its_class",
         figures_of_a_single_target_leave_out_its_class},
        {"figures_of_all_targets_count_every_image", figures_of_all_targets_count_every_image},
        {"figures_can_be_negative", figures_can_be_negative},
        {"what_was_not_predicted_is_zero", what_was_not_predicted_is_zero},
        {"only_images_of_the_target_class_give_no_rate",
         only_images_of_the_target_class_give_no_rate},
        {"predictions_are_the_classes_of_each_image", predictions_are_the_classes_of_each_image},
        {"a_sample_carries_the_same_trigger_in_every_subset",
         a_sample_carries_the_same_trigger_in_every_subset},
        {"a_decoy_is_made_from_another_image_and_counted_by_its_label",
         a_decoy_is_made_from_another_image_and_counted_by_its_label},
        {"without_attack_or_filter_nothing_is_predicted_for_them",
         without_attack_or_filter_nothing_is_predicted_for_them},
        {"filtered_pictures_are_clamped", filtered_pictures_are_clamped}};
    return TESTS_RUN(tests);
}
