#include "experiments/training_cell.h"

#include <stdlib.h>
#include "core/error.h"
#include "core/file.h"
#include "experiments/augmentation.h"
#include "experiments/cell_files.h"
#include "experiments/progress.h"

typedef struct TrainingCell {
    const Subject *subject;
    TrainingDefense defense;
    Json *settings; // of the defense
    Json *config;
    char hash[65];
    char *directory;
} TrainingCell;

static Evaluation evaluation_of(const TrainingCell *cell, const Classifier *classifier)
{
    const Subject *s = cell->subject;
    return (Evaluation){.classifier = classifier,
                        .attack = &s->attack,
                        .dataset = &s->test,
                        .count = s->test.count,
                        .seed = (uint64_t)s->options->seed};
}

// What the two classifiers say of the same images: C, T and R as of a filter, with the defended
// classifier in the place of filter and classifier; and the accuracy of each.
static Metrics compare(const TrainingCell *cell, Metrics *defended)
{
    const Evaluation e = evaluation_of(cell, cell->defense.classifier);
    Predictions before = *subject_predictions(cell->subject), after = predict(&e);
    *defended = metrics(&after, &cell->subject->attack);
    before.filtered_clean = after.clean;
    before.filtered_trojan = after.trojan;
    Metrics m = metrics(&before, &cell->subject->attack);
    predictions_free(&after);
    return m;
}

static Json *record_of(const TrainingCell *cell)
{
    const Subject *s = cell->subject;
    double started = seconds_now();
    Metrics defended, m = compare(cell, &defended);
    bool trojan = attack_plants_trojan(&s->attack);
    Json *record = record_start(s, cell->defense.method->name), *times = json_object();
    json_set(record, "clean_accuracy", json_number(m.clean_accuracy));
    if (trojan) json_set(record, "trojan_accuracy", json_number(m.trojan_accuracy));
    json_set(record, "C", json_number(m.C));
    if (trojan) {
        json_set(record, "T", json_number(m.T));
        json_set(record, "R", json_number(m.R));
    }
    json_set(record, "undefended_BA", json_number(m.clean_accuracy));
    if (trojan) json_set(record, "undefended_ASR", json_number(m.ASR));
    json_set(record, "BA", json_number(defended.clean_accuracy));
    if (trojan) json_set(record, "ASR", json_number(defended.ASR));
    if (s->attack.method->search)
        json_set(record, "undefended_ASR", json_copy(json_get(s->result, "ASR")));
    attack_search(&s->attack, cell->defense.classifier, &s->test, s->options->quiet, record);
    json_set(record, "findings", json_copy(cell->defense.findings));
    const Json *before = json_get(s->result, "seconds");
    json_set(times, "classifier", json_number(json_get_number(before, "classifier", 0)));
    json_set(times, "defense", json_number(cell->defense.seconds));
    json_set(times, "analysis", json_number(cell->defense.analysis_seconds));
    json_set(times, "evaluation", json_number(seconds_now() - started));
    json_set(record, "classifier_hash", json_copy(json_get(s->result, "config_hash")));
    record_finish(s, cell->defense.method->name, cell->config, cell->hash, times, record);
    return record;
}

static Json *compute(TrainingCell *cell, Error *error)
{
    Json *record = NULL;
    char *weights = path_join(cell->directory, "model.safetensors");
    TrainingDefense *defense = &cell->defense;
    defense->curves = curves_create();
    defense->findings = json_array();
    if (defense->method->train(defense, error)) {
        Evaluation evaluation = evaluation_of(cell, defense->classifier);
        record = record_of(cell);
        bool ok = parameters_save(&defense->classifier->parameters, weights, error) &&
                  cell_write_json(cell->directory, "curves.json", defense->curves.json, error) &&
                  cell_write_samples(cell->directory, &evaluation, NULL, error) &&
                  cell_hash_files(cell->directory, record, error) &&
                  cell_write_json(cell->directory, "result.json", record, error);
        if (ok) {
            cell_tidy(cell->directory);
        } else {
            json_free(record);
            record = NULL;
        }
    }
    curves_free(&defense->curves);
    json_free(defense->findings);
    free(weights);
    return record;
}

Json *training_cell_run(const Subject *s, const char *name, Error *error)
{
    const Options *o = s->options;
    const TrainingDefenseMethod *method = training_defense_find(name);
    const Json *classifier_settings = json_get(s->config, "classifier_settings");
    TrainingCell cell = {.subject = s,
                         .settings =
                             settings_resolve(method->settings, name, o->scale, &o->overrides),
                         .config = json_object()};
    json_set(cell.config, "classifier", json_copy(s->config));
    json_set(cell.config, "defense", json_string(name));
    json_set(cell.config, "defense_settings", json_copy(cell.settings));
    config_hash(cell.config, cell.hash);
    cell.directory = make_directory(s, "cells", name, cell.hash, error);
    cell.defense = (TrainingDefense){.method = method,
                                     .settings = cell.settings,
                                     .classifier_settings = classifier_settings,
                                     .classifier = classifier_copy(s->classifier, error),
                                     .train = &s->train,
                                     .clean = &s->clean,
                                     .augmentation = augmentation_of(classifier_settings),
                                     .federation = s->attack.federation,
                                     .seed = (uint64_t)o->seed,
                                     .attack = &s->attack,
                                     .test = &s->test,
                                     .truth = &s->truth,
                                     .directory = cell.directory,
                                     .config_hash = cell.hash,
                                     .quiet = o->quiet};
    Json *record = NULL;
    if (cell.directory && cell_finished(cell.directory))
        record = cell_read_result(cell.directory, cell.hash, error);
    else if (cell.directory && cell.defense.classifier)
        record = compute(&cell, error);
    classifier_free(cell.defense.classifier);
    json_free(cell.settings);
    json_free(cell.config);
    free(cell.directory);
    return record;
}
