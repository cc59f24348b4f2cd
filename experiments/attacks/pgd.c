// With g the gradient of the loss L(x', y) at x', step by step from x' = x on:
//
//   L_inf:  x' = x' + step sign(g),        then each pixel within epsilon of x
//   L_2:    x' = x' + step g / ||g||_2,    then x' = x + (x' - x) min(1, epsilon / ||x' - x||_2)
//
// and in either case into [0, 1], which never leads out of the ball.
#include "experiments/attacks/pgd.h"

#include <math.h>
#include <stdlib.h>
#include "core/error.h"

static float within(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

static double norm2(const float *values, int64_t size)
{
    double squares = 0;
    for (int64_t i = 0; i < size; i++) squares += (double)values[i] * (double)values[i];
    return sqrt(squares);
}

void keep_near(const float *from, float epsilon, int64_t count, float *x)
{
    for (int64_t i = 0; i < count; i++)
        x[i] = within(within(x[i], from[i] - epsilon, from[i] + epsilon), 0, 1);
}

// One image's step in L_inf.
static void step_maximum(const float *from, const float *gradient, int64_t size, Pgd how, float *x)
{
    float step = (float)how.step;
    for (int64_t i = 0; i < size; i++) x[i] += gradient[i] > 0 ? step : gradient[i] < 0 ? -step : 0;
    keep_near(from, (float)how.epsilon, size, x);
}

// One image's step in L_2; change: room for it.
static void step_2(const float *from, const float *gradient, int64_t size, Pgd how, float *x,
                   float *change)
{
    double norm = norm2(gradient, size), factor = norm > 0 ? how.step / norm : 0;
    for (int64_t i = 0; i < size; i++)
        change[i] = (float)((double)x[i] + factor * (double)gradient[i] - (double)from[i]);
    double length = norm2(change, size), shrink = length > how.epsilon ? how.epsilon / length : 1;
    for (int64_t i = 0; i < size; i++)
        x[i] = within((float)((double)from[i] + shrink * (double)change[i]), 0, 1);
}

// d L / d images into images->grad.
static void loss_gradient(const Classifier *network, Tape *tape, Tensor *images,
                          const int32_t *labels)
{
    Tensor *x = tape_variable(tape, images);
    Tensor *given = tape_ints(tape, images->shape[0], labels);
    backward(cross_entropy(classify(network, x, (Mode){0}), given));
}

void pgd(const Classifier *network, Tape *tape, Tensor *images, const int32_t *labels, Pgd how)
{
    int64_t n = images->shape[0], size = images->count / n;
    size_t bytes = sizeof(float) * (size_t)images->count;
    float *from = allocate(bytes), *x = allocate(bytes), *gradients = allocate(bytes);
    float *change = allocate(sizeof(float) * (size_t)size);
    tensor_read(images, from);
    tensor_read(images, x);
    for (int step = 0; step < how.steps; step++) {
        tape_reset(tape);
        loss_gradient(network, tape, images, labels);
        gradient_read(images, gradients);
        for (int64_t i = 0; i < n; i++) {
            const float *start = from + i * size, *gradient = gradients + i * size;
            if (how.maximum_norm)
                step_maximum(start, gradient, size, how, x + i * size);
            else
                step_2(start, gradient, size, how, x + i * size, change);
        }
        tensor_write(images, x);
    }
    tape_reset(tape);
    free(from);
    free(x);
    free(gradients);
    free(change);
}
