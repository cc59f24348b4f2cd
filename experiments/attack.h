// Attacks: how a Trojan's trigger is put on an image, and which label it is to bring about. One
// file in experiments/attacks/ for each method, one line in the table of attack.c; training,
// defenses and metrics see only this interface.
#ifndef SIEVE_EXPERIMENTS_ATTACK_H
#define SIEVE_EXPERIMENTS_ATTACK_H

#include "core/random.h"
#include "experiments/setting.h"

typedef struct Attack Attack;

typedef struct AttackMethod {
    const char *name, *title;
    Settings settings;
    bool (*create)(Attack *attack,
                   Error *error); // draws the triggers from attack->seed; NULL: nothing to draw
    // Puts the trigger on one image (height, width, channels) in [0, 1]; `index` and key choose
    // among several triggers.
    void (*stamp)(const Attack *attack, RandomKey key, uint64_t index, float *image);
    void (*free)(Attack *attack);
} AttackMethod;

struct Attack {
    const AttackMethod *method;
    int height, width, channels, classes;
    bool all_targets; // label y becomes (y + 1) mod classes; else every label becomes `target`
    int target;
    uint64_t seed;
    Json *settings;
    void *triggers; // the method's own
};

// The table's entry; NULL and a sentence listing the names.
const AttackMethod *attack_method_find(const char *name, Error *error);
const AttackMethod *const *attack_methods(int *count); // all of them

// Fills in method-owned parts of an attack whose other fields are set (settings become the attack's
// own).
bool attack_create(Attack *attack, Error *error);
void attack_free(Attack *attack);

bool attack_plants_trojan(const Attack *attack); // false: benign training

int attack_label(const Attack *attack, int label);

// Poisons a batch in place: each image with probability `rate` (1: all) gets trigger and label;
// draws are keyed by (key, first_index + i).
void attack_poison(const Attack *attack, double rate, RandomKey key, uint64_t first_index,
                   int64_t count, float *images, int32_t *labels);

extern const AttackMethod attack_none, attack_badnet_plus;

#endif
