// NONE (Wang, Ding, Zhai and Ma, "Towards Understanding and Defending Input Space Trojans", 2022),
// section 4 and Algorithm 1: Trojan neurons are linear, all their values on one side of the
// activation function's kink. Find them, drop the samples that make them so, reset them, go on.
//
//   M = train(D)                                         the undefended training, then each round:
//   A_n(i), value before the activation of neuron n (a channel) on sample i, its largest place
//
// As printed (setting printed = 1; Algorithm 1 and section 8.4):
//   C = { n : P(A_n >= 0) >= theta },  the first share r1 (to reset), r2 (to judge by) of a layer
//   B_n, O_n = separate(A_n)                             natural break; B_n is the lower class
//   D = D - { i : i in O_n and |A_n(i) - mu(B_n)| / sigma(B_n) >= lambda for one n in C }
//   c = M.init(c) for c in C                             a new random start
//
// As the authors' code does it (printed = 0; the "alternative implementation" of section 8.7). With
// p_k(i) the probability that M gives sample i for class k,
//   H_k = { i : p_k(i) > lambda_h },   L_k = { i : p_k(i) < lambda_l }
//   gap_n = max_k ( max A_n(H_k) - mean A_n(L_k) - lambda sigma(A_n(L_k)) )
//   C = the greatest gaps of each layer: its share r1 to reset, r2 (or one) to judge by
//   s(i) = sum of A_n(i) over all n in C of all layers
//   D = D_0 - { i : s(i) >= natural break of s }          anew each round, of the whole set D_0
//   c = 0, and what reads c in the next layer = 0, for c in C
//
// Then M = train(D) for some epochs with a small learning rate; batch norms keep their statistics.
// The code's optimizer goes on with its old momentum, ours starts a new one.
//
// A short training spreads a Trojan over more neurons than a long one, and what is left of it below
// the threshold comes back with the benign accuracy (experiments/RESULTS.md, "Why the Trojan
// survived"). So the quick scale, whose classifiers are trained for a few epochs, resets more and
// trains at a higher rate afterwards; the paper's values stand at its own scale, whose classifiers are
// trained for 30 epochs by default, too, where the paper has 200 (classifier.epochs).
#include "experiments/defenses/none.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/thread.h"
#include "experiments/natural_break.h"
#include "experiments/progress.h"
#include "experiments/training_defense.h"
#include "nn/initialize.h"

// clang-format off
static const Setting settings[] = {
    {"printed", 0, 0, "1: Algorithm 1 as printed; 0: as the authors' code does it", {0, 1, true}},
    {"rounds", 1, 1, "of detection, reset and training (natural Trojans: 10)", {1, 1000, true}},
    {"epochs", 2, 20, "of training after each reset (as printed: 5; natural: 40)", {1, 1e5, true}},
    {"learning_rate", 3e-3, 1e-4, "of that training (as printed: .001)", {0, 1e3, false}},
    {"reset", 0.15, 0.03, "r1, share of a layer's neurons to be reset (natural: .2)", {0, 1, false}},
    {"select", 0, 0, "r2, share by which samples are judged; 0: one neuron (as printed: .1)", {0, 1, false}},
    {"lambda_low", 0.1, 0.1, "lambda_l: a lower probability is a denial", {0, 1, false}},
    {"lambda_high", 0.9, 0.9, "lambda_h: a higher probability is confidence", {0, 1, false}},
    {"lambda", 3, 3, "deviations from the mean that are still benign", {0, 1e6, false}},
    {"theta", 0.95, 0.95, "as printed: share of values >= 0 from which a neuron is linear", {0, 1, false}},
    {"remove", 1, 1, "1: suspicious samples are removed; 0: only neurons are reset", {0, 1, true}},
    {"curve_points", 1, 20, "evaluations of BA and ASR in each round", {1, 1e5, true}},
    {0}};
// clang-format on

