// Cells: one classifier under one attack, and one defense in front of it, as in a cell of the
// paper's tables. What a cell needs is computed once and kept below the result directory:
//
//   OUT/classifiers/ID/  model.safetensors, curves.json, samples.safetensors, result.json, and
//                        attack.safetensors where the attack has trained networks
//   OUT/cells/ID/        filter.safetensors, curves.json, samples.safetensors, result.json
//
// result.json is written last and marks the cell as finished; before that a checkpoint lies there.
// The ID ends with the hash of the configuration (every setting and the seed), so that nothing is
// ever taken for something else.
#ifndef SIEVE_EXPERIMENTS_CELL_H
#define SIEVE_EXPERIMENTS_CELL_H

#include "data/dataset.h"
#include "data/split.h"
#include "experiments/attack.h"
#include "experiments/options.h"
#include "experiments/trigger_images.h"
#include "nn/classifier.h"

// A trained classifier with the data and the attack that belong to it.
typedef struct Subject {
    const Options *options;
    DataSource *source; // of options->data, owned
    Dataset train, test;
    DefenseSplit split;           // of the test set: what the defender has, what is measured
    TriggerImages trigger_images; // the user's, where the options name some
    Attack attack;
    Classifier *classifier;
    Json *config; // of the classifier
    Json *result; // its result.json
    char *directory;
} Subject;

// Trains the classifier that the options describe, or reads it where it is finished already.
bool subject_create(const Options *options, Subject *subject, Error *error);
void subject_free(Subject *subject);

// Trains and measures one defense in front of it, or reads the finished cell. The record is the
// caller's.
Json *cell_run(const Subject *subject, const char *defense, Error *error);

// Whether the options ask for what there is: data set, model, attack, target, defenses
// (comma-separated; may be NULL), and every --set names a setting of the classifier, of the attack
// or of one of the defenses and gives it a number of its range. Checked before anything is computed
// or written. The exit status: 0, 2 where they do not, 1 where the data set's files cannot be read.
int request_check(const Options *options, Error *error);

#endif
