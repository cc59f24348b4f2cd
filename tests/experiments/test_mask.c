// The normalised mask of AIF, Eq. 11 to 14, and its gradient, recomputed in double.
#include "experiments/defenses/aif.h"

#include <math.h>
#include <string.h>
#include "core/ops.h"
#include "core/random.h"
#include "tests/test.h"

enum { MASKS = 5, SIDE = 4, MASK = SIDE * SIDE };

// m' of one mask of this norm.
static double normalised(Normalisation kind, double tau, double m, double norm, double delta)
{
    if (kind == NORMALISE_NOT) return m;
    double u = 1 - delta / norm;
    if (kind == NORMALISE_HARD) return norm <= delta ? m : delta * m / norm; // Eq. 11
    double epsilon0 = 1 - tau * log(expm1(1 / tau));
    return m * (1 - tau * log1p(exp((u - epsilon0) / tau)));
}

static double norm_of(const float *m)
{
    double squares = 0;
    for (int i = 0; i < MASK; i++) squares += (double)m[i] * (double)m[i];
    return sqrt(squares);
}

static void normalise_masks(Normalisation kind, float tau, Tensor *masks, float delta,
                            float *result, const float *weights)
{
    Tape *tape = tape_create(cpu_kernels());
    Tensor *one = tape_tensor(tape, SHAPE(1));
    one->data[0] = 1;
    Tensor *m = multiply(masks, one);
    Tensor *y = normalise_mask(kind, tau, m, norm2_rows(m), delta);
    memcpy(result, y->data, sizeof(float) * MASKS * MASK);
    backward_from(y, weights);
    tape_free(tape);
}

static double weighted_sum(Normalisation kind, double tau, const float *m, double delta,
                           const float *weights, int moved, double by)
{
    double squares = 0, total = 0;
    for (int i = 0; i < MASK; i++) squares += pow((double)m[i] + (i == moved) * by, 2);
    for (int i = 0; i < MASK; i++)
        total += (double)weights[i] *
                 normalised(kind, tau, (double)m[i] + (i == moved) * by, sqrt(squares), delta);
    return total;
}

static void check_masks(Normalisation kind, double tau, const Tensor *masks, double delta,
                        const float *result, const float *weights)
{
    for (int n = 0; n < MASKS; n++) {
        const float *m = masks->data + n * MASK, *weight = weights + n * MASK;
        double norm = norm_of(m), length = norm_of(result + n * MASK);
        if (kind != NORMALISE_NOT)
            check(length <= delta * (1 + 1e-5), "mask %d: norm %g above delta %g", n, length,
                  delta);
        if (kind == NORMALISE_SOFT && tau < 0.2)
            check(length > fmin(norm, delta) - norm * tau * log(2), "mask %d: norm %g is far below",
                  n, length);
        for (int i = 0; i < MASK; i++) {
            double wanted = normalised(kind, tau, (double)m[i], norm, delta);
            check(fabs((double)result[n * MASK + i] - wanted) < 3e-6, "mask %d: %g, not %g", n,
                  (double)result[n * MASK + i], wanted);
            double slope = (weighted_sum(kind, tau, m, delta, weight, i, 1e-5) -
                            weighted_sum(kind, tau, m, delta, weight, i, -1e-5)) /
                           2e-5;
            check(fabs((double)masks->grad[n * MASK + i] - slope) < 2e-5 * (1 + fabs(slope)),
                  "mask %d: gradient %g, not %g", n, (double)masks->grad[n * MASK + i], slope);
        }
    }
}

static void masks_are_normalised_as_the_equations_say(void)
{
    const float scales[MASKS] = {0.05f, 0.3f, 0.55f, 0.9f, 1}; // norms below and above delta
    const float delta = 1, taus[2] = {0.1f, 1};
    float weights[MASKS * MASK], result[MASKS * MASK];
    Tensor *masks = parameter_create(SHAPE(MASKS, SIDE, SIDE, 1));
    for (uint64_t i = 0; i < MASKS * MASK; i++) {
        masks->data[i] = scales[i / MASK] * random_uniform((RandomKey){1, 1, 1}, i);
        weights[i] = random_uniform((RandomKey){1, 2, 1}, i);
    }
    check(norm_of(masks->data) < 0.5 && norm_of(masks->data + 4 * MASK) > 1.5,
          "norms on both sides");
    for (int kind = NORMALISE_NOT; kind <= (int)NORMALISE_SOFT; kind++)
        for (int i = 0; i < 2; i++) {
            normalise_masks((Normalisation)kind, taus[i], masks, delta, result, weights);
            check_masks((Normalisation)kind, (double)taus[i], masks, (double)delta, result,
                        weights);
        }
    tensor_free(masks);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"masks_are_normalised_as_the_equations_say", masks_are_normalised_as_the_equations_say}};
    return TESTS_RUN(tests);
}
