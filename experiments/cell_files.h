// The files of a finished cell (experiments/cell.h).
#ifndef SIEVE_EXPERIMENTS_CELL_FILES_H
#define SIEVE_EXPERIMENTS_CELL_FILES_H

#include "core/json.h"
#include "experiments/defense.h"
#include "experiments/evaluation.h"

bool cell_finished(const char *directory); // result.json exists; tidies then

// Removes what is of no use once the cell is finished: the checkpoint, and temporary files of
// processes that were killed.
void cell_tidy(const char *directory);

bool cell_write_json(const char *directory, const char *name, const Json *json, Error *error);
Json *cell_read_json(const char *directory, const char *name, Error *error);

// result.json, which must be that of the configuration with this hash.
Json *cell_read_result(const char *directory, const char *hash, Error *error);

// samples.safetensors: one image each of up to eight classes other than the target, clean and
// Trojan, with what the classifier says of each. With a defense also what its filter makes of them,
// and its own synthetic Trojan images where it has some; without one (NULL: of a classifier) the
// triggers and the decoys.
bool cell_write_samples(const char *directory, const Evaluation *evaluation, const Defense *defense,
                        Error *error);

// Adds "files": {name: SHA-256} for the cell's weights, curves and samples.
bool cell_hash_files(const char *directory, Json *record, Error *error);

#endif
