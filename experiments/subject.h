// A subject: the classifier under attack, with the data and the attack that belong to it. It is
// trained once and kept below the result directory:
//
//   OUT/classifiers/ID/  model.safetensors, curves.json, samples.safetensors, result.json, and
//                        attack.safetensors where the attack has trained networks
//
// result.json is written last and marks it as finished; before that a checkpoint lies there. The ID
// ends with the hash of the configuration (every setting, the seed, what is in the data's files), so
// that nothing is ever taken for something else.
#ifndef SIEVE_EXPERIMENTS_SUBJECT_H
#define SIEVE_EXPERIMENTS_SUBJECT_H

#include "data/dataset.h"
#include "data/split.h"
#include "experiments/attack.h"
#include "experiments/evaluation.h"
#include "experiments/options.h"
#include "experiments/trigger_images.h"
#include "nn/classifier.h"

typedef struct Subject {
    const Options *options;
    DataSource *source; // of options->data, owned
    Dataset train, test;
    char data_sha256[65]; // of both before any attack; "" of drawn sets, which the seed tells
    Dataset clean;        // the defender's own: DEFENDER_PERCENT of train before any attack
    PoisonTruth truth;    // of train; empty where the attack works on batches
    DefenseSplit split;   // of the test set: what the defender has, what is measured
    TriggerImages trigger_images; // the user's, where the options name some
    Attack attack;
    Classifier *classifier; // frozen
    Json *config;           // of the classifier
    Json *result;           // its result.json
    char *directory;
    Predictions *predictions; // subject_predictions' own
} Subject;

enum { CHECKPOINT_INTERVAL = 20 }; // seconds
enum { DEFENDER_PERCENT = 5 };     // of the training set, clean, in the defender's hands (NAD)

// Trains the classifier that the options describe, or reads it where it is finished already.
bool subject_create(const Options *options, Subject *subject, Error *error);

// Data and attack alone: the training set as the attack leaves it. No classifier.
bool subject_load(const Options *options, Subject *subject, Error *error);

// How the training set was poisoned, as poisoned_set_write takes it: an object, the caller's.
Json *subject_attack(const Subject *subject);
void subject_free(Subject *subject);

// What the classifier says of the test set; found out once, whoever asks. The subject's.
const Predictions *subject_predictions(const Subject *subject);

// The model that the options ask for: the data set's own where they name none.
const char *model_name(const Options *options, const DataSource *source);

// ---- what the results of classifiers and cells share ----

void config_hash(const Json *config, char hex[65]);

// OUT/KIND/data_model_attack_mode[_defense]_sSEED_scale_HASH, made where it is missing; NULL on
// failure.
char *make_directory(const Subject *subject, const char *kind, const char *defense,
                     const char *hash, Error *error);

// A record with the fields that a classifier's (defense NULL) and a cell's result begin with; and
// those that it ends with. seconds becomes the record's.
Json *record_start(const Subject *subject, const char *defense);
void record_finish(const Subject *subject, const char *defense, const Json *config,
                   const char *hash, Json *seconds, Json *record);

#endif
