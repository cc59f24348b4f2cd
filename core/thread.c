// The pool: threads wait for a job, take task numbers from a shared counter until none is left, and
// report. The caller works too. Jobs are short and follow each other closely, so waiting threads
// first spin for a while, then sleep.
#include "core/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include "core/error.h"

enum { MAX_THREADS = 64, SPINS = 20000 };

typedef struct Job {
    void (*body)(void *, int64_t, int);
    void *context;
    int64_t tasks;
} Job;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    int count;   // threads in use including the caller; 0: not yet decided
    int started; // workers running: numbers 1..started
    unsigned generation_at_start[MAX_THREADS];
    Job job;
    atomic_uint generation; // increases with every job
    atomic_llong next;      // next task to take
    atomic_int busy;        // workers still in the job
} pool = {.lock = PTHREAD_MUTEX_INITIALIZER,
          .wake = PTHREAD_COND_INITIALIZER,
          .done = PTHREAD_COND_INITIALIZER};

static struct {
    void *memory;
    int64_t size;
} scratches[MAX_THREADS + 1];

static _Thread_local int this_thread;
static _Thread_local bool inside;

static void relax(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void take_tasks(void)
{
    inside = true;
    for (;;) {
        int64_t task = atomic_fetch_add(&pool.next, 1);
        if (task >= pool.job.tasks) break;
        pool.job.body(pool.job.context, task, this_thread);
    }
    inside = false;
}

static unsigned wait_for_job(unsigned seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        unsigned generation = atomic_load(&pool.generation);
        if (generation != seen) return generation;
        relax();
    }
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.generation) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
    unsigned generation = atomic_load(&pool.generation);
    pthread_mutex_unlock(&pool.lock);
    return generation;
}

static void *worker(void *argument)
{
    this_thread = (int)(intptr_t)argument;
    unsigned seen = pool.generation_at_start[this_thread];
    for (;;) {
        seen = wait_for_job(seen);
        if (this_thread < pool.count) // more workers may exist than are in use
            take_tasks();
        if (atomic_fetch_sub(&pool.busy, 1) == 1) {
            pthread_mutex_lock(&pool.lock);
            pthread_cond_signal(&pool.done);
            pthread_mutex_unlock(&pool.lock);
        }
    }
    return NULL;
}

// Workers are made when first needed; where the system gives none, the caller does their share.
static void start_workers(void)
{
    while (pool.started < pool.count - 1) {
        int number = pool.started + 1;
        pool.generation_at_start[number] = atomic_load(&pool.generation);
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker, (void *)(intptr_t)number) != 0) break;
        pthread_detach(thread);
        pool.started = number;
    }
}

int threads_count(void)
{
    if (pool.count == 0) {
        long processors = sysconf(_SC_NPROCESSORS_ONLN);
        pool.count = processors < 1 ? 1 : processors > MAX_THREADS ? MAX_THREADS : (int)processors;
    }
    return pool.count;
}

void threads_set(int count)
{
    if (count < 1 || count > MAX_THREADS) panic("threads_set(%d): 1 to %d", count, MAX_THREADS);
    pool.count = count;
}

static void run_here(int64_t tasks, void (*body)(void *, int64_t, int), void *context)
{
    for (int64_t task = 0; task < tasks; task++) body(context, task, this_thread);
}

void parallel_for(int64_t tasks, void (*body)(void *, int64_t, int), void *context)
{
    if (inside || tasks <= 1 || threads_count() == 1) {
        run_here(tasks, body, context);
        return;
    }
    start_workers();
    pool.job = (Job){body, context, tasks};
    atomic_store(&pool.next, 0);
    atomic_store(&pool.busy, pool.started);
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.generation, 1);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    take_tasks();
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&pool.busy) == 0) return;
        relax();
    }
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.busy) != 0) pthread_cond_wait(&pool.done, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}

void *scratch(int thread, int64_t bytes)
{
    if (thread < -1 || thread >= MAX_THREADS) panic("scratch of thread %d", thread);
    int slot = thread + 1;
    if (scratches[slot].size < bytes) {
        free(scratches[slot].memory);
        scratches[slot].memory = allocate_pages((uint64_t)bytes);
        scratches[slot].size = bytes;
    }
    return scratches[slot].memory;
}
