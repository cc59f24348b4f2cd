// Pictures in folders, as `folder:PATH`: PATH/train/CLASS/* and PATH/test/CLASS/*, where the names
// of the folders, sorted, are the classes 0, 1, ... All pictures have the size of the first one, or
// are resized as a whole to the size that the request gives.
//
// ImageNet-10 is such a folder of known classes: Imagenette (fast.ai), 224x224, below
// DIRECTORY/imagenette2, imagenette2-320, imagenette2-160 or imagenette-224, with val for test.
//
// The ImageNet pair is another: the hidden trigger attack's plunger and theater curtain, below
// DIRECTORY/imagenet-pair, pictures of any size, resized as a whole, with val for test.
#ifndef SIEVE_DATA_FOLDER_H
#define SIEVE_DATA_FOLDER_H

#include "data/dataset.h"

bool folder_open(DataSource *source, const DataRequest *request, Error *error);
bool folder_load(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error);

enum { IMAGENET10_CLASSES = 10 };
extern const char *const imagenet10_classes[IMAGENET10_CLASSES];

bool imagenet10_load(const DataSource *source, const DataRequest *request, Dataset *train,
                     Dataset *test, Error *error);

enum { IMAGENET_PAIR_CLASSES = 2 };
extern const char *const imagenet_pair_classes[IMAGENET_PAIR_CLASSES];

bool imagenet_pair_load(const DataSource *source, const DataRequest *request, Dataset *train,
                        Dataset *test, Error *error);

#endif
