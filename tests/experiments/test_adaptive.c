// The adaptive attack: which samples the attacker trains on, and Eq. 9 beside the sum worked out
// from the network's maps.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "nn/classifier.h"
#include "nn/initialize.h"
#include "tests/experiments/attack_trial.h"
#include "tests/test.h"

enum { SIDE = 16, PIXELS = SIDE * SIDE, IMAGES = 6, TARGET = 3 };
static const RandomKey KEY = {7, 11, 13};
static const int32_t LABELS[IMAGES] = {0, 1, 2, 4, 5, 9};

// Mean over samples of the squared differences of the maps seen so far between x and x~, summed up
// over each map's elements, and their means.
typedef struct Difference {
    int maps;
    double sum, mean;
} Difference;

static void see(void *context, const Tensor *weight, Tensor *result)
{
    Difference *d = context;
    if (!weight || weight->rank != 4) return;
    int64_t half = result->count / 2;
    for (int64_t i = 0; i < half; i++) {
        double difference = (double)result->data[i] - (double)result->data[half + i];
        d->sum += difference * difference / IMAGES;
        d->mean += difference * difference / (double)half;
    }
    d->maps++;
}

static PoisonedBatch poisoned(Attack *attack, StepTrial *trial, int epoch, const float *images)
{
    static const uint32_t samples[IMAGES] = {0, 1, 2, 3, 4, 5};
    *trial = step_trial(attack, IMAGES, images, LABELS, KEY);
    trial->step.epoch = epoch;
    trial->step.samples = samples;
    return attack_poison(attack, &trial->step, NULL);
}

static void a_benign_epoch_leaves_the_batch(void)
{
    Attack attack = attack_trial("adaptive", SIDE, 1, 1, "adaptive.benign_epochs=2");
    float *images = random_images(&attack, IMAGES, 5);
    StepTrial trial;
    PoisonedBatch batch = poisoned(&attack, &trial, 1, images);
    Tensor *loss = tape_tensor(trial.tape, SHAPE(1));
    check(batch.images->shape[0] == IMAGES, "%s", shape_text(batch.images));
    check(memcmp(batch.images->data, images, sizeof(float) * IMAGES * PIXELS) == 0, "as it was");
    check(memcmp(batch.labels->ints, LABELS, sizeof LABELS) == 0, "labels too");
    check(attack.method->loss(&attack, &trial.step, loss) == loss, "and the loss");
    step_trial_free(&trial);
    free(images);
    attack_free(&attack);
}

static void every_image_comes_with_its_trigger(void)
{
    Attack attack = attack_trial("adaptive", SIDE, 1, 1, "adaptive.benign_epochs=2");
    float *images = random_images(&attack, IMAGES, 5);
    float *stamped = stamped_images(&attack, IMAGES, images, KEY);
    StepTrial trial;
    PoisonedBatch batch = poisoned(&attack, &trial, 2, images);
    size_t bytes = sizeof(float) * IMAGES * PIXELS;
    check(batch.images->shape[0] == 2 * IMAGES, "%s", shape_text(batch.images));
    check(memcmp(batch.images->data, images, bytes) == 0, "x");
    check(memcmp(batch.images->data + IMAGES * PIXELS, stamped, bytes) == 0, "x~");
    check(memcmp(stamped, images, bytes) != 0, "which is something else");
    for (int i = 0; i < IMAGES; i++)
        check(batch.labels->ints[i] == LABELS[i] && batch.labels->ints[IMAGES + i] == TARGET,
              "labels of image %d", i);
    step_trial_free(&trial);
    free(images), free(stamped);
    attack_free(&attack);
}

static Difference difference_inside(const Classifier *c, const Tensor *both)
{
    Difference difference = {0};
    Observer observer = {see, &difference};
    Tape *tape = tape_create(cpu_kernels());
    tape_observe(tape, &observer);
    classify(c, tape_input(tape, both), (Mode){0});
    check(difference.maps == 2, "%d convolutions", difference.maps);
    tape_free(tape);
    return difference;
}

static void the_loss_is_equation_9(void)
{
    Error error = {0};
    Classifier *c = classifier_create("mnist-ia", SIDE, SIDE, 1, 10, &error);
    initialize_he(&c->parameters, (RandomKey){1, 2, 3});
    for (int i = 0; i < 3; i++) {
        double alpha = i == 0 ? 0 : i == 1 ? .01 : 5;
        Attack attack = attack_trial("adaptive", SIDE, 1, 1, "adaptive.benign_epochs=0");
        json_set(attack.settings, "alpha", json_number(alpha));
        json_set(attack.settings, "mean", json_number(i == 2));
        float *images = random_images(&attack, IMAGES, 5);
        StepTrial trial;
        PoisonedBatch batch = poisoned(&attack, &trial, 0, images);
        Tensor *logits = classify(c, batch.images, (Mode){0});
        Tensor *both = cross_entropy(logits, batch.labels);
        Difference difference = difference_inside(c, batch.images);
        double inside = i == 2 ? difference.mean : difference.sum;
        double expected = 2 * (double)tensor_value(both) + alpha * inside;
        Tensor *loss = attack.method->loss(&attack, &trial.step, both);
        double got = (double)tensor_value(loss);
        check(fabs(got - expected) < 1e-4 * expected, "%.7g, not %.7g", got, expected);
        check(difference.sum > 1, "the trigger is seen inside");
        check(tape_observer(trial.tape) == NULL, "the watch is over");
        backward(loss);
        step_trial_free(&trial);
        free(images);
        attack_free(&attack);
    }
    classifier_free(c);
}

static void the_attacker_leaves_the_defenders_poison_out(void)
{
    Error error = {0};
    Attack attack = attack_trial("adaptive", SIDE, 1, 1, "adaptive.rate=0.5");
    Dataset train = {.name = copy_string("noise"),
                     .count = IMAGES,
                     .height = SIDE,
                     .width = SIDE,
                     .channels = 1,
                     .classes = 10,
                     .images = allocate_zeroed(IMAGES * PIXELS),
                     .labels = allocate_zeroed(sizeof LABELS)};
    memcpy(train.labels, LABELS, sizeof LABELS);
    PoisonTruth truth;
    check(attack_poison_set(&attack, &train, &truth, &error), "%s", error.message);
    check(truth.stamped_count == IMAGES / 2, "half of the set is stamped");
    float *images = random_images(&attack, IMAGES, 5);
    StepTrial trial;
    PoisonedBatch batch = poisoned(&attack, &trial, 0, images);
    check(batch.images->shape[0] == IMAGES / 2, "%s", shape_text(batch.images));
    for (int i = 0, k = 0; i < IMAGES; i++) {
        if (truth.stamped[i]) continue;
        check(batch.labels->ints[k] == LABELS[i], "label %d", i);
        check(memcmp(batch.images->data + k * PIXELS, images + i * PIXELS, PIXELS) == 0, "%d", i);
        k++;
    }
    step_trial_free(&trial);
    poison_truth_free(&truth);
    dataset_free(&train);
    free(images);
    attack_free(&attack);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"a_benign_epoch_leaves_the_batch", a_benign_epoch_leaves_the_batch},
        {"every_image_comes_with_its_trigger", every_image_comes_with_its_trigger},
        {"the_loss_is_equation_9", the_loss_is_equation_9},
        {"the_attacker_leaves_the_defenders_poison_out",
         the_attacker_leaves_the_defenders_poison_out}};
    return TESTS_RUN(tests);
}
