// Training-time defenses: each turns the training set that it is handed, poisoned or not, into a
// classifier of its own, while the filters of experiments/defense.h stand in front of a frozen one.
// One file in experiments/defenses/ for each method, one line in the table of training_defense.c.
//
// A method is a sequence of stages, each of which trains the classifier for some epochs and keeps a
// checkpoint; what it computes between them follows from the state before alone. So a run that was
// killed goes through the same sequence again, takes up finished stages from their checkpoints, and
// ends in the same bits.
#ifndef SIEVE_EXPERIMENTS_TRAINING_DEFENSE_H
#define SIEVE_EXPERIMENTS_TRAINING_DEFENSE_H

#include "core/ops.h"
#include "experiments/evaluation.h"
#include "experiments/setting.h"
#include "experiments/training.h"
#include "nn/classifier.h"
#include "optim/schedule.h"

typedef struct TrainingDefense TrainingDefense;

typedef struct TrainingDefenseMethod {
    const char *name, *title;
    Settings settings;
    // Leaves the defended classifier in defense->classifier, by training_stage and
    // training_findings. False and a sentence where the model does not suit it or a file fails.
    bool (*train)(TrainingDefense *defense, Error *error);
} TrainingDefenseMethod;

struct TrainingDefense {
    const TrainingDefenseMethod *method;
    const Json *settings;            // of the method
    const Json *classifier_settings; // of the undefended training (classifier_training.h)
    Classifier *classifier;    // begins as the undefended training ended; a method may start afresh
    const Dataset *train;      // with the labels that the defender was given
    const Dataset *clean;      // a few samples of the defender's own, drawn before any attack
    Augmentation augmentation; // of the undefended training
    const struct Federation
        *federation; // whose participants hold the training set; NULL: all in one place
    uint64_t seed;

    // For the judge alone; methods have no use for them.
    const Attack *attack;
    const Dataset *test;
    const PoisonTruth *truth;

    // The bookkeeping of stages and findings.
    const char *directory, *config_hash; // of the cell
    bool quiet;
    int stages, epochs; // so far
    Curves curves;
    double seconds;          // of all stages
    double analysis_seconds; // of what the method does between them; the method adds it up
    Json *findings;          // what training_findings was told, in order
};

// One stage of SGD on the mean cross-entropy.
typedef struct TrainingStage {
    const char *label;       // in the progress line
    const Dataset *dataset;  // NULL: the training set
    const uint32_t *samples; // of the data set; NULL: all
    int64_t sample_count;
    int epochs, batch_size;
    Schedule schedule; // of the learning rate, over steps
    float momentum, weight_decay;
    bool nesterov;
    bool frozen_norm; // batch norms use and keep their running statistics; dropout stays
    Augmentation augmentation;
    int evaluations; // points on the curves of BA and ASR, the last epoch's included
    // The loss where it is another one, from the class scores; NULL: cross_entropy(logits, labels).
    Tensor *(*loss)(void *context, const Step *step, Tensor *logits);
    // In place of backward(loss); NULL: that.
    void (*backward)(void *context, const Step *step, Tensor *loss);
    void *context;
    const Observer *observer; // sees each step's forward pass; NULL: nobody
} TrainingStage;

// In a federation an epoch is a round: each participant trains for one epoch on those of its
// samples that the stage has, and the server takes the mean (experiments/federation.h). Momentum
// begins anew with every round; the loss must be the plain one, the learning rate constant.
bool training_stage(TrainingDefense *defense, const TrainingStage *stage, Error *error);

// Enters what a method found at one point: `finding` (an object, which becomes the record's; NULL:
// an empty one) and, where removed is not NULL, the samples that it takes out of the training set
// (one flag each), with the score that decided it, NULL or one for each sample. The judge adds
// precision and recall against the truth, and BA and ASR of the classifier as it stands (NONE's:
// reset, not trained again yet); the samples are listed in removed-N.csv. N counts from 1.
bool training_findings(TrainingDefense *defense, Json *finding, const bool *removed,
                       const double *scores, Error *error);

// NULL where no training-time defense has this name; the i-th of all, NULL behind the last.
const TrainingDefenseMethod *training_defense_find(const char *name);
const TrainingDefenseMethod *training_defense_at(int i);

extern const TrainingDefenseMethod defense_none, defense_activation_clustering, defense_abl,
    defense_nad, defense_dp_sgd;

#endif
