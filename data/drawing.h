// What the built-in data sets share: random numbers in a row, and a half of a data set whose sample
// i is a function of (seed, half, i) alone. Every run of as many samples as there are classes holds
// each class once.
#ifndef SIEVE_DATA_DRAWING_H
#define SIEVE_DATA_DRAWING_H

#include "core/random.h"
#include "data/dataset.h"

typedef struct Draws {
    RandomKey key;
    uint64_t next;
} Draws;

// The next number of the row, uniform from low to high.
double between(Draws *draws, double low, double high);

// Draws one image (height x width x channels) of a class; key is the sample's own.
typedef void DrawImage(const void *context, RandomKey key, int label, uint8_t *image);

// Fills the data set, whose name, size and classes are set, with `count` samples; half is "train"
// or "test". Refused where the count is not possible.
bool draw_half(Dataset *dataset, const char *half, int64_t count, uint64_t seed, DrawImage *draw,
               const void *context, Error *error);

// Both halves, with as many samples as the request wants (0: 60000 and 10000).
bool draw_halves(const DataRequest *request, Dataset *train, Dataset *test, DrawImage *draw,
                 const void *context, Error *error);

#endif
