// The results of a run as a table on the terminal.
#ifndef SIEVE_EXPERIMENTS_RESULT_TABLE_H
#define SIEVE_EXPERIMENTS_RESULT_TABLE_H

#include "core/json.h"

void result_table_print(const Json *records);

#endif
