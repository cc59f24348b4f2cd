// Runs build/sieve as a user does, and makes the small data sets that its tests run on.
#ifndef SIEVE_TESTS_EXPERIMENTS_PROGRAM_H
#define SIEVE_TESTS_EXPERIMENTS_PROGRAM_H

#include <stdint.h>
#include "core/json.h"

// A path below the test's temporary directory; the caller frees it.
char *path_of(const char *name);

// What one run left: exit status (128 + signal where it was killed), its two outputs. The strings
// are valid until the next run.
typedef struct Outcome {
    int status;
    const char *output, *errors;
} Outcome;

// Runs $SIEVE (else $BUILD/sieve, else build/sieve) with these words of a shell, in the directory
// work/ below the temporary one.
Outcome run_sieve(const char *format, ...) __attribute__((format(printf, 1, 2)));

// The same through a shell line in which %s, to be given first, is the program: for pipes, kills.
Outcome run_shell(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *sieve_path(void);

// Names of the files below work/ of the last run, one a line, sorted; valid until the next call.
const char *files_left(void);
void clear_work(void);

// DIRECTORY/mnist with drawn digits in MNIST's four files.
void write_small_mnist(const char *directory, int train, int test);

// One IDX file: its header's rank and sizes, then the bytes.
void write_idx(const char *path, int rank, const uint32_t *sizes, const uint8_t *bytes,
               uint64_t count);

// ---- what runs leave below work/ ----

// The JSON file of this name; NULL, and the test fails, where there is none. The caller's.
Json *read_result(const char *name);

void succeeded(Outcome outcome); // exit status 0, nothing on stderr

// Two JSON files are the same but for "seconds".
void same_results(const char *a, const char *b);

// Weights, curves and samples below two result directories are the same files with the same bytes.
void same_files(const char *a, const char *b);

void write_text(const char *path, const char *text);
char *read_text(const char *path); // the caller frees it; NULL where there is none

#endif
