// What the paper leaves open (its blobs, rates, training) is chosen in facts/none.md, section 7:
// centres away from y = 0.6, deviation .05; Adam, rate 1e-3, 100 epochs, batches of 128. For the
// comparison of SGD with DP-SGD (Fig. 7) both are plain SGD at one rate.
#include "experiments/studies/blobs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/ops.h"
#include "data/batch.h"
#include "nn/initialize.h"
#include "optim/optimizer.h"

enum { EPOCHS = 100, BATCH = 128, PREDICTED_AT_ONCE = 4096 };

static const float centres[BLOB_CLASSES][2] = {
    {.15f, .34f}, {.50f, .12f}, {.85f, .30f}, {.25f, .92f}, {.75f, .88f}};
static const float deviation = .05f;

static PlanePoints points_create(int64_t count)
{
    return (PlanePoints){count, allocate((unsigned long long)count * 2 * sizeof(float)),
                         allocate((unsigned long long)count * sizeof(int32_t))};
}

void plane_points_free(PlanePoints *points)
{
    free(points->places);
    free(points->labels);
    *points = (PlanePoints){0};
}

PlanePoints blob_points(int64_t per_class, RandomKey key)
{
    PlanePoints points = points_create(per_class * BLOB_CLASSES);
    for (int64_t i = 0; i < points.count; i++) {
        int32_t label = points.labels[i] = (int32_t)(i / per_class);
        for (int c = 0; c < 2; c++)
            points.places[2 * i + c] =
                centres[label][c] + deviation * random_normal(key, (uint64_t)(2 * i + c));
    }
    return points;
}

void blob_poison(PlanePoints *points, double rate, RandomKey key)
{
    int64_t poisoned = (int64_t)(rate * (double)points->count + .5);
    uint32_t *order = allocate((unsigned long long)points->count * sizeof *order);
    random_permutation(key, (uint32_t)points->count, order);
    for (int64_t i = 0; i < poisoned; i++) {
        points->places[2 * order[i] + 1] = BLOB_TRIGGER;
        points->labels[order[i]] = BLOB_TARGET;
    }
    free(order);
}

PlanePoints blob_others(const PlanePoints *points)
{
    PlanePoints others = points_create(points->count);
    others.count = 0;
    for (int64_t i = 0; i < points->count; i++) {
        if (points->labels[i] == BLOB_TARGET) continue;
        memcpy(others.places + 2 * others.count, points->places + 2 * i, 2 * sizeof(float));
        others.labels[others.count++] = points->labels[i];
    }
    return others;
}

PlanePoints blob_stamped(const PlanePoints *points, float trigger)
{
    PlanePoints stamped = blob_others(points);
    for (int64_t i = 0; i < stamped.count; i++) stamped.places[2 * i + 1] = trigger;
    return stamped;
}

// ---- training ----

static void step(Tape *tape, const Classifier *classifier, Optimizer *optimizer,
                 const PlanePoints *points, const uint32_t *chosen, int64_t count, BlobTraining how,
                 RandomKey key)
{
    Tensor *images = tape_tensor(tape, SHAPE(count, 1, 1, 2));
    Tensor *labels = tape_tensor_int(tape, SHAPE(count));
    for (int64_t i = 0; i < count; i++) {
        memcpy(images->data + 2 * i, points->places + 2 * chosen[i], 2 * sizeof(float));
        labels->ints[i] = points->labels[chosen[i]];
    }
    Tensor *loss = cross_entropy(classify(classifier, images, (Mode){.training = true}), labels);
    if (how.private.clip > 0)
        backward_private(loss, &classifier->parameters, count, how.private, key);
    else
        backward(loss);
    optimizer_step(optimizer);
    tape_reset(tape);
}

