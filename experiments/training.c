#include "experiments/training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/progress.h"

typedef struct Loop {
    const TrainingPlan *plan;
    const Trainee *trainee;
    Tape *tape;
    uint32_t *order;
    Progress progress;
    int64_t steps_per_epoch;
    double figures[MAX_FIGURES]; // means over the running epoch
    int figure_count;
} Loop;

static void run_step(Loop *loop, int epoch, int64_t number)
{
    const TrainingPlan *plan = loop->plan;
    int64_t first = number * plan->batch_size, count = plan->sample_count - first;
    if (count > plan->batch_size) count = plan->batch_size;
    const Dataset *data = plan->dataset;
    Step step = {
        .tape = loop->tape,
        .images = tape_tensor(loop->tape, SHAPE(count, data->height, data->width, data->channels)),
        .labels = tape_tensor_int(loop->tape, SHAPE(count)),
        .samples = loop->order + first,
        .key = {plan->seed, plan->purpose, (uint32_t)(epoch * loop->steps_per_epoch + number)},
        .epoch = epoch,
        .number = epoch * loop->steps_per_epoch + number,
        .total = plan->epochs * loop->steps_per_epoch};
    RandomKey augmentation = {plan->seed, plan->purpose ^ random_purpose("augment"),
                              (uint32_t)epoch};
    batch_fill(data, loop->order + first, count, plan->augmentation, augmentation, first,
               step.images->data, step.labels->ints);
    double figures[MAX_FIGURES];
    for (int i = 0; i < MAX_FIGURES; i++)
        figures[i] = NAN; // a step that does not compute a figure leaves a gap in its curve
    loop->trainee->step(loop->trainee->state, &step, figures);
    tape_reset(loop->tape);
    for (int i = 0; i < loop->figure_count; i++)
        loop->figures[i] += figures[i] * (double)count / (double)plan->sample_count;
}

static void run_epoch(Loop *loop, int epoch, Curves *curves)
{
    const TrainingPlan *plan = loop->plan;
    const Trainee *trainee = loop->trainee;
    RandomKey shuffle = {plan->seed, plan->purpose ^ random_purpose("shuffle"), (uint32_t)epoch};
    epoch_order(shuffle, plan->samples, plan->sample_count, loop->order);
    memset(loop->figures, 0, sizeof loop->figures);
    char text[64];
    for (int64_t number = 0; number < loop->steps_per_epoch; number++) {
        run_step(loop, epoch, number);
        snprintf(text, sizeof text, "epoch %d/%d", epoch + 1, plan->epochs);
        progress_update(&loop->progress, epoch * loop->steps_per_epoch + number + 1, text);
    }
    for (int i = 0; i < loop->figure_count; i++)
        curves_add(curves, trainee->figures[i], "", epoch + 1, loop->figures[i]);
    int done = epoch + 1;
    if (trainee->evaluate && (done % trainee->evaluate_every == 0 || done == plan->epochs))
        trainee->evaluate(trainee->state, done, curves);
}

static bool save_checkpoint(const Loop *loop, int epochs_done, const Curves *curves, double seconds,
                            Error *error)
{
    Safetensors *file = safetensors_create();
    Text text = {0};
    json_print(curves->json, &text);
    safetensors_set_metadata(file, "curves", text.text);
    safetensors_set_metadata(file, "config_hash", loop->plan->config_hash);
    char number[32];
    snprintf(number, sizeof number, "%d", epochs_done);
    safetensors_set_metadata(file, "epochs_done", number);
    snprintf(number, sizeof number, "%.3f", seconds);
    safetensors_set_metadata(file, "seconds", number);
    loop->trainee->store(loop->trainee->state, file);
    bool ok = safetensors_write(loop->plan->checkpoint, file, error);
    safetensors_free(file);
    text_free(&text);
    return ok;
}

// What the loop itself keeps in a checkpoint: curves, epochs done, seconds.
static bool read_metadata(const TrainingPlan *plan, const Json *metadata, Curves *curves,
                          int *epochs_done, double *seconds, Error *error)
{
    const char *text = json_get_string(metadata, "curves", "");
    int done = atoi(json_get_string(metadata, "epochs_done", "0"));
    Json *json = json_parse(text, strlen(text), plan->checkpoint, error);
    bool ok =
        json && curves_check(json, plan->checkpoint, error) &&
        ((done > 0 && done <= plan->epochs) || fail(error, "%s: a checkpoint after %d of %d epochs",
                                                    plan->checkpoint, done, plan->epochs));
    if (!ok) {
        json_free(json);
        return false;
    }
    json_free(curves->json);
    curves->json = json;
    *epochs_done = done;
    *seconds = atof(json_get_string(metadata, "seconds", "0"));
    return true;
}

// Takes up the checkpoint where there is one of this configuration; *epochs_done stays 0 otherwise.
// Fails where it is damaged: writes are atomic, so that is the user's to know.
static bool load_checkpoint(const Loop *loop, int *epochs_done, Curves *curves, double *seconds,
                            Error *error)
{
    const TrainingPlan *plan = loop->plan;
    if (!file_exists(plan->checkpoint)) return true;
    Safetensors *file = safetensors_read(plan->checkpoint, error);
    if (!file) return false;
    const char *hash = json_get_string(file->metadata, "config_hash", "");
    bool ok = strcmp(hash, plan->config_hash) != 0 ||
              (read_metadata(plan, file->metadata, curves, epochs_done, seconds, error) &&
               loop->trainee->restore(loop->trainee->state, file, plan->checkpoint, error));
    safetensors_free(file);
    return ok;
}

static bool run_epochs(Loop *loop, Curves *curves, double *seconds, Error *error)
{
    const TrainingPlan *plan = loop->plan;
    int begin = 0;
    double before = 0;
    if (!load_checkpoint(loop, &begin, curves, &before, error)) return false;
    loop->progress = progress_start(plan->label, begin * loop->steps_per_epoch,
                                    plan->epochs * loop->steps_per_epoch, plan->quiet);
    double started = seconds_now(), saved = started;
    *seconds = before;
    for (int epoch = begin; epoch < plan->epochs; epoch++) {
        run_epoch(loop, epoch, curves);
        double now = seconds_now();
        *seconds = before + now - started;
        if (now - saved >= plan->checkpoint_interval || epoch + 1 == plan->epochs) {
            if (!save_checkpoint(loop, epoch + 1, curves, *seconds, error)) return false;
            saved = now;
        }
    }
    char text[64] = "";
    if (loop->figure_count > 0)
        snprintf(text, sizeof text, "%s %.4f", loop->trainee->figures[0], loop->figures[0]);
    progress_end(&loop->progress, plan->epochs * loop->steps_per_epoch, text);
    return true;
}

bool train(const TrainingPlan *plan, const Trainee *trainee, Curves *curves, double *seconds,
           Error *error)
{
    Loop loop = {.plan = plan,
                 .trainee = trainee,
                 .tape = tape_create(cpu_kernels()),
                 .order = allocate(sizeof(uint32_t) * (size_t)plan->sample_count),
                 .steps_per_epoch = (plan->sample_count + plan->batch_size - 1) / plan->batch_size};
    while (trainee->figures[loop.figure_count]) loop.figure_count++;
    *curves = curves_create();
    bool ok = run_epochs(&loop, curves, seconds, error);
    if (!ok) curves_free(curves);
    tape_free(loop.tape);
    free(loop.order);
    return ok;
}
