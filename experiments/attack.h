// Attacks: how a Trojan's trigger gets on images, which labels it is to bring about, and what an
// attack changes in the training of its classifier. One file in experiments/attacks/ for each
// method, one line in the table of attack.c; training, defenses and metrics see only this interface.
#ifndef SIEVE_EXPERIMENTS_ATTACK_H
#define SIEVE_EXPERIMENTS_ATTACK_H

#include "core/random.h"
#include "data/picture.h"
#include "experiments/poisoned_set.h"
#include "experiments/setting.h"
#include "experiments/training.h"
#include "nn/classifier.h"
#include "optim/optimizer.h"

typedef struct Attack Attack;
struct Classifier;         // nn/classifier.h
struct ClassifierTraining; // experiments/classifier_training.h
struct Federation;         // experiments/federation.h

// What is drawn for image i of a batch (which of several triggers, which random warp) is a function
// of key and indices[i] alone.
typedef struct Draws {
    RandomKey key;
    const uint32_t *indices; // one for each image
} Draws;

// rho = (m, p) of each image: mask (n, height, width, 1), pattern (n, height, width, channels).
typedef struct Trigger {
    Tensor *mask, *pattern;
} Trigger;

// A batch of a training step after the attack has been at it; tensors of that step.
typedef struct PoisonedBatch {
    Tensor *images, *labels;
    Tensor *loss; // of the attack's own networks, to be added to the classifier's; NULL: none
} PoisonedBatch;

typedef struct AttackMethod {
    const char *name, *title;
    Settings settings;
    Settings training;    // better values for some of the classifier's settings; NULL: none
    bool none_paper;      // of the NONE paper: the data sets' none_augmentation is the default
    bool takes_pictures;  // the user's own as triggers: attack->pictures
    bool takes_extractor; // weights to begin with: attack->extractor
    // Draws the triggers from attack->seed, makes the networks; NULL: nothing to do.
    bool (*create)(Attack *attack, Error *error);
    void (*free)(Attack *attack);

    // x~: images (n, height, width, channels) in [0, 1] with their triggers, new tensors of the
    // same step. NULL: no attack, benign training.
    Tensor *(*stamp)(const Attack *attack, Tensor *images, Draws draws);
    // What stamp puts on, for pictures; the mask may be NULL.
    Trigger (*trigger)(const Attack *attack, Tensor *images, Draws draws);
    // Images with something like a trigger that must not fire: `others` are other images, one for
    // each. The classifier learns their true labels. NULL: the method has none.
    Tensor *(*decoy)(const Attack *attack, Tensor *images, Tensor *others, Draws draws);
    const char *decoy_name; // "cross": measured as cross_accuracy

    // For attacks on the training data: changes the set once, before any training, and notes in
    // truth, which poison_truth_create has made, what it did. Batches then stay as they are, unless
    // there is a function `poison`. NULL: the attack works on batches.
    bool (*poison_set)(Attack *attack, Dataset *train, PoisonTruth *truth, Error *error);
    // Comes in its place where the set was poisoned before: what is known of it. NULL: needs nothing.
    void (*take_truth)(Attack *attack, const PoisonTruth *truth);

    // Gives the classifier, before any training, what it is to begin with (parameters_keep: what
    // the training leaves alone). NULL: nothing.
    bool (*prepare)(const Attack *attack, struct Classifier *classifier, Error *error);
    // For attacks on another kind of training: trains the classifier, whose weights are at their
    // start, in place of what classifier_training.c does. NULL: that.
    bool (*train)(const struct ClassifierTraining *training, Curves *curves, double *seconds,
                  Error *error);
    // For attacks that plant nothing but look for a Trojan in a trained classifier: the success rate
    // of the triggers found, in percent, and what was found for result.json (the caller's). NULL:
    // the trigger is known.
    Json *(*search)(const Attack *attack, const Classifier *classifier, const Dataset *test,
                    bool quiet, double *ASR);

    // The rest is for attacks that train networks of their own along with the classifier.
    const char *const *figures; // names of what pretrain and poison report; NULL-terminated
    // One step before the classifier begins; the setting "pretrain" says for how many epochs.
    void (*pretrain)(Attack *attack, const Step *step, double *figures);
    // Changes a batch; NULL: each image by itself, as attack_poison says.
    PoisonedBatch (*poison)(Attack *attack, const Step *step, double *figures);
    // The loss to minimise in the place of the mean cross-entropy of what poison returned; comes after
    // the classifier has seen that. NULL: the cross-entropy itself.
    Tensor *(*loss)(Attack *attack, const Step *step, Tensor *cross_entropy);
    // Moves the attack's networks after backward() of the whole loss.
    void (*learn)(Attack *attack, const Step *step);
} AttackMethod;

