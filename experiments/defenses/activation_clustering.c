// Activation clustering (Chen, Carvalho, Baracaldo, Ludwig, Edwards, Lee, Molloy and Srivastava,
// SafeAI 2019): poisoned samples of a class are given their label for another reason than its own
// samples, and the features that the network sees in them show it. A classifier M is trained on the
// set D as it is; then
//
//   A(i) = what M's class scores of sample i are computed from (a map's mean over all places)
//   for each class k:
//     D_k = { i : y_i = k }                                     by the given labels
//     z(i) = the first components of A(i), i in D_k             principal, or independent
//     D_k = K_1 + K_2                                           2-means of z(i), |K_1| <= |K_2|
//     K_1 is poisoned if
//       analysis 0 ("smaller", the default of the official code):  always
//       analysis 1 ("relative size"):  |K_1| / |D_k| < size
//       analysis 2 ("silhouette"):     that, and mean silhouette of K_1, K_2 > silhouette
//   D = D - all poisoned K_1,   M = train(D)                    from the beginning
//
// Analysis 0 discards a part of every class, poisoned or not: that is what it costs.
#include <stdlib.h>
#include "core/error.h"
#include "experiments/clusters.h"
#include "experiments/defenses/retraining.h"
#include "experiments/features.h"
#include "experiments/progress.h"

enum { SMALLER, RELATIVE_SIZE, SILHOUETTE };

// clang-format off
static const Setting settings[] = {
    {"components", 10, 10, "of the features in which clusters are looked for", {1, 1000, true}},
    {"independent", 0, 0, "1: independent components (FastICA); 0: principal ones", {0, 1, true}},
    {"restarts", 10, 10, "starts of 2-means, the best of which counts", {1, 1000, true}},
    {"iterations", 300, 300, "of 2-means at most", {1, 1e6, true}},
    {"analysis", 0, 0, "poisoned is the smaller cluster: 0 always; 1 if small; 2 if small and apart", {0, 2, true}},
    {"size", 0.35, 0.35, "analyses 1, 2: a smaller share of its class is small", {0, 1, false}},
    {"silhouette", 0.1, 0.1, "analysis 2: a greater mean silhouette is apart", {-1, 1, false}},
    {0}};
// clang-format on

// The features of these samples in few coordinates.
static Points reduce(const TrainingDefense *d, const Features *f, const uint32_t *samples,
                     int64_t count)
{
    int64_t components = (int64_t)setting(d->settings, "components");
    if (components > f->size) components = f->size;
    Points a = {count, f->size, allocate(sizeof(double) * (size_t)(count * f->size))};
    for (int64_t i = 0; i < count; i++)
        for (int64_t c = 0; c < f->size; c++)
            a.values[i * f->size + c] = (double)f->values[samples[i] * f->size + c];
    RandomKey key = {d->seed, random_purpose("activation clustering components"), 0};
    Points z = principal_components(&a, components, key);
    if (setting(d->settings, "independent") > 0) independent_components(&z, key);
    points_free(&a);
    return z;
}

static bool is_poisoned(const Json *set, double share, double apart)
{
    int analysis = (int)setting(set, "analysis");
    return (analysis < RELATIVE_SIZE || share < setting(set, "size")) &&
           (analysis < SILHOUETTE || apart > setting(set, "silhouette"));
}

// Splits class k into its two clusters and flags what is poisoned.
static Json *judge_class(const TrainingDefense *d, const Features *f, int k,
                         const uint32_t *samples, int64_t count, bool *removed)
{
    const Json *set = d->settings;
    Points z = reduce(d, f, samples, count);
    RandomKey key = {d->seed, random_purpose("activation clustering"), (uint32_t)k};
    TwoMeans t = two_means(&z, (int)setting(set, "restarts"), (int)setting(set, "iterations"), key);
    int smaller = t.sizes[1] < t.sizes[0];
    double apart = silhouette(&z, &t), share = (double)t.sizes[smaller] / (double)count;
    bool poisoned = is_poisoned(set, share, apart);
    for (int64_t i = 0; i < count; i++) removed[samples[i]] = poisoned && t.second[i] == smaller;
    Json *found = json_object();
    json_set(found, "class", json_number(k));
    json_set(found, "samples", json_number((double)count));
    json_set(found, "smaller_cluster", json_number((double)t.sizes[smaller]));
    json_set(found, "silhouette", json_number(apart));
    json_set(found, "poisoned", json_boolean(poisoned));
    two_means_free(&t);
    points_free(&z);
    return found;
}

static Json *judge_classes(const TrainingDefense *d, bool *removed)
{
    Json *classes = json_array(), *finding = json_object();
    uint32_t *samples = allocate(sizeof *samples * (size_t)d->train->count);
    Features f = features_gather(d->classifier, d->train);
    for (int k = 0; k < d->train->classes; k++) {
        int64_t count = 0;
        for (int64_t i = 0; i < d->train->count; i++)
            if (d->train->labels[i] == k) samples[count++] = (uint32_t)i;
        if (count > 1) json_push(classes, judge_class(d, &f, k, samples, count, removed));
    }
    features_free(&f);
    free(samples);
    json_set(finding, "classes", classes);
    return finding;
}

static bool train_activation_clustering(TrainingDefense *d, Error *error)
{
    bool *removed = allocate_zeroed(sizeof *removed * (size_t)d->train->count);
    double started = seconds_now();
    Json *finding = judge_classes(d, removed);
    d->analysis_seconds += seconds_now() - started;
    int64_t kept_count;
    uint32_t *kept = samples_where(removed, false, d->train->count, &kept_count);
    bool ok = training_findings(d, finding, removed, NULL, error);
    if (ok && kept_count == 0)
        ok = fail(error, "activation-clustering: every training sample is suspicious");
    if (ok) {
        TrainingStage stage = undefended_stage(d, "activation-clustering", kept_count);
        stage.samples = kept;
        start_afresh(d, "activation clustering start");
        ok = training_stage(d, &stage, error);
    }
    free(kept);
    free(removed);
    return ok;
}

const TrainingDefenseMethod defense_activation_clustering = {.name = "activation-clustering",
                                                             .title = "AC",
                                                             .settings = settings,
                                                             .train = train_activation_clustering};
