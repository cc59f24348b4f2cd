// Sine and cosine with the same bits on every machine, compiler and C library: those of libm differ
// in their last digits.
#ifndef SIEVE_CORE_ANGLE_H
#define SIEVE_CORE_ANGLE_H

#include <stdint.h>

// cos(2 pi n / 2^32): the angle is given as a fraction of a full turn, so that it wraps around
// exactly. Error below 1e-10.
double turn_cosine(uint32_t n);

// sin(2 pi n / 2^32).
double turn_sine(uint32_t n);

// The fraction of a turn of an angle in -180..180 degrees, for the two above.
uint32_t turn_of_degrees(double degrees);

#endif
