// Data sets: labelled images in memory, and the table of the sources they come from (--data NAME).
#ifndef SIEVE_DATA_DATASET_H
#define SIEVE_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>
#include "core/error.h"

typedef struct Dataset {
    char *name;
    int64_t count;
    int height, width, channels, classes;
    uint8_t *images; // count x height x width x channels
    int32_t *labels; // count, each in 0..classes-1
    float mean[3],
        std[3]; // per channel: the normalisation (x - mean) / std in front of the classifier
} Dataset;

// What a source needs to know. A field that a source has no use for is ignored by it.
typedef struct DataRequest {
    const char *directory; // the data directory; files of source NAME lie below directory/NAME
    uint64_t seed;         // built-in sources: which images are drawn
    int64_t train_count, test_count; // built-in sources: how many; 0: 60000 and 10000
} DataRequest;

typedef struct DataSource DataSource;
struct DataSource {
    const char *name;
    int height, width, channels, classes;
    const char *default_model;
    float mean[3], std[3];
    bool flip; // whether a mirrored image is still of its class, so that training may flip it
    // For dataset_load: fills count, images and labels; the other fields are set already.
    bool (*load)(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error);
};

// The source of this name; NULL, and a sentence that lists the known ones.
const DataSource *data_source_find(const char *name, Error *error);

// Both halves of a data set, owned by the caller (dataset_free each); both empty on failure.
bool dataset_load(const DataSource *source, const DataRequest *request, Dataset *train,
                  Dataset *test, Error *error);

// Releases what the data set owns and leaves it empty.
void dataset_free(Dataset *dataset);

#endif
