// The table of data sources. Adding one is one row here and one loader beside digits.c, mnist.c and
// cifar10.c.
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/random.h"
#include "data/cifar10.h"
#include "data/digits.h"
#include "data/mnist.h"

// The filtering paper's augmentation (facts 1.3): a crop out of 5 zeros on every side everywhere,
// rotation except for MNIST's digits, mirroring where a mirrored image is still of its class.
static const DataSource sources[] = {
    {.name = "digits",
     .height = 28,
     .width = 28,
     .channels = 1,
     .classes = 10,
     .default_model = "mnist-ia",
     .mean = {0.5f},
     .std = {0.5f},
     .augmentation = {.crop_padding = 5},
     .built_in = true,
     .load = digits_load},
    {.name = "mnist",
     .height = 28,
     .width = 28,
     .channels = 1,
     .classes = 10,
     .default_model = "mnist-ia",
     .mean = {0.5f},
     .std = {0.5f},
     .augmentation = {.crop_padding = 5},
     .load = mnist_load},
    {.name = "cifar10",
     .height = 32,
     .width = 32,
     .channels = 3,
     .classes = 10,
     .default_model = "preact-resnet18",
     .mean = {0.4914f, 0.4822f, 0.4465f},
     .std = {0.247f, 0.243f, 0.261f},
     .augmentation = {.crop_padding = 5, .rotation_degrees = 10, .flip = true},
     .class_names = cifar10_classes,
     .load = cifar10_load},
};
enum { SOURCES = sizeof sources / sizeof sources[0] };

const DataSource *data_source_find(const char *name, Error *error)
{
    Text known = {0};
    for (int i = 0; i < SOURCES; i++) {
        if (strcmp(sources[i].name, name) == 0) {
            text_free(&known);
            return &sources[i];
        }
        text_append(&known, "%s%s", i ? ", " : "", sources[i].name);
    }
    fail(error, "unknown data set '%s': known are %s", name, known.text);
    text_free(&known);
    return NULL;
}

bool *random_part(int64_t total, int64_t count)
{
    bool *chosen = allocate_zeroed((unsigned long long)total);
    uint32_t *order = allocate((unsigned long long)total * sizeof *order);
    random_permutation((RandomKey){.purpose = random_purpose("part of a data set")},
                       (uint32_t)total, order);
    for (int64_t i = 0; i < count; i++) chosen[order[i]] = true;
    free(order);
    return chosen;
}

// An empty data set of the source's name, shape and normalisation.
static Dataset dataset_of(const DataSource *source)
{
    Dataset dataset = {
        .name = copy_string(source->name),
        .height = source->height,
        .width = source->width,
        .channels = source->channels,
        .classes = source->classes,
    };
    memcpy(dataset.mean, source->mean, sizeof dataset.mean);
    memcpy(dataset.std, source->std, sizeof dataset.std);
    return dataset;
}

// Keeps `count` samples of the data set, in their order; all of them where count is 0 or there are
// no more.
static void dataset_part(Dataset *dataset, int64_t count)
{
    if (count <= 0 || count >= dataset->count) return;
    size_t size = (size_t)dataset->height * (size_t)dataset->width * (size_t)dataset->channels;
    bool *kept = random_part(dataset->count, count);
    int64_t next = 0;
    for (int64_t i = 0; i < dataset->count; i++) {
        if (!kept[i]) continue;
        if (i > next)
            memcpy(dataset->images + (size_t)next * size, dataset->images + (size_t)i * size, size);
        dataset->labels[next++] = dataset->labels[i];
    }
    dataset->count = count;
    free(kept);
}

bool dataset_load(const DataSource *source, const DataRequest *request, Dataset *train,
                  Dataset *test, Error *error)
{
    *train = dataset_of(source);
    *test = dataset_of(source);
    if (source->load(source, request, train, test, error)) {
        dataset_part(train, request->train_count);
        dataset_part(test, request->test_count);
        return true;
    }
    dataset_free(train);
    dataset_free(test);
    return false;
}

void dataset_free(Dataset *dataset)
{
    free(dataset->name);
    free(dataset->images);
    free(dataset->labels);
    free(dataset->note);
    *dataset = (Dataset){0};
}
