// Trains the classifier that an attack plants its Trojan in, and the attack's own networks: online
// poisoning, every batch anew (facts 1.3, 2).
#ifndef SIEVE_EXPERIMENTS_CLASSIFIER_TRAINING_H
#define SIEVE_EXPERIMENTS_CLASSIFIER_TRAINING_H

#include "experiments/attack.h"
#include "experiments/training.h"
#include "nn/classifier.h"
#include "optim/schedule.h"

extern const Setting classifier_settings[];

// Better values of some for the attacks of the NONE paper (facts 1.1 and 5).
extern const Setting none_paper_training[];

// What the settings ask for: learning rates over so many steps, starting weights.
Schedule classifier_schedule(const Json *settings, int64_t steps);
void classifier_start(const Json *settings, Parameters *parameters, RandomKey key);

typedef struct ClassifierTraining {
    Classifier *classifier;
    Attack *attack;       // its networks, where it has any, are trained too
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
