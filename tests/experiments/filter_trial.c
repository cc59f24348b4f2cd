#include "tests/experiments/filter_trial.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "data/batch.h"
#include "data/dataset.h"
#include "nn/initialize.h"
#include "tests/test.h"

float images[N * PIXELS];
int32_t labels[N];
const char *phases[PHASES] = {"aif.pretrain_generator=1", "aif.pretrain_filter=1",
                              "aif.lambda2=0.7", "aif.lambda3=1.5"};

Classifier *classifier_of(const char *model)
{
    Error error = {0};
    Dataset train, test;
    const DataSource *source = data_source_find("digits", &error);
    dataset_load(source, &(DataRequest){.train_count = N, .test_count = 10}, &train, &test, &error);
    uint32_t order[N];
    epoch_order((RandomKey){1, 2, 3}, NULL, N, order);
    batch_fill(&train, order, N, (Augmentation){0}, (RandomKey){0}, 0, images, labels);
    Classifier *classifier = classifier_create(model, 28, 28, 1, CLASSES, &error);
    classifier_set_mean_std(classifier, source->mean, source->std);
    initialize_he(&classifier->parameters, (RandomKey){1, random_purpose("C"), 0});
    parameters_freeze(&classifier->parameters, true);
    dataset_free(&train);
    dataset_free(&test);
    return classifier;
}

Defense defense_of(const char *name, const Classifier *classifier, int count,
                   const char **overrides)
{
    Error error = {0};
    const DefenseMethod *method = defense_method_find(name, &error);
    Defense defense = {.method = method,
                       .classifier = classifier,
                       .seed = 5,
                       .settings = settings_resolve(method->settings, name, SCALE_PAPER,
                                                    &(Overrides){count, overrides})};
    check(defense_create(&defense, &error), "%s: %s", name, error.message);
    return defense;
}

void take_step(Defense *defense, int epoch, int number, double *figures)
{
    Tape *tape = tape_create(cpu_kernels());
    Step step = {.tape = tape,
                 .images = tape_tensor(tape, SHAPE(N, 28, 28, 1)),
                 .labels = tape_tensor_int(tape, SHAPE(N)),
                 .key = {3, 4, (uint32_t)number},
                 .epoch = epoch,
                 .number = number,
                 .total = 1000};
    memcpy(step.images->data, images, sizeof images);
    memcpy(step.labels->ints, labels, sizeof labels);
    for (int i = 0; i < MAX_FIGURES; i++) figures[i] = NAN;
    defense->method->step(defense, &step, figures);
    tape_free(tape);
}

static int64_t value_count(const Parameters *p)
{
    int64_t count = 0;
    for (int i = 0; i < p->count; i++) count += p->items[i].tensor->count;
    return count;
}

void copy_values(const Parameters *p, float *values, bool take)
{
    for (int i = 0; i < p->count; i++) {
        Tensor *t = p->items[i].tensor;
        size_t bytes = sizeof(float) * (size_t)t->count;
        if (take)
            memcpy(values, t->data, bytes);
        else
            memcpy(t->data, values, bytes);
        values += t->count;
    }
}

float *take_values(const Parameters *p)
{
    float *values = allocate(sizeof(float) * (size_t)value_count(p));
    copy_values(p, values, true);
    return values;
}

bool same_values(const Parameters *p, const float *values)
{
    float *now = take_values(p);
    bool same = memcmp(now, values, sizeof(float) * (size_t)value_count(p)) == 0;
    free(now);
    return same;
}
