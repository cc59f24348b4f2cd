// What the tests of the filters share: twelve digits, a classifier, a defense of it, and one step.
#ifndef SIEVE_TESTS_EXPERIMENTS_FILTER_TRIAL_H
#define SIEVE_TESTS_EXPERIMENTS_FILTER_TRIAL_H

#include "experiments/defense.h"

enum { N = 12, PIXELS = 28 * 28, CLASSES = 10 };

extern float images[N * PIXELS]; // of the last classifier_of
extern int32_t labels[N];

// Overrides with which each phase of AIF is met within three epochs; other methods pass them over.
enum { PRETRAIN_G, PRETRAIN_F, TAKE_TURNS, PHASES = 4 };
extern const char *phases[PHASES];

// Draws the digits, and a frozen classifier with random weights.
Classifier *classifier_of(const char *model);

Defense defense_of(const char *name, const Classifier *classifier, int count,
                   const char **overrides);

// One step on the batch; number also picks the key of its random draws.
void take_step(Defense *defense, int epoch, int number, double *figures);

// All values of a network in one array, the caller's.
float *take_values(const Parameters *p);
bool same_values(const Parameters *p, const float *values);
void copy_values(const Parameters *p, float *values, bool take); // to (take) or from the array

#endif
