// What others need to know of BadNets' triggers.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_BADNETS_H
#define SIEVE_EXPERIMENTS_ATTACKS_BADNETS_H

// The trigger where none is asked for (badnets.trigger=0): the paper's for its data sets (Table 8),
// for others one that suits images of this size; "pixel", "static", "dynamic" or "watermark".
const char *badnets_default_trigger(const char *data, int width, int channels);

#endif
