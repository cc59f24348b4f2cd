// The thread pool. Work is cut into tasks by shape alone, never by the number of threads, so
// results are the same bits for any number; which thread runs a task is not determined, what a task
// computes is.
#ifndef SIEVE_CORE_THREAD_H
#define SIEVE_CORE_THREAD_H

#include <stdint.h>

// Number of threads that parallel_for uses from now on (1..64); the default is the number of
// processors of the machine.
void threads_set(int count);
int threads_count(void);

// Runs body(context, task, thread) for every task in 0..tasks-1 and returns when all are done;
// thread is 0..threads_count()-1. A call from inside a body runs its tasks in the calling thread.
void parallel_for(int64_t tasks, void (*body)(void *context, int64_t task, int thread),
                  void *context);

// Scratch memory of one thread, or shared by all (thread = -1): at least this many bytes, 64-byte
// aligned, contents undefined; valid until the next request for the same slot. Grows on first use
// and is then kept.
void *scratch(int thread, int64_t bytes);

#endif
