#include "experiments/defenses/retraining.h"

#include "core/error.h"
#include "experiments/classifier_training.h"

void start_afresh(TrainingDefense *d, const char *purpose)
{
    classifier_start(d->classifier_settings, &d->classifier->parameters,
                     (RandomKey){d->seed, random_purpose(purpose), 0});
}

uint32_t *samples_where(const bool *flags, bool flag, int64_t total, int64_t *count)
{
    uint32_t *samples = allocate(sizeof *samples * (size_t)(total + 1));
    *count = 0;
    for (int64_t i = 0; i < total; i++)
        if (flags[i] == flag) samples[(*count)++] = (uint32_t)i;
    return samples;
}

TrainingStage undefended_stage(const TrainingDefense *d, const char *label, int64_t sample_count)
{
    const Json *set = d->classifier_settings;
    int epochs = (int)setting(set, "epochs"), batch_size = (int)setting(set, "batch_size");
    int64_t steps = (sample_count + batch_size - 1) / batch_size * epochs;
    return (TrainingStage){.label = label,
                           .sample_count = sample_count,
                           .epochs = epochs,
                           .batch_size = batch_size,
                           .schedule = classifier_schedule(set, steps),
                           .momentum = (float)setting(set, "momentum"),
                           .weight_decay = (float)setting(set, "weight_decay"),
                           .augmentation = d->augmentation,
                           .evaluations = 1};
}
