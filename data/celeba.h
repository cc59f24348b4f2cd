// CelebA (Liu et al.), aligned faces, below DIRECTORY/celeba: img_align_celeba/*.jpg,
// list_attr_celeba.txt and, where present, list_eval_partition.txt. As in both papers' sources a
// face has one of 8 classes of three attributes, and the whole picture is resized to 64x64. The
// test half is the partition called validation, as in the filtering paper (facts 1.1); without the
// list of partitions every fifth picture is, which the note tells.
#ifndef SIEVE_DATA_CELEBA_H
#define SIEVE_DATA_CELEBA_H

#include "data/dataset.h"
#include "data/picture_list.h"
#include "data/table.h"

enum { CELEBA_CLASSES = 8 };
extern const char *const celeba_classes[CELEBA_CLASSES];

bool celeba_load(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error);

// The pictures of the list of attributes, which lie in `directory`, divided between the halves.
// partition: the list of partitions, or NULL.
bool celeba_list(const Table *attributes, const Table *partition, const char *directory,
                 PictureList *train, PictureList *test, Error *error);

#endif
