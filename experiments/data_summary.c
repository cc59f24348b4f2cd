#include "experiments/data_summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "data/batch.h"

enum { FEW_CLASSES = 12, PER_CLASS_OF_FEW = 10, PER_CLASS_OF_MANY = 5, SHEET_COLUMNS = 20 };
enum { SHOWN_SIDE = 64 }; // smaller images are enlarged to about this

void data_notes_print(const Dataset *train, const Dataset *test)
{
    const Dataset *halves[] = {train, test};
    for (int i = 0; i < 2; i++)
        if (halves[i]->note) fprintf(stderr, "sieve: %s: %s\n", halves[i]->name, halves[i]->note);
}

static Json *per_class(const Dataset *dataset)
{
    int64_t *counts = allocate_zeroed((unsigned long long)dataset->classes * sizeof *counts);
    for (int64_t i = 0; i < dataset->count; i++) counts[dataset->labels[i]]++;
    Json *json = json_array();
    for (int label = 0; label < dataset->classes; label++)
        json_push(json, json_number((double)counts[label]));
    free(counts);
    return json;
}

static void add_moments(const Dataset *dataset, Json *summary)
{
    double mean[3], deviation[3];
    dataset_moments(dataset, mean, deviation);
    Json *means = json_array(), *deviations = json_array();
    for (int channel = 0; channel < dataset->channels; channel++) {
        json_push(means, json_number(mean[channel]));
        json_push(deviations, json_number(deviation[channel]));
    }
    json_set(summary, "mean", means);
    json_set(summary, "std", deviations);
}

Json *data_summary(const DataSource *source, const Dataset *train, const Dataset *test)
{
    Json *summary = json_object();
    json_set(summary, "data", json_string(source->name));
    json_set(summary, "height", json_number(source->height));
    json_set(summary, "width", json_number(source->width));
    json_set(summary, "channels", json_number(source->channels));
    json_set(summary, "classes", json_number(source->classes));
    json_set(summary, "train_images", json_number((double)train->count));
    json_set(summary, "test_images", json_number((double)test->count));
    if (source->class_names) {
        Json *names = json_array();
        for (int i = 0; i < source->classes; i++)
            json_push(names, json_string(source->class_names[i]));
        json_set(summary, "class_names", names);
    }
    json_set(summary, "train_per_class", per_class(train));
    json_set(summary, "test_per_class", per_class(test));
    add_moments(train, summary);
    char hex[65];
    dataset_digest(train, test, hex);
    json_set(summary, "sha256", json_string(hex));
    if (train->note) json_set(summary, "train_note", json_string(train->note));
    if (test->note) json_set(summary, "test_note", json_string(test->note));
    return summary;
}

// Cell i of the sheet: the i % each -th image, in a random order, of class i / each; -1: there is
// none.
static int64_t *choose_images(const Dataset *dataset, int each)
{
    int64_t cells = (int64_t)dataset->classes * each;
    int64_t *chosen = allocate((unsigned long long)cells * sizeof *chosen);
    int *found = allocate_zeroed((unsigned long long)dataset->classes * sizeof *found);
    uint32_t *order = allocate((unsigned long long)dataset->count * sizeof *order);
    for (int64_t i = 0; i < cells; i++) chosen[i] = -1;
    epoch_order((RandomKey){.purpose = random_purpose("contact sheet")}, NULL, dataset->count,
                order);
    for (int64_t i = 0; i < dataset->count; i++) {
        int label = dataset->labels[order[i]];
        if (found[label] < each) chosen[(int64_t)label * each + found[label]++] = order[i];
    }
    free(found);
    free(order);
    return chosen;
}

Picture data_contact_sheet(const Dataset *dataset)
{
    bool few = dataset->classes <= FEW_CLASSES;
    int each = few ? PER_CLASS_OF_FEW : PER_CLASS_OF_MANY;
    int shorter = dataset->height < dataset->width ? dataset->height : dataset->width;
    int64_t cells = (int64_t)dataset->classes * each;
    size_t size = (size_t)dataset->height * (size_t)dataset->width * (size_t)dataset->channels;
    int64_t *chosen = choose_images(dataset, each);
    float *images = allocate_zeroed((unsigned long long)cells * size * sizeof *images);
    for (int64_t i = 0; i < cells; i++) {
        int32_t label;
        uint32_t index = (uint32_t)chosen[i];
        if (chosen[i] >= 0)
            batch_fill(dataset, &index, 1, (Augmentation){0}, (RandomKey){0}, 0,
                       images + (size_t)i * size, &label);
    }
    Picture sheet =
        contact_sheet(images, cells, dataset->height, dataset->width, dataset->channels,
                      few ? each : SHEET_COLUMNS, shorter < SHOWN_SIDE ? SHOWN_SIDE / shorter : 1);
    free(images);
    free(chosen);
    return sheet;
}
