// Federated averaging: who gets which samples, and a round beside the same worked out by hand.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/file.h"
#include "core/ops.h"
#include "experiments/federation.h"
#include "nn/initialize.h"
#include "tests/test.h"

enum { SIDE = 16, PIXELS = SIDE * SIDE, CLASSES = 10, PARTICIPANTS = 3 };
static const float RATE = .1f, DECAY = .01f;

// Noise with labels 0, 1, .. 9, 0, 1, ..
static Dataset noise(int64_t count)
{
    Dataset d = {.name = copy_string("noise"),
                 .count = count,
                 .height = SIDE,
                 .width = SIDE,
                 .channels = 1,
                 .classes = CLASSES,
                 .images = allocate((size_t)count * PIXELS),
                 .labels = allocate((size_t)count * sizeof(int32_t))};
    for (int64_t i = 0; i < count; i++) d.labels[i] = (int32_t)(i % CLASSES);
    for (int64_t i = 0; i < count * PIXELS; i++)
        d.images[i] = (uint8_t)random_below((RandomKey){3, 4, 5}, (uint64_t)i, 256);
    return d;
}

static void every_sample_has_one_owner(void)
{
    Dataset d = noise(1000);
    for (int participants = 1; participants <= 40; participants += 13) {
        Federation *f = federation_create(&d, participants, 1, 7);
        int owners[1000] = {0};
        check(f->first[0] == 0 && f->first[participants] == d.count, "all samples");
        for (int64_t i = 0; i < d.count; i++) owners[f->samples[i]]++;
        for (int64_t i = 0; i < d.count; i++) check(owners[i] == 1, "sample %d", (int)i);
        federation_free(f);
    }
    dataset_free(&d);
}

// Mean and variance of a share under Dirichlet(alpha): 1/n, and (1/n)(1 - 1/n) / (n alpha + 1).
static void shares_are_those_of_dirichlet(void)
{
    enum { SEEDS = 60 };
    Dataset d = noise(4000);
    for (int twice_alpha = 1; twice_alpha <= 8; twice_alpha *= 8) {
        double sum = 0, squares = 0, n = PARTICIPANTS, values = SEEDS * CLASSES * n;
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            Federation *f = federation_create(&d, PARTICIPANTS, twice_alpha, seed);
            for (int p = 0; p < PARTICIPANTS; p++) {
                double counts[CLASSES] = {0};
                for (int64_t i = f->first[p]; i < f->first[p + 1]; i++)
                    counts[d.labels[f->samples[i]]]++;
                for (int k = 0; k < CLASSES; k++) {
                    sum += counts[k] / 400;
                    squares += counts[k] / 400 * counts[k] / 400;
                }
            }
            federation_free(f);
        }
        double variance = squares / values - 1 / n / n, alpha = twice_alpha / 2.;
        double expected = 1 / n * (1 - 1 / n) / (n * alpha + 1);
        check(fabs(sum / values - 1 / n) < 1e-12, "mean %g", sum / values);
        check(fabs(variance / expected - 1) < .12, "alpha %g: variance %g, not %g", alpha, variance,
              expected);
    }
    dataset_free(&d);
}

// ---- a round ----

typedef struct Trial {
    Dataset train;
    Federation *federation;
    Classifier *classifier;
    Attack attack;
    const bool *left_out;
} Trial;

static Trial trial_create(const char *model)
{
    Error error = {0};
    Trial t = {.train = noise(60)};
    t.federation = federation_create(&t.train, PARTICIPANTS, 4, 1);
    t.classifier = classifier_create(model, SIDE, SIDE, 1, CLASSES, &error);
    check(t.classifier != NULL, "%s", error.message);
    initialize_default(&t.classifier->parameters, (RandomKey){9, 8, 7});
    t.attack = (Attack){.method = attack_method_find("none", &error)};
    return t;
}

static void trial_free(Trial *t)
{
    dataset_free(&t->train);
    federation_free(t->federation);
    classifier_free(t->classifier);
}

static LocalTraining local(void *context, int participant, int round)
{
    (void)participant, (void)round;
    const Trial *t = context;
    Schedule constant = {.kind = SCHEDULE_CONSTANT, .learning_rate = (double)RATE};
    return (LocalTraining){t->left_out, 1, constant};
}

static void run(Trial *t, const char *name)
{
    Error error = {0};
    char *checkpoint = path_join(temporary_directory(), name);
    FederatedTraining training = {.label = "trial",
                                  .federation = t->federation,
                                  .classifier = t->classifier,
                                  .train = &t->train,
                                  .test = &t->train,
                                  .attack = &t->attack,
                                  .rounds = 1,
                                  .rate = .7,
                                  .local = local,
                                  .context = t,
                                  .batch_size = 64, // each participant's samples at once
                                  .momentum = .9f,
                                  .weight_decay = DECAY,
                                  .evaluate_every = 1,
                                  .seed = 1,
                                  .purpose = 2,
                                  .checkpoint = checkpoint,
                                  .config_hash = name,
                                  .checkpoint_interval = 1e9,
                                  .quiet = true};
    Curves curves;
    double seconds;
    check(federated_train(&training, &curves, &seconds, &error), "%s", error.message);
    curves_free(&curves);
    free(checkpoint);
}

