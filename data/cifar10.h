// CIFAR-10 (Krizhevsky) from the files of its binary version below DIRECTORY/cifar-10-batches-bin:
// data_batch_1.bin to data_batch_5.bin and test_batch.bin. Training batches may be missing, but for
// one; the data set's note then tells which.
#ifndef SIEVE_DATA_CIFAR10_H
#define SIEVE_DATA_CIFAR10_H

#include <stddef.h>
#include "data/dataset.h"

extern const char *const cifar10_classes[10];

bool cifar10_load(const DataSource *source, const DataRequest *request, Dataset *train,
                  Dataset *test, Error *error);

// Adds the records of one file to the data set, behind its last. Refused unless they are 1 to
// 10000 whole ones with labels in 0..9; `what` names the file in the message.
bool cifar10_append(const uint8_t *data, size_t size, const char *what, Dataset *dataset,
                    Error *error);

#endif
