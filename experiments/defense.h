// Defenses: each trains something on the defender's clean images D_val that stands in front of the
// frozen classifier. One file in experiments/defenses/ for each method, one line in the table of
// defense.c.
#ifndef SIEVE_EXPERIMENTS_DEFENSE_H
#define SIEVE_EXPERIMENTS_DEFENSE_H

#include "experiments/setting.h"
#include "experiments/training.h"
#include "nn/classifier.h"
#include "nn/filter.h"

typedef struct Defense Defense;

typedef struct DefenseMethod {
    const char *name, *title;
    bool trains_filter; // Defense.filter
    Settings settings;
    const char *const *figures; // names of what a step reports
    bool (*create)(Defense *defense, Error *error);
    void (*step)(Defense *defense, const Step *step, double *figures);
    void (*store)(const Defense *defense, Safetensors *file);
    bool (*restore)(Defense *defense, const Safetensors *file, const char *path, Error *error);
    int (*epochs)(const Defense *defense);
    void (*free)(Defense *defense);
    // Trojan images that the defense itself makes up of these, for the report. May be NULL.
    Tensor *(*show)(const Defense *defense, Tensor *images);
} DefenseMethod;

struct Defense {
    const DefenseMethod *method;
    const Classifier *classifier; // frozen, evaluation mode; gradients flow to its input only
    Json *settings;
    uint64_t seed;
    const char *filter_name; // NULL: the paper's filter for images of this size
    Filter *filter;          // what the method trains: stands in front of the classifier
    void *own;               // the method's optimizers and further networks
};

const DefenseMethod *defense_method_find(const char *name, Error *error);
const DefenseMethod *const *defense_methods(int *count);

// Fills in the method-owned parts; settings become the defense's own.
bool defense_create(Defense *defense, Error *error);
void defense_free(Defense *defense);

extern const DefenseMethod defense_ip, defense_if, defense_vif, defense_aif;

#endif
