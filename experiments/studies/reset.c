// NONE's reset: how much of a layer must go until the Trojan is gone, and does it stay away? The share
// r1 of each layer's neurons with the greatest suspicion is cut (none.c): BA and ASR of what is left.
// Then the rest is trained on, as NONE does, on the samples that are not stamped, all of them and no
// other, so that no wrongly kept sample can bring the Trojan back: BA and ASR again. Suspicion is,
// once, NONE's gap, which sees the poisoned training set, and once an oracle's, who knows the
// trigger: how far it moves the neuron,
//
//   gap_n     max A_n(confident) - mean A_n(denied) - 3 sigma A_n(denied)
//   oracle_n  mean over test images of |A_n(with the trigger) - A_n(without)|
//
// for a perceptron on the built-in digits with BadNets' patch of 3x3, after few and after many
// epochs of the same recipe. Where even the oracle needs far more than r1 = 3 %, the Trojan is
// spread over the layer and no ranking can help; where the oracle succeeds and the gap does not, the
// ranking is what fails; where the ASR rises again in training, the reset left parts of the Trojan
// below the threshold, and what repairs the benign classes repairs them too.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "core/error.h"
#include "core/ops.h"
#include "data/batch.h"
#include "experiments/attacks/badnets.h"
#include "experiments/defenses/none.h"
#include "experiments/evaluation.h"
#include "experiments/figure.h"
#include "experiments/plot/plot.h"
#include "nn/initialize.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

enum {
    TRAINING = 4000,
    TEST = 1000,
    BATCH = 32,
    TUNING_EPOCHS = 3,
    SHARES = 6,
    SCHEDULES = 2,
    RANKINGS = 2
};
static const double shares[SHARES] = {.01, .02, .03, .05, .07, .1};
static const int epochs[SCHEDULES] = {6, 60};

typedef struct Subjects {
    const DataSource *source;
    Dataset train, test, stamped; // train poisoned; stamped: the test images with their trigger
    PoisonTruth truth;            // of train
    Attack attack;
} Subjects;

static Attack attack_with(const DataSource *source, uint64_t seed, const char *rate)
{
    const char *settings[] = {"badnets.size=3", rate};
    return badnets_on(source, seed, &(Overrides){2, settings});
}

static PoisonTruth poison(Attack *attack, Dataset *set)
{
    Error error = {0};
    PoisonTruth truth;
    if (!attack_poison_set(attack, set, &truth, &error)) panic("study reset: %s", error.message);
    return truth;
}

static Subjects subjects_load(uint64_t seed)
{
    Error error = {0};
    Subjects s = {.source = data_source_find("digits", &error)};
    DataRequest wanted = {.seed = seed, .train_count = TRAINING, .test_count = TEST};
    if (!s.source || !dataset_load(s.source, &wanted, &s.train, &s.test, &error))
        panic("study reset: %s", error.message);
    RandomKey key = {seed, random_purpose("reset test"), 0};
    Dataset test = dataset_draw(&s.test, TEST, key); // both in the same order
    s.stamped = dataset_draw(&s.test, TEST, key);
    dataset_free(&s.test);
    s.test = test;
    Attack whole = attack_with(s.source, seed, "badnets.rate=1");
    PoisonTruth all = poison(&whole, &s.stamped);
    poison_truth_free(&all);
    attack_free(&whole);
    s.attack = attack_with(s.source, seed, "badnets.rate=0.05");
    s.truth = poison(&s.attack, &s.train);
    return s;
}

static void subjects_free(Subjects *s)
{
    dataset_free(&s->train);
    dataset_free(&s->test);
    dataset_free(&s->stamped);
    poison_truth_free(&s->truth);
    attack_free(&s->attack);
}

// ---- training ----

static Classifier *classifier_start(const Subjects *s, uint64_t seed)
{
    Error error = {0};
    const DataSource *d = s->source;
    Classifier *c = classifier_create("mlp", d->height, d->width, d->channels, d->classes, &error);
    if (!c) panic("study reset: %s", error.message);
    classifier_set_mean_std(c, d->mean, d->std);
    initialize_he(&c->parameters, (RandomKey){seed, random_purpose("reset start"), 0});
    return c;
}

