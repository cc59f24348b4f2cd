// The hidden trigger attack: feature collision beside its definition, what becomes of the training
// set, and a classifier of which only the last layer is trained.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/attacks/feature_collision.h"
#include "nn/initialize.h"
#include "optim/optimizer.h"
#include "tests/experiments/attack_trial.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

enum { SIDE = 16, PIXELS = SIDE * SIDE, IMAGES = 5, TARGET = 3 };

static Classifier *network(void)
{
    Error error = {0};
    Classifier *c = classifier_create("mnist-ia", SIDE, SIDE, 1, 10, &error);
    check(c != NULL, "%s", error.message);
    initialize_he(&c->parameters, (RandomKey){1, 2, 3});
    parameters_freeze(&c->parameters, true);
    return c;
}

static void keep(void *context, const Tensor *weight, Tensor *result)
{
    if (!weight) *(const Tensor **)context = result;
}

// D_ij = || f(a_i) - f(b_j) ||^2
static void distances(const Classifier *c, const float *a, const float *b, double *result)
{
    const Tensor *f = NULL;
    Observer observer = {keep, &f};
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tape_tensor(tape, SHAPE(2 * IMAGES, SIDE, SIDE, 1));
    memcpy(x->data, a, sizeof(float) * IMAGES * PIXELS);
    memcpy(x->data + IMAGES * PIXELS, b, sizeof(float) * IMAGES * PIXELS);
    tape_observe(tape, &observer);
    classify(c, x, (Mode){0});
    int64_t size = f->count / (2 * IMAGES);
    for (int i = 0; i < IMAGES; i++)
        for (int j = 0; j < IMAGES; j++) {
            double sum = 0;
            for (int64_t k = 0; k < size; k++) {
                double d = (double)f->data[i * size + k] - (double)f->data[(IMAGES + j) * size + k];
                sum += d * d;
            }
            result[i * IMAGES + j] = sum;
        }
    tape_free(tape);
}

typedef struct Trial {
    Attack attack;
    Classifier *network;
    float *others, *from;
    Tensor *images;
    double largest;
} Trial;

static Trial collide(FeatureCollision how)
{
    Trial t = {.attack = attack_trial("none", SIDE, 1, 1, NULL), .network = network()};
    t.others = random_images(&t.attack, IMAGES, 5);
    t.from = random_images(&t.attack, IMAGES, 6);
    t.images = parameter_create(SHAPE(IMAGES, SIDE, SIDE, 1));
    memcpy(t.images->data, t.from, sizeof(float) * IMAGES * PIXELS);
    Tape *tape = tape_create(cpu_kernels());
    Tensor *others = tape_tensor(tape, SHAPE(IMAGES, SIDE, SIDE, 1));
    memcpy(others->data, t.others, sizeof(float) * IMAGES * PIXELS);
    t.largest = feature_collision(t.network, tape, others, t.images, how);
    tape_free(tape);
    return t;
}

static void trial_free(Trial *t)
{
    attack_free(&t->attack);
    classifier_free(t->network);
    tensor_free(t->images);
    free(t->others), free(t->from);
}

// Without an iteration the largest distance is that of the greedy pairs.
static void the_nearest_are_paired_first(void)
{
    Trial t = collide((FeatureCollision){.epsilon = 1});
    double d[IMAGES * IMAGES], largest = 0;
    bool row[IMAGES] = {false}, column[IMAGES] = {false};
    distances(t.network, t.others, t.from, d);
    for (int round = 0; round < IMAGES; round++) {
        int best = -1;
        for (int k = 0; k < IMAGES * IMAGES; k++)
            if (!row[k / IMAGES] && !column[k % IMAGES] && (best < 0 || d[k] < d[best])) best = k;
        row[best / IMAGES] = column[best % IMAGES] = true;
        largest = fmax(largest, d[best]);
    }
    check(fabs(t.largest / largest - 1) < 1e-5, "%g, not %g", t.largest, largest);
    check(memcmp(t.images->data, t.from, sizeof(float) * IMAGES * PIXELS) == 0, "as they were");
    trial_free(&t);
}

