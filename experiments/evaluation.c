#include "experiments/evaluation.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/tape.h"
#include "data/batch.h"

static Tensor *images_of(const ImageStore *store, Tape *tape, const uint32_t *indices,
                         int64_t count, int32_t *labels)
{
    return image_batch(store, tape, indices, count, (Augmentation){0}, (RandomKey){0}, 0, labels);
}

// For each sample another one, drawn from the whole data set.
static Tensor *other_images(const Evaluation *e, const ImageStore *store, Tape *tape,
                            const uint32_t *indices, int64_t count)
{
    RandomKey key = {e->seed, random_purpose("test partner"), 0};
    uint64_t size = (uint64_t)e->dataset->count;
    uint32_t others[EVALUATION_BATCH];
    int32_t labels[EVALUATION_BATCH];
    for (int64_t i = 0; i < count && size > 1; i++)
        others[i] =
            (uint32_t)((indices[i] + 1u + random_below(key, indices[i], (uint32_t)size - 1)) %
                       size);
    return images_of(store, tape, size > 1 ? others : indices, count, labels);
}

void sample_batch(const Evaluation *e, const ImageStore *store, Tape *tape, int64_t first,
                  int64_t count, bool with_trigger, SampleBatch *batch)
{
    const AttackMethod *method = e->attack->method;
    *batch = (SampleBatch){0};
    for (int64_t i = 0; i < count; i++)
        batch->indices[i] = e->samples ? e->samples[first + i] : (uint32_t)(first + i);
    batch->clean = images_of(store, tape, batch->indices, count, batch->labels);
    Draws draws = {{e->seed, random_purpose("test trigger"), 0}, batch->indices};
    if (method->stamp) batch->trojan = method->stamp(e->attack, batch->clean, draws);
    if (method->decoy && !e->filter)
        batch->decoy = method->decoy(e->attack, batch->clean,
                                     other_images(e, store, tape, batch->indices, count), draws);
    if (method->trigger && with_trigger)
        batch->trigger = method->trigger(e->attack, batch->clean, draws);
}

static Tensor *filtered(const Evaluation *e, Tensor *images)
{
    return filter_forward(e->filter, images, false, (RandomKey){0});
}

static void classes_of(const Evaluation *e, Tensor *images, int32_t *classes)
{
    Tensor *prediction = argmax(classify(e->classifier, images, (Mode){0}), 1);
    tensor_read(prediction, classes);
}

static void predict_batch(const Evaluation *e, const ImageStore *store, Tape *tape, int64_t first,
                          int64_t count, Predictions *p)
{
    SampleBatch batch;
    sample_batch(e, store, tape, first, count, false, &batch);
    memcpy(p->labels + first, batch.labels, sizeof(int32_t) * (size_t)count);
    if (!e->unfiltered) {
        classes_of(e, batch.clean, p->clean + first);
        if (p->trojan) classes_of(e, batch.trojan, p->trojan + first);
    }
    if (p->decoy) classes_of(e, batch.decoy, p->decoy + first);
    if (e->filter) classes_of(e, filtered(e, batch.clean), p->filtered_clean + first);
    if (p->filtered_trojan) classes_of(e, filtered(e, batch.trojan), p->filtered_trojan + first);
    tape_reset(tape);
}

static int32_t *classes_create(int64_t count)
{
    return allocate(sizeof(int32_t) * (size_t)count);
}

Predictions predict(const Evaluation *e)
{
    bool trojan = attack_plants_trojan(e->attack), filter = e->filter != NULL;
    bool decoy = e->attack->method->decoy && !filter;
    Predictions p = {.count = e->count,
                     .labels = classes_create(e->count),
                     .clean = classes_create(e->count),
                     .trojan = trojan ? classes_create(e->count) : NULL,
                     .filtered_clean = filter ? classes_create(e->count) : NULL,
                     .filtered_trojan = filter && trojan ? classes_create(e->count) : NULL,
                     .decoy = decoy ? classes_create(e->count) : NULL};
    Tape *tape = tape_create(classifier_kernels(e->classifier));
    ImageStore store = image_store(e->dataset, tape_kernels(tape));
    tape_record(tape, false);
    for (int64_t first = 0; first < e->count; first += EVALUATION_BATCH) {
        int64_t left = e->count - first;
        predict_batch(e, &store, tape, first, left < EVALUATION_BATCH ? left : EVALUATION_BATCH,
                      &p);
    }
    tape_free(tape);
    image_store_free(&store);
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
    free(p->decoy);
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
    if (p->decoy) m.decoy_accuracy = agreement(p->count, p->decoy, p->labels);
    if (!p->trojan) return m;
    int64_t hits = 0, counted = 0, successes = 0, still_target = 0, same = 0;
    for (int64_t i = 0; i < p->count; i++) {
        int target = attack_label(attack, p->labels[i]);
        hits += p->trojan[i] == target;
        if (!attack->all_targets && p->labels[i] == target) continue;
        counted++;
        successes += p->trojan[i] == target;
        if (!p->filtered_trojan) continue;
        still_target += p->filtered_trojan[i] == target;
        same += p->filtered_trojan[i] == p->trojan[i];
    }
    m.trojan_accuracy = percent(hits, p->count);
    m.ASR = percent(successes, counted);
    if (p->filtered_trojan) {
        m.T = percent(still_target, counted);
        m.FNR = percent(same, counted);
        m.R = m.clean_accuracy - agreement(p->count, p->filtered_trojan, p->labels);
    }
    return m;
}

Tensor *filter_images(const Filter *filter, Tensor *images)
{
    return clamp(filter_forward(filter, images, false, (RandomKey){0}), 0, 1);
}