typedef struct Recipe {
    int epochs;
    Schedule schedule;
    const uint32_t *samples; // of the training set; NULL: all
    int64_t count;
    const char *purpose;
} Recipe;

// SGD as classifier_training.c does it, without augmentation.
static void fit(Classifier *c, const Dataset *set, const Recipe *recipe, uint64_t seed)
{
    Tape *tape = tape_create(cpu_kernels());
    uint32_t *order = allocate(sizeof *order * (size_t)recipe->count);
    Optimizer *optimizer = optimizer_create_sgd(
        &c->parameters, (Sgd){.learning_rate = 0, .momentum = .9f, .weight_decay = 5e-4f});
    RandomKey key = {seed, random_purpose(recipe->purpose), 0};
    int64_t number = 0;
    for (; key.step < (uint32_t)recipe->epochs; key.step++) {
        epoch_order(key, recipe->samples, recipe->count, order);
        for (int64_t first = 0; first < recipe->count; first += BATCH, number++) {
            int64_t n = recipe->count - first < BATCH ? recipe->count - first : BATCH;
            Tensor *x = tape_tensor(tape, SHAPE(n, set->height, set->width, set->channels));
            Tensor *y = tape_tensor_int(tape, SHAPE(n));
            batch_fill(set, order + first, n, (Augmentation){0}, key, 0, x->data, y->ints);
            optimizer->learning_rate = learning_rate_at(&recipe->schedule, number);
            backward(cross_entropy(classify(c, x, (Mode){.training = true}), y));
            optimizer_step(optimizer);
            tape_reset(tape);
        }
    }
    optimizer_free(optimizer);
    tape_free(tape);
    free(order);
}

static Classifier *poisoned_classifier(const Subjects *s, int epoch_count, uint64_t seed)
{
    Classifier *c = classifier_start(s, seed);
    int64_t steps = (TRAINING + BATCH - 1) / BATCH * epoch_count;
    Recipe recipe = {epoch_count,
                     {.kind = SCHEDULE_COSINE, .learning_rate = .03, .period = steps},
                     NULL,
                     TRAINING,
                     "reset training"};
    fit(c, &s->train, &recipe, seed);
    return c;
}

// NONE's training after the reset.
static void train_on(Classifier *c, const Subjects *s, uint64_t seed)
{
    uint32_t *kept = allocate(sizeof *kept * TRAINING);
    Recipe recipe = {
        TUNING_EPOCHS, {.kind = SCHEDULE_CONSTANT, .learning_rate = 1e-3}, kept, 0, "reset tuning"};
    for (uint32_t i = 0; i < TRAINING; i++)
        if (!s->truth.stamped[i]) kept[recipe.count++] = i;
    fit(c, &s->train, &recipe, seed);
    free(kept);
}

// ---- the two rankings ----

static double *moved_by_trigger(const Classifier *c, const Subjects *s)
{
    Activations without = activations_gather(c, &s->test, false),
                with = activations_gather(c, &s->stamped, false);
    double *moved = allocate_zeroed(sizeof *moved * (size_t)(with.neurons + 1));
    for (int64_t i = 0; i < with.samples; i++)
        for (int64_t n = 0; n < with.neurons; n++) {
            int64_t at = i * with.neurons + n;
            moved[n] +=
                fabs((double)with.largest[at] - (double)without.largest[at]) / (double)with.samples;
        }
    activations_free(&without);
    activations_free(&with);
    return moved;
}

static Metrics measure(const Classifier *c, const Subjects *s, uint64_t seed)
{
    Evaluation evaluation = {
        .classifier = c, .attack = &s->attack, .dataset = &s->test, .count = TEST, .seed = seed};
    Predictions predictions = predict(&evaluation);
    Metrics m = metrics(&predictions, &s->attack);
    predictions_free(&predictions);
    return m;
}

