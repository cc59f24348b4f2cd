// Errors. A user's error (missing or broken file, impossible option) travels as an Error with one
// clear sentence; a programming error (shapes that cannot meet) stops the program at once with its
// place. The two are never mixed.
#ifndef SIEVE_CORE_ERROR_H
#define SIEVE_CORE_ERROR_H

#include <stdbool.h>

typedef struct Error {
    char message[1024]; // one sentence naming file and reason; empty while nothing failed
} Error;

// Writes the sentence and returns false, so that a failing function can `return fail(error,
// "...")`. error may be NULL: the caller only wants to know that it failed. An already set message
// is replaced.
bool fail(Error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A programming error: prints "file:line: message" to stderr and aborts.
_Noreturn void panic_at(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define panic(...) panic_at(__FILE__, __LINE__, __VA_ARGS__)

// product = a * b when it stays at or below limit; false (product untouched) otherwise. For every
// size read from a file.
bool checked_multiply(unsigned long long a, unsigned long long b, unsigned long long limit,
                      unsigned long long *product);

// malloc, calloc and realloc that cannot fail: out of memory is a clear sentence on stderr and exit
// status 1.
void *allocate(unsigned long long bytes);
void *allocate_zeroed(unsigned long long bytes);
void *reallocate(void *memory, unsigned long long bytes);
// For large arrays: begins at a cache line, from a large page's size on at such a page, of which
// the system is asked to make it (fewer misses in address translation). Freed by free().
void *allocate_pages(unsigned long long bytes);
char *copy_string(const char *text);

#endif
