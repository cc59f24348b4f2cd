// What a data set holds: counts, classes, moments of its channels, digest; and a sheet of its
// images. All the same bits on every machine.
#ifndef SIEVE_EXPERIMENTS_DATA_SUMMARY_H
#define SIEVE_EXPERIMENTS_DATA_SUMMARY_H

#include "core/json.h"
#include "data/dataset.h"
#include "data/picture.h"

// One object: data, height, width, channels, classes, train_images, test_images, class_names,
// train_per_class, test_per_class, mean and std (of the training images' channels, in [0, 1]),
// sha256 (labels and images of both halves), notes.
Json *data_summary(const DataSource *source, const Dataset *train, const Dataset *test);

// Some images of each class, class after class, each class in columns of its own.
Picture data_contact_sheet(const Dataset *dataset);

// The halves' notes on stderr, a line each.
void data_notes_print(const Dataset *train, const Dataset *test);

#endif
