#include "experiments/report/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "experiments/curves.h"
#include "experiments/report/names.h"

enum { MOST_PICTURES = 64, MOST_PIXELS_A_SIDE = 1024 };

// The tensors of samples.safetensors that the report shows: pictures, and what the classifier said
// about them.
static const char *const picture_names[] = {"clean",           "mask",     "pattern",
                                            "trojan",          "decoy",    "filtered_clean",
                                            "filtered_trojan", "synthetic"};
static const char *const label_names[] = {
    "labels",           "prediction_clean",          "prediction_trojan",
    "prediction_decoy", "prediction_filtered_clean", "prediction_filtered_trojan"};
enum {
    PICTURE_NAMES = sizeof picture_names / sizeof picture_names[0],
    LABEL_NAMES = sizeof label_names / sizeof label_names[0]
};

static bool check_pictures(const StoredTensor *pictures, const StoredTensor *first,
                           const char *path, Error *error)
{
    const int64_t *shape = pictures->shape;
    if (pictures->type != STORED_F32 || pictures->rank != 4)
        return fail(error, "%s: %s is not a float tensor of rank 4", path, pictures->name);
    if (shape[0] < 1 || shape[0] > MOST_PICTURES || shape[1] < 1 || shape[2] < 1 ||
        shape[1] > MOST_PIXELS_A_SIDE || shape[2] > MOST_PIXELS_A_SIDE ||
        (shape[3] != 1 && shape[3] != 3))
        return fail(error, "%s: %s has no shape of at most %d pictures", path, pictures->name,
                    MOST_PICTURES);
    if (shape[1] != first->shape[1] || shape[2] != first->shape[2] || shape[3] != first->shape[3])
        return fail(error, "%s: %s and %s have different shapes", path, pictures->name,
                    first->name);
    return true;
}

static bool check_samples(const Safetensors *samples, const char *path, Error *error)
{
    const StoredTensor *clean = safetensors_find(samples, "clean");
    if (!clean) return fail(error, "%s: no tensor \"clean\"", path);
    for (int i = 0; i < PICTURE_NAMES; i++) {
        const StoredTensor *pictures = safetensors_find(samples, picture_names[i]);
        if (pictures && !check_pictures(pictures, clean, path, error)) return false;
    }
    for (int i = 0; i < LABEL_NAMES; i++) {
        const StoredTensor *labels = safetensors_find(samples, label_names[i]);
        if (labels && (labels->type != STORED_I32 || labels->rank != 1))
            return fail(error, "%s: %s is not a list of integers", path, labels->name);
    }
    return true;
}

static bool read_curves(const char *directory, Entry *entry, Error *error)
{
    char *path = path_join(directory, "curves.json");
    bool done = true;
    if (file_exists(path)) {
        entry->curves = json_read(path, error);
        done = entry->curves && curves_check(entry->curves, path, error);
    }
    free(path);
    return done;
}

static bool read_samples(const char *directory, Entry *entry, Error *error)
{
    char *path = path_join(directory, "samples.safetensors");
    bool done = true;
    if (file_exists(path)) {
        entry->samples = safetensors_read(path, error);
        done = entry->samples && check_samples(entry->samples, path, error);
    }
    free(path);
    return done;
}

// The names that place an entry in the tables. Without data and attack there is no place for it.
static bool read_names(Entry *entry, bool is_cell, const char *path, Error *error)
{
    const Json *result = entry->result;
    if (result->kind != JSON_OBJECT) return fail(error, "%s: not an object", path);
    const char *const needed[] = {"data", "attack", "defense"};
    for (int i = 0; i < (is_cell ? 3 : 2); i++)
        if (!json_get_string(result, needed[i], NULL))
            return fail(error, "%s: no text \"%s\"", path, needed[i]);
    entry->data = json_get_string(result, "data", "");
    entry->attack = json_get_string(result, "attack", "");
    entry->defense = json_get_string(result, "defense", "");
    entry->model = json_get_string(result, "model", "");
    entry->mode = json_get_string(result, "mode", "");
    entry->scale = json_get_string(result, "scale", "");
    entry->target = json_get_number(result, "target", NAN);
    entry->seed = json_get_number(result, "seed", NAN);
    return true;
}

