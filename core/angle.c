// Taylor series in plain double arithmetic, which IEEE 754 fixes to the last bit as long as the
// compiler contracts nothing
// (-ffp-contract=off).
#include "core/angle.h"

// The angle is reduced exactly, in integers, to the nearest quarter turn and a rest x in [-pi/4,
// pi/4), whose cosine or sine is the series: cos x = 1 - x^2/2! + x^4/4! ..., sin x = x (1 - x^2/3!
// + x^4/5! ...).
double turn_cosine(uint32_t n)
{
    static const double cosine[] = {1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720,
                                    1.0 / 24,        -1.0 / 2,       1.0};
    static const double sine[] = {1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040,
                                  1.0 / 120,        -1.0 / 6,        1.0};
    uint32_t nearest = (n + (1u << 29)) >> 30; // 0..3; the last eighth of a turn wraps to 0
    double x = (double)(int32_t)(n - (nearest << 30)) * (6.2831853071795865 * 0x1p-32);
    const double *coefficients = nearest & 1 ? sine : cosine;
    double sum = 0;
    for (int i = 0; i < 7; i++) sum = sum * (x * x) + coefficients[i];
    if (nearest & 1) sum *= x;
    return nearest == 1 || nearest == 2 ? -sum : sum;
}

double turn_sine(uint32_t n)
{
    return turn_cosine(n - (1u << 30));
}

uint32_t turn_of_degrees(double degrees)
{
    return (uint32_t)(int64_t)(degrees * (0x1p32 / 360));
}
