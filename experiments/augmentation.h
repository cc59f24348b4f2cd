// The settings of augmentation that the trainings share: what their tables leave to the data set,
// and how they become data/dataset.h's Augmentation.
#ifndef SIEVE_EXPERIMENTS_AUGMENTATION_H
#define SIEVE_EXPERIMENTS_AUGMENTATION_H

#include <math.h>
#include "data/dataset.h"
#include "experiments/setting.h"

// A setting's value in its table: the data set's own.
#define OF_DATA ((double)NAN)

// To stand in a method's table of settings, with the quick scale's crop_padding and both scales'
// rotation.
// clang-format off
#define AUGMENTATION_SETTINGS(QUICK_PADDING, ROTATION)                                       \
    {"crop_padding", QUICK_PADDING, OF_DATA, "zeros around an image before the random crop", \
     {0, 1000, true}},                                                                       \
    {"rotation", ROTATION, ROTATION, "random rotation by up to so many degrees",             \
     {0, 180, false}},                                                                       \
    {"flip", OF_DATA, OF_DATA, "1: images are mirrored with probability 1/2", {0, 1, true}}
// clang-format on

// Puts the data set's own values where the settings are OF_DATA; settings without augmentation stay
// as they are.
void augmentation_complete(Json *settings, const Augmentation *of_data);

// Of completed settings.
Augmentation augmentation_of(const Json *settings);

#endif
