// Data sets: labelled images in memory, and the table of the sources they come from (--data NAME).
#ifndef SIEVE_DATA_DATASET_H
#define SIEVE_DATA_DATASET_H

#include <stdbool.h>
#include <stdint.h>
#include "core/error.h"
#include "core/file.h"
#include "core/random.h"

typedef struct Dataset {
    char *name;
    int64_t count;
    int height, width, channels, classes;
    uint8_t *images; // count x height x width x channels
    int32_t *labels; // count, each in 0..classes-1
    float mean[3],
        std[3]; // per channel: the normalisation (x - mean) / std in front of the classifier
    char *note; // what the user should know of how it was read (files that are missing), or NULL
} Dataset;

// Random changes of each image, in this order; zeros: none.
typedef struct Augmentation {
    int crop_padding; // zeros around the image on every side, then a random crop of the old size
    float rotation_degrees; // rotation about the centre by U(-degrees, degrees), at most 180; zeros
                            // from outside
    bool flip;              // mirrored left to right with probability 1/2
} Augmentation;

// What a source needs to know. A field that a source has no use for is ignored by it.
typedef struct DataRequest {
    const char *directory; // the data directory; files of source NAME lie below directory/NAME
    uint64_t seed;         // built-in sources: which images are drawn
    int64_t train_count, test_count; // how many images; 0: all, of built-in sources 60000 and
                                     // 10000. Of files a part is taken that depends on the numbers
                                     // alone.
    int image_height, image_width, image_channels; // folders: every image is resized to this size;
                                                   // 0: that of the first one, which all have
} DataRequest;

typedef struct DataSource DataSource;
struct DataSource {
    const char *name;
    const char *place;                    // where it comes from, in words
    int height, width, channels, classes; // 0: data_source_open finds them out
    const char *default_model;
    float mean[3], std[3];
    // Of a training at full length, each leaves the class as it is: the filtering paper's, and that of
    // the NONE paper, which never rotates.
    Augmentation augmentation, none_augmentation;
    // For dataset_load: fills count, images, labels and note; the other fields are set already.
    bool (*load)(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error);
    const char *const *class_names; // NULL: the classes are called by their numbers
    bool built_in;                  // drawn by the program: any number of images, no files
    // Of sources whose files tell their size or classes, else NULL: completes the fields above.
    // What it fills in below is freed when the source is closed, also where it fails.
    bool (*open)(DataSource *source, const DataRequest *request, Error *error);
    bool takes_path;  // is called NAME:PATH
    const char *path; // of an open source: what stood behind the colon, or NULL
    char *made_name;  // name, where open made one
    Names folders;    // class_names, where open found them
};

// The row of this name in the table of sources (NAME of NAME:PATH); NULL, and a sentence that lists
// the known ones.
const DataSource *data_source_find(const char *name, Error *error);

// The rows of that table, from 0 on; NULL behind the last.
const DataSource *data_source_at(int i);

// A copy of that row with every field filled in, for data_source_close; NULL on failure. The name
// outlives it.
DataSource *data_source_open(const char *name, const DataRequest *request, Error *error);
void data_source_close(DataSource *source);

// Both halves of a data set, owned by the caller (dataset_free each); both empty on failure.
bool dataset_load(const DataSource *source, const DataRequest *request, Dataset *train,
                  Dataset *test, Error *error);

// Mean and standard deviation of each channel's values in [0, 1], of all images together: the same
// bits on every machine. A data set without images has none (zeros).
void dataset_moments(const Dataset *dataset, double mean[3], double deviation[3]);

// Which `count` of `total` samples make up a part of a data set: total flags, the caller's.
bool *random_part(int64_t total, int64_t count);

// A data set of its own of `count` (at most all) of the samples, drawn at random with the key, in
// the order of the draw; the caller's to free.
Dataset dataset_draw(const Dataset *dataset, int64_t count, RandomKey key);

// The digest of both halves: labels and images (64 hex digits and a zero byte).
void dataset_digest(const Dataset *train, const Dataset *test, char hex[65]);

// Releases what the data set owns and leaves it empty.
void dataset_free(Dataset *dataset);

#endif
