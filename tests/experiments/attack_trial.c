#include "tests/experiments/attack_trial.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "tests/test.h"

Attack attack_trial(const char *name, int side, int channels, uint64_t seed, const char *override)
{
    const AttackMethod *method = attack_method_find(name, NULL);
    Overrides overrides = {override ? 1 : 0, &override};
    Attack attack = {.method = method,
                     .data = "trial",
                     .height = side,
                     .width = side,
                     .channels = channels,
                     .classes = 10,
                     .mean = {.5f, .5f, .5f},
                     .deviation = {.5f, .5f, .5f},
                     .target = 3,
                     .seed = seed,
                     .settings = settings_resolve(method->settings, name, SCALE_PAPER, &overrides)};
    Error error = {0};
    check(attack_create(&attack, &error), "%s: %s", name, error.message);
    return attack;
}

StepTrial step_trial(const Attack *attack, int64_t n, const float *images, const int32_t *labels,
                     RandomKey key)
{
    Tape *tape = tape_create(cpu_kernels());
    Step step = {.tape = tape,
                 .images =
                     tape_tensor(tape, SHAPE(n, attack->height, attack->width, attack->channels)),
                 .labels = tape_tensor_int(tape, SHAPE(n)),
                 .key = key,
                 .total = 1};
    memcpy(step.images->data, images, sizeof(float) * (size_t)step.images->count);
    int32_t *classes = memset(step.labels->ints, 0, sizeof(int32_t) * (size_t)n);
    step.classes = labels ? memcpy(classes, labels, sizeof(int32_t) * (size_t)n) : classes;
    return (StepTrial){tape, step};
}

void step_trial_free(StepTrial *trial)
{
    tape_free(trial->tape);
}

float *random_images(const Attack *attack, int64_t n, uint64_t seed)
{
    int64_t values = n * attack->height * attack->width * attack->channels;
    float *images = allocate(sizeof(float) * (size_t)values);
    RandomKey key = {seed, random_purpose("random images"), 0};
    for (int64_t i = 0; i < values; i++) images[i] = random_uniform(key, (uint64_t)i);
    return images;
}

// x~, or a decoy, of n images on a tape of its own.
static float *changed(const Attack *attack, int64_t n, const float *images, RandomKey key,
                      bool decoy)
{
    StepTrial trial = step_trial(attack, n, images, NULL, key);
    const Tensor *x = trial.step.images;
    int64_t size = x->count / n;
    uint32_t *indices = allocate(sizeof(uint32_t) * (size_t)n);
    for (int64_t i = 0; i < n; i++) indices[i] = (uint32_t)i;
    Tensor *others = tape_tensor(trial.tape, 4, x->shape);
    for (int64_t i = 0; i < n; i++)
        memcpy(others->data + i * size, x->data + (i + 1) % n * size, sizeof(float) * (size_t)size);
    Draws draws = {key, indices};
    const Tensor *y = decoy ? attack->method->decoy(attack, trial.step.images, others, draws)
                            : attack->method->stamp(attack, trial.step.images, draws);
    float *result = allocate(sizeof(float) * (size_t)y->count);
    memcpy(result, y->data, sizeof(float) * (size_t)y->count);
    free(indices);
    step_trial_free(&trial);
    return result;
}

float *stamped_images(const Attack *attack, int64_t n, const float *images, RandomKey key)
{
    return changed(attack, n, images, key, false);
}

float *decoy_images(const Attack *attack, int64_t n, const float *images, RandomKey key)
{
    return changed(attack, n, images, key, true);
}
