#include "experiments/cell_files.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/error.h"
#include "core/file.h"
#include "core/ops.h"
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

Json *cell_read_result(const char *directory, const char *hash, Error *error)
{
    Json *result = cell_read_json(directory, "result.json", error);
    if (!result || strcmp(json_get_string(result, "config_hash", ""), hash) == 0) return result;
    fail(error,
         "%s/result.json is not what this configuration left there (its config_hash differs); "
         "remove the directory to compute it again",
         directory);
    json_free(result);
    return NULL;
}

void cell_tidy(const char *directory)
{
    file_remove_left_over(directory);
    DIR *stream = opendir(directory);
    const struct dirent *entry;
    while (stream && (entry = readdir(stream)) != NULL) {
        if (strncmp(entry->d_name, "checkpoint", strlen("checkpoint")) != 0) continue;
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

// The first sample of each class but the target, up to SAMPLE_COUNT; returns how many. Where all are
// of the target class, the first one.
static int64_t choose(const Evaluation *e, uint32_t *chosen)
{
    bool taken[256] = {false};
    int64_t count = 0;
    if (attack_plants_trojan(e->attack) && !e->attack->all_targets)
        taken[e->attack->target & 255] = true;
    for (int64_t i = 0; i < e->count && count < SAMPLE_COUNT; i++) {
        uint32_t sample = e->samples ? e->samples[i] : (uint32_t)i;
        int label = e->dataset->labels[sample] & 255;
        if (taken[label]) continue;
        taken[label] = true;
        chosen[count++] = sample;
    }
    if (count == 0) chosen[count++] = e->samples ? e->samples[0] : 0;
    return count;
}

static void add_classes(Safetensors *file, const char *name, int64_t count, const int32_t *classes)
{
    if (classes) safetensors_add(file, name, STORED_I32, 1, &count, classes);
}

static void add_pictures(Safetensors *file, const char *name, const Tensor *images)
{
    if (!images) return;
    float *values = allocate((size_t)images->count * sizeof *values);
    tensor_read(images, values);
    safetensors_add(file, name, STORED_F32, 4, images->shape, values);
    free(values);
}

// A mask in as many channels as the images have.
static Tensor *spread_mask(const Trigger *trigger)
{
    if (!trigger->mask) return NULL;
    Tensor *all = affine(0, trigger->pattern, 1);
    return multiply(trigger->mask, all);
}

static void add_sample_pictures(Safetensors *file, const Evaluation *e, const Defense *defense,
                                const SampleBatch *batch)
{
    add_pictures(file, "clean", batch->clean);
    add_pictures(file, "trojan", batch->trojan);
    add_pictures(file, "decoy", batch->decoy);
    add_pictures(file, "mask", spread_mask(&batch->trigger));
    add_pictures(file, "pattern", batch->trigger.pattern);
    if (!defense) return;
    add_pictures(file, "filtered_clean", filter_images(e->filter, batch->clean));
    if (batch->trojan)
        add_pictures(file, "filtered_trojan", filter_images(e->filter, batch->trojan));
    if (!defense->method->show) return;
    add_pictures(file, "synthetic", defense->method->show(defense, batch->clean));
}

bool cell_write_samples(const char *directory, const Evaluation *e, const Defense *defense,
                        Error *error)
{
    uint32_t chosen[SAMPLE_COUNT];
    Evaluation few = *e;
    few.samples = chosen;
    few.unfiltered = NULL;
    few.count = choose(e, chosen);
    Safetensors *file = safetensors_create();
    Tape *tape = tape_create(classifier_kernels(e->classifier));
    ImageStore store = image_store(e->dataset, tape_kernels(tape));
    tape_record(tape, false);
    SampleBatch batch;
    sample_batch(&few, &store, tape, 0, few.count, !defense, &batch);
    add_sample_pictures(file, &few, defense, &batch);
    tape_free(tape);
    image_store_free(&store);
    Predictions p = predict(&few);
    add_classes(file, "labels", few.count, p.labels);
    add_classes(file, "prediction_clean", few.count, p.clean);
    add_classes(file, "prediction_trojan", few.count, p.trojan);
    add_classes(file, "prediction_decoy", few.count, p.decoy);
    add_classes(file, "prediction_filtered_clean", few.count, p.filtered_clean);
    add_classes(file, "prediction_filtered_trojan", few.count, p.filtered_trojan);
    char *path = path_join(directory, "samples.safetensors");
    bool ok = safetensors_write(path, file, error);
    free(path);
    predictions_free(&p);
    safetensors_free(file);
    return ok;
}

bool cell_hash_files(const char *directory, Json *record, Error *error)
{
    static const char *const names[] = {"filter.safetensors", "model.safetensors", "curves.json",
                                        "samples.safetensors"};
    Json *files = json_object();
    bool ok = true;
    for (size_t i = 0; ok && i < sizeof names / sizeof names[0]; i++) {
        char *path = path_join(directory, names[i]);
        Bytes bytes = {0};
        char hex[65];
        if (!file_exists(path)) {
            free(path);
            continue;
        }
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