static void distances_fall_within_the_ball(void)
{
    FeatureCollision how = {.epsilon = .1, .iterations = 40, .learning_rate = 1e-4};
    Trial before = collide((FeatureCollision){.epsilon = 1}), t = collide(how);
    check(t.largest < .8 * before.largest, "%g from %g", t.largest, before.largest);
    for (int k = 0; k < IMAGES * PIXELS; k++) {
        float z = t.images->data[k];
        check(z >= 0 && z <= 1 && fabsf(z - t.from[k]) <= .1f + 1e-6f, "pixel %d: %g from %g", k,
              (double)z, (double)t.from[k]);
    }
    how.enough = before.largest * .9;
    Trial enough = collide(how);
    check(enough.largest < how.enough && enough.largest > t.largest, "it ends: %g", enough.largest);
    trial_free(&before), trial_free(&t), trial_free(&enough);
}

// ---- the training set ----

static Dataset noise(int64_t count)
{
    Dataset d = {.name = copy_string("noise"),
                 .count = count,
                 .height = SIDE,
                 .width = SIDE,
                 .channels = 1,
                 .classes = 10,
                 .images = allocate((size_t)count * PIXELS),
                 .labels = allocate((size_t)count * sizeof(int32_t))};
    for (int64_t i = 0; i < count; i++) d.labels[i] = (int32_t)(i % 10);
    for (int64_t i = 0; i < count * PIXELS; i++)
        d.images[i] = (uint8_t)random_below((RandomKey){3, 4, 5}, (uint64_t)i, 256);
    return d;
}

// 3 + 3 images are set aside, and 6 poisons near images of the target stand in their places.
static void poisons_look_like_the_target(void)
{
    Error error = {0};
    Attack attack = attack_trial("hidden-trigger", SIDE, 1, 1, NULL);
    Dataset clean = noise(100), d = noise(100);
    PoisonTruth truth;
    attack.model = "mnist-ia";
    json_set(attack.settings, "aside", json_number(3));
    json_set(attack.settings, "pairs", json_number(2));
    json_set(attack.settings, "iterations", json_number(2));
    json_set(attack.settings, "enough", json_number(0));
    json_set(attack.settings, "epochs", json_number(1));
    check(attack_poison_set(&attack, &d, &truth, &error), "%s", error.message);
    int of_source = 0, of_target = 0, changed = 0;
    for (int64_t i = 0; i < d.count; i++) {
        bool same = memcmp(d.images + i * PIXELS, clean.images + i * PIXELS, PIXELS) == 0;
        if (!truth.stamped[i]) {
            check(same && d.labels[i] == clean.labels[i], "sample %d stays", (int)i);
            continue;
        }
        of_source += clean.labels[i] == TARGET + 1;
        of_target += clean.labels[i] == TARGET;
        changed += !same;
        check(d.labels[i] == TARGET && truth.labels[i] == TARGET, "label of sample %d", (int)i);
        int most = 256; // of the nearest image of the target
        for (int64_t k = TARGET; k < d.count; k += 10) {
            int largest = 0;
            for (int p = 0; p < PIXELS; p++) {
                int change = abs(d.images[i * PIXELS + p] - clean.images[k * PIXELS + p]);
                largest = change > largest ? change : largest;
            }
            most = largest < most ? largest : most;
        }
        check(most <= 16, "sample %d: %d from an image of the target", (int)i, most);
    }
    check(of_source == 3 && of_target == 3 && changed == 6 && truth.stamped_count == 6,
          "%d and %d, %d changed", of_source, of_target, changed);
    poison_truth_free(&truth);
    dataset_free(&d), dataset_free(&clean);
    attack_free(&attack);
}

// ---- what is trained ----

static void kept_tensors_are_left_alone(void)
{
    Error error = {0};
    Classifier *c = classifier_create("mnist-ia", SIDE, SIDE, 1, 10, &error);
    initialize_he(&c->parameters, (RandomKey){1, 2, 3});
    int last = classifier_last_layer(c);
    check(last == c->parameters.count - 2, "weight and bias: %d", last);
    parameters_keep(&c->parameters, last);
    Classifier *copy = classifier_copy(c, &error);
    initialize_default(&copy->parameters, (RandomKey){4, 5, 6});
    Optimizer *optimizer = optimizer_create_sgd(&copy->parameters, (Sgd){.learning_rate = .1f});
    check(optimizer->count == 2, "%d tensors are trained", optimizer->count);
    for (int i = 0; i < c->parameters.count; i++) {
        const Tensor *a = c->parameters.items[i].tensor, *b = copy->parameters.items[i].tensor;
        bool same = memcmp(a->data, b->data, sizeof(float) * (size_t)a->count) == 0;
        check(same == (i < last), "%s", c->parameters.items[i].name);
        check(b->needs_grad == (i >= last), "gradient of %s", c->parameters.items[i].name);
    }
    optimizer_free(optimizer);
    classifier_free(c), classifier_free(copy);
}

