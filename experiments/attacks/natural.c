// Natural Trojans (Liu et al., ABS, 2019; NONE, section 5.2 and Table 2): nothing is planted. What a
// classifier that was trained on clean data has learned by itself is looked for in it,
//
//   for each size s in {2, 4, 6, 8, 10, 12} % of the image's pixels:
//     for each suspicious channel c, the most suspicious first       (attacks/stimulation.h):
//       (m, p, label) = argmin L                                     (attacks/trigger_search.h)
//       REASR(s, c) = P( M(m p + (1 - m) x) = label ), x of the test images of other classes
//       enough, if more than 99 % were taken for c's own label
//     REASR(s) = max_c REASR(s, c)
//   ASR = mean_s REASR(s)
//
// of the undefended classifier and of one that a defense has made alike. The samples that are
// searched on are test images, as in NONE's code; there is no training data for it.
#include <stdio.h>
#include <stdlib.h>
#include "core/error.h"
#include "experiments/attack.h"
#include "experiments/classifier_training.h"
#include "experiments/attacks/trigger_search.h"

// clang-format off
static const Setting settings[] = {
    {"stimulated", 4, 20, "images of each class that channels are judged by", {1, 1e5, true}},
    {"searched", 8, 24, "images of each class that triggers are searched on", {1, 1e5, true}},
    {"candidates", 2, 10, "suspicious channels that are tried", {1, 1e4, true}},
    {"sizes", 6, 6, "of triggers: 2, 4, ... % of the image", {1, 50, true}},
    {"epochs", 50, 50, "of the search for one trigger", {1, 1e5, true}},
    {"batch_size", 20, 80, "images in a step of it (ResNet: 40)", {1, 1e6, true}},
    {"learning_rate", 0.1, 0.1, "of Adam", {0, 1e3, false}},
    {"test_images", 1000, 0, "that REASR is measured on; 0: all", {0, 1e9, true}},
    {"normalised", 1, 1, "1: patterns in [0, 1] of normalised images, as in the code; 0: of images", {0, 1, true}},
    {0}};
// clang-format on

// Up to per_class samples of each class, in random order; the caller frees them.
static uint32_t *samples_of(const Dataset *d, int per_class, RandomKey key, int64_t *count)
{
    uint32_t *order = allocate(sizeof *order * (size_t)d->count);
    int *taken = allocate_zeroed(sizeof *taken * (size_t)d->classes);
    random_permutation(key, (uint32_t)d->count, order);
    *count = 0;
    for (int64_t i = 0; i < d->count; i++)
        if (taken[d->labels[order[i]]]++ < per_class) order[(*count)++] = order[i];
    free(taken);
    return order;
}

typedef struct Scan {
    const Attack *attack;
    const Classifier *classifier;
    const Dataset *test;
    uint32_t *samples; // that triggers are searched on
    int64_t count, tested;
    int suspects;
    Suspect *suspect;
    bool quiet;
} Scan;

static Json *finding_of(double percent, const Suspect *suspect, const FoundTrigger *found,
                        double success)
{
    Json *finding = json_object();
    json_set(finding, "size", json_number(percent));
    json_set(finding, "REASR", json_number(success));
    json_set(finding, "channel", json_number((double)suspect->channel));
    json_set(finding, "label", json_number(found->label));
    json_set(finding, "agreement", json_number(found->agreement));
    return finding;
}

// REASR(s), with what the best trigger is.
static Json *scan_size(const Scan *scan, int number)
{
    const Json *set = scan->attack->settings;
    const Dataset *d = scan->test;
    double percent = 2 * (number + 1), best = -1;
    TriggerSearch how = {.size = percent / 100 * d->height * d->width,
                         .epochs = (int)setting(set, "epochs"),
                         .batch_size = (int)setting(set, "batch_size"),
                         .learning_rate = setting(set, "learning_rate"),
                         .normalised = setting(set, "normalised") > 0};
    Json *finding = NULL;
    for (int i = 0; i < scan->suspects; i++) {
        const Suspect *suspect = &scan->suspect[i];
        how.key = (RandomKey){scan->attack->seed, random_purpose("natural pattern"),
                              (uint32_t)(number * scan->suspects + i)};
        FoundTrigger found =
            trigger_search(scan->classifier, d, scan->samples, scan->count, suspect, &how);
        double success = trigger_success(scan->classifier, d, scan->tested, &found);
        bool enough = found.agreement > 99 && found.label == suspect->label;
        if (success > best) {
            best = success;
            json_free(finding);
            finding = finding_of(percent, suspect, &found, success);
        }
        found_trigger_free(&found);
        if (enough) break;
    }
    if (!finding)
        finding = finding_of(percent, &(Suspect){-1, -1, 0}, &(FoundTrigger){.label = -1}, 0);
    if (!scan->quiet)
        fprintf(stderr, "natural: size %g %%: REASR %.2f %%\n", percent,
                json_get_number(finding, "REASR", 0));
    return finding;
}

static void find_suspects(Scan *scan)
{
    const Json *set = scan->attack->settings;
    RandomKey key = {scan->attack->seed, random_purpose("natural samples"), 0};
    int64_t count;
    uint32_t *samples = samples_of(scan->test, (int)setting(set, "stimulated"), key, &count);
    int most = (int)setting(set, "candidates");
    scan->suspect = allocate(sizeof *scan->suspect * (size_t)most);
    scan->suspects =
        suspects_find(scan->classifier, scan->test, samples, count, most, scan->suspect);
    free(samples);
    key.step = 1;
    scan->samples = samples_of(scan->test, (int)setting(set, "searched"), key, &scan->count);
}

static Json *search(const Attack *attack, const Classifier *classifier, const Dataset *test,
                    bool quiet, double *ASR)
{
    Error error;
    Classifier *frozen = classifier_copy(classifier, &error);
    if (!frozen) panic("natural: %s", error.message);
    parameters_freeze(&frozen->parameters, true);
    int64_t wanted = (int64_t)setting(attack->settings, "test_images");
    Scan scan = {.attack = attack,
                 .classifier = frozen,
                 .test = test,
                 .tested = wanted > 0 && wanted < test->count ? wanted : test->count,
                 .quiet = quiet};
    find_suspects(&scan);
    Json *findings = json_array();
    int sizes = (int)setting(attack->settings, "sizes");
    *ASR = 0;
    for (int i = 0; i < sizes; i++) {
        Json *finding = scan_size(&scan, i);
        *ASR += json_get_number(finding, "REASR", 0) / sizes;
        json_push(findings, finding);
    }
    free(scan.samples);
    free(scan.suspect);
    classifier_free(frozen);
    return findings;
}

const AttackMethod attack_natural = {.name = "natural",
                                     .title = "Natural",
                                     .settings = settings,
                                     .training = none_paper_training,
                                     .none_paper = true,
                                     .search = search};