typedef struct Left {
    Metrics cut, tuned;
} Left;

static Left measure_cut(const Classifier *c, const Subjects *s, const Compromised *chosen,
                        uint64_t seed)
{
    Error error = {0};
    Left left;
    Classifier *copy = classifier_copy(c, &error);
    if (!copy) panic("study reset: %s", error.message);
    compromised_cut(copy, chosen);
    left.cut = measure(copy, s, seed);
    train_on(copy, s, seed);
    left.tuned = measure(copy, s, seed);
    classifier_free(copy);
    return left;
}

// ---- the study ----

typedef struct Curve {
    double percent[SHARES], ASR[RANKINGS][SHARES], tuned_ASR[RANKINGS][SHARES];
} Curve;

static void follow_ranking(const Classifier *c, const Subjects *s, const Activations *a,
                           const double *suspicion, int ranking, uint64_t seed, Curve *curve,
                           Text *numbers)
{
    text_append(numbers, "  %s\n   r1 %%   cut: BA     ASR   trained on: BA     ASR\n",
                ranking == 0 ? "by the gap" : "by the oracle");
    for (int i = 0; i < SHARES; i++) {
        Compromised chosen = compromised_choose(a, suspicion, shares[i], (double)-INFINITY);
        Left left = measure_cut(c, s, &chosen, seed);
        compromised_free(&chosen);
        curve->percent[i] = 100 * shares[i];
        curve->ASR[ranking][i] = left.cut.ASR;
        curve->tuned_ASR[ranking][i] = left.tuned.ASR;
        text_append(numbers, "  %5.1f    %6.2f  %6.2f           %6.2f  %6.2f\n", curve->percent[i],
                    left.cut.clean_accuracy, left.cut.ASR, left.tuned.clean_accuracy,
                    left.tuned.ASR);
    }
}

static void follow(const Subjects *s, int schedule, uint64_t seed, Curve *curve, Text *numbers)
{
    Classifier *c = poisoned_classifier(s, epochs[schedule], seed);
    Activations a = activations_gather(c, &s->train, false);
    double *suspicion[RANKINGS] = {confidence_gaps(&a, .1, .9, 3), moved_by_trigger(c, s)};
    Metrics whole = measure(c, s, seed);
    text_append(numbers, "\n%d epochs: BA %.2f, ASR %.2f before the reset\n", epochs[schedule],
                whole.clean_accuracy, whole.ASR);
    for (int r = 0; r < RANKINGS; r++) {
        follow_ranking(c, s, &a, suspicion[r], r, seed, curve, numbers);
        free(suspicion[r]);
    }
    activations_free(&a);
    classifier_free(c);
}

Drawing *study_reset(const FigureRequest *request, Text *numbers, Error *error)
{
    (void)error; // nothing is read or written
    static const char *const names[] = {"gap", "oracle", "gap, trained on", "oracle, trained on"};
    Drawing *drawing = drawing_create(
        760, 340,
        "ASR after NONE's reset and after the training that follows, against the share reset");
    plot_legend(drawing, (Point){PLOT_LEFT, 16}, 4, names);
    Subjects s = subjects_load(request->seed);
    for (int i = 0; i < SCHEDULES; i++) {
        Curve curve;
        Series series[4];
        char title[64];
        follow(&s, i, request->seed, &curve, numbers);
        for (int r = 0; r < RANKINGS; r++) {
            series[r] = (Series){names[r], curve.percent, curve.ASR[r], SHARES};
            series[RANKINGS + r] =
                (Series){names[RANKINGS + r], curve.percent, curve.tuned_ASR[r], SHARES};
        }
        Box box = plot_panel(drawing, 24, SCHEDULES, 1, i, 0);
        plot_lines(drawing, box, &(LineChart){"share of neurons reset, %", "%", series, 4});
        snprintf(title, sizeof title, "%d epochs", epochs[i]);
        plot_title(drawing, box, title);
        if (!request->quiet) fprintf(stderr, "%d epochs: done\n", epochs[i]);
    }
    subjects_free(&s);
    return drawing;
}
