// The table of data sources. Adding one is one line here and one loader beside digits.c and
// mnist.c.
#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "data/digits.h"
#include "data/mnist.h"

static const DataSource sources[] = {
    {"digits", 28, 28, 1, 10, "mnist-ia", {0.5f}, {0.5f}, false, digits_load},
    {"mnist", 28, 28, 1, 10, "mnist-ia", {0.5f}, {0.5f}, false, mnist_load},
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

bool dataset_load(const DataSource *source, const DataRequest *request, Dataset *train,
                  Dataset *test, Error *error)
{
    *train = dataset_of(source);
    *test = dataset_of(source);
    if (source->load(source, request, train, test, error)) return true;
    dataset_free(train);
    dataset_free(test);
    return false;
}

void dataset_free(Dataset *dataset)
{
    free(dataset->name);
    free(dataset->images);
    free(dataset->labels);
    *dataset = (Dataset){0};
}