static Compromised compromised_create(const Activations *a)
{
    Compromised c = {.count = allocate_zeroed(sizeof *c.count * (size_t)a->layers)};
    for (int l = 0; l < a->layers; l++)
        c.room = a->first[l + 1] - a->first[l] > c.room ? a->first[l + 1] - a->first[l] : c.room;
    c.neurons = allocate(sizeof *c.neurons * (size_t)(a->layers * c.room));
    return c;
}

void compromised_free(Compromised *c)
{
    free(c->neurons);
    free(c->count);
}

// ---- how suspicious a neuron is ----

enum { BLOCK = 64 }; // neurons of a task

typedef struct Gaps {
    const Activations *a;
    double low, high, lambda;
    double *gap; // [classes][neurons]
} Gaps;

// Task: one class k and up to BLOCK neurons.
static void gaps_of(void *context, int64_t task, int thread)
{
    (void)thread;
    const Gaps *g = context;
    const Activations *a = g->a;
    int64_t k = task % a->classes, first = task / a->classes * BLOCK, denied = 0, confident = 0;
    int64_t count = a->neurons - first < BLOCK ? a->neurons - first : BLOCK;
    double sum[BLOCK] = {0}, squares[BLOCK] = {0}, largest[BLOCK];
    for (int c = 0; c < BLOCK; c++) largest[c] = -INFINITY;
    for (int64_t i = 0; i < a->samples; i++) {
        double p = (double)a->probability[i * a->classes + k];
        const float *values = a->largest + i * a->neurons + first;
        confident += p > g->high;
        denied += p < g->low;
        for (int64_t c = 0; p > g->high && c < count; c++)
            largest[c] = (double)values[c] > largest[c] ? (double)values[c] : largest[c];
        for (int64_t c = 0; p < g->low && c < count; c++) {
            sum[c] += (double)values[c];
            squares[c] += (double)values[c] * (double)values[c];
        }
    }
    for (int64_t c = 0; c < count; c++) {
        double *gap = &g->gap[k * a->neurons + first + c];
        if (confident == 0 || denied == 0) {
            *gap = 0;
            continue;
        }
        double mean = sum[c] / (double)denied, variance = squares[c] / (double)denied - mean * mean;
        *gap = largest[c] - mean - g->lambda * sqrt(variance > 0 ? variance : 0);
    }
}

double *confidence_gaps(const Activations *a, double low, double high, double lambda)
{
    double *best = allocate(sizeof *best * (size_t)(a->neurons + 1));
    Gaps g = {a, low, high, lambda,
              allocate(sizeof(double) * (size_t)(a->neurons * a->classes + 1))};
    parallel_for((a->neurons + BLOCK - 1) / BLOCK * a->classes, gaps_of, &g);
    for (int64_t n = 0; n < a->neurons; n++) {
        best[n] = g.gap[n];
        for (int64_t k = 1; k < a->classes; k++) best[n] = fmax(best[n], g.gap[k * a->neurons + n]);
    }
    free(g.gap);
    return best;
}

typedef struct Ranked {
    double suspicion;
    int64_t neuron;
} Ranked;

static int compare(const void *first, const void *second)
{
    const Ranked *a = first, *b = second;
    if (a->suspicion != b->suspicion) return a->suspicion < b->suspicion ? 1 : -1;
    return (a->neuron > b->neuron) - (a->neuron < b->neuron);
}

Compromised compromised_choose(const Activations *a, const double *suspicion, double share,
                               double least)
{
    Compromised chosen = compromised_create(a);
    Ranked *ranked = allocate(sizeof *ranked * (size_t)(chosen.room + 1));
    for (int l = 0; l < a->layers; l++) {
        int64_t size = a->first[l + 1] - a->first[l];
        int64_t most = share > 0 ? (int64_t)ceil(share * (double)size) : 1;
        for (int64_t n = 0; n < size; n++) ranked[n] = (Ranked){suspicion[a->first[l] + n], n};
        qsort(ranked, (size_t)size, sizeof *ranked, compare);
        for (int64_t n = 0; n < most && ranked[n].suspicion >= least; n++)
            chosen.neurons[l * chosen.room + chosen.count[l]++] = ranked[n].neuron;
    }
    free(ranked);
    return chosen;
}

