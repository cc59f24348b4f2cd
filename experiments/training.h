// The training loop that classifiers and defenses share: shuffled, augmented batches for a number
// of epochs, a progress line, curves, and a checkpoint from which a killed run goes on to the same
// bits.
#ifndef SIEVE_EXPERIMENTS_TRAINING_H
#define SIEVE_EXPERIMENTS_TRAINING_H

#include "core/safetensors.h"
#include "core/tape.h"
#include "experiments/batches.h"
#include "experiments/curves.h"

// One step's input; images and labels are tensors of the step, to be changed at will (poisoned).
typedef struct Step {
    Tape *tape;
    Tensor *images, *labels; // (n, height, width, channels) in [0, 1]; int32 (n)
    const int32_t *classes;  // (n): the labels in the program's own memory
    const uint32_t *samples; // (n): which of the data set they are
    RandomKey key;           // fresh for every step
    int epoch;
    int64_t number, total; // of this step; of all steps of the training
    const double *figures; // for step_figure: the step's first,
    float *kept;           // and where they stay on a device till the epoch's end; NULL: processor
} Step;

enum { MAX_FIGURES = 8 };

// Enters a tensor of one element as one of the step's figures (Trainee.step). On a device nothing
// waits for it: its value arrives when the epoch is over.
void step_figure(const Step *step, double *figure, const Tensor *value);

// What is trained. `state` is handed to every function.
typedef struct Trainee {
    void *state;
    // Does one step and writes the figures to be averaged over the epoch (losses), named below.
    void (*step)(void *state, const Step *step, double *figures);
    // Names; NULL-terminated, at most MAX_FIGURES. Where the first one is not finite, the
    // training has diverged and fails.
    const char *const *figures;
    // The whole state to and from a checkpoint; restore changes nothing where it fails.
    void (*store)(const void *state, Safetensors *file);
    bool (*restore)(void *state, const Safetensors *file, const char *path, Error *error);
    // After every `evaluate_every` epochs and after the last: adds points to the curves. May be
    // NULL.
    void (*evaluate)(void *state, int epochs_done, Curves *curves);
    int evaluate_every;
} Trainee;

typedef struct TrainingPlan {
    const char *label;      // in the progress line
    const Kernels *kernels; // of the device that trains, which holds the data; NULL: the processor
    const Dataset *dataset;
    const uint32_t *samples; // which of the data set; NULL: the first sample_count
    int64_t sample_count;
    int epochs, batch_size;
    Augmentation augmentation;
    uint64_t seed;
    uint32_t purpose;           // keeps the random numbers of different trainings apart
    const char *checkpoint;     // path
    const char *config_hash;    // a checkpoint of another configuration is not taken up
    double checkpoint_interval; // seconds between checkpoints, at epochs' ends
    bool quiet;
} TrainingPlan;

// Trains from the beginning or from the checkpoint. On success the checkpoint is still there, for
// the caller to remove once the result is safe; *curves are the caller's, *seconds includes earlier
// processes' share.
bool train(const TrainingPlan *plan, const Trainee *trainee, Curves *curves, double *seconds,
           Error *error);

#endif
