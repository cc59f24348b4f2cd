// The networks, one file for each family; the tables in nn/classifier.c, nn/filter.c and
// nn/generator.c list them. A builder finds name and sizes filled in, and adds parameters, forward
// functions, and its own layers in `network` (freed with free).
#ifndef SIEVE_NN_MODELS_MODELS_H
#define SIEVE_NN_MODELS_MODELS_H

#include "nn/classifier.h"
#include "nn/filter.h"
#include "nn/generator.h"

// The networks of the NONE paper come in two forms: one for CIFAR-10's 32x32, one for ImageNet's
// 224x224.
typedef enum Form {
    FORM_NONE,  // too small
    FORM_SMALL, // 28 to 127: sides below 32 get a black margin up to 32 (Classifier.seen_height)
    FORM_LARGE  // 128 and more
} Form;
Form network_form(Classifier *classifier, Error *error);

// Adds a layer to classifier->neurons.
void neurons_add(Classifier *classifier, NeuronLayer layer);

bool mnist_ia_build(Classifier *classifier, Error *error);
bool mnist_wanet_build(Classifier *classifier, Error *error);
bool mnist_dba_build(Classifier *classifier, Error *error);
bool preact_resnet18_build(Classifier *classifier, Error *error);
bool resnet18_celeba_build(Classifier *classifier, Error *error);
bool resnet18_dba_build(Classifier *classifier, Error *error);
bool resnet18_build(Classifier *classifier, Error *error);
bool resnet18_leaky_relu_build(Classifier *classifier, Error *error);
bool resnet18_elu_build(Classifier *classifier, Error *error);
bool resnet18_tanhshrink_build(Classifier *classifier, Error *error);
bool resnet18_softplus_build(Classifier *classifier, Error *error);
bool vgg11_build(Classifier *classifier, Error *error);
bool vgg11_bn_build(Classifier *classifier, Error *error);
bool vgg16_build(Classifier *classifier, Error *error);
bool vgg16_bn_build(Classifier *classifier, Error *error);
bool nin_build(Classifier *classifier, Error *error);
bool alexnet_build(Classifier *classifier, Error *error);
bool mlp_build(Classifier *classifier, Error *error);

void filter_mnist_build(Filter *filter);
void filter_celeba_build(Filter *filter);
void filter_a_build(Filter *filter);
void filter_b_build(Filter *filter);
void filter_c_build(Filter *filter);
void filter_d_build(Filter *filter);

void filter_mnist_generator_build(Generator *generator);
void filter_celeba_generator_build(Generator *generator);
void filter_a_generator_build(Generator *generator);
void filter_b_generator_build(Generator *generator);
void filter_c_generator_build(Generator *generator);

#endif