// Appends the entry in this folder; none where it has no result.json yet.
static bool read_entry(const char *parent, const char *name, bool is_cell, bool figures_only,
                       Entry **entries, int *count, Error *error)
{
    char *directory = path_join(parent, name);
    char *path = path_join(directory, "result.json");
    bool done = true;
    if (file_exists(path)) {
        *entries = reallocate(*entries, (unsigned long long)(*count + 1) * sizeof **entries);
        Entry *entry = &(*entries)[(*count)++];
        *entry = (Entry){.name = copy_string(name), .result = json_read(path, error)};
        done = entry->result && read_names(entry, is_cell, path, error) &&
               (figures_only ||
                (read_curves(directory, entry, error) && read_samples(directory, entry, error)));
    }
    free(path);
    free(directory);
    return done;
}

static bool read_entries(const char *directory, const char *kind, bool is_cell, bool figures_only,
                         Entry **entries, int *count, Error *error)
{
    char *parent = path_join(directory, kind);
    Names names = {0};
    bool done = !directory_exists(parent) || directory_list(parent, &names, error);
    for (int64_t i = 0; done && i < names.count; i++)
        done = read_entry(parent, names.names[i], is_cell, figures_only, entries, count, error);
    names_free(&names);
    free(parent);
    return done;
}

static int compare_numbers(double a, double b)
{
    if (isnan(a) || isnan(b)) return isnan(a) - isnan(b);
    return (a > b) - (a < b);
}

static int compare_entries(const void *first, const void *second)
{
    const Entry *a = first, *b = second;
    int order = name_rank(a->data) - name_rank(b->data);
    if (!order) order = strcmp(a->data, b->data);
    if (!order) order = name_rank(a->attack) - name_rank(b->attack);
    if (!order) order = strcmp(a->attack, b->attack);
    if (!order) order = -strcmp(a->mode, b->mode); // "single" before "all"
    if (!order) order = strcmp(a->model, b->model);
    if (!order) order = strcmp(a->scale, b->scale);
    if (!order) order = compare_numbers(a->target, b->target);
    if (!order) order = compare_numbers(a->seed, b->seed);
    if (!order) order = name_rank(a->defense) - name_rank(b->defense);
    return order ? order : strcmp(a->name, b->name);
}

static void sort_entries(Entry *entries, int count)
{
    if (count > 0) qsort(entries, (size_t)count, sizeof *entries, compare_entries);
}

bool results_read(const char *directory, bool figures_only, Results *results, Error *error)
{
    *results = (Results){0};
    if (!directory_exists(directory)) return fail(error, "%s: no such directory", directory);
    if (!read_entries(directory, "classifiers", false, figures_only, &results->classifiers,
                      &results->classifier_count, error) ||
        !read_entries(directory, "cells", true, figures_only, &results->cells, &results->cell_count,
                      error))
        return false;
    sort_entries(results->classifiers, results->classifier_count);
    sort_entries(results->cells, results->cell_count);
    return true;
}

static void entries_free(Entry *entries, int count)
{
    for (int i = 0; i < count; i++) {
        free(entries[i].name);
        if (entries[i].result) json_free(entries[i].result);
        if (entries[i].curves) json_free(entries[i].curves);
        if (entries[i].samples) safetensors_free(entries[i].samples);
    }
    free(entries);
}

void results_free(Results *results)
{
    entries_free(results->cells, results->cell_count);
    entries_free(results->classifiers, results->classifier_count);
    *results = (Results){0};
}

const Entry *results_classifier(const Results *results, const Entry *cell)
{
    const char *hash = json_get_string(cell->result, "classifier_hash", "");
    for (int i = 0; i < results->classifier_count; i++) {
        const Json *result = results->classifiers[i].result;
        if (hash[0] && strcmp(json_get_string(result, "config_hash", ""), hash) == 0)
            return &results->classifiers[i];
    }
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), end_length = strlen(end);
    return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

// A copy of the configuration in which repetitions with another seed look the same.
static Json *without_seeds(const Json *config)
{
    if (config->kind != JSON_OBJECT) return json_copy(config);
    Json *copy = json_object();
    for (size_t i = 0; i < config->count; i++)
        if (!ends_with(config->names[i], "seed") && !ends_with(config->names[i], "hash"))
            json_set(copy, config->names[i], without_seeds(config->items[i]));
    return copy;
}

char *entry_experiment(const Entry *entry)
{
    Text text = {0};
    text_append(&text, "%s\n%s\n%s\n%s\n%g\n%s\n%s\n", entry->data, entry->model, entry->attack,
                entry->mode, entry->target, entry->defense, entry->scale);
    const Json *config = json_get(entry->result, "config");
    if (config) {
        Json *copy = without_seeds(config);
        json_print(copy, &text);
        json_free(copy);
    }
    return text.text;
}
