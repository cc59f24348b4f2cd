// Reads a results directory for the report: every finished cell (a cell is one attack against one
// defense) and every trained classifier, ordered by setting (data, attack, mode, model, scale,
// target), seed, defense, name. A folder without result.json is unfinished and passed over; a file
// that is there but broken is an error that names it.
#ifndef SIEVE_EXPERIMENTS_REPORT_READ_H
#define SIEVE_EXPERIMENTS_REPORT_READ_H

#include "core/error.h"
#include "core/json.h"
#include "core/safetensors.h"

typedef struct Entry {
    char *name;           // of its folder
    Json *result;         // result.json, an object
    Json *curves;         // curves.json, checked; NULL where there is none
    Safetensors *samples; // samples.safetensors, checked; NULL where there is none
    const char *data, *model, *attack, *mode, *defense,
        *scale;          // "" where absent; defense "" in classifiers
    double target, seed; // NaN where absent
} Entry;

typedef struct Results {
    Entry *cells, *classifiers;
    int cell_count, classifier_count;
} Results;

// False and error when the directory does not exist or one of its files is broken.
// figures_only: result.json alone, neither curves nor pictures. results_free releases either outcome.
bool results_read(const char *directory, bool figures_only, Results *results, Error *error);
void results_free(Results *results);

// The classifier that this cell attacked and defended (named by classifier_hash); NULL where
// unknown.
const Entry *results_classifier(const Results *results, const Entry *cell);

// What identifies a cell's setting apart from its seed: the names, the mode and the whole
// configuration without seeds and hashes. Two cells with the same text are repetitions of one
// experiment. The caller frees it.
char *entry_experiment(const Entry *entry);

#endif
