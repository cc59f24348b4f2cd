// Neural attention distillation (Li, Lyu, Koren, Lyu, Li and Ma, ICLR 2021). The defender has a few
// clean samples. The poisoned classifier fine-tuned on them becomes the teacher T, which has
// forgotten some of the Trojan; the poisoned classifier itself, the student S, then learns to look
// where its teacher looks. With F_l(x) the map (places, channels) that group l of the layers ends with,
//
//   A_l(x) = sum_c |F_l,c(x)|^p / || sum_c |F_l,c(x)|^p ||_2      attention map, norm over places
//   T = fine-tune(S):   minimise  L_CE(T(x), y)
//   S:                  minimise  L_CE(S(x), y) + sum_l beta_l mean (A_l^S(x) - A_l^T(x))^2
//
// with p = 2, over the last three groups (fewer where the network has fewer), the lowest of them
// with beta_low. The teacher stays as it is and runs as in a test. The clean samples are the
// defender's own: 5 % of the training set as it was before any attack (subject.h). Images are seen
// and augmented as in the classifier's training; the authors' code neither normalises nor lacks a
// cut-out hole.
#include "core/error.h"
#include "experiments/defenses/attention.h"
#include "experiments/subject.h"
#include "experiments/training_defense.h"

// clang-format off
static const Setting settings[] = {
    {"teacher_epochs", 10, 10, "of fine-tuning", {1, 1e5, true}},
    {"epochs", 20, 20, "of distillation", {1, 1e5, true}},
    {"lower_at", 2, 2, "epoch of both from which on the learning rate is a tenth", {1, 1e5, true}},
    {"batch_size", 64, 64, "images in a step", {1, 1e6, true}},
    {"learning_rate", 0.03, 0.1, "of SGD", {0, 1e3, false}},
    {"momentum", 0.9, 0.9, "of SGD (Nesterov's)", {0, 0.9999, false}},
    {"weight_decay", 1e-4, 1e-4, "of SGD", {0, 1e3, false}},
    {"beta_low", 500, 500, "beta of the lowest of the three maps", {0, 1e9, false}},
    {"beta", 1000, 1000, "beta of the others", {0, 1e9, false}},
    {0}};
// clang-format on

typedef struct Distillation {
    const Json *settings;
    const Classifier *teacher;
    AttentionMaps student_sees, teacher_sees;
    Observer of_student, of_teacher;
} Distillation;

// The student's forward pass is over, and of_student has seen its maps.
static Tensor *distillation_loss(void *context, const Step *step, Tensor *logits)
{
    Distillation *d = context;
    const AttentionMaps *student = &d->student_sees, *teacher = &d->teacher_sees;
    Tensor *loss = cross_entropy(logits, step->labels);
    tape_observe(step->tape, &d->of_teacher);
    tape_record(step->tape, false);
    classify(d->teacher, step->images, (Mode){0});
    tape_record(step->tape, true);
    for (int l = 0; l < student->count; l++) {
        double beta = setting(d->settings, l == 0 ? "beta_low" : "beta");
        Tensor *target = detach(attention_map(teacher->maps[l]));
        loss = add(loss, scale((float)beta, mse_loss(attention_map(student->maps[l]), target)));
    }
    d->student_sees.count = d->teacher_sees.count = 0; // for the next step
    return loss;
}

static TrainingStage stage_of(const TrainingDefense *d, const char *label, const char *epochs)
{
    const Json *set = d->settings;
    int batch_size = (int)setting(set, "batch_size");
    int64_t steps = (d->clean->count + batch_size - 1) / batch_size; // of an epoch
    int64_t lower_at = (int64_t)setting(set, "lower_at") * steps;
    return (TrainingStage){.label = label,
                           .dataset = d->clean,
                           .sample_count = d->clean->count,
                           .epochs = (int)setting(set, epochs),
                           .batch_size = batch_size,
                           .schedule = {.kind = SCHEDULE_MULTI_STEP,
                                        .learning_rate = setting(set, "learning_rate"),
                                        .factor = 0.1,
                                        .milestones = {lower_at}},
                           .momentum = (float)setting(set, "momentum"),
                           .weight_decay = (float)setting(set, "weight_decay"),
                           .nesterov = true,
                           .augmentation = d->augmentation,
                           .evaluations = 1};
}

// Fine-tunes d's classifier, which becomes the teacher's; then it is the poisoned one again.
static bool make_teacher(TrainingDefense *d, Classifier *teacher, Error *error)
{
    TrainingStage stage = stage_of(d, "nad teacher", "teacher_epochs");
    Classifier *poisoned = classifier_copy(d->classifier, error);
    bool ok = poisoned && training_stage(d, &stage, error);
    if (ok) {
        classifier_take_weights(teacher, d->classifier);
        classifier_take_weights(d->classifier, poisoned);
    }
    classifier_free(poisoned);
    return ok;
}

static bool distill(TrainingDefense *d, const Classifier *teacher, Error *error)
{
    Distillation distillation = {.settings = d->settings, .teacher = teacher};
    distillation.of_student = (Observer){attention_see, &distillation.student_sees};
    distillation.of_teacher = (Observer){attention_see, &distillation.teacher_sees};
    TrainingStage stage = stage_of(d, "nad", "epochs");
    stage.loss = distillation_loss;
    stage.context = &distillation;
    stage.observer = &distillation.of_student;
    return training_stage(d, &stage, error);
}

// Whether the network shows maps to compare.
static bool has_maps(const Classifier *c)
{
    AttentionMaps maps = {0};
    Observer observer = {attention_see, &maps};
    Tape *tape = tape_create(classifier_kernels(c));
    Tensor *x = tape_tensor(tape, SHAPE(1, c->height, c->width, c->channels));
    tape_kernels(tape)->fill(x->count, 0, x->data);
    tape_record(tape, false);
    tape_observe(tape, &observer);
    classify(c, x, (Mode){0});
    tape_free(tape);
    return maps.count > 0;
}

static bool train_nad(TrainingDefense *d, Error *error)
{
    if (!has_maps(d->classifier))
        return fail(error, "nad: %s has no maps (it is no convolutional network)",
                    d->classifier->name);
    Classifier *teacher = classifier_copy(d->classifier, error);
    bool ok = teacher != NULL;
    if (ok && d->clean->count == 0)
        ok = fail(error, "nad: %d %% of %lld training samples are none for the defender",
                  DEFENDER_PERCENT, (long long)d->train->count);
    ok = ok && make_teacher(d, teacher, error);
    if (ok) {
        parameters_freeze(&teacher->parameters, true);
        ok = distill(d, teacher, error);
    }
    classifier_free(teacher);
    return ok;
}

const TrainingDefenseMethod defense_nad = {
    .name = "nad", .title = "NAD", .settings = settings, .train = train_nad};
