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

typedef struct Collision {
    const Classifier *network;
    Tape *tape;
    int64_t n, features;
    float *wanted;      // f(s): n x features
    double *distances;  // D: n x n
    int64_t *partners;  // [n]: of each image
    const Tensor *seen; // f(z')
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
        const float *b = c->seen->data + j * c->features;
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
    Tensor *nothing = tape_tensor(c->tape, SHAPE(1));
    nothing->data[0] = 0; // through it the images get on the tape
    Tensor *found = features_of(c, add(images, nothing));
    c->seen = found;
    double largest = pair_up(c);
    Tensor *wanted = tape_tensor(c->tape, SHAPE(c->n, c->features));
    for (int64_t j = 0; j < c->n; j++)
        memcpy(wanted->data + j * c->features, c->wanted + c->partners[j] * c->features,
               sizeof(float) * (size_t)c->features);
    backward(sum(square(subtract(found, wanted)), ALL_DIMENSIONS, false));
    return largest;
}

static float within(float value, float low, float high)
{
    return value < low ? low : value > high ? high : value;
}

static void descend(Tensor *images, const float *from, float rate, float epsilon)
{
    for (int64_t k = 0; k < images->count; k++) {
        float moved = images->data[k] - rate * images->grad[k];
        images->data[k] = within(within(moved, from[k] - epsilon, from[k] + epsilon), 0, 1);
    }
}

static float *copied(const float *values, int64_t count)
{
    float *copy = allocate(sizeof *copy * (size_t)count);
    memcpy(copy, values, sizeof *copy * (size_t)count);
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
    c.wanted = copied(wanted->data, wanted->count);
    float *from = copied(images->data, images->count);
    double rate = how.learning_rate, largest = gradient(&c, images);
    for (int i = 0; i < how.iterations && largest >= how.enough; i++) {
        if (i > 0 && i % 1000 == 0) rate /= 2;
        descend(images, from, (float)rate, (float)how.epsilon);
        largest = gradient(&c, images);
    }
    tape_reset(tape);
    free(c.distances);
    free(c.partners);
    free(c.wanted);
    free(from);
    return largest;
}
