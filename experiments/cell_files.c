#include "experiments/cell_files.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/error.h"
#include "core/file.h"
#include "core/sha256.h"

enum { SAMPLE_COUNT = 8 };
static const size_t MAX_FILE = (size_t)1 << 31;

bool cell_finished(const char *directory)
{
    char *path = path_join(directory, "result.json");
    bool finished = file_exists(path);
    free(path);
    if (finished) cell_tidy(directory);
    return finished;
}

static bool is_left_over(const char *name)
{
    size_t length = strlen(name);
    return strcmp(name, "checkpoint.safetensors") == 0 ||
           (name[0] == '.' && length > 4 && strcmp(name + length - 4, ".tmp") == 0);
}

void cell_tidy(const char *directory)
{
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    while (stream && (entry = readdir(stream)) != NULL) {
        if (!is_left_over(entry->d_name)) continue;
        char *path = path_join(directory, entry->d_name);
        unlink(path);
        free(path);
    }
    if (stream) closedir(stream);
}

bool cell_write_json(const char *directory, const char *name, const Json *json, Error *error)
{
    char *path = path_join(directory, name);
    bool ok = json_write(path, json, error);
    free(path);
    return ok;
}

Json *cell_read_json(const char *directory, const char *name, Error *error)
{
    char *path = path_join(directory, name);
    Json *json = json_read(path, error);
    if (json && json->kind != JSON_OBJECT) {
        fail(error, "%s: not an object", path);
        json_free(json);
        json = NULL;
    }
    free(path);
    return json;
}

// The first sample of each class but the target, up to SAMPLE_COUNT; returns how many.
static int64_t choose(const Evaluation *e, uint32_t *chosen)
{
    bool taken[256] = {false};
    int64_t count = 0;
    if (attack_plants_trojan(e->attack) && !e->attack->all_targets)
        taken[e->attack->target & 255] = true;
    for (int64_t i = 0; i < e->count && count < SAMPLE_COUNT; i++) {
        uint32_t sample = e->samples[i];
        int label = e->dataset->labels[sample] & 255;
        if (taken[label]) continue;
        taken[label] = true;
        chosen[count++] = sample;
    }
    return count;
}

static void add_classes(Safetensors *file, const char *name, int64_t count, const int32_t *classes)
{
    if (classes) safetensors_add(file, name, STORED_I32, 1, &count, classes);
}

bool cell_write_samples(const char *directory, const Evaluation *e, const Defense *defense,
                        Error *error)
{
    uint32_t chosen[SAMPLE_COUNT];
    Evaluation few = *e;
    few.samples = chosen;
    few.unfiltered = NULL;
    few.count = choose(e, chosen);
    int64_t shape[4] = {few.count, e->dataset->height, e->dataset->width, e->dataset->channels};
    size_t values = (size_t)(shape[0] * shape[1] * shape[2] * shape[3]);
    float *clean = allocate(4 * values), *trojan = allocate(4 * values);
    float *output = allocate(4 * values);
    int32_t labels[SAMPLE_COUNT];
    bool attacked = attack_plants_trojan(e->attack);
    Safetensors *file = safetensors_create();
    sample_images(&few, 0, few.count, clean, trojan, labels);
    safetensors_add(file, "clean", STORED_F32, 4, shape, clean);
    filter_images(e->filter, few.count, clean, output);
    safetensors_add(file, "filtered_clean", STORED_F32, 4, shape, output);
    if (attacked) {
        safetensors_add(file, "trojan", STORED_F32, 4, shape, trojan);
        filter_images(e->filter, few.count, trojan, output);
        safetensors_add(file, "filtered_trojan", STORED_F32, 4, shape, output);
    }
    if (defense->method->show) {
        defense->method->show(defense, few.count, clean, output);
        safetensors_add(file, "synthetic", STORED_F32, 4, shape, output);
    }
    Predictions p = predict(&few);
    add_classes(file, "labels", few.count, p.labels);
    add_classes(file, "prediction_clean", few.count, p.clean);
    add_classes(file, "prediction_trojan", few.count, p.trojan);
    add_classes(file, "prediction_filtered_clean", few.count, p.filtered_clean);
    add_classes(file, "prediction_filtered_trojan", few.count, p.filtered_trojan);
    char *path = path_join(directory, "samples.safetensors");
    bool ok = safetensors_write(path, file, error);
    free(path);
    predictions_free(&p);
    safetensors_free(file);
    free(clean);
    free(trojan);
    free(output);
    return ok;
}

bool cell_hash_files(const char *directory, Json *record, Error *error)
{
    static const char *const names[] = {"filter.safetensors", "curves.json", "samples.safetensors"};
    Json *files = json_object();
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof names / sizeof names[0]; i++) {
        char *path = path_join(directory, names[i]);
        Bytes bytes = {0};
        char hex[65];
        ok = file_read(path, MAX_FILE, &bytes, error);
        if (ok) {
            sha256_hex(bytes.data, bytes.size, hex);
            json_set(files, names[i], json_string(hex));
        }
        bytes_free(&bytes);
        free(path);
    }
    json_set(record, "files", files);
    return ok;
}
