#include "experiments/training_defense.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/file.h"
#include "experiments/federation.h"
#include "experiments/subject.h"
#include "optim/optimizer.h"

static const TrainingDefenseMethod *const methods[] = {
    &defense_none, &defense_activation_clustering, &defense_abl, &defense_nad, &defense_dp_sgd};
enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

const TrainingDefenseMethod *training_defense_at(int i)
{
    return i < METHOD_COUNT ? methods[i] : NULL;
}

const TrainingDefenseMethod *training_defense_find(const char *name)
{
    for (int i = 0; i < METHOD_COUNT; i++)
        if (strcmp(methods[i]->name, name) == 0) return methods[i];
    return NULL;
}

// ---- stages ----

typedef struct State {
    const TrainingDefense *defense;
    const TrainingStage *stage;
    Optimizer *optimizer;
} State;

static void step(void *opaque, const Step *s, double *figures)
{
    State *state = opaque;
    const TrainingStage *stage = state->stage;
    Mode mode = {.training = !stage->frozen_norm, .dropout = true, .key = s->key};
    state->optimizer->learning_rate = learning_rate_at(&stage->schedule, s->number);
    tape_observe(s->tape, stage->observer);
    Tensor *logits = classify(state->defense->classifier, s->images, mode);
    Tensor *loss =
        stage->loss ? stage->loss(stage->context, s, logits) : cross_entropy(logits, s->labels);
    step_figure(s, &figures[0], loss);
    if (stage->backward)
        stage->backward(stage->context, s, loss);
    else
        backward(loss);
    optimizer_step(state->optimizer);
}

static Metrics measure(const TrainingDefense *d)
{
    Evaluation evaluation = {.classifier = d->classifier,
                             .attack = d->attack,
                             .dataset = d->test,
                             .count = d->test->count,
                             .seed = d->seed};
    Predictions predictions = predict(&evaluation);
    Metrics m = metrics(&predictions, d->attack);
    predictions_free(&predictions);
    return m;
}

static void evaluate(void *opaque, int epochs_done, Curves *curves)
{
    const TrainingDefense *d = ((State *)opaque)->defense;
    Metrics m = measure(d);
    curves_add(curves, "BA", "%", epochs_done, m.clean_accuracy);
    if (attack_plants_trojan(d->attack)) curves_add(curves, "ASR", "%", epochs_done, m.ASR);
}

static void store(const void *opaque, Safetensors *file)
{
    const State *state = opaque;
    parameters_store(&state->defense->classifier->parameters, "classifier.", file);
    optimizer_store(state->optimizer, "optimizer.", file);
}

static bool restore(void *opaque, const Safetensors *file, const char *path, Error *error)
{
    State *state = opaque;
    Parameters *parameters = &state->defense->classifier->parameters;
    return parameters_fit(parameters, "classifier.", file, path, error) &&
           optimizer_restore(state->optimizer, "optimizer.", file, path, error) &&
           parameters_restore(parameters, "classifier.", file, path, error);
}

static int epochs_between(const TrainingStage *stage) // evaluations
{
    return (stage->epochs + stage->evaluations - 1) / stage->evaluations;
}

static uint32_t purpose_of(const TrainingDefense *defense, const TrainingStage *stage)
{
    return random_purpose(stage->label) ^ (uint32_t)defense->stages;
}

static bool train_centrally(TrainingDefense *defense, const TrainingStage *stage,
                            const char *checkpoint, Curves *curves, double *seconds, Error *error)
{
    static const char *const figures[] = {"loss", NULL};
    State state = {defense, stage,
                   optimizer_create_sgd(&defense->classifier->parameters,
                                        (Sgd){.momentum = stage->momentum,
                                              .weight_decay = stage->weight_decay,
                                              .nesterov = stage->nesterov})};
    optimizer_move(state.optimizer, classifier_kernels(defense->classifier));
    TrainingPlan plan = {.label = stage->label,
                         .kernels = classifier_kernels(defense->classifier),
                         .dataset = stage->dataset ? stage->dataset : defense->train,
                         .samples = stage->samples,
                         .sample_count = stage->sample_count,
                         .epochs = stage->epochs,
                         .batch_size = stage->batch_size,
                         .augmentation = stage->augmentation,
                         .seed = defense->seed,
                         .purpose = purpose_of(defense, stage),
                         .checkpoint = checkpoint,
                         .config_hash = defense->config_hash,
                         .checkpoint_interval = CHECKPOINT_INTERVAL,
                         .quiet = defense->quiet};
    Trainee trainee = {.state = &state,
                       .step = step,
                       .figures = figures,
                       .store = store,
                       .restore = restore,
                       .evaluate = evaluate,
                       .evaluate_every = epochs_between(stage)};
    bool ok = train(&plan, &trainee, curves, seconds, error);
    optimizer_free(state.optimizer);
    return ok;
}

typedef struct Rounds {
    const TrainingStage *stage;
    bool *left_out; // what the stage does not have
} Rounds;

static LocalTraining local(void *context, int participant, int round)
{
    (void)participant;
    const Rounds *rounds = context;
    Schedule constant = {.kind = SCHEDULE_CONSTANT,
                         .learning_rate =
                             (double)learning_rate_at(&rounds->stage->schedule, round)};
    return (LocalTraining){rounds->left_out, 1, constant};
}

