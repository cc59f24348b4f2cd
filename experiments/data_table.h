// Table 8 of the NONE paper: its data sets, beside what they are here.
#ifndef SIEVE_EXPERIMENTS_DATA_TABLE_H
#define SIEVE_EXPERIMENTS_DATA_TABLE_H

#include "core/error.h"
#include "core/file.h"

extern const char data_table_name[]; // "none/8"

// Appends the table. Samples are those that the classifiers below the result directory were trained
// on, "not run" where there are none; a broken result fails.
bool data_table(const char *directory, Text *out, Error *error);

#endif
