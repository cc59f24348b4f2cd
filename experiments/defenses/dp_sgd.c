// DP-SGD (Hong et al., "On the Effectiveness of Mitigating Data Poisoning Attacks with Gradient
// Shaping", 2020; a baseline of NONE, section 5.2): a classifier trained from the start so that no
// sample has much to say. With g_i the gradient of sample i's loss and B samples in a batch,
//   g = 1/B ( sum_i g_i min(1, C / ||g_i||) + N(0, z^2 C^2 I) )
//   w = w - learning_rate g
// C is `clip`, z `noise` (the paper's settings: DP-SGD-1 4, .1; DP-SGD-2 1, .5). Batch norm makes a
// sample's gradient depend on the others: the network has group norm in its place (NAME-gn).
#include "core/error.h"
#include "core/file.h"
#include "experiments/training_defense.h"
#include "nn/initialize.h"
#include "optim/private.h"

// clang-format off
static const Setting settings[] = {
    {"clip", 1, 1, "C, the longest gradient of a sample", {1e-9, 1e9, false}},
    {"noise", 0.5, 0.5, "z, deviation of the noise on the sum of gradients, times C", {0, 1e6, false}},
    {"epochs", 8, 100, "passes over the training data", {1, 1e5, true}},
    {"batch_size", 128, 128, "images in a step: with few the noise drowns them", {1, 1e6, true}},
    {"learning_rate", 0.25, 0.1, "of SGD without momentum", {0, 1e3, false}},
    {"curve_points", 2, 20, "evaluations of BA and ASR", {1, 1e5, true}},
    {0}};
// clang-format on

// The same network with group norm, at a random start but for what it took over from another one
// (only networks without norms do, so that both have the same tensors).
static bool start_afresh(TrainingDefense *d, Error *error)
{
    const Classifier *old = d->classifier;
    Text name = {0};
    text_append(&name, "%s%s", old->name, old->parameters.group_norm ? "" : "-gn");
    Classifier *fresh =
        classifier_create(name.text, old->height, old->width, old->channels, old->classes, error);
    text_free(&name);
    if (!fresh) return false;
    classifier_take_input(fresh, old);
    if (parameters_kept(&old->parameters) > 0) {
        classifier_take_weights(fresh, old);
        parameters_keep(&fresh->parameters, parameters_kept(&old->parameters));
    }
    initialize_default(&fresh->parameters, (RandomKey){d->seed, random_purpose("dp-sgd"), 0});
    classifier_free(d->classifier);
    d->classifier = fresh;
    return true;
}

static void private_gradient(void *context, const Step *step, Tensor *loss)
{
    const TrainingDefense *d = context;
    RandomKey key = step->key;
    key.purpose ^= random_purpose("dp-sgd noise");
    backward_private(loss, &d->classifier->parameters, step->labels->count,
                     (PrivateGradient){.clip = setting(d->settings, "clip"),
                                       .noise = setting(d->settings, "noise")},
                     key);
}

static bool train_dp_sgd(TrainingDefense *d, Error *error)
{
    const Json *set = d->settings;
    if (!start_afresh(d, error)) return false;
    TrainingStage stage = {
        .label = "dp-sgd",
        .sample_count = d->train->count,
        .epochs = (int)setting(set, "epochs"),
        .batch_size = (int)setting(set, "batch_size"),
        .schedule = {.kind = SCHEDULE_CONSTANT, .learning_rate = setting(set, "learning_rate")},
        .augmentation = d->augmentation,
        .evaluations = (int)setting(set, "curve_points"),
        .backward = private_gradient,
        .context = d};
    return training_stage(d, &stage, error);
}

const TrainingDefenseMethod defense_dp_sgd = {
    .name = "dp-sgd", .title = "DP-SGD", .settings = settings, .train = train_dp_sgd};
