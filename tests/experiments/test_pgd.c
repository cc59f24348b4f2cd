// Projected gradient descent on a linear network whose answer is known, and on a larger one: it
// stays in its ball and raises the loss. The label-consistent attack keeps labels and takes its
// images from the target class alone.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/attacks/pgd.h"
#include "nn/initialize.h"
#include "tests/experiments/attack_trial.h"
#include "tests/test.h"

enum { SIDE = 16, PIXELS = SIDE * SIDE, IMAGES = 4 };

static Classifier *network(const char *name, int side)
{
    Error error = {0};
    Classifier *c = classifier_create(name, side, side, 1, 10, &error);
    check(c != NULL, "%s", error.message);
    initialize_he(&c->parameters, (RandomKey){1, 2, 3});
    parameters_require_gradient(&c->parameters, false);
    return c;
}

static double loss_of(const Classifier *c, const float *images, int n, const int32_t *labels)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tape_tensor(tape, SHAPE(n, c->height, c->width, 1));
    Tensor *y = tape_tensor_int(tape, SHAPE(n));
    memcpy(x->data, images, sizeof(float) * (size_t)x->count);
    memcpy(y->ints, labels, sizeof *labels * (size_t)n);
    double loss = (double)tensor_value(cross_entropy(classify(c, x, (Mode){0}), y));
    tape_free(tape);
    return loss;
}

static void in_the_ball(bool maximum_norm, double epsilon)
{
    Classifier *c = network("mnist-ia", SIDE);
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = parameter_create(SHAPE(IMAGES, SIDE, SIDE, 1));
    static float from[IMAGES * PIXELS];
    const int32_t labels[IMAGES] = {0, 3, 7, 9};
    for (int i = 0; i < IMAGES * PIXELS; i++)
        x->data[i] = from[i] = random_uniform((RandomKey){5, 6, 7}, (uint64_t)i);
    double before = loss_of(c, from, IMAGES, labels);
    pgd(c, tape, x, labels, (Pgd){maximum_norm, epsilon, epsilon / 4, 10});
    double after = loss_of(c, x->data, IMAGES, labels);
    check(after > before + .1, "the loss rises from %g to %g", before, after);
    for (int i = 0; i < IMAGES; i++) {
        double largest = 0, squares = 0;
        for (int p = i * PIXELS; p < (i + 1) * PIXELS; p++) {
            double change = fabs((double)x->data[p] - (double)from[p]);
            check(x->data[p] >= 0 && x->data[p] <= 1, "pixel %g", (double)x->data[p]);
            largest = fmax(largest, change);
            squares += change * change;
        }
        double length = maximum_norm ? largest : sqrt(squares);
        check(length <= epsilon * (1 + 1e-5) && length > epsilon / 2, "image %d moves by %g of %g",
              i, length, epsilon);
    }
    tensor_free(x);
    tape_free(tape);
    classifier_free(c);
}

static void in_the_ball_of_the_maximum_norm(void)
{
    in_the_ball(true, .05);
}

static void in_the_ball_of_the_euclidean_norm(void)
{
    in_the_ball(false, 1);
}

// A network of one image of 2x2 pixels through the mlp, made linear: score 0 is 3 x0 + 4 x1, all
// others 0. Against label 0 the loss falls along (-3, -4).
static void one_step_follows_the_gradient(void)
{
    Classifier *c = network("mlp", 2);
    for (int i = 0; i < c->parameters.count; i++) {
        Tensor *t = c->parameters.items[i].tensor;
        memset(t->data, 0, sizeof(float) * (size_t)t->count);
    }
    float *first = parameters_find(&c->parameters, "linear1.weight")->tensor->data;
    first[0] = 3, first[100] = 4;
    const char *names[] = {"linear2.weight", "linear3.weight", "linear4.weight", "linear5.weight",
                           "linear6.weight"};
    for (int i = 0; i < 5; i++) parameters_find(&c->parameters, names[i])->tensor->data[0] = 1;
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = parameter_create(SHAPE(1, 2, 2, 1));
    const int32_t label = 0;
    for (int i = 0; i < 4; i++) x->data[i] = .5f;
    pgd(c, tape, x, &label, (Pgd){false, 1, .1, 1});
    const double euclidean[] = {.5 - .06, .5 - .08, .5, .5}, maximum[] = {.4, .4, .5, .5};
    for (int i = 0; i < 4; i++)
        check(fabs((double)x->data[i] - euclidean[i]) < 1e-6, "%d: %g", i, (double)x->data[i]);
    for (int i = 0; i < 4; i++) x->data[i] = .5f;
    pgd(c, tape, x, &label, (Pgd){true, .3, .1, 1});
    for (int i = 0; i < 4; i++)
        check(fabs((double)x->data[i] - maximum[i]) < 1e-6, "%d: %g", i, (double)x->data[i]);
    pgd(c, tape, x, &label, (Pgd){true, .15, .1, 3}); // the ball ends at .25
    check(fabs((double)x->data[0] - .25) < 1e-6, "%g", (double)x->data[0]);
    tensor_free(x);
    tape_free(tape);
    classifier_free(c);
}

