// The commands of `sieve`, one function each: what follows the command's name in, exit status out
// (0 done, 1 failed, 2 wrong usage).
#ifndef SIEVE_EXPERIMENTS_COMMANDS_H
#define SIEVE_EXPERIMENTS_COMMANDS_H

#include "experiments/options.h"

int command_demo(const Options *options);
int command_run(const Options *options);
int command_train(const Options *options);
int command_report(const Options *options);
int command_table(const Options *options);
int command_figure(const Options *options);
int command_study(const Options *options);
int command_poison(const Options *options);
int command_ops(const Options *options);
int command_methods(const Options *options);
int command_data(const Options *options);
int command_image(const Options *options);

// Whether --json and -o can be written: known before hours of work, not after.
bool outputs_check(const Options *options, Error *error);

// One sentence on stderr, prefixed with the program's name; returns the status.
int command_failed(const Error *error, int status);

#endif
