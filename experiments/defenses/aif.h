// The mask's normalisation of AIF (experiments/defenses/aif.c), where its test can reach it.
#ifndef SIEVE_EXPERIMENTS_DEFENSES_AIF_H
#define SIEVE_EXPERIMENTS_DEFENSES_AIF_H

#include "core/tensor.h"

typedef enum Normalisation { NORMALISE_NOT, NORMALISE_HARD, NORMALISE_SOFT } Normalisation;

// Scales each mask m (n, height, width, 1) of this L2 norm (n) so that its norm stays at or below
// delta: Eq. 12 (hard) or Eq. 14 (soft, with sharpness tau).
Tensor *normalise_mask(Normalisation kind, float tau, Tensor *m, Tensor *norm, float delta);

#endif
