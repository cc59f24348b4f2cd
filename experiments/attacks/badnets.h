// BadNets for those who use it by itself: the studies, and the table of data sets.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_BADNETS_H
#define SIEVE_EXPERIMENTS_ATTACKS_BADNETS_H

#include "data/dataset.h"
#include "experiments/attack.h"

// The attack on images of this source, single target 0, at the paper's scale with these settings;
// one that does not fit the images stops the program. attack_free is the caller's.
Attack badnets_on(const DataSource *source, uint64_t seed, const Overrides *overrides);

// The trigger where none is asked for (badnets.trigger=0): the paper's for its data sets (Table 8),
// for others one that suits images of this size; "pixel", "static", "dynamic" or "watermark".
const char *badnets_default_trigger(const char *data, int width, int channels);

#endif
