// Cells: one classifier under one attack, and one defense, as in a cell of the papers' tables. What
// a cell needs is computed once and kept below the result directory, beside the classifier
// (experiments/subject.h):
//
//   OUT/cells/ID/  filter.safetensors (input filters) or model.safetensors (training-time
//                  defenses), curves.json, samples.safetensors, result.json
//
// result.json is written last and marks the cell as finished; before that checkpoints lie there.
#ifndef SIEVE_EXPERIMENTS_CELL_H
#define SIEVE_EXPERIMENTS_CELL_H

#include "experiments/subject.h"

// Trains and measures one defense of this subject, or reads the finished cell. The record is the
// caller's.
Json *cell_run(const Subject *subject, const char *defense, Error *error);

#endif
