// With A_c the last map's channel c, M the largest value of all channels on all samples, and Z_k the
// score of class k when A_c is v at every place, the other channels being what image i makes of them:
//
//   rise_k(i)  = max_{v in {M/2, M}} Z_k(i; A_c = v) - Z_k(i; A_c = 0)
//   top(i)     = argmax_k rise_k(i),    margin(i) = rise_top(i) - the second greatest rise
//   label(c)   = the most frequent top(i); c is suspicious if it is that of 9 images of 10
//   margin(c)  = min over images i that are not of class label(c) of margin(i)
//
// As NONE's code does it, which takes two values; ABS itself takes more.
#include "experiments/attacks/stimulation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/attack.h"
#include "experiments/attacks/last_map.h"
#include "experiments/batches.h"

enum { BATCH = 128, LEVELS = 3 };
static const double levels[LEVELS] = {0, .5, 1}, agreement = .9;

typedef struct Analysis {
    const Classifier *classifier;
    int64_t samples, channels;
    int batches;
    Tensor **maps; // [batches], persistent
    int32_t *labels;
    float largest;         // M
    float *scores[LEVELS]; // Z of the channel at hand: [samples][classes]
} Analysis;

// A persistent copy of the map, on its device; the largest of its values, or of *largest.
static Tensor *copy_of(const Tensor *map, float *largest)
{
    Tensor *copy = tensor_create(map->rank, map->shape);
    float *values = allocate(sizeof *values * (size_t)map->count);
    tensor_read(map, values);
    for (int64_t i = 0; i < map->count; i++) *largest = fmaxf(*largest, values[i]);
    tensor_move(copy, map->memory);
    tensor_write(copy, values);
    free(values);
    return copy;
}

static void gather(Analysis *a, Tape *tape, const Dataset *dataset, const uint32_t *samples)
{
    for (int64_t first = 0; first < a->samples; first += BATCH) {
        int64_t count = a->samples - first < BATCH ? a->samples - first : BATCH;
        Tensor *images = sample_images(tape, dataset, samples, first, count, a->labels + first);
        Tensor *map = copy_of(last_map(a->classifier, tape, images, false).map, &a->largest);
        a->maps[a->batches++] = map;
        a->channels = map->shape[map->rank - 1];
        tape_reset(tape);
    }
}

// Z at every level, of one batch: exactly the map but for the channel, and there exactly the value.
static void stimulate(const Analysis *a, Tape *tape, int batch, int64_t channel)
{
    int64_t at = (int64_t)batch * BATCH * a->classifier->classes;
    float *only = allocate_zeroed(sizeof *only * (size_t)a->channels);
    only[channel] = 1;
    for (int level = 0; level < LEVELS; level++) {
        const float value = (float)levels[level] * a->largest;
        Trigger there = {tape_floats(tape, SHAPE(a->channels), only),
                         tape_floats(tape, SHAPE(1), &value)};
        Tensor *map = inject(tape_input(tape, a->maps[batch]), there);
        tensor_read(a->classifier->scores(a->classifier, map, (Mode){0}), a->scores[level] + at);
        tape_reset(tape);
    }
    free(only);
}

// top(i), and margin(i).
static int top_of(const Analysis *a, int64_t sample, double *margin)
{
    int top = 0;
    double best = -INFINITY, second = -INFINITY;
    for (int k = 0; k < a->classifier->classes; k++) {
        int64_t i = sample * a->classifier->classes + k;
        double rise = (double)fmaxf(a->scores[1][i], a->scores[2][i]) - (double)a->scores[0][i];
        if (rise > best) {
            second = best;
            best = rise;
            top = k;
        } else if (rise > second) {
            second = rise;
        }
    }
    *margin = best - second;
    return top;
}

// Whether the channel at hand is suspicious.
static bool judge(const Analysis *a, int64_t channel, Suspect *suspect)
{
    int64_t *votes = allocate_zeroed(sizeof *votes * (size_t)a->classifier->classes);
    double margin;
    *suspect = (Suspect){channel, 0, INFINITY};
    for (int64_t i = 0; i < a->samples; i++) votes[top_of(a, i, &margin)]++;
    for (int k = 1; k < a->classifier->classes; k++)
        if (votes[k] > votes[suspect->label]) suspect->label = k;
    bool agreed = (double)votes[suspect->label] >= agreement * (double)a->samples;
    for (int64_t i = 0; i < a->samples; i++) {
        if (a->labels[i] == suspect->label) continue;
        top_of(a, i, &margin);
        suspect->margin = fmin(suspect->margin, margin);
    }
    free(votes);
    return agreed && suspect->margin > 0; // a channel that moves nothing has no top
}

static int compare(const void *first, const void *second)
{
    const Suspect *a = first, *b = second;
    if (a->margin != b->margin) return a->margin < b->margin ? 1 : -1;
    return (a->channel > b->channel) - (a->channel < b->channel);
}

// The best of each label.
static int choose(Suspect *all, int count, int most, Suspect *suspects)
{
    int chosen = 0;
    qsort(all, (size_t)count, sizeof *all, compare);
    for (int i = 0; i < count && chosen < most; i++) {
        bool taken = false;
        for (int j = 0; j < chosen; j++) taken |= suspects[j].label == all[i].label;
        if (!taken) suspects[chosen++] = all[i];
    }
    return chosen;
}

int suspects_find(const Classifier *classifier, const Dataset *dataset, const uint32_t *samples,
                  int64_t count, int most, Suspect *suspects)
{
    size_t batches = (size_t)(count + BATCH - 1) / BATCH;
    Analysis a = {.classifier = classifier,
                  .samples = count,
                  .maps = allocate(sizeof(Tensor *) * batches),
                  .labels = allocate(sizeof(int32_t) * (size_t)count)};
    for (int i = 0; i < LEVELS; i++)
        a.scores[i] = allocate(sizeof(float) * (size_t)(count * classifier->classes));
    Tape *tape = tape_create(classifier_kernels(classifier));
    tape_record(tape, false);
    gather(&a, tape, dataset, samples);
    Suspect *all = allocate(sizeof *all * (size_t)a.channels);
    int found = 0;
    for (int64_t channel = 0; channel < a.channels; channel++) {
        for (int b = 0; b < a.batches; b++) stimulate(&a, tape, b, channel);
        found += judge(&a, channel, &all[found]);
    }
    found = choose(all, found, most, suspects);
    tape_free(tape);
    for (int b = 0; b < a.batches; b++) tensor_free(a.maps[b]);
    for (int i = 0; i < LEVELS; i++) free(a.scores[i]);
    free(a.maps);
    free(a.labels);
    free(all);
    return found;
}
