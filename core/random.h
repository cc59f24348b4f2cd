// Counter-based random numbers: Philox4x32-10 (Salmon et al., SC 2011). A number is a function of
// (seed, purpose, step, index) alone, so it does not depend on threads, on order, or on what was
// drawn before; nothing has a state to save.
#ifndef SIEVE_CORE_RANDOM_H
#define SIEVE_CORE_RANDOM_H

#include <stdint.h>

typedef struct RandomKey {
    uint64_t seed;    // the run's seed: the Philox key
    uint32_t purpose; // which stream: hash of a name (random_purpose), e.g. "dropout1"
    uint32_t step;    // which draw of that stream: training step, epoch, image number
} RandomKey;

// FNV-1a of a name: the usual way to make a purpose.
uint32_t random_purpose(const char *name);

// The index-th block of four 32-bit words of a stream: Philox4x32-10 with counter {index low, index
// high, step, purpose} and key {seed low, seed high}.
void random_block(RandomKey key, uint64_t index, uint32_t words[4]);

// Number index of a stream, each from one word: word index%4 of block index/4. uniform: in [0,1),
// 24 bits. below: in 0..bound-1 (bound >= 1), multiply-shift. normal: mean 0, variance 1 by
// Box-Muller from two words of block index/4 (no libm: the same bits everywhere; error ~1e-7).
// Streams of different kinds share their words, so each use has its own purpose.
uint32_t random_word(RandomKey key, uint64_t index);
float random_uniform(RandomKey key, uint64_t index);
uint32_t random_below(RandomKey key, uint64_t index, uint32_t bound);
float random_normal(RandomKey key, uint64_t index);

// Fisher-Yates over order[0..n), which it first fills with 0..n-1; swap i uses number i.
void random_permutation(RandomKey key, uint32_t n, uint32_t *order);

#endif
