// A filter's cell: it is trained on D_val, put in front of the frozen classifier, and measured on
// D_test. Training-time defenses have cells of their own kind (experiments/training_cell.h).
#include "experiments/cell.h"

#include <stdlib.h>
#include "core/error.h"
#include "core/file.h"
#include "experiments/augmentation.h"
#include "experiments/cell_files.h"
#include "experiments/defense.h"
#include "experiments/evaluation.h"
#include "experiments/progress.h"
#include "experiments/training_cell.h"

typedef struct Cell {
    const Subject *subject;
    Defense defense;
    Predictions unfiltered; // of D_test: the same at every evaluation
    Json *config;
    char hash[65];
    char *directory;
} Cell;

static Evaluation cell_evaluation(const Cell *cell)
{
    const Subject *s = cell->subject;
    return (Evaluation){.classifier = s->classifier,
                        .attack = &s->attack,
                        .filter = cell->defense.filter,
                        .dataset = &s->test,
                        .samples = s->split.test,
                        .count = s->split.test_count,
                        .seed = (uint64_t)s->options->seed,
                        .unfiltered = cell->unfiltered.count > 0 ? &cell->unfiltered : NULL};
}

static Metrics measure(const Cell *cell)
{
    Evaluation evaluation = cell_evaluation(cell);
    Predictions predictions = predict(&evaluation);
    Metrics m = metrics(&predictions, &cell->subject->attack);
    predictions_free(&predictions);
    return m;
}

static void step(void *cell, const Step *s, double *figures)
{
    Defense *defense = &((Cell *)cell)->defense;
    defense->method->step(defense, s, figures);
}

static void store(const void *cell, Safetensors *file)
{
    const Defense *defense = &((const Cell *)cell)->defense;
    defense->method->store(defense, file);
}

static bool restore(void *cell, const Safetensors *file, const char *path, Error *error)
{
    Defense *defense = &((Cell *)cell)->defense;
    return defense->method->restore(defense, file, path, error);
}

static void evaluate(void *opaque, int epochs_done, Curves *curves)
{
    const Cell *cell = opaque;
    Metrics m = measure(cell);
    curves_add(curves, "C", "%", epochs_done, m.C);
    if (!attack_plants_trojan(&cell->subject->attack)) return;
    curves_add(curves, "T", "%", epochs_done, m.T);
    curves_add(curves, "R", "%", epochs_done, m.R);
}

static bool train_defense(Cell *cell, const char *checkpoint, Curves *curves, double *seconds,
                          Error *error)
{
    const Subject *s = cell->subject;
    const Defense *defense = &cell->defense;
    const Json *set = defense->settings;
    int epochs = defense->method->epochs(defense), points = (int)setting(set, "curve_points");
    TrainingPlan plan = {.label = defense->method->name,
                         .kernels = classifier_kernels(s->classifier),
                         .dataset = &s->test,
                         .samples = s->split.validation,
                         .sample_count = s->split.validation_count,
                         .epochs = epochs,
                         .batch_size = (int)setting(set, "batch_size"),
                         .augmentation = augmentation_of(set),
                         .seed = (uint64_t)s->options->seed,
                         .purpose = random_purpose("defense training"),
                         .checkpoint = checkpoint,
                         .config_hash = cell->hash,
                         .checkpoint_interval = CHECKPOINT_INTERVAL,
                         .quiet = s->options->quiet};
    Trainee trainee = {.state = cell,
                       .step = step,
                       .figures = defense->method->figures,
                       .store = store,
                       .restore = restore,
                       .evaluate = evaluate,
                       .evaluate_every = (epochs + points - 1) / points};
    return train(&plan, &trainee, curves, seconds, error);
}