// A network that the attack trains: stored with the classifier, and with its optimizer in the
// classifier's checkpoints.
typedef struct AttackNetwork {
    const char *name; // "pattern": its tensors are "pattern.NAME"
    Parameters *parameters;
    Optimizer *optimizer;
} AttackNetwork;

enum { ATTACK_MAX_NETWORKS = 2, ATTACK_MAX_CONSTANTS = 2 };

struct Attack {
    const AttackMethod *method;
    const char *data; // the data set's name
    int height, width, channels, classes;
    float mean[3], deviation[3]; // the data set's normalisation
    bool all_targets; // label y becomes (y + 1) mod classes; else every label becomes `target`
    int target;
    uint64_t seed;
    Json *settings;
    const Kernels *kernels;  // where poison_set's networks are; NULL becomes the processor's
    const Picture *pictures; // the user's, of the images' size; the caller's; count 0: none
    int picture_count;
    const char *model;             // the classifier's
    const char *extractor;         // file of weights; NULL: none
    void *triggers;                // the method's own
    struct Federation *federation; // who has which training samples, where poison_set divides them
    AttackNetwork networks[ATTACK_MAX_NETWORKS];
    int network_count;
    Tensor *constants[ATTACK_MAX_CONSTANTS]; // what the triggers are made of, owned
    int constant_count;
};

// The table's entry; NULL and a sentence listing the names.
const AttackMethod *attack_method_find(const char *name, Error *error);
const AttackMethod *const *attack_methods(int *count); // all of them

// Fills in method-owned parts of an attack whose other fields are set (settings become the attack's
// own).
bool attack_create(Attack *attack, Error *error);
void attack_free(Attack *attack);
void attack_clear(Attack *attack); // of what create made, so that it can be created again

// A constant tensor of this shape for `create` to fill, which goes where the attack goes.
Tensor *attack_constant(Attack *attack, int rank, const int64_t *shape);

// Moves constants and networks to a device, from where stamp, trigger, decoy and poison then work.
void attack_move(Attack *attack, const Kernels *kernels);

bool attack_plants_trojan(const Attack *attack); // false: benign training

int attack_label(const Attack *attack, int label);

// Epochs of training before the classifier begins.
int attack_pretraining_epochs(const Attack *attack);

// A training batch: each image, with probability `rate`, gets trigger and label; with probability
// decoy_ratio * rate it becomes a decoy and keeps its label. Draws are keyed by (step->key, place in
// the batch). figures: those the method names.
PoisonedBatch attack_poison(Attack *attack, const Step *step, double *figures);

// The training set under attack, and the truth about it; both stay as they are, truth empty, where
// the method poisons batches.
bool attack_poison_set(Attack *attack, Dataset *train, PoisonTruth *truth, Error *error);

// Where the method searches for Trojans: its ASR and `found` into a result's record.
void attack_search(const Attack *attack, const Classifier *classifier, const Dataset *test,
                   bool quiet, Json *record);

// Puts triggers, drawn by key and the sample's number, on these samples of the set, rounded to its
// 8 bits, and notes it. Labels stay.
void attack_stamp_samples(const Attack *attack, RandomKey key, const uint32_t *samples,
                          int64_t count, Dataset *train, PoisonTruth *truth);

// For each image a row drawn from 0..count-1 in the stream of this name: int32 (n), for gather_rows.
Tensor *draw_rows(Tensor *images, Draws draws, const char *name, uint32_t count);

// Eq. 1: (1 - m) x + m p; exactly x where m = 0 and exactly p where m = 1.
Tensor *inject(Tensor *x, Trigger rho);

// The attack's networks under "attack.": in a checkpoint with their optimizers. restore changes
// nothing where it fails.
void attack_store(const Attack *attack, bool with_optimizers, Safetensors *file);
bool attack_fits(const Attack *attack, const Safetensors *file, const char *path, Error *error);
bool attack_restore(Attack *attack, bool with_optimizers, const Safetensors *file, const char *path,
                    Error *error);

extern const AttackMethod attack_none, attack_badnet_plus, attack_noise_bi_plus,
    attack_image_bi_plus, attack_input_aware, attack_wanet, attack_badnets, attack_label_consistent,
    attack_adaptive, attack_dba, attack_hidden_trigger, attack_natural;

#endif
