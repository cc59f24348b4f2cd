// MNIST (LeCun, Cortes, Burges) from its four original files below DIRECTORY/mnist:
// {train,t10k}-images-idx3-ubyte and {train,t10k}-labels-idx1-ubyte, plain or with the ending .gz.
#ifndef SIEVE_DATA_MNIST_H
#define SIEVE_DATA_MNIST_H

#include "data/dataset.h"

bool mnist_load(const DataSource *source, const DataRequest *request, Dataset *train, Dataset *test,
                Error *error);

#endif