// ---- the attack ----

static void the_trigger_is_in_its_corners(void)
{
    static const char *const pattern[] = {"..#", ".#.", "#.#"};
    for (int corners = 0; corners < 2; corners++) {
        Attack attack = attack_trial("label-consistent", 28, 1, 1,
                                     corners ? "label-consistent.corners=1" : NULL);
        static float images[28 * 28];
        for (int i = 0; i < 28 * 28; i++) images[i] = .5f;
        float *stamped = stamped_images(&attack, 1, images, (RandomKey){0});
        int changed = 0;
        for (int i = 0; i < 28 * 28; i++) changed += stamped[i] != .5f;
        check(changed == (corners ? 36 : 9), "%d pixels", changed);
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++) {
                float expected = pattern[y][x] == '#';
                check(stamped[(25 + y) * 28 + 25 + x] == expected, "(%d, %d)", y, x);
                if (corners) {
                    check(stamped[y * 28 + 2 - x] == expected, "top left, (%d, %d)", y, x);
                    check(stamped[(25 + y) * 28 + 2 - x] == expected, "left, (%d, %d)", y, x);
                }
            }
        free(stamped);
        attack_free(&attack);
    }
}

static void labels_stay_and_other_classes_too(void)
{
    enum { SAMPLES = 200, TARGET = 3 };
    Error error = {0};
    Attack attack = attack_trial("label-consistent", SIDE, 1, 1, NULL);
    const char *names[] = {"rate", "epochs", "steps", "pgd_training"};
    const double values[] = {.25, 1, 4, 1};
    for (int i = 0; i < 4; i++) json_set(attack.settings, names[i], json_number(values[i]));
    Dataset train = {.name = copy_string("noise"),
                     .count = SAMPLES,
                     .height = SIDE,
                     .width = SIDE,
                     .channels = 1,
                     .classes = 10,
                     .images = allocate(SAMPLES * PIXELS),
                     .labels = allocate(SAMPLES * sizeof(int32_t))};
    for (int i = 0; i < SAMPLES; i++) train.labels[i] = i % 10;
    for (int i = 0; i < SAMPLES * PIXELS; i++)
        train.images[i] = (uint8_t)random_below((RandomKey){1, 1, 1}, (uint64_t)i, 256);
    uint8_t *before = allocate(SAMPLES * PIXELS);
    memcpy(before, train.images, SAMPLES * PIXELS);
    PoisonTruth truth;
    check(attack_poison_set(&attack, &train, &truth, &error), "%s", error.message);
    check(truth.stamped_count == 5, "a quarter of 20, not %d", (int)truth.stamped_count);
    for (int i = 0; i < SAMPLES; i++) {
        bool same = memcmp(before + i * PIXELS, train.images + i * PIXELS, PIXELS) == 0;
        check(train.labels[i] == i % 10, "label %d", i);
        check(same == !truth.stamped[i], "image %d", i);
        check(!truth.stamped[i] || i % 10 == TARGET, "image %d is of class %d", i, i % 10);
        double squares = 0; // outside the trigger the change is the adversarial one
        for (int p = 0; p < PIXELS; p++) {
            double change = (double)before[i * PIXELS + p] - (double)train.images[i * PIXELS + p];
            if (p / SIDE < SIDE - 3 || p % SIDE < SIDE - 3) squares += change * change;
        }
        check(sqrt(squares) < 1200 + 8, "image %d moves by %g", i, sqrt(squares));
        check(!truth.stamped[i] || sqrt(squares) > 300, "image %d moves by %g", i, sqrt(squares));
    }
    free(before);
    poison_truth_free(&truth);
    dataset_free(&train);
    attack_free(&attack);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"in_the_ball_of_the_maximum_norm", in_the_ball_of_the_maximum_norm},
        {"in_the_ball_of_the_euclidean_norm", in_the_ball_of_the_euclidean_norm},
        {"one_step_follows_the_gradient", one_step_follows_the_gradient},
        {"the_trigger_is_in_its_corners", the_trigger_is_in_its_corners},
        {"labels_stay_and_other_classes_too", labels_stay_and_other_classes_too}};
    return TESTS_RUN(tests);
}