// What one step of SGD makes of a copy of G, on the participant's samples.
static Classifier *local_result(const Trial *t, const Classifier *global, int participant)
{
    Error error = {0};
    Classifier *c = classifier_copy(global, &error);
    const Federation *f = t->federation;
    int64_t n = f->first[participant + 1] - f->first[participant];
    Tape *tape = tape_create(cpu_kernels());
    Tensor *x = tape_tensor(tape, SHAPE(n, SIDE, SIDE, 1)), *y = tape_tensor_int(tape, SHAPE(n));
    for (int64_t i = 0; i < n; i++) {
        uint32_t sample = f->samples[f->first[participant] + i];
        y->ints[i] = t->train.labels[sample];
        for (int k = 0; k < PIXELS; k++)
            x->data[i * PIXELS + k] = (float)t->train.images[sample * PIXELS + (uint32_t)k] / 255;
    }
    backward(cross_entropy(classify(c, x, (Mode){.training = true, .without_dropout = true}), y));
    for (int i = 0; i < c->parameters.count; i++) {
        Tensor *p = c->parameters.items[i].tensor;
        for (int64_t k = 0; c->parameters.items[i].trainable && k < p->count; k++)
            p->data[k] -= RATE * (p->grad[k] + DECAY * p->data[k]);
    }
    tape_free(tape);
    return c;
}

// G + eta / n sum_i (L_i - G), of the tensors whose names contain the word.
static void check_mean(const char *model, const char *word)
{
    Error error = {0};
    Trial t = trial_create(model);
    Classifier *global = classifier_copy(t.classifier, &error), *locals[PARTICIPANTS];
    int compared = 0;
    run(&t, model);
    for (int p = 0; p < PARTICIPANTS; p++) locals[p] = local_result(&t, global, p);
    for (int i = 0; i < global->parameters.count; i++) {
        if (!strstr(global->parameters.items[i].name, word)) continue;
        const float *got = t.classifier->parameters.items[i].tensor->data;
        const float *before = global->parameters.items[i].tensor->data;
        double squares = 0, change = 0;
        for (int64_t k = 0; k < global->parameters.items[i].tensor->count; k++) {
            double expected = 0, found = (double)got[k] - (double)before[k];
            for (int p = 0; p < PARTICIPANTS; p++)
                expected +=
                    .7 / PARTICIPANTS *
                    ((double)locals[p]->parameters.items[i].tensor->data[k] - (double)before[k]);
            squares += (found - expected) * (found - expected);
            change += expected * expected;
        }
        check(change > 0 && squares < 1e-8 * change, "%s: %g of %g",
              global->parameters.items[i].name, squares, change);
        compared++;
    }
    check(compared >= 2, "%d tensors", compared);
    for (int p = 0; p < PARTICIPANTS; p++) classifier_free(locals[p]);
    classifier_free(global);
    trial_free(&t);
}

static void a_round_takes_the_mean_of_what_participants_learn(void)
{
    check_mean("mnist-dba", "");
}

static void it_takes_the_mean_of_running_statistics_too(void)
{
    check_mean("mnist-wanet", "running_");
}

static void what_is_left_out_changes_nothing(void)
{
    Error error = {0};
    Trial t = trial_create("mnist-dba");
    Classifier *global = classifier_copy(t.classifier, &error);
    bool left_out[60];
    memset(left_out, true, sizeof left_out);
    t.left_out = left_out;
    run(&t, "left out");
    for (int i = 0; i < global->parameters.count; i++) {
        const Tensor *a = global->parameters.items[i].tensor;
        const Tensor *b = t.classifier->parameters.items[i].tensor;
        check(memcmp(a->data, b->data, sizeof(float) * (size_t)a->count) == 0, "%s",
              global->parameters.items[i].name);
    }
    classifier_free(global);
    trial_free(&t);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"every_sample_has_one_owner", every_sample_has_one_owner},
        {"shares_are_those_of_dirichlet", shares_are_those_of_dirichlet},
        {"a_round_takes_the_mean_of_what_participants_learn",
         a_round_takes_the_mean_of_what_participants_learn},
        {"it_takes_the_mean_of_running_statistics_too",
         it_takes_the_mean_of_running_statistics_too},
        {"what_is_left_out_changes_nothing", what_is_left_out_changes_nothing}};
    return TESTS_RUN(tests);
}
