// The built-in data set: hand-written digits that the program draws itself, 28x28 grey, in the
// manner of MNIST. Sample i is a function of (seed, half, i) alone, and the same bits on every
// machine; every ten samples in a row hold each digit once.
#ifndef SIEVE_DATA_DIGITS_H
#define SIEVE_DATA_DIGITS_H

#include "data/dataset.h"

bool digits_load(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error);

#endif
