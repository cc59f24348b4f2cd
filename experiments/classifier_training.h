// Trains the classifier that an attack plants its Trojan in: online poisoning, every batch anew
// (facts 1.3, 2).
#ifndef SIEVE_EXPERIMENTS_CLASSIFIER_TRAINING_H
#define SIEVE_EXPERIMENTS_CLASSIFIER_TRAINING_H

#include "experiments/attack.h"
#include "experiments/training.h"
#include "nn/classifier.h"

extern const Setting classifier_settings[];

typedef struct ClassifierTraining {
    Classifier *classifier;
    const Attack *attack;
    const Json *settings; // of classifier_settings, augmentation completed
    const Dataset *train, *test;
    uint64_t seed;
    const char *checkpoint, *config_hash;
    double checkpoint_interval; // seconds
    bool quiet;
} ClassifierTraining;

bool train_classifier(const ClassifierTraining *training, Curves *curves, double *seconds,
                      Error *error);

#endif
