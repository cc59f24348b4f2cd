// Each step: a batch is augmented; every image is, with the attack's poisoning rate, replaced by
// its Trojan form with the target label; then one step of SGD on the mean cross-entropy -log p_C(y
// | x). The learning rate falls along half a cosine. (Any schedule that reaches the published
// accuracies is equivalent for the defenses: facts 1.3.)
#include "experiments/classifier_training.h"

#include "core/ops.h"
#include "experiments/augmentation.h"
#include "experiments/evaluation.h"
#include "nn/initialize.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"

// clang-format off
const Setting classifier_settings[] = {
    {"epochs", 4, 30, "passes over the training data", {1, 1e5, true}},
    {"batch_size", 32, 128, "images in a step", {1, 1e6, true}},
    {"learning_rate", 0.05, 0.03, "of SGD at first; falls to 0 along a cosine", {0, 1e3, false}},
    {"momentum", 0.9, 0.9, "of SGD", {0, 0.9999, false}},
    {"weight_decay", 5e-4, 5e-4, "of SGD", {0, 1e3, false}},
    AUGMENTATION_SETTINGS(1, OF_DATA),
    {"evaluate_every", 2, 5, "epochs between points of the accuracy curves", {1, 1e5, true}},
    {0}};
// clang-format on

typedef struct State {
    const ClassifierTraining *training;
    Optimizer *optimizer;
    double rate; // poisoning rate
} State;

static void step(void *opaque, const Step *s, double *figures)
{
    State *state = opaque;
    const ClassifierTraining *t = state->training;
    attack_poison(t->attack, state->rate, s->key, 0, s->images->shape[0], s->images->data,
                  s->labels->ints);
    Schedule schedule = {.kind = SCHEDULE_COSINE,
                         .learning_rate = setting(t->settings, "learning_rate"),
                         .period = s->total};
    state->optimizer->learning_rate = learning_rate_at(&schedule, s->number);
    Tensor *logits = classify(t->classifier, s->images, (Mode){.training = true, .key = s->key});
    Tensor *loss = cross_entropy(logits, s->labels);
    backward(loss);
    optimizer_step(state->optimizer);
    figures[0] = (double)tensor_value(loss);
}

static void evaluate(void *opaque, int epochs_done, Curves *curves)
{
    const ClassifierTraining *t = ((State *)opaque)->training;
    Evaluation evaluation = {.classifier = t->classifier,
                             .attack = t->attack,
                             .dataset = t->test,
                             .count = t->test->count,
                             .seed = t->seed};
    Predictions predictions = predict(&evaluation);
    Metrics m = metrics(&predictions, t->attack);
    curves_add(curves, "clean accuracy", "%", epochs_done, m.clean_accuracy);
    if (attack_plants_trojan(t->attack))
        curves_add(curves, "Trojan accuracy", "%", epochs_done, m.trojan_accuracy);
    predictions_free(&predictions);
}

static void store(const void *opaque, Safetensors *file)
{
    const State *state = opaque;
    parameters_store(&state->training->classifier->parameters, "classifier.", file);
    optimizer_store(state->optimizer, "optimizer.", file);
}

static bool restore(void *opaque, const Safetensors *file, const char *path, Error *error)
{
    State *state = opaque;
    Parameters *parameters = &state->training->classifier->parameters;
    return parameters_fit(parameters, "classifier.", file, path, error) &&
           optimizer_restore(state->optimizer, "optimizer.", file, path, error) &&
           parameters_restore(parameters, "classifier.", file, path, error);
}

bool train_classifier(const ClassifierTraining *t, Curves *curves, double *seconds, Error *error)
{
    static const char *const figures[] = {"loss", NULL};
    const Json *set = t->settings;
    initialize_default(&t->classifier->parameters,
                       (RandomKey){t->seed, random_purpose("classifier"), 0});
    State state = {.training = t,
                   .rate =
                       attack_plants_trojan(t->attack) ? setting(t->attack->settings, "rate") : 0};
    state.optimizer = optimizer_create_sgd(
        &t->classifier->parameters, (Sgd){.learning_rate = (float)setting(set, "learning_rate"),
                                          .momentum = (float)setting(set, "momentum"),
                                          .weight_decay = (float)setting(set, "weight_decay")});
    TrainingPlan plan = {.label = "classifier",
                         .dataset = t->train,
                         .sample_count = t->train->count,
                         .epochs = (int)setting(set, "epochs"),
                         .batch_size = (int)setting(set, "batch_size"),
                         .augmentation = augmentation_of(set),
                         .seed = t->seed,
                         .purpose = random_purpose("classifier training"),
                         .checkpoint = t->checkpoint,
                         .config_hash = t->config_hash,
                         .checkpoint_interval = t->checkpoint_interval,
                         .quiet = t->quiet};
    Trainee trainee = {.state = &state,
                       .step = step,
                       .figures = figures,
                       .store = store,
                       .restore = restore,
                       .evaluate = evaluate,
                       .evaluate_every = (int)setting(set, "evaluate_every")};
    bool ok = train(&plan, &trainee, curves, seconds, error);
    optimizer_free(state.optimizer);
    return ok;
}
