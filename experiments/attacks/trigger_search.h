// Reverse engineering of a trigger (ABS, as NONE's code does it): a mask of few pixels and a pattern
// that drive a suspicious channel (attacks/stimulation.h), found by gradient descent; and how often
// what was found brings its label about (REASR).
#ifndef SIEVE_EXPERIMENTS_ATTACKS_TRIGGER_SEARCH_H
#define SIEVE_EXPERIMENTS_ATTACKS_TRIGGER_SEARCH_H

#include "core/random.h"
#include "experiments/attacks/stimulation.h"

typedef struct TriggerSearch {
    double size; // of the mask, in pixels
    int epochs, batch_size;
    double learning_rate;
    bool normalised; // the pattern's [0, 1] is that of normalised images, as in the authors' code
    RandomKey key;   // of the first pattern
} TriggerSearch;

typedef struct FoundTrigger {
    float *mask;    // (height, width): 0 or 1
    float *pattern; // (height, width, channels), of images in [0, 1]
    int label;
    double agreement; // percent of the samples that were taken for it in the end
} FoundTrigger;

// Searches on these samples. The classifier must be frozen.
FoundTrigger trigger_search(const Classifier *classifier, const Dataset *dataset,
                            const uint32_t *samples, int64_t count, const Suspect *suspect,
                            const TriggerSearch *how);
void found_trigger_free(FoundTrigger *trigger);

// REASR: percent of the first `count` samples, those of the label left out, that are taken for the
// label once the trigger is on.
double trigger_success(const Classifier *classifier, const Dataset *dataset, int64_t count,
                       const FoundTrigger *trigger);

#endif