// ---- which samples are suspicious ----

// s(i) >= break: the code's rule. scores: s.
static void remove_by_sum(const Activations *a, const Compromised *judges, double *scores,
                          bool *removed)
{
    for (int64_t i = 0; i < a->samples; i++) {
        scores[i] = 0;
        for (int l = 0; l < a->layers; l++)
            for (int64_t k = 0; k < judges->count[l]; k++) {
                int64_t n = a->first[l] + judges->neurons[l * judges->room + k];
                scores[i] += (double)a->largest[i * a->neurons + n];
            }
    }
    double threshold = natural_break(scores, a->samples), top = threshold;
    for (int64_t i = 0; i < a->samples; i++) top = fmax(top, scores[i]);
    // Equal scores have no break: the judges are all silent, as neurons are once they are cut.
    for (int64_t i = 0; i < a->samples; i++) removed[i] = top > threshold && scores[i] >= threshold;
}

// |A_n(i) - mu| / sigma of the samples in O_n into scores, where it is greater; values: room for
// one number a sample.
static void score_by_neuron(const Activations *a, int64_t n, double *values, double *scores)
{
    double sum = 0, squares = 0, count = 0;
    for (int64_t i = 0; i < a->samples; i++) values[i] = (double)a->largest[i * a->neurons + n];
    double threshold = natural_break(values, a->samples);
    for (int64_t i = 0; i < a->samples; i++) {
        if (values[i] > threshold) continue;
        sum += values[i];
        squares += values[i] * values[i];
        count++;
    }
    double mu = sum / count, variance = squares / count - mu * mu;
    for (int64_t i = 0; i < a->samples && variance > 0; i++)
        if (values[i] > threshold)
            scores[i] = fmax(scores[i], fabs(values[i] - mu) / sqrt(variance));
}

// The printed rule, for any neuron of `judges`. scores: the greatest deviation.
static void remove_by_deviation(const Activations *a, const Compromised *judges, double lambda,
                                double *scores, bool *removed)
{
    double *values = allocate(sizeof *values * (size_t)a->samples);
    for (int64_t i = 0; i < a->samples; i++) scores[i] = 0;
    for (int l = 0; l < a->layers; l++)
        for (int64_t k = 0; k < judges->count[l]; k++)
            score_by_neuron(a, a->first[l] + judges->neurons[l * judges->room + k], values, scores);
    for (int64_t i = 0; i < a->samples; i++) removed[i] |= scores[i] >= lambda && scores[i] > 0;
    free(values);
}

// ---- resetting ----

// As printed: a new random start.
static bool initialise_again(TrainingDefense *d, const Compromised *chosen, int round, Error *error)
{
    const Classifier *c = d->classifier;
    Classifier *fresh =
        classifier_create(c->name, c->height, c->width, c->channels, c->classes, error);
    if (!fresh) return false;
    initialize_default(&fresh->parameters,
                       (RandomKey){d->seed, random_purpose("none reset"), (uint32_t)round});
    for (int l = 0; l < c->neuron_layers; l++)
        neurons_copy(&c->neurons[l], &fresh->neurons[l], chosen->count[l],
                     chosen->neurons + l * chosen->room);
    classifier_free(fresh);
    return true;
}

void compromised_cut(const Classifier *c, const Compromised *chosen)
{
    for (int l = 0; l < c->neuron_layers; l++)
        neurons_cut(&c->neurons[l], chosen->count[l], chosen->neurons + l * chosen->room);
}

// ---- a round ----

// {"classifier.0": [12, 3], ...}
static Json *neuron_list(const Classifier *classifier, const Compromised *chosen)
{
    Json *lists = json_object();
    for (int l = 0; l < classifier->neuron_layers; l++) {
        char name[64];
        Json *list = json_array();
        neuron_layer_name(classifier, &classifier->neurons[l], name, sizeof name);
        for (int64_t k = 0; k < chosen->count[l]; k++)
            json_push(list, json_number((double)chosen->neurons[l * chosen->room + k]));
        json_set(lists, name, list);
    }
    return lists;
}

