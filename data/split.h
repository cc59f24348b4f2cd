// The defense split of the filtering paper: the attack's test set is divided, class by class, into
// the samples that the defender may train on (D_val) and those that everything is measured on
// (D_test).
#ifndef SIEVE_DATA_SPLIT_H
#define SIEVE_DATA_SPLIT_H

#include "data/dataset.h"

typedef struct DefenseSplit {
    uint32_t *validation, *test; // indices into the data set, ascending; owned
    int64_t validation_count, test_count;
} DefenseSplit;

// The same split in every run: it depends on the labels alone.
DefenseSplit defense_split(const Dataset *dataset);
void defense_split_free(DefenseSplit *split);

#endif
