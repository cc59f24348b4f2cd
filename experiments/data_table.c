#include "experiments/data_table.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include "data/dataset.h"
#include "experiments/attacks/badnets.h"
#include "experiments/report/read.h"

const char data_table_name[] = "none/8";

typedef struct PublishedData {
    const char *name, *size;
    int samples; // for training
    const char *classes, *trigger;
} PublishedData;

static const PublishedData published[] = {
    {"mnist", "28x28x1", 60000, "10", "single pixel"},
    {"gtsrb", "32x32x3", 39209, "43", "static"},
    {"cifar10", "32x32x3", 50000, "10", "dynamic"},
    {"imagenet10", "224x224x3", 9469, "10", "watermark"},
    {"trojai", "224x224x3", 125000, "5-25", "natural Trojans"},
};
enum { ROWS = sizeof published / sizeof published[0] };

// The most training images of any classifier of this data set; 0: none.
static int64_t samples_of(const Results *results, const char *name)
{
    double most = 0;
    for (int i = 0; i < results->classifier_count; i++) {
        const Entry *entry = &results->classifiers[i];
        if (strcmp(entry->data, name) != 0) continue;
        most = fmax(most, json_get_number(json_get(entry->result, "config"), "train_samples", 0));
    }
    return (int64_t)most;
}

static void print_row(Text *out, const PublishedData *row, int64_t samples)
{
    const DataSource *source = data_source_find(row->name, NULL);
    char size[32], classes[16] = "by files", count[32] = "not run";
    snprintf(size, sizeof size, "%dx%dx%d", source->height, source->width, source->channels);
    if (source->classes > 0) snprintf(classes, sizeof classes, "%d", source->classes);
    if (samples > 0) snprintf(count, sizeof count, "%lld", (long long)samples);
    text_append(out, "  %-12s %10s %10s %8s %8d %9s %6s   %-10s %s\n", row->name, size, row->size,
                count, row->samples, classes, row->classes,
                badnets_default_trigger(row->name, source->width, source->channels), row->trigger);
}

static void print_table(Text *out, const Results *results)
{
    text_append(out,
                "%s\nData sets (Wang et al., Table 8): input size, training samples (of the "
                "classifiers that were\nrun), classes, default trigger of badnets (natural "
                "Trojans: --attack natural).\n\n",
                data_table_name);
    text_append(out, "  %-12s %21s %17s %16s   %s\n", "data", "input size", "samples", "classes",
                "trigger");
    text_append(out, "  %-12s %10s %10s %8s %8s %9s %6s   %-10s %s\n", "", "here", "paper", "here",
                "paper", "here", "paper", "here", "paper");
    for (int i = 0; i < ROWS; i++)
        print_row(out, &published[i], samples_of(results, published[i].name));
}

bool data_table(const char *directory, Text *out, Error *error)
{
    Results results = {0};
    bool ok = !directory_exists(directory) || results_read(directory, true, &results, error);
    if (ok) print_table(out, &results);
    results_free(&results);
    return ok;
}
