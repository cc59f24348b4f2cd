// Blended injection with several full-size trigger images: what noise-BI+ and image-BI+ share.
//
//   x~ = (1 - alpha) x + alpha p_n,   n uniform in 1..N          (filtering paper, appendix C.1)
//
// This is Eq. 1 with the mask alpha everywhere. A poisoned image gets one of the N, chosen anew each
// time, in training and at test.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_BLENDED_H
#define SIEVE_EXPERIMENTS_ATTACKS_BLENDED_H

#include "experiments/attack.h"

// Room for `count` images (count, height, width, channels) in [0, 1] as the attack's triggers, to be
// filled; the attack's.
Tensor *blended_create(Attack *attack, int count);

Trigger blended_trigger(const Attack *attack, Tensor *images, Draws draws);
Tensor *blended_stamp(const Attack *attack, Tensor *images, Draws draws);

#endif
