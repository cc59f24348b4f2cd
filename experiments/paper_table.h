// `sieve table`: a paper's table with what was measured beside what was published; cells that were
// not run say so.
#ifndef SIEVE_EXPERIMENTS_PAPER_TABLE_H
#define SIEVE_EXPERIMENTS_PAPER_TABLE_H

#include "core/file.h"

// The names, one a line.
void paper_table_list(Text *out);

bool paper_table_check(const char *name, Error *error); // whether there is one of this name

// The table of this name from the results below the directory (which may be missing: nothing was
// run). False and a sentence for an unknown name or broken results.
bool paper_table(const char *name, const char *directory, Text *out, Error *error);

// The commands that run its missing cells at the paper's scale, one a line, for a shell or a queue;
// defenses that are not offered (februus) are left out.
bool paper_table_commands(const char *name, const char *directory, Text *out, Error *error);

#endif
