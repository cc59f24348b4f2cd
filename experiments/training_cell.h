// The cell of a training-time defense (experiments/training_defense.h): the classifier that it
// makes of the subject's training set, measured on the whole test set beside the undefended one.
#ifndef SIEVE_EXPERIMENTS_TRAINING_CELL_H
#define SIEVE_EXPERIMENTS_TRAINING_CELL_H

#include "experiments/subject.h"
#include "experiments/training_defense.h"

// As cell_run.
Json *training_cell_run(const Subject *subject, const char *defense, Error *error);

#endif
