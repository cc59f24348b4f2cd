// What others need to know of BadNets' triggers.
#ifndef SIEVE_EXPERIMENTS_ATTACKS_BADNETS_H
#define SIEVE_EXPERIMENTS_ATTACKS_BADNETS_H

// The trigger that images of this size get where none is asked for (badnets.trigger=0): "pixel",
// "dynamic" or "watermark".
const char *badnets_default_trigger(int width, int channels);

#endif
