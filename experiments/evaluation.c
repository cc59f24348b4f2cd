#include "experiments/evaluation.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/tape.h"
#include "data/batch.h"

enum { EVALUATION_BATCH = 128 };

void sample_images(const Evaluation *e, int64_t first, int64_t count, float *clean, float *trojan,
                   int32_t *labels)
{
    uint32_t indices[EVALUATION_BATCH];
    int32_t unused[EVALUATION_BATCH];
    int64_t size = (int64_t)e->dataset->height * e->dataset->width * e->dataset->channels;
    for (int64_t i = 0; i < count; i++)
        indices[i] = e->samples ? e->samples[first + i] : (uint32_t)(first + i);
    batch_fill(e->dataset, indices, count, (Augmentation){0}, (RandomKey){0}, 0, clean, labels);
    if (!trojan) return;
    memcpy(trojan, clean, sizeof(float) * (size_t)(count * size));
    memcpy(unused, labels, sizeof(int32_t) * (size_t)count);
    // Keyed by the sample itself, so that an image carries the same trigger in whatever subset it
    // is measured.
    RandomKey key = {e->seed, random_purpose("test trigger"), 0};
    for (int64_t i = 0; i < count; i++)
        attack_poison(e->attack, 1, key, indices[i], 1, trojan + i * size, unused + i);
}

static Tensor *filtered(const Evaluation *e, Tensor *images)
{
    return filter_forward(e->filter, images, false, (RandomKey){0});
}

static void classes_of(const Evaluation *e, Tensor *images, int32_t *classes)
{
    Tensor *prediction = argmax(classify(e->classifier, images, (Mode){0}), 1);
    memcpy(classes, prediction->ints, sizeof(int32_t) * (size_t)prediction->count);
}

static void predict_batch(const Evaluation *e, Tape *tape, int64_t first, int64_t count,
                          Predictions *p)
{
    const Dataset *d = e->dataset;
    Tensor *clean = tape_tensor(tape, SHAPE(count, d->height, d->width, d->channels));
    Tensor *trojan =
        p->trojan ? tape_tensor(tape, SHAPE(count, d->height, d->width, d->channels)) : NULL;
    sample_images(e, first, count, clean->data, trojan ? trojan->data : NULL, p->labels + first);
    if (!e->unfiltered) {
        classes_of(e, clean, p->clean + first);
        if (trojan) classes_of(e, trojan, p->trojan + first);
    }
    if (e->filter) classes_of(e, filtered(e, clean), p->filtered_clean + first);
    if (e->filter && trojan) classes_of(e, filtered(e, trojan), p->filtered_trojan + first);
    tape_reset(tape);
}

static int32_t *classes_create(int64_t count)
{
    return allocate(sizeof(int32_t) * (size_t)count);
}

Predictions predict(const Evaluation *e)
{
    bool trojan = attack_plants_trojan(e->attack), filter = e->filter != NULL;
    Predictions p = {.count = e->count,
                     .labels = classes_create(e->count),
                     .clean = classes_create(e->count),
                     .trojan = trojan ? classes_create(e->count) : NULL,
                     .filtered_clean = filter ? classes_create(e->count) : NULL,
                     .filtered_trojan = filter && trojan ? classes_create(e->count) : NULL};
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    for (int64_t first = 0; first < e->count; first += EVALUATION_BATCH) {
        int64_t left = e->count - first;
        predict_batch(e, tape, first, left < EVALUATION_BATCH ? left : EVALUATION_BATCH, &p);
    }
    tape_free(tape);
    if (e->unfiltered) {
        memcpy(p.clean, e->unfiltered->clean, sizeof(int32_t) * (size_t)p.count);
        if (trojan) memcpy(p.trojan, e->unfiltered->trojan, sizeof(int32_t) * (size_t)p.count);
    }
    return p;
}

void predictions_free(Predictions *p)
{
    free(p->labels);
    free(p->clean);
    free(p->trojan);
    free(p->filtered_clean);
    free(p->filtered_trojan);
    *p = (Predictions){0};
}

static double percent(int64_t count, int64_t total)
{
    return total > 0 ? 100.0 * (double)count / (double)total : 0;
}

static int64_t equal_classes(int64_t count, const int32_t *a, const int32_t *b)
{
    int64_t equal = 0;
    for (int64_t i = 0; i < count; i++) equal += a[i] == b[i];
    return equal;
}

static double agreement(int64_t count, const int32_t *a, const int32_t *b)
{
    return percent(equal_classes(count, a, b), count);
}

Metrics metrics(const Predictions *p, const Attack *attack)
{
    Metrics m = {.clean_accuracy = agreement(p->count, p->clean, p->labels)};
    if (p->filtered_clean) {
        m.C = m.clean_accuracy - agreement(p->count, p->filtered_clean, p->labels);
        m.FPR = percent(p->count - equal_classes(p->count, p->filtered_clean, p->clean), p->count);
    }
    if (!p->trojan) return m;
    int64_t hits = 0, counted = 0, still_target = 0, same = 0;
    for (int64_t i = 0; i < p->count; i++) {
        int target = attack_label(attack, p->labels[i]);
        hits += p->trojan[i] == target;
        if (!p->filtered_trojan || (!attack->all_targets && p->labels[i] == target)) continue;
        counted++;
        still_target += p->filtered_trojan[i] == target;
        same += p->filtered_trojan[i] == p->trojan[i];
    }
    m.trojan_accuracy = percent(hits, p->count);
    if (p->filtered_trojan) {
        m.T = percent(still_target, counted);
        m.FNR = percent(same, counted);
        m.R = m.clean_accuracy - agreement(p->count, p->filtered_trojan, p->labels);
    }
    return m;
}

void filter_images(const Filter *filter, int64_t count, const float *images, float *filtered_images)
{
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    Tensor *x = tape_tensor(tape, SHAPE(count, filter->height, filter->width, filter->channels));
    memcpy(x->data, images, sizeof(float) * (size_t)x->count);
    Tensor *y = clamp(filter_forward(filter, x, false, (RandomKey){0}), 0, 1);
    memcpy(filtered_images, y->data, sizeof(float) * (size_t)y->count);
    tape_free(tape);
}