// Whether all tensors but those of the last layer are the same in both files.
static bool same_body(const char *a, const char *b)
{
    Error error = {0};
    bool same = true;
    char *first = path_of(a), *second = path_of(b);
    Safetensors *x = safetensors_read(first, &error), *y = safetensors_read(second, &error);
    check(x && y, "%s", error.message);
    for (int i = 0; x && y && i < x->count; i++) {
        const StoredTensor *other = safetensors_find(y, x->tensors[i].name);
        if (strncmp(x->tensors[i].name, "fc2.", 4) == 0) continue;
        same &= memcmp(x->tensors[i].data, other->data, sizeof(float) * (size_t)other->count) == 0;
    }
    safetensors_free(x), safetensors_free(y);
    free(first), free(second);
    return same;
}

static const char *const WITH =
    "--quiet --data mnist --model mnist-dba --attack hidden-trigger --set classifier.epochs=1 "
    "--set "
    "hidden-trigger.aside=5 --set hidden-trigger.iterations=2 --set hidden-trigger.epochs=1";

static void only_the_last_layer_leaves_a_given_extractor(void)
{
    char *data = path_of("data");
    write_small_mnist(data, 300, 100);
    succeeded(
        run_sieve("train --quiet --data mnist --data-dir '%s' --model mnist-dba --attack none "
                  "--set classifier.epochs=1 -o given.safetensors --out g",
                  data));
    succeeded(run_sieve("train %s --data-dir '%s' --extractor given.safetensors -o b.safetensors "
                        "--out b --threads 1",
                        WITH, data));
    check(same_body("work/given.safetensors", "work/b.safetensors"), "taken over as it is");
    succeeded(run_sieve("run %s --data-dir '%s' --extractor given.safetensors --out b --threads 3 "
                        "--defense none,activation-clustering --json b.json --set none.epochs=1",
                        WITH, data));
    succeeded(run_sieve("run %s --data-dir '%s' --extractor given.safetensors --out d --defense "
                        "dp-sgd --set dp-sgd.epochs=1 >log",
                        WITH, data));
    run_shell("cp d/cells/*_dp-sgd_*/model.safetensors private.safetensors");
    check(same_body("work/given.safetensors", "work/private.safetensors"), "by dp-sgd, too");
    Outcome o = run_sieve("train %s --data-dir '%s' --extractor nowhere -o c --out c", WITH, data);
    check(o.status == 1 && strstr(o.errors, "nowhere"), "%d '%s'", o.status, o.errors);
    o = run_sieve("train --quiet --data mnist --data-dir '%s' --attack badnets --extractor x -o c",
                  data);
    check(o.status == 2 && strstr(o.errors, "takes none"), "%d '%s'", o.status, o.errors);
    o = run_sieve("train %s --data-dir '%s' --set hidden-trigger.aside=200 -o c --out c", WITH,
                  data);
    check(o.status == 1 && strstr(o.errors, "more than 200 images each"), "%d '%s'", o.status,
          o.errors);
    free(data);
}

static void the_number_of_threads_changes_no_bit(void)
{
    char *data = path_of("data");
    for (int threads = 1; threads <= 3; threads += 2)
        succeeded(
            run_sieve("run %s --data-dir '%s' --defense none --set none.epochs=1 --threads %d "
                      "--out t%d --json t%d.json",
                      WITH, data, threads, threads, threads));
    same_results("t1.json", "t3.json");
    same_files("t1", "t3");
    free(data);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_nearest_are_paired_first", the_nearest_are_paired_first},
        {"distances_fall_within_the_ball", distances_fall_within_the_ball},
        {"poisons_look_like_the_target", poisons_look_like_the_target},
        {"kept_tensors_are_left_alone", kept_tensors_are_left_alone},
        {"only_the_last_layer_leaves_a_given_extractor",
         only_the_last_layer_leaves_a_given_extractor},
        {"the_number_of_threads_changes_no_bit", the_number_of_threads_changes_no_bit}};
    return TESTS_RUN(tests);
}
