// The figures of the filtering paper, section 5.1 (facts 6), from what the classifier says of clean
// and Trojan images, with and without the filter in front.
#ifndef SIEVE_EXPERIMENTS_EVALUATION_H
#define SIEVE_EXPERIMENTS_EVALUATION_H

#include "data/dataset.h"
#include "experiments/attack.h"
#include "nn/classifier.h"
#include "nn/filter.h"

// What is evaluated, on which samples (NULL: the first count).
typedef struct Evaluation {
    const Classifier *classifier;
    const Attack *attack;
    const Filter *filter; // NULL: none
    const Dataset *dataset;
    const uint32_t *samples;
    int64_t count;
    uint64_t seed;                        // of the triggers' choice
    const struct Predictions *unfiltered; // C(x) and C(x~) of these samples where known; NULL: not
} Evaluation;

// Classes that the classifier C gives, one a sample; NULL where nothing was computed (no attack, no
// filter). Owned.
typedef struct Predictions {
    int64_t count;
    int32_t *labels;                           // true ones
    int32_t *clean, *trojan;                   // C(x), C(x~)
    int32_t *filtered_clean, *filtered_trojan; // C(F(x)), C(F(x~))
    int32_t *decoy; // C of the images whose trigger must not fire; NULL with a filter, too
} Predictions;

Predictions predict(const Evaluation *evaluation);
void predictions_free(Predictions *predictions);

// All in percent. With a single target, T and FNR leave out the samples of the target class.
typedef struct Metrics {
    double clean_accuracy;  // C(x) = y
    double trojan_accuracy; // C(x~) = target(y), all samples
    double ASR; // the NONE paper's attack success rate: the same, with a single target without the
                // samples of its class
    double decoy_accuracy; // decoys recognised as y, all samples: cross or noise accuracy
    double C;              // clean accuracy lost by filtering
    double T;              // filtered Trojan images still taken for the target
    double R;   // clean accuracy (unfiltered) minus share of filtered Trojan images recognised as y
    double FPR; // filtering-then-contrasting: clean images on which C(x) and C(F(x)) differ
    double FNR; // Trojan images on which they agree
} Metrics;

// Which figures exist depends on which predictions do; the others are 0.
Metrics metrics(const Predictions *predictions, const Attack *attack);

enum { EVALUATION_BATCH = 128 };

// At most EVALUATION_BATCH of the samples, as tensors of the tape. What is drawn for a sample is
// keyed by the sample itself, so that it carries the same trigger in whatever subset it is measured.
typedef struct SampleBatch {
    Tensor *clean;
    Tensor *trojan, *decoy;             // NULL: the attack has none
    Trigger trigger;                    // what the Trojan images carry, only if asked for
    uint32_t indices[EVALUATION_BATCH]; // of the samples in the data set
    int32_t labels[EVALUATION_BATCH];
} SampleBatch;

// store: of the evaluation's data set, on the tape's device.
void sample_batch(const Evaluation *evaluation, const ImageStore *store, Tape *tape, int64_t first,
                  int64_t count, bool with_trigger, SampleBatch *batch);

// F(x) of images (n, height, width, channels) in evaluation mode, clamped to [0, 1].
Tensor *filter_images(const Filter *filter, Tensor *images);

#endif
