// With f the network's features, s_1 .. s_n the others and z_1 .. z_n the images, step by step:
//
//   D_ij = || f(s_i) - f(z'_j) ||_2^2
//   the pairs: the smallest D_ij of all, then the smallest without this row and column, ...
//   z'_j = z'_j - rate d D_ij / d z'_j          of each pair (i, j)
//   then each pixel within epsilon of z_j, and in [0, 1]
//
// until the largest distance of a pair is below `enough`.
#include "experiments/attacks/feature_collision.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/thread.h"
#include "experiments/attacks/pgd.h"

typedef struct Collision {
    const Classifier *network;
    Tape *tape;
    int64_t n, features;
    float *wanted, *seen; // f(s), f(z'): n x features
    float *paired;        // f(s) of each image's partner
    double *distances;    // D: n x n
    int64_t *partners;    // [n]: of each image
} Collision;

static void keep(void *context, const Tensor *weight, Tensor *result)
{
    if (!weight) *(Tensor **)context = result;
}

// f(x), (n, features).
static Tensor *features_of(const Collision *c, Tensor *x)
{
    Tensor *seen = NULL;
    Observer observer = {keep, &seen};
    tape_observe(c->tape, &observer);
    classify(c->network, x, (Mode){0});
    tape_observe(c->tape, NULL);
    if (!seen) panic("%s shows no features", c->network->name);
    return reshape(seen, SHAPE(c->n, seen->count / c->n));
}

// Task: row i of D.
static void distances_of(void *context, int64_t i, int thread)
{
    (void)thread;
    const Collision *c = context;
    const float *a = c->wanted + i * c->features;
    for (int64_t j = 0; j < c->n; j++) {
        const float *b = c->seen + j * c->features;
        double squares = 0;
        for (int64_t k = 0; k < c->features; k++)
            squares += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
        c->distances[i * c->n + j] = squares;
    }
}

// Returns the largest distance of a pair.
static double pair_up(Collision *c)
{
    int64_t n = c->n;
    double largest = 0;
    parallel_for(n, distances_of, c);
    for (int64_t round = 0; round < n; round++) {
        int64_t best = 0;
        for (int64_t k = 1; k < n * n; k++)
            if (c->distances[k] < c->distances[best]) best = k;
        largest = fmax(largest, c->distances[best]);
        c->partners[best % n] = best / n;
        for (int64_t k = 0; k < n; k++)
            c->distances[best / n * n + k] = c->distances[k * n + best % n] = INFINITY;
    }
    return largest;
}

// Pairs, and the gradient of the sum of their distances into images->grad; returns the largest.
static double gradient(Collision *c, Tensor *images)
{
    tape_reset(c->tape);
    Tensor *found = features_of(c, tape_variable(c->tape, images));
    tensor_read(found, c->seen);
    double largest = pair_up(c);
    for (int64_t j = 0; j < c->n; j++)
        memcpy(c->paired + j * c->features, c->wanted + c->partners[j] * c->features,
               sizeof(float) * (size_t)c->features);
    Tensor *wanted = tape_floats(c->tape, SHAPE(c->n, c->features), c->paired);
    backward(sum(square(subtract(found, wanted)), ALL_DIMENSIONS, false));
    return largest;
}

// x: the images' values; slope: room for as many.
static void descend(Tensor *images, const float *from, float rate, float epsilon, float *x,
                    float *slope)
{
    gradient_read(images, slope);
    for (int64_t k = 0; k < images->count; k++) x[k] -= rate * slope[k];
    keep_near(from, epsilon, images->count, x);
    tensor_write(images, x);
}

static float *values_read(const Tensor *tensor)
{
    float *copy = allocate(sizeof *copy * (size_t)tensor->count);
    tensor_read(tensor, copy);
    return copy;
}

double feature_collision(const Classifier *network, Tape *tape, Tensor *others, Tensor *images,
                         FeatureCollision how)
{
    int64_t n = images->shape[0];
    Collision c = {.network = network,
                   .tape = tape,
                   .n = n,
                   .distances = allocate(sizeof(double) * (size_t)(n * n)),
                   .partners = allocate(sizeof(int64_t) * (size_t)n)};
    const Tensor *wanted = features_of(&c, others);
    c.features = wanted->shape[1];
    c.wanted = values_read(wanted);
    c.seen = values_read(wanted);
    c.paired = values_read(wanted);
    float *from = values_read(images), *x = values_read(images), *slope = values_read(images);
    double rate = how.learning_rate, largest = gradient(&c, images);
    for (int i = 0; i < how.iterations && largest >= how.enough; i++) {
        if (i > 0 && i % 1000 == 0) rate /= 2;
        descend(images, from, (float)rate, (float)how.epsilon, x, slope);
        largest = gradient(&c, images);
    }
    tape_reset(tape);
    free(c.distances);
    free(c.partners);
    free(c.wanted);
    free(c.seen);
    free(c.paired);
    free(from);
    free(x);
    free(slope);
    return largest;
}
