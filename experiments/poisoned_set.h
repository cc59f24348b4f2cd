// Poisoned training sets: what an attack on the training data did to it, and the set as a folder
// that can be looked at: every image as a PNG, and samples.csv with a line for each:
//
//   index,file,original_label,given_label,stamped
//   0,00000/00000000.png,5,0,1
#ifndef SIEVE_EXPERIMENTS_POISONED_SET_H
#define SIEVE_EXPERIMENTS_POISONED_SET_H

#include "core/json.h"
#include "data/dataset.h"

// The truth about a training set, which judges know and defenders do not. Empty (count 0) where the
// set is as it was. Owned.
typedef struct PoisonTruth {
    int64_t count;         // of the training set
    int32_t *labels;       // the original ones
    uint8_t *stamped;      // 1: the attack changed this image
    int64_t stamped_count; // how many it changed
} PoisonTruth;

// The truth of a set that nobody has touched yet.
PoisonTruth poison_truth_create(const Dataset *train);
void poison_truth_free(PoisonTruth *truth);

// Writes the set to the directory, which is made, samples.csv last; labels of the data set are the
// given ones. `attack`, an object, says how it was made: attack.json.
bool poisoned_set_write(const char *directory, const Dataset *train, const PoisonTruth *truth,
                        const Json *attack, Error *error);

// Puts the folder's images and given labels in the place of the data set's own; any number of
// samples, of the data set's size and classes. Where there is an attack.json (whoever else makes a
// folder needs none) each member of `attack` must be in it. On failure nothing has changed.
bool poisoned_set_read(const char *directory, const Json *attack, Dataset *train,
                       PoisonTruth *truth, Error *error);

#endif
