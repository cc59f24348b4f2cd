// The built-in data set in colour: traffic signs that the program draws itself, 32x32, 43 classes,
// in the manner of GTSRB: in front of something, under some light, seen at an angle, more or less
// sharp. Sample i is a function of (seed, half, i) alone, and the same bits on every machine; every
// 43 samples in a row hold each sign once.
#ifndef SIEVE_DATA_SIGNS_H
#define SIEVE_DATA_SIGNS_H

#include "data/dataset.h"

bool signs_load(const DataSource *source, const DataRequest *request, Dataset *train, Dataset *test,
                Error *error);

#endif
