// The program and the machine it runs on, in words.
#ifndef SIEVE_EXPERIMENTS_MACHINE_H
#define SIEVE_EXPERIMENTS_MACHINE_H

// git's name of the commit that was built.
const char *program_version(void);

// "AMD EPYC 7B13, 2 threads, avx2", valid until the next call.
const char *machine_text(void);

#endif
