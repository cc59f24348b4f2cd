// Each step: a batch is augmented; the attack poisons it (attack.h), which makes some images Trojan
// and gives them the target label; then one step of SGD on the mean cross-entropy -log p_C(y | x),
// plus the attack's own loss where it trains networks too. An attack that pretrains its networks has
// the first epochs to itself. The learning rate falls along half a cosine, or first rises for 30 % of
// the training (one cycle: networks that diverge at a rate from the start bear it then). (Any
// schedule that reaches the published accuracies is equivalent for the filters: filtering facts 1.3.
// It is not for NONE, whose paper trains for 200 epochs: RESULTS.md, "Why the Trojan survived".)
#include "experiments/classifier_training.h"

#include "core/file.h"
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
    {"one_cycle", 0, 0, "1: the rate rises to that, then falls; 0: it falls", {0, 1, true}},
    {"momentum", 0.9, 0.9, "of SGD", {0, 0.9999, false}},
    {"weight_decay", 5e-4, 5e-4, "of SGD", {0, 1e3, false}},
    AUGMENTATION_SETTINGS(1, OF_DATA),
    {"standardise", 0, 0, "1: channels less their mean, over their deviation, in the training set "
                          "before the attack; 0: by the data set's constants", {0, 1, true}},
    {"he_start", 0, 0, "1: He's starting weights in the place of the network's own", {0, 1, true}},
    {"evaluate_every", 2, 5, "epochs between points of the accuracy curves", {1, 1e5, true}},
    {0}};
const Setting none_paper_training[] = {
    {"weight_decay", 5e-4, 1e-4, "of SGD", {0, 1e3, false}},
    {"standardise", 0, 1, "as NONE's authors do; on CIFAR-10 they divide by smaller deviations", {0, 1, true}},
    {0}};
// clang-format on

Schedule classifier_schedule(const Json *settings, int64_t steps)
{
    bool cycle = setting(settings, "one_cycle") > 0;
    return (Schedule){.kind = cycle ? SCHEDULE_ONE_CYCLE : SCHEDULE_COSINE,
                      .learning_rate = setting(settings, "learning_rate"),
                      .period = steps};
}

void classifier_start(const Json *settings, Parameters *parameters, RandomKey key)
{
    if (setting(settings, "he_start") > 0)
        initialize_he(parameters, key);
    else
        initialize_default(parameters, key);
}

typedef struct State {
    const ClassifierTraining *training;
    Optimizer *optimizer;
    int pretraining, epochs; // the attack's own, all
} State;

// One step of C, and of the attack's networks; s counts from the classifier's first step.
static void classifier_step(State *state, const Step *s, double *figures)
{
    const ClassifierTraining *t = state->training;
    PoisonedBatch batch = attack_poison(t->attack, s, figures + 1);
    Schedule schedule = classifier_schedule(t->settings, s->total);
    state->optimizer->learning_rate = learning_rate_at(&schedule, s->number);
    Tensor *logits = classify(t->classifier, batch.images, (Mode){.training = true, .key = s->key});
    Tensor *loss = cross_entropy(logits, batch.labels);
    if (t->attack->method->loss) loss = t->attack->method->loss(t->attack, s, loss);
    step_figure(s, &figures[0], loss);
    backward(batch.loss ? add(loss, batch.loss) : loss);
    optimizer_step(state->optimizer);
    if (t->attack->method->learn) t->attack->method->learn(t->attack, s);
}

static void step(void *opaque, const Step *s, double *figures)
{
    State *state = opaque;
    Attack *attack = state->training->attack;
    Step phase = *s; // counts from the beginning of its phase
    int64_t before = s->total / state->epochs * state->pretraining;
    bool pretraining = s->number < before;
    phase.epoch -= pretraining ? 0 : state->pretraining;
    phase.number -= pretraining ? 0 : before;
    phase.total = pretraining ? before : s->total - before;
    if (pretraining)
        attack->method->pretrain(attack, &phase, figures + 1);
    else
        classifier_step(state, &phase, figures);
}

static void evaluate(void *opaque, int epochs_done, Curves *curves)
{
    const ClassifierTraining *t = ((State *)opaque)->training;
    if (epochs_done <= ((State *)opaque)->pretraining) return;
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
    if (t->attack->method->decoy) {
        Text name = {0};
        text_append(&name, "%s accuracy", t->attack->method->decoy_name);
        curves_add(curves, name.text, "%", epochs_done, m.decoy_accuracy);
        text_free(&name);
    }
    predictions_free(&predictions);
}

static void store(const void *opaque, Safetensors *file)
{
    const State *state = opaque;
    parameters_store(&state->training->classifier->parameters, "classifier.", file);
    optimizer_store(state->optimizer, "optimizer.", file);
    attack_store(state->training->attack, true, file);
}

static bool restore(void *opaque, const Safetensors *file, const char *path, Error *error)
{
    State *state = opaque;
    Parameters *parameters = &state->training->classifier->parameters;
    Attack *attack = state->training->attack;
    return parameters_fit(parameters, "classifier.", file, path, error) &&
           attack_restore(attack, true, file, path, error) &&
           optimizer_restore(state->optimizer, "optimizer.", file, path, error) &&
           parameters_restore(parameters, "classifier.", file, path, error);
}

// "loss", then what the attack's method reports.
static void name_figures(const Attack *attack, const char *names[MAX_FIGURES + 1])
{
    int count = 0;
    names[count++] = "loss";
    for (const char *const *name = attack->method->figures; name && *name; name++)
        names[count++] = *name;
    names[count] = NULL;
}

bool train_classifier(const ClassifierTraining *t, Curves *curves, double *seconds, Error *error)
{
    const char *figures[MAX_FIGURES + 1];
    const Json *set = t->settings;
    name_figures(t->attack, figures);
    classifier_start(set, &t->classifier->parameters,
                     (RandomKey){t->seed, random_purpose("classifier"), 0});
    if (t->attack->method->train) return t->attack->method->train(t, curves, seconds, error);
    State state = {.training = t, .pretraining = attack_pretraining_epochs(t->attack)};
    state.epochs = state.pretraining + (int)setting(set, "epochs");
    state.optimizer = optimizer_create_sgd(
        &t->classifier->parameters, (Sgd){.learning_rate = (float)setting(set, "learning_rate"),
                                          .momentum = (float)setting(set, "momentum"),
                                          .weight_decay = (float)setting(set, "weight_decay")});
    optimizer_move(state.optimizer, classifier_kernels(t->classifier));
    TrainingPlan plan = {.label = "classifier",
                         .kernels = classifier_kernels(t->classifier),
                         .dataset = t->train,
                         .sample_count = t->train->count,
                         .epochs = state.epochs,
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
