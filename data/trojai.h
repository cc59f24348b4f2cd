// A data set of the TrojAI programme (NIST) below DIRECTORY/trojai: train.csv and test.csv, as its
// tools write them, and the pictures (PNG) that they name relative to that directory. The columns
// `file` and `train_label` (test: `true_label`), or `label` where that is all there is, count; so
// training images that were poisoned already keep their given labels. A picture's shorter side is
// resized to 256, and the middle 224x224 are taken.
#ifndef SIEVE_DATA_TROJAI_H
#define SIEVE_DATA_TROJAI_H

#include "data/dataset.h"
#include "data/picture_list.h"
#include "data/table.h"

enum { TROJAI_MOST_CLASSES = 1000 };

bool trojai_open(DataSource *source, const DataRequest *request, Error *error);
bool trojai_load(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error);

// The pictures of one csv file, below `directory`. wanted: the name of the column of labels, where
// there is one. *classes is raised to the largest label + 1.
bool trojai_list(const Table *csv, const char *directory, const char *wanted, PictureList *list,
                 int *classes, Error *error);

#endif
