// The best split of numbers into a lower and an upper class: least variance within the classes,
// which is Otsu's threshold without a histogram, Fisher's criterion in one dimension, and Jenks'
// natural break for two classes.
#ifndef SIEVE_EXPERIMENTS_NATURAL_BREAK_H
#define SIEVE_EXPERIMENTS_NATURAL_BREAK_H

#include <stdint.h>

// The largest number of the lower class, exactly: n1 n2 (m1 - m2)^2 is greatest, of equals the
// lowest. All equal (or count 1): that number. count >= 1, no NaN.
double natural_break(const double *values, int64_t count);

#endif
