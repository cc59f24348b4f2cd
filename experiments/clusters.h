// Clusters in the features of samples: principal and independent components, two means, silhouette.
// Points are rows, [count][size]; all sums in double, in one order for any number of threads.
#ifndef SIEVE_EXPERIMENTS_CLUSTERS_H
#define SIEVE_EXPERIMENTS_CLUSTERS_H

#include <stdint.h>
#include "core/random.h"

typedef struct Points {
    int64_t count, size;
    double *values; // owned
} Points;

void points_free(Points *points);

// The points in the coordinates of their `components` directions of greatest variance, about their
// mean; directions in descending order, zero where the points span fewer. key: of the start of the
// orthogonal iteration (Golub and Van Loan, 8.2.4), which finds them.
Points principal_components(const Points *points, int64_t components, RandomKey key);

// The same points, rotated and scaled so that coordinates have variance 1 and are as independent as
// can be: FastICA (Hyvarinen and Oja, 2000), all components at once, with the cube for g. `points`
// are principal components; coordinates without variance stay 0.
void independent_components(Points *points, RandomKey key);

// 2-means (Lloyd's algorithm from the start of k-means++), the best of some restarts.
typedef struct TwoMeans {
    uint8_t *second;  // [count]: 1 where a point is of the second cluster; owned
    int64_t sizes[2]; // one may be 0 where all points are one
    double inertia;   // sum of the points' squared distances from their cluster's mean
} TwoMeans;

TwoMeans two_means(const Points *points, int restarts, int iterations, RandomKey key);
void two_means_free(TwoMeans *clusters);

// Mean of (b - a) / max(a, b) over all points: a the mean distance from the others of its cluster,
// b from those of the other (Rousseeuw, 1987); a point alone in its cluster counts 0. 0 where one
// cluster is empty.
double silhouette(const Points *points, const TwoMeans *clusters);

#endif
