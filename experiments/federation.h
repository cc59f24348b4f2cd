// Federated averaging (McMahan et al., "Communication-Efficient Learning of Deep Networks from
// Decentralized Data", 2017), simulated: participants with training sets of their own train copies
// of one global network, and a server takes the mean of what they made of it, round by round.
#ifndef SIEVE_EXPERIMENTS_FEDERATION_H
#define SIEVE_EXPERIMENTS_FEDERATION_H

#include "experiments/attack.h"
#include "nn/classifier.h"
#include "optim/schedule.h"

// Who has which samples of the training set: participant i those at first[i] .. first[i + 1] - 1.
typedef struct Federation {
    int participants;
    uint32_t *samples;
    int64_t *first; // [participants + 1]
} Federation;

// Divides the training set by its labels as they are: of each class, participant i gets the share
// p_i, p ~ Dirichlet(twice_alpha / 2).
Federation *federation_create(const Dataset *train, int participants, int twice_alpha,
                              uint64_t seed);
void federation_free(Federation *federation); // NULL is allowed

// What one participant does in one round.
typedef struct LocalTraining {
    const bool *left_out; // samples of the training set that it does not train on; NULL: none
    int epochs;
    Schedule schedule; // of the learning rate, over these epochs
} LocalTraining;

typedef struct FederatedTraining {
    const char *label; // in the progress line
    const Federation *federation;
    Classifier *classifier; // G: begins as it is
    const Dataset *train, *test;
    const Attack *attack; // whose ASR is measured
    int rounds;
    double rate;                                                       // eta
    LocalTraining (*local)(void *context, int participant, int round); // both from 0
    void *context;
    int batch_size;
    float momentum, weight_decay;
    bool frozen_norm; // batch norms use and keep their running statistics; dropout stays
    Augmentation augmentation;
    int evaluate_every; // rounds between points on the curves of BA and ASR
    uint64_t seed;
    uint32_t purpose; // keeps the random numbers of different trainings apart
    const char *checkpoint, *config_hash;
    double checkpoint_interval; // seconds, at rounds' ends
    bool quiet;
} FederatedTraining;

// All rounds, or those after the checkpoint; the rest as train() in experiments/training.h, with a
// round for an epoch.
bool federated_train(const FederatedTraining *training, Curves *curves, double *seconds,
                     Error *error);

#endif
