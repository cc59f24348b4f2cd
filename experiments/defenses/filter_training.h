// What the filters IP, IF and VIF share: a filter network F, Adam, their settings, checkpoints; and
// the terms of their losses.
#ifndef SIEVE_EXPERIMENTS_DEFENSES_FILTER_TRAINING_H
#define SIEVE_EXPERIMENTS_DEFENSES_FILTER_TRAINING_H

#include "core/ops.h"
#include "experiments/augmentation.h"
#include "experiments/defense.h"
#include "optim/optimizer.h"

// Settings that every filter has (facts 3.2), to stand in its table.
// clang-format off
#define FILTER_SETTINGS                                                                         \
    {"batch_size", 32, 128, "images in a step", {1, 1e6, true}},                                \
    {"learning_rate", 2e-3, 1e-3, "of Adam for F", {0, 1e3, false}},                            \
    {"cosine", 1, 0, "1: learning rates fall along half a cosine; 0: they stay", {0, 1, true}}, \
    {"norm_momentum", 0.1, 0, "of batch norm; 0: the filter's own (C .01)", {0, 1, false}},     \
    {"beta1", 0.5, 0.5, "of Adam", {1e-6, 0.9999, false}},                                      \
    {"beta2", 0.9, 0.9, "of Adam", {1e-6, 0.9999, false}},                                      \
    AUGMENTATION_SETTINGS(1, 10),                                                               \
    {"curve_points", 4, 20, "evaluations of C, T and R during the training", {1, 1e5, true}}
// clang-format on

// Adam with the settings' betas for these parameters, both on the classifier's device.
Optimizer *adam_of(const Defense *defense, Parameters *parameters, const char *learning_rate);

// The method's create, store, restore and free where F is all it trains.
bool filter_training_create(Defense *defense, bool variational, Error *error);
void filter_training_store(const Defense *defense, Safetensors *file);
bool filter_training_restore(Defense *defense, const Safetensors *file, const char *path,
                             Error *error);
int filter_training_epochs(const Defense *defense);
void filter_training_free(Defense *defense);

// Backward from the loss, then one step of F's optimizer.
void filter_training_update(Defense *defense, const Step *step, Tensor *loss);

// The setting of this name, lowered along the cosine where the settings say so.
float learning_rate_of(const Json *settings, const char *name, const Step *step);

// -log p_C(y | x), mean over the batch: C is frozen.
Tensor *classification_loss(const Classifier *classifier, Tensor *images, Tensor *labels);

// ||a - b||_2 over all pixels of an image (not squared), mean over the batch.
Tensor *image_distance(Tensor *a, Tensor *b);

// The key of a step's random draw of this name.
RandomKey draw_key(const Step *step, const char *name);

#endif
