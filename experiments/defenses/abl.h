// The two losses of ABL's first stage (experiments/defenses/abl.c), of the mean loss of a batch: below
// gamma both send it up again.
#ifndef SIEVE_EXPERIMENTS_DEFENSES_ABL_H
#define SIEVE_EXPERIMENTS_DEFENSES_ABL_H

#include "core/ops.h"

Tensor *flooding(Tensor *loss, float gamma);              // |L - gamma| + gamma
Tensor *local_gradient_ascent(Tensor *loss, float gamma); // sign(L - gamma) L

#endif
