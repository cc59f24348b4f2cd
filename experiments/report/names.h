// How the report writes the names of data sets, attacks and defenses, and in which order it lists
// them.
#ifndef SIEVE_EXPERIMENTS_REPORT_NAMES_H
#define SIEVE_EXPERIMENTS_REPORT_NAMES_H

// "VIF" for "vif"; an unknown name stands for itself (and is escaped like any text).
const char *name_short(const char *name);

// "variational input filtering" for "vif"; "" for an unknown name.
const char *name_long(const char *name);

// The place of an attack or defense in the papers' order; unknown names come last.
int name_rank(const char *name);

#endif
