// The test harness: each tests/DIR/test_NAME.c is a program that lists its tests and calls
// tests_run. A failing check prints where it stands and what it saw, and the test goes on, so that
// one run shows every fault.
#ifndef SIEVE_TESTS_TEST_H
#define SIEVE_TESTS_TEST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Test {
    const char *name; // a sentence with underscores: what holds
    void (*run)(void);
} Test;

// Runs them in order, prints "ok NAME", "skipped NAME: reason" or "FAIL NAME", and the closing line
// "PROGRAM: N passed, N failed"; returns the exit status. A program argument runs only the tests
// whose names contain it.
int tests_run(int argc, char **argv, const Test *tests, int count);
#define TESTS_RUN(tests) tests_run(argc, argv, tests, (int)(sizeof(tests) / sizeof((tests)[0])))

// Marks the running test as failed, with place and text, unless ok; returns ok.
bool check_at(const char *file, int line, bool ok, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
#define check(ok, ...) check_at(__FILE__, __LINE__, ok, __VA_ARGS__)

// Marks the running test as skipped; the caller then returns.
void skip(const char *format, ...) __attribute__((format(printf, 1, 2)));

// A path below ../shared (or $SIEVE_SHARED), valid until the fourth next call; NULL where it does
// not exist.
const char *shared_path(const char *relative);

// Hands each line but the first (the columns' names) of a list below ../shared to check_line, and
// checks that there are `wanted`. Skips where there is no such list.
void check_listed(const char *relative, int wanted, void (*check_line)(const char *line));

// A fresh directory that is removed when the program ends. The string is not to be freed.
const char *temporary_directory(void);

#endif
