// Anti-backdoor learning (Li, Lyu, Koren, Lyu, Li and Ma, NeurIPS 2021): a network learns poisoned
// samples sooner than benign ones, so that a low loss early on gives them away. With L the mean
// cross-entropy of a batch, from a new random start:
//
//   1. tuning      minimise  |L - gamma| + gamma    (flooding: flood = 1, the official code's)
//                  or        sign(L - gamma) L      (local gradient ascent, LGA: flood = 0)
//                  on the whole set D: the loss of what is hard to learn hovers about gamma
//      isolation   D_p = the share `isolate` of D with the least losses -log p(y_i | x_i)
//   2. fine-tuning minimise  L  on D - D_p
//   3. unlearning  maximise  L  on D_p
//
// The official code drops augmentation in stages 1 and 3, and so does this; its sets are not
// shuffled, which ours are (its lists happen to mix the classes). Its cutout is left out.
#include "experiments/defenses/abl.h"

#include <float.h>
#include <stdlib.h>
#include "core/error.h"
#include "experiments/defenses/retraining.h"
#include "experiments/features.h"
#include "experiments/progress.h"

// clang-format off
static const Setting settings[] = {
    {"tuning_epochs", 3, 10, "of stage 1", {1, 1e5, true}},
    {"gamma", 0.5, 0.5, "the loss below which training turns round", {0, 1e3, false}},
    {"flood", 1, 1, "1: flooding; 0: local gradient ascent", {0, 1, true}},
    {"isolate", 0.01, 0.01, "share of the training set that is taken for poisoned", {0, 1, false}},
    {"epochs", 4, 60, "of stage 2", {1, 1e5, true}},
    {"lower_at", 3, 40, "epoch of stage 2 from which on the learning rate is a tenth", {1, 1e5, true}},
    {"unlearning_epochs", 4, 4, "of stage 3", {1, 1e5, true}},
    {"batch_size", 32, 128, "images in a step of stages 1 and 2; in 3 at most so many", {1, 1e6, true}},
    {"learning_rate", 0.02, 0.1, "of stages 1 and 2", {0, 1e3, false}},
    {"unlearning_rate", 5e-4, 5e-4, "of stage 3", {0, 1e3, false}},
    {"momentum", 0.9, 0.9, "of SGD (Nesterov's)", {0, 0.9999, false}},
    {"weight_decay", 1e-4, 1e-4, "of SGD", {0, 1e3, false}},
    {0}};
// clang-format on

Tensor *flooding(Tensor *loss, float gamma)
{
    return affine(1, absolute(affine(1, loss, -gamma)), gamma);
}

Tensor *local_gradient_ascent(Tensor *loss, float gamma)
{
    Tensor *above = affine(1, detach(loss), -gamma);
    return multiply(clamp(scale(FLT_MAX, above), -1, 1), loss); // by its sign
}

static Tensor *tuning_loss(void *context, const Step *step, Tensor *logits)
{
    const Json *set = context;
    float gamma = (float)setting(set, "gamma");
    Tensor *loss = cross_entropy(logits, step->labels);
    return setting(set, "flood") > 0 ? flooding(loss, gamma) : local_gradient_ascent(loss, gamma);
}

// Descent on -L is ascent on L.
static Tensor *unlearning_loss(void *context, const Step *step, Tensor *logits)
{
    (void)context;
    return negate(cross_entropy(logits, step->labels));
}

static TrainingStage stage_of(TrainingDefense *d, const char *label, int epochs)
{
    const Json *set = d->settings;
    return (TrainingStage){
        .label = label,
        .sample_count = d->train->count,
        .epochs = epochs,
        .batch_size = (int)setting(set, "batch_size"),
        .schedule = {.kind = SCHEDULE_CONSTANT, .learning_rate = setting(set, "learning_rate")},
        .momentum = (float)setting(set, "momentum"),
        .weight_decay = (float)setting(set, "weight_decay"),
        .nesterov = true,
        .evaluations = 1};
}

static bool tune(TrainingDefense *d, Error *error)
{
    TrainingStage stage = stage_of(d, "abl tuning", (int)setting(d->settings, "tuning_epochs"));
    stage.loss = tuning_loss;
    stage.context = (void *)d->settings;
    start_afresh(d, "abl start");
    return training_stage(d, &stage, error);
}

typedef struct Loss {
    double loss;
    int64_t sample;
} Loss;

static int compare(const void *first, const void *second)
{
    const Loss *a = first, *b = second;
    if (a->loss != b->loss) return a->loss < b->loss ? -1 : 1;
    return (a->sample > b->sample) - (a->sample < b->sample);
}

// Flags D_p.
static bool isolate(TrainingDefense *d, bool *isolated, Error *error)
{
    int64_t total = d->train->count;
    int64_t count = (int64_t)(setting(d->settings, "isolate") * (double)total);
    double started = seconds_now(), *losses = sample_losses(d->classifier, d->train);
    Loss *ranked = allocate(sizeof *ranked * (size_t)total);
    for (int64_t i = 0; i < total; i++) ranked[i] = (Loss){losses[i], i};
    qsort(ranked, (size_t)total, sizeof *ranked, compare);
    for (int64_t i = 0; i < count; i++) isolated[ranked[i].sample] = true;
    d->analysis_seconds += seconds_now() - started;
    bool ok = training_findings(d, NULL, isolated, losses, error);
    free(ranked);
    free(losses);
    return ok;
}

static bool fine_tune(TrainingDefense *d, const uint32_t *samples, int64_t count, Error *error)
{
    const Json *set = d->settings;
    TrainingStage stage = stage_of(d, "abl fine-tuning", (int)setting(set, "epochs"));
    int64_t steps = (count + stage.batch_size - 1) / stage.batch_size;
    stage.samples = samples;
    stage.sample_count = count;
    stage.augmentation = d->augmentation;
    stage.schedule.kind = SCHEDULE_MULTI_STEP;
    stage.schedule.factor = 0.1;
    stage.schedule.milestones[0] = (int64_t)setting(set, "lower_at") * steps;
    return training_stage(d, &stage, error);
}

static bool unlearn(TrainingDefense *d, const uint32_t *samples, int64_t count, Error *error)
{
    const Json *set = d->settings;
    TrainingStage stage = stage_of(d, "abl unlearning", (int)setting(set, "unlearning_epochs"));
    stage.samples = samples;
    stage.sample_count = count;
    stage.schedule.learning_rate = setting(set, "unlearning_rate");
    stage.loss = unlearning_loss;
    return count == 0 || training_stage(d, &stage, error);
}

static bool train_abl(TrainingDefense *d, Error *error)
{
    int64_t total = d->train->count, trusted_count, isolated_count;
    bool *flags = allocate_zeroed(sizeof *flags * (size_t)total);
    bool ok = tune(d, error) && isolate(d, flags, error);
    uint32_t *trusted = samples_where(flags, false, total, &trusted_count);
    uint32_t *isolated = samples_where(flags, true, total, &isolated_count);
    if (ok && trusted_count == 0) ok = fail(error, "abl: abl.isolate leaves no sample to train on");
    ok = ok && fine_tune(d, trusted, trusted_count, error) &&
         unlearn(d, isolated, isolated_count, error);
    free(trusted);
    free(isolated);
    free(flags);
    return ok;
}

const TrainingDefenseMethod defense_abl = {
    .name = "abl", .title = "ABL", .settings = settings, .train = train_abl};
