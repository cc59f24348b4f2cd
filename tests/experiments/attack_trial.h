// What the tests of the attacks share: an attack made as a run makes it, and single steps of it.
#ifndef SIEVE_TESTS_EXPERIMENTS_ATTACK_TRIAL_H
#define SIEVE_TESTS_EXPERIMENTS_ATTACK_TRIAL_H

#include "experiments/attack.h"

// The attack at paper scale with target 3 of 10 classes, normalisation (x - .5) / .5, and these
// overrides ("badnet+.size=4"; NULL: none) on square images; a failure fails the test.
Attack attack_trial(const char *name, int side, int channels, uint64_t seed, const char *override);

// A step with these images (n, side, side, channels) and labels on a tape of its own.
typedef struct StepTrial {
    Tape *tape;
    Step step;
} StepTrial;
StepTrial step_trial(const Attack *attack, int64_t n, const float *images, const int32_t *labels,
                     RandomKey key);
void step_trial_free(StepTrial *trial);

// n images of pixels uniform in [0, 1), drawn from the seed.
float *random_images(const Attack *attack, int64_t n, uint64_t seed);

// x~ of n images, each drawn by its place; the caller frees it.
float *stamped_images(const Attack *attack, int64_t n, const float *images, RandomKey key);

// The same of images that must not fire; image i's other image is i + 1 around the end.
float *decoy_images(const Attack *attack, int64_t n, const float *images, RandomKey key);

#endif