static bool train_federation(TrainingDefense *d, const TrainingStage *stage, const char *checkpoint,
                             Curves *curves, double *seconds, Error *error)
{
    if (stage->dataset || stage->loss || stage->backward || stage->nesterov || stage->observer ||
        (stage->schedule.kind != SCHEDULE_CONSTANT))
        return fail(error, "%s: its training is not one of a federation", d->method->name);
    Rounds rounds = {stage, allocate_zeroed((size_t)d->train->count * sizeof(bool))};
    for (int64_t i = 0; i < d->train->count; i++) rounds.left_out[i] = stage->samples != NULL;
    for (int64_t i = 0; stage->samples && i < stage->sample_count; i++)
        rounds.left_out[stage->samples[i]] = false;
    FederatedTraining training = {.label = stage->label,
                                  .federation = d->federation,
                                  .classifier = d->classifier,
                                  .train = d->train,
                                  .test = d->test,
                                  .attack = d->attack,
                                  .rounds = stage->epochs,
                                  .rate = 1,
                                  .local = local,
                                  .context = &rounds,
                                  .batch_size = stage->batch_size,
                                  .momentum = stage->momentum,
                                  .weight_decay = stage->weight_decay,
                                  .frozen_norm = stage->frozen_norm,
                                  .augmentation = stage->augmentation,
                                  .evaluate_every = epochs_between(stage),
                                  .seed = d->seed,
                                  .purpose = purpose_of(d, stage),
                                  .checkpoint = checkpoint,
                                  .config_hash = d->config_hash,
                                  .checkpoint_interval = CHECKPOINT_INTERVAL,
                                  .quiet = d->quiet};
    bool ok = federated_train(&training, curves, seconds, error);
    free(rounds.left_out);
    return ok;
}

bool training_stage(TrainingDefense *defense, const TrainingStage *stage, Error *error)
{
    Text checkpoint = {0};
    Curves curves;
    double seconds;
    text_append(&checkpoint, "%s/checkpoint-%d.safetensors", defense->directory, ++defense->stages);
    bool ok = defense->federation
                  ? train_federation(defense, stage, checkpoint.text, &curves, &seconds, error)
                  : train_centrally(defense, stage, checkpoint.text, &curves, &seconds, error);
    if (ok) {
        curves_append(&defense->curves, &curves, defense->epochs);
        curves_free(&curves);
        defense->epochs += stage->epochs;
        defense->seconds += seconds;
    }
    text_free(&checkpoint);
    return ok;
}

// ---- findings ----

typedef struct Removal {
    int64_t removed, stamped, caught;
} Removal;

static Removal count_removal(const TrainingDefense *d, const bool *removed)
{
    Removal r = {.stamped = d->truth->stamped_count};
    for (int64_t i = 0; i < d->train->count; i++) {
        r.removed += removed[i];
        r.caught += removed[i] && d->truth->count > 0 && d->truth->stamped[i];
    }
    return r;
}

static void judge(const Removal *r, Json *finding)
{
    json_set(finding, "removed", json_number((double)r->removed));
    json_set(finding, "poisoned", json_number((double)r->stamped));
    if (r->removed > 0 && r->stamped > 0)
        json_set(finding, "precision", json_number(100.0 * (double)r->caught / (double)r->removed));
    if (r->stamped > 0)
        json_set(finding, "recall", json_number(100.0 * (double)r->caught / (double)r->stamped));
}

// removed-N.csv: what the defender saw of each removed sample, and what the judge knows.
static bool list_removed(const TrainingDefense *d, const bool *removed, const double *scores,
                         Error *error)
{
    Text path = {0}, csv = {0};
    const PoisonTruth *truth = d->truth;
    text_append(&path, "%s/removed-%zu.csv", d->directory, d->findings->count);
    text_append(&csv, "index,given_label,original_label,stamped%s\n", scores ? ",score" : "");
    for (int64_t i = 0; i < d->train->count; i++) {
        if (!removed[i]) continue;
        int given = d->train->labels[i], original = truth->count > 0 ? truth->labels[i] : given;
        text_append(&csv, "%lld,%d,%d,%d", (long long)i, given, original,
                    truth->count > 0 ? truth->stamped[i] : 0);
        if (scores) text_append(&csv, ",%.9g", scores[i]);
        text_append(&csv, "\n");
    }
    bool ok = file_write(path.text, csv.text, csv.length, error);
    text_free(&path);
    text_free(&csv);
    return ok;
}

bool training_findings(TrainingDefense *defense, Json *finding, const bool *removed,
                       const double *scores, Error *error)
{
    if (!finding) finding = json_object();
    json_push(defense->findings, finding);
    Metrics m = measure(defense);
    json_set(finding, "BA", json_number(m.clean_accuracy));
    if (attack_plants_trojan(defense->attack)) json_set(finding, "ASR", json_number(m.ASR));
    if (!removed) return true;
    Removal removal = count_removal(defense, removed);
    judge(&removal, finding);
    return list_removed(defense, removed, scores, error);
}
