// The networks, one file for each family; the tables in nn/classifier.c, nn/filter.c and
// nn/generator.c list them. A builder finds name and sizes filled in, and adds parameters, forward
// functions, and its own layers in `network` (freed with free).
#ifndef SIEVE_NN_MODELS_MODELS_H
#define SIEVE_NN_MODELS_MODELS_H

#include "nn/classifier.h"
#include "nn/filter.h"
#include "nn/generator.h"

bool mnist_ia_build(Classifier *classifier, Error *error);
bool mnist_wanet_build(Classifier *classifier, Error *error);
bool preact_resnet18_build(Classifier *classifier, Error *error);
bool resnet18_build(Classifier *classifier, Error *error);

void filter_mnist_build(Filter *filter);
void filter_c_build(Filter *filter);
void filter_mnist_generator_build(Generator *generator);

#endif
