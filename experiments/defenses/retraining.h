// What defenses share that throw the poisoned classifier away: a new random start, and the
// undefended training's recipe on the samples that they trust.
#ifndef SIEVE_EXPERIMENTS_DEFENSES_RETRAINING_H
#define SIEVE_EXPERIMENTS_DEFENSES_RETRAINING_H

#include "experiments/training_defense.h"

// New starting weights, drawn for this purpose.
void start_afresh(TrainingDefense *defense, const char *purpose);

// The samples whose flag is `flag`, in order; the caller frees them.
uint32_t *samples_where(const bool *flags, bool flag, int64_t total, int64_t *count);

// A stage with the undefended training's epochs, batches, augmentation, learning rates and SGD; samples and loss are
// the caller's to set.
TrainingStage undefended_stage(const TrainingDefense *defense, const char *label,
                               int64_t sample_count);

#endif