// Finds compromised neurons and suspicious samples, and resets the neurons. scores: one a sample.
static Json *analyse(TrainingDefense *d, int round, bool *removed, double *scores, Error *error)
{
    const Json *set = d->settings;
    bool printed = setting(set, "printed") > 0, ok = true;
    Activations a = activations_gather(d->classifier, d->train, printed);
    double *computed = printed
                           ? NULL
                           : confidence_gaps(&a, setting(set, "lambda_low"),
                                             setting(set, "lambda_high"), setting(set, "lambda"));
    const double *suspicion = printed ? a.share : computed;
    double least = printed ? setting(set, "theta") : (double)-INFINITY;
    Compromised chosen = compromised_choose(&a, suspicion, setting(set, "reset"), least);
    Compromised judges = compromised_choose(&a, suspicion, setting(set, "select"), least);
    if (printed) {
        remove_by_deviation(&a, &judges, setting(set, "lambda"), scores, removed);
        ok = initialise_again(d, &chosen, round, error);
    } else {
        remove_by_sum(&a, &judges, scores, removed);
        compromised_cut(d->classifier, &chosen);
    }
    Json *finding = json_object();
    json_set(finding, "round", json_number(round));
    json_set(finding, "reset", neuron_list(d->classifier, &chosen));
    json_set(finding, "judged_by", neuron_list(d->classifier, &judges));
    compromised_free(&chosen);
    compromised_free(&judges);
    activations_free(&a);
    free(computed);
    if (ok) return finding;
    json_free(finding);
    return NULL;
}

static bool train_on(TrainingDefense *d, const uint32_t *kept, int64_t count, Error *error)
{
    const Json *set = d->settings, *base = d->classifier_settings;
    TrainingStage stage = {
        .label = "none",
        .samples = kept,
        .sample_count = count,
        .epochs = (int)setting(set, "epochs"),
        .batch_size = (int)setting(base, "batch_size"),
        .schedule = {.kind = SCHEDULE_CONSTANT, .learning_rate = setting(set, "learning_rate")},
        .momentum = (float)setting(base, "momentum"),
        .weight_decay = (float)setting(base, "weight_decay"),
        .frozen_norm = true,
        .augmentation = d->augmentation,
        .evaluations = (int)setting(set, "curve_points")};
    return training_stage(d, &stage, error);
}

static bool run_round(TrainingDefense *d, int round, bool *removed, double *scores, Error *error)
{
    double started = seconds_now();
    Json *finding = analyse(d, round, removed, scores, error);
    d->analysis_seconds += seconds_now() - started;
    if (!finding || !training_findings(d, finding, removed, scores, error)) return false;
    bool remove = setting(d->settings, "remove") > 0;
    uint32_t *kept = allocate(sizeof *kept * (size_t)d->train->count);
    int64_t count = 0;
    for (int64_t i = 0; i < d->train->count; i++)
        if (!remove || !removed[i]) kept[count++] = (uint32_t)i;
    bool ok = count > 0
                  ? train_on(d, kept, count, error)
                  : fail(error, "none: every training sample is suspicious in round %d", round);
    free(kept);
    return ok;
}

static bool train_none(TrainingDefense *d, Error *error)
{
    if (d->classifier->neuron_layers == 0)
        return fail(error, "none: the neurons of %s are not listed (nn/classifier.h)",
                    d->classifier->name);
    bool *removed = allocate_zeroed((size_t)d->train->count * sizeof *removed), ok = true;
    double *scores = allocate((size_t)d->train->count * sizeof *scores);
    for (int round = 1; ok && round <= (int)setting(d->settings, "rounds"); round++)
        ok = run_round(d, round, removed, scores, error);
    free(removed);
    free(scores);
    return ok;
}

const TrainingDefenseMethod defense_none = {
    .name = "none", .title = "NONE", .settings = settings, .train = train_none};