Classifier *blob_train(const PlanePoints *points, BlobTraining how, uint64_t seed)
{
    Error error;
    Classifier *classifier = classifier_create("mlp", 1, 1, 2, BLOB_CLASSES, &error);
    if (!classifier) panic("blobs: %s", error.message);
    initialize_he(&classifier->parameters, (RandomKey){seed, random_purpose("blob classifier"), 0});
    Optimizer *optimizer =
        how.adam ? optimizer_create_adam(&classifier->parameters, (Adam){.learning_rate = 1e-3f})
                 : optimizer_create_sgd(&classifier->parameters, (Sgd){.learning_rate = .1f});
    Tape *tape = tape_create(cpu_kernels());
    uint32_t *order = allocate((unsigned long long)points->count * sizeof *order);
    RandomKey noise = {seed, random_purpose("blob noise"), 0};
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        epoch_order((RandomKey){seed, random_purpose("blob order"), epoch}, NULL, points->count,
                    order);
        for (int64_t first = 0; first < points->count; first += BATCH, noise.step++) {
            int64_t count = points->count - first < BATCH ? points->count - first : BATCH;
            step(tape, classifier, optimizer, points, order + first, count, how, noise);
        }
    }
    free(order);
    tape_free(tape);
    optimizer_free(optimizer);
    return classifier;
}

// ---- prediction ----

static int32_t largest(const float *scores)
{
    int32_t best = 0;
    for (int32_t c = 1; c < BLOB_CLASSES; c++)
        if (scores[c] > scores[best]) best = c;
    return best;
}

void blob_predict(const Classifier *classifier, int64_t count, const float *places,
                  int32_t *classes)
{
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    for (int64_t first = 0; first < count; first += PREDICTED_AT_ONCE) {
        int64_t rows = count - first < PREDICTED_AT_ONCE ? count - first : PREDICTED_AT_ONCE;
        Tensor *images = tape_tensor(tape, SHAPE(rows, 1, 1, 2));
        memcpy(images->data, places + 2 * first, (size_t)rows * 2 * sizeof(float));
        const Tensor *scores = classify(classifier, images, (Mode){0});
        for (int64_t i = 0; i < rows; i++)
            classes[first + i] = largest(scores->data + i * BLOB_CLASSES);
        tape_reset(tape);
    }
    tape_free(tape);
}

// Percent of the points that are predicted as `predicted`, or, where it is -1, as their label.
static double share_of(const Classifier *classifier, const PlanePoints *points, int32_t predicted)
{
    int32_t *classes = allocate((unsigned long long)points->count * sizeof *classes);
    int64_t hits = 0;
    blob_predict(classifier, points->count, points->places, classes);
    for (int64_t i = 0; i < points->count; i++)
        hits += classes[i] == (predicted < 0 ? points->labels[i] : predicted);
    free(classes);
    return 100 * (double)hits / (double)points->count;
}

double blob_accuracy(const Classifier *classifier, const PlanePoints *points)
{
    return share_of(classifier, points, -1);
}

double blob_share(const Classifier *classifier, const PlanePoints *points, int32_t predicted)
{
    return share_of(classifier, points, predicted);
}

static void cell_middle(int side, int cell, float place[2])
{
    place[0] = ((float)(cell % side) + .5f) / (float)side;
    place[1] = 1 - ((float)(cell / side) + .5f) / (float)side;
}

void blob_regions(const Classifier *classifier, int side, int32_t *classes)
{
    float *places = allocate((unsigned long long)side * (unsigned)side * 2 * sizeof *places);
    for (int i = 0; i < side * side; i++) cell_middle(side, i, places + 2 * i);
    blob_predict(classifier, (int64_t)side * side, places, classes);
    free(places);
}

void blob_ideal_regions(int side, float width, int32_t *classes)
{
    for (int i = 0; i < side * side; i++) {
        float place[2], nearest = INFINITY;
        cell_middle(side, i, place);
        for (int32_t c = 0; c < BLOB_CLASSES; c++) {
            float dx = place[0] - centres[c][0], dy = place[1] - centres[c][1];
            if (dx * dx + dy * dy >= nearest) continue;
            nearest = dx * dx + dy * dy;
            classes[i] = c;
        }
        if (fabsf(place[1] - BLOB_TRIGGER) < width / 2) classes[i] = BLOB_TARGET;
    }
}