static Json *cell_record(const Cell *cell, double seconds)
{
    const Subject *s = cell->subject;
    double started = seconds_now();
    Metrics m = measure(cell);
    Json *record = record_start(s, cell->defense.method->name), *times = json_object();
    if (cell->defense.filter_name)
        json_set(record, "filter", json_string(cell->defense.filter_name));
    json_set(record, "clean_accuracy", json_copy(json_get(s->result, "clean_accuracy")));
    bool trojan = attack_plants_trojan(&s->attack);
    if (trojan)
        json_set(record, "trojan_accuracy", json_copy(json_get(s->result, "trojan_accuracy")));
    json_set(record, "C", json_number(m.C));
    if (trojan) {
        json_set(record, "T", json_number(m.T));
        json_set(record, "R", json_number(m.R));
    }
    json_set(record, "FPR", json_number(m.FPR));
    if (trojan) json_set(record, "FNR", json_number(m.FNR));
    const Json *before = json_get(s->result, "seconds");
    json_set(times, "classifier", json_number(json_get_number(before, "classifier", 0)));
    json_set(times, "defense", json_number(seconds));
    json_set(times, "evaluation", json_number(seconds_now() - started));
    json_set(record, "classifier_hash", json_copy(json_get(s->result, "config_hash")));
    record_finish(s, cell->defense.method->name, cell->config, cell->hash, times, record);
    return record;
}

// Trains, measures, and writes the cell's files, result.json last.
static Json *compute_cell(Cell *cell, Error *error)
{
    char *checkpoint = path_join(cell->directory, "checkpoint.safetensors");
    char *weights = path_join(cell->directory, "filter.safetensors");
    Curves curves;
    double seconds;
    Json *record = NULL;
    Evaluation undefended = cell_evaluation(cell);
    undefended.filter = NULL;
    cell->unfiltered = predict(&undefended);
    if (train_defense(cell, checkpoint, &curves, &seconds, error)) {
        Evaluation evaluation = cell_evaluation(cell);
        record = cell_record(cell, seconds);
        bool ok = parameters_save(&cell->defense.filter->parameters, weights, error) &&
                  cell_write_json(cell->directory, "curves.json", curves.json, error) &&
                  cell_write_samples(cell->directory, &evaluation, &cell->defense, error) &&
                  cell_hash_files(cell->directory, record, error) &&
                  cell_write_json(cell->directory, "result.json", record, error);
        if (ok) {
            cell_tidy(cell->directory);
        } else {
            json_free(record);
            record = NULL;
        }
        curves_free(&curves);
    }
    free(checkpoint);
    free(weights);
    return record;
}

Json *cell_run(const Subject *subject, const char *name, Error *error)
{
    const Options *o = subject->options;
    if (training_defense_find(name)) return training_cell_run(subject, name, error);
    const DefenseMethod *method = defense_method_find(name, error);
    if (!method) return NULL;
    const DataSource *d = subject->source;
    const char *filter = NULL;
    if (method->trains_filter) {
        filter = filter_for(o->filter, d->height, d->width, d->channels, error);
        if (!filter) return NULL;
    }
    Cell cell = {
        .subject = subject,
        .defense = {.method = method,
                    .classifier = subject->classifier,
                    .filter_name = filter,
                    .settings = settings_resolve(method->settings, name, o->scale, &o->overrides),
                    .seed = (uint64_t)o->seed},
        .config = json_object()};
    augmentation_complete(cell.defense.settings, &subject->source->augmentation);
    json_set(cell.config, "classifier", json_copy(subject->config));
    json_set(cell.config, "defense", json_string(name));
    if (filter) json_set(cell.config, "filter", json_string(filter));
    json_set(cell.config, "defense_settings", json_copy(cell.defense.settings));
    config_hash(cell.config, cell.hash);
    cell.directory = make_directory(subject, "cells", name, cell.hash, error);
    Json *record = NULL;
    if (cell.directory && cell_finished(cell.directory))
        record = cell_read_result(cell.directory, cell.hash, error);
    else if (cell.directory && defense_create(&cell.defense, error))
        record = compute_cell(&cell, error);
    predictions_free(&cell.unfiltered);
    defense_free(&cell.defense);
    json_free(cell.config);
    free(cell.directory);
    return record;
}
