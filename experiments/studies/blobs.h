// Trojans that can be seen (NONE, section 8.1): five Gaussian blobs in the unit square, a class each,
// a multilayer perceptron, and a trigger that sets the second coordinate, t = (-, 0.6), for the
// target class 3. In the plane the hyperplane of Proposition 3.5 is the line y = 0.6.
#ifndef SIEVE_EXPERIMENTS_STUDIES_BLOBS_H
#define SIEVE_EXPERIMENTS_STUDIES_BLOBS_H

#include <stdint.h>
#include "core/random.h"
#include "nn/classifier.h"
#include "optim/private.h"

enum { BLOB_CLASSES = 5, BLOB_TARGET = 3 };
#define BLOB_TRIGGER .6f

typedef struct PlanePoints {
    int64_t count;
    float *places; // (count, 2): x, y
    int32_t *labels;
} PlanePoints;

// So many of each class, class after class.
PlanePoints blob_points(int64_t per_class, RandomKey key);
void plane_points_free(PlanePoints *points);

// BadNets: this share of the points, drawn from all classes, gets the trigger and the target label.
void blob_poison(PlanePoints *points, double rate, RandomKey key);

// The points of all other classes than the target, as they are and with y = trigger; labels stay.
// The caller's.
PlanePoints blob_others(const PlanePoints *points);
PlanePoints blob_stamped(const PlanePoints *points, float trigger);

typedef struct BlobTraining {
    bool adam;               // else plain SGD
    PrivateGradient private; // clip 0: none
} BlobTraining;

// The trained perceptron; the caller's.
Classifier *blob_train(const PlanePoints *points, BlobTraining how, uint64_t seed);

// The predicted class of each place.
void blob_predict(const Classifier *classifier, int64_t count, const float *places,
                  int32_t *classes);

// Percent of the points that are predicted as they are labelled, or as this class.
double blob_accuracy(const Classifier *classifier, const PlanePoints *points);
double blob_share(const Classifier *classifier, const PlanePoints *points, int32_t predicted);

// classes[row * side + column] of the middles of side x side cells of the unit square, row 0 at y=1.
void blob_regions(const Classifier *classifier, int side, int32_t *classes);

// The same for the complete and accurate Trojan (Theorem 3.4 and Proposition 3.5): the class of the
// nearest blob, and the target on the line alone, drawn as wide as `width`.
void blob_ideal_regions(int side, float width, int32_t *classes);

#endif
