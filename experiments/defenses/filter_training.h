// What the filters IP, IF and VIF share: a filter network F, Adam, their settings, checkpoints; and the terms of their losses.
#ifndef SIEVE_EXPERIMENTS_DEFENSES_FILTER_TRAINING_H
#define SIEVE_EXPERIMENTS_DEFENSES_FILTER_TRAINING_H

#include "core/ops.h"
#include "experiments/defense.h"
#include "optim/optimizer.h"

// Settings that every filter has (facts 3.2), to stand in its table.
#define FILTER_SETTINGS                                                                            \
    {"batch_size", 128, 128, "images in a step"},                                                  \
        {"learning_rate", 1e-3, 1e-3, "of Adam for F"}, {"beta1", 0.5, 0.5, "of Adam"},            \
        {"beta2", 0.9, 0.9, "of Adam"},                                                            \
        {"crop_padding", 2, 5, "zeros around an image before the random crop"},                    \
        {"rotation", 10, 10, "random rotation by up to so many degrees"},                          \
        {"curve_points", 8, 20, "evaluations of C, T and R during the training"}

// Adam with the settings' betas for these parameters.
Optimizer *adam_of(const Json *settings, const Parameters *parameters, const char *learning_rate);

// The method's create, store, restore and free where F is all it trains.
bool filter_training_create(Defense *defense, bool variational, Error *error);
void filter_training_store(const Defense *defense, Safetensors *file);
bool filter_training_restore(Defense *defense, const Safetensors *file, const char *path,
                             Error *error);
int filter_training_epochs(const Defense *defense);
void filter_training_free(Defense *defense);

// Backward from the loss, then one step of F's optimizer.
void filter_training_update(Defense *defense, Tensor *loss);

// -log p_C(y | x), mean over the batch: C is frozen.
Tensor *classification_loss(const Classifier *classifier, Tensor *images, Tensor *labels);

// ||a - b||_2 over all pixels of an image (not squared), mean over the batch.
Tensor *image_distance(Tensor *a, Tensor *b);

// The key of a step's random draw of this name.
RandomKey draw_key(const Step *step, const char *name);

#endif
