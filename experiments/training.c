#include "experiments/training.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "cuda/device.h"
#include "experiments/progress.h"

typedef struct Loop {
    const TrainingPlan *plan;
    const Trainee *trainee;
    Tape *tape;
    ImageStore store;
    DeviceGraph *graph; // NULL on the processor
    uint32_t *order;
    Progress progress;
    int64_t steps_per_epoch;
    double (*rows)[MAX_FIGURES]; // [steps_per_epoch]: each step's figures
    float *kept;                 // the same on the device; NULL on the processor
    double figures[MAX_FIGURES]; // means over the epoch
    int figure_count;
} Loop;

// In rows: the value is in kept; the step did not compute this figure.
static const double ON_DEVICE = INFINITY, GAP = -INFINITY;

void step_figure(const Step *step, double *figure, const Tensor *value)
{
    if (!step->kept) {
        *figure = (double)tensor_value(value);
        return;
    }
    const StridedCopy one = {1, {1}, {1}, {1}};
    if (value->count != 1) panic("step_figure: %s is not a single value", shape_text(value));
    tape_kernels(step->tape)->copy(&one, value->data, step->kept + (figure - step->figures));
    *figure = ON_DEVICE;
}

static int64_t samples_of_step(const Loop *loop, int64_t number)
{
    int64_t left = loop->plan->sample_count - number * loop->plan->batch_size;
    return left < loop->plan->batch_size ? left : loop->plan->batch_size;
}

static void run_step(Loop *loop, int epoch, int64_t number)
{
    const TrainingPlan *plan = loop->plan;
    int64_t first = number * plan->batch_size, count = samples_of_step(loop, number);
    double *figures = loop->rows[number];
    int32_t *classes = tape_allocate_host(loop->tape, count * (int64_t)sizeof *classes);
    Step step = {
        .tape = loop->tape,
        .classes = classes,
        .samples = loop->order + first,
        .key = {plan->seed, plan->purpose, (uint32_t)(epoch * loop->steps_per_epoch + number)},
        .epoch = epoch,
        .number = epoch * loop->steps_per_epoch + number,
        .total = plan->epochs * loop->steps_per_epoch,
        .figures = figures,
        .kept = loop->kept ? loop->kept + number * MAX_FIGURES : NULL};
    RandomKey augmentation = {plan->seed, plan->purpose ^ random_purpose("augment"),
                              (uint32_t)epoch};
    step.images = image_batch(&loop->store, loop->tape, step.samples, count, plan->augmentation,
                              augmentation, first, classes);
    step.labels = tape_ints(loop->tape, count, classes);
    for (int i = 0; i < MAX_FIGURES; i++) figures[i] = GAP;
    loop->trainee->step(loop->trainee->state, &step, figures);
    tape_reset(loop->tape);
}

// The means of the figures over the epoch that has just been run; one that a step did not compute
// leaves a gap in its curve (NAN). False where the first one is no number though it is computed, or
// the last epoch's.
static bool collect_figures(Loop *loop, bool last)
{
    bool gap[MAX_FIGURES] = {false};
    const TrainingPlan *plan = loop->plan;
    const int64_t count = loop->steps_per_epoch * MAX_FIGURES;
    float *kept = allocate((size_t)count * sizeof *kept);
    if (loop->kept)
        loop->store.kernels->memory->to_host(count * (int64_t)sizeof *kept, loop->kept, kept);
    memset(loop->figures, 0, sizeof loop->figures);
    for (int64_t number = 0; number < loop->steps_per_epoch; number++)
        for (int i = 0; i < loop->figure_count; i++) {
            double figure = loop->rows[number][i];
            gap[i] |= figure == GAP;
            if (loop->kept && figure == ON_DEVICE) figure = (double)kept[number * MAX_FIGURES + i];
            loop->figures[i] +=
                figure * (double)samples_of_step(loop, number) / (double)plan->sample_count;
        }
    free(kept);
    const bool usable = (gap[0] && !last) || isfinite(loop->figures[0]);
    for (int i = 0; i < loop->figure_count; i++)
        if (gap[i]) loop->figures[i] = (double)NAN;
    return usable;
}

// False where the training diverged.
static bool run_epoch(Loop *loop, int epoch, Curves *curves)
{
    const TrainingPlan *plan = loop->plan;
    const Trainee *trainee = loop->trainee;
    RandomKey shuffle = {plan->seed, plan->purpose ^ random_purpose("shuffle"), (uint32_t)epoch};
    epoch_order(shuffle, plan->samples, plan->sample_count, loop->order);
    char text[64];
    for (int64_t number = 0; number < loop->steps_per_epoch; number++) {
        if (loop->graph) device_begin();
        run_step(loop, epoch, number);
        if (loop->graph) device_end(loop->graph);
        snprintf(text, sizeof text, "epoch %d/%d", epoch + 1, plan->epochs);
        progress_update(&loop->progress, epoch * loop->steps_per_epoch + number + 1, text);
    }
    if (!collect_figures(loop, epoch + 1 == plan->epochs)) return false;
    for (int i = 0; i < loop->figure_count; i++)
        curves_add(curves, trainee->figures[i], "", epoch + 1, loop->figures[i]);
    int done = epoch + 1;
    if (trainee->evaluate && (done % trainee->evaluate_every == 0 || done == plan->epochs))
        trainee->evaluate(trainee->state, done, curves);
    return true;
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
        if (!run_epoch(loop, epoch, curves))
            return fail(
                error,
                "%s: the training diverged, its %s is not a number after epoch %d; a smaller "
                "learning rate may help",
                plan->label, loop->trainee->figures[0], epoch + 1);
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
    const Kernels *kernels = plan->kernels ? plan->kernels : cpu_kernels();
    Loop loop = {.plan = plan,
                 .trainee = trainee,
                 .tape = tape_create(kernels),
                 .store = image_store(plan->dataset, kernels),
                 .order = allocate(sizeof(uint32_t) * (size_t)plan->sample_count),
                 .steps_per_epoch = (plan->sample_count + plan->batch_size - 1) / plan->batch_size};
    const int64_t rows = loop.steps_per_epoch * MAX_FIGURES;
    loop.rows = allocate((size_t)rows * sizeof(double));
    if (kernels->memory) {
        loop.graph = device_graph_create();
        loop.kept = kernels->memory->allocate(rows * (int64_t)sizeof(float));
        kernels->fill(rows, 0, loop.kept);
    }
    while (trainee->figures[loop.figure_count]) loop.figure_count++;
    *curves = curves_create();
    bool ok = run_epochs(&loop, curves, seconds, error);
    if (!ok) curves_free(curves);
    if (kernels->memory) kernels->memory->release(loop.kept);
    device_graph_free(loop.graph);
    image_store_free(&loop.store);
    tape_free(loop.tape);
    free(loop.rows);
    free(loop.order);
    return ok;
}
