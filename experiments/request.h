// Whether the options ask for what there is, found out before anything is computed or written.
#ifndef SIEVE_EXPERIMENTS_REQUEST_H
#define SIEVE_EXPERIMENTS_REQUEST_H

#include "experiments/options.h"

// Checks data set, model, attack, target, defenses (comma-separated; may be NULL), and that every
// --set names a setting of the classifier, of the attack or of one of the defenses and gives it a
// number of its range. The exit status: 0, 2 where they do not, 1 where the data set's files cannot
// be read.
int request_check(const Options *options, Error *error);

// Of a filter or a training-time defense; NULL where none has this name.
Settings defense_settings(const char *name);

// Opens the device that is asked for; false with a sentence where there is none: it is never
// silently left out.
bool request_device(const Options *options, Error *error);

#endif
