// The pool: threads wait for a job and take task numbers from a shared ticket until none is left. The
// caller works too, and returns when all tasks are done, whether or not every thread has come: on a
// busy machine one may not get a processor for long. Hence the ticket carries the job's generation: a
// late thread cannot take a task of a job that it has not seen. Jobs are short and follow each other
// closely, so waiting threads first spin for a while, then sleep.
#include "core/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include "core/error.h"

enum { MAX_THREADS = 64, SPINS = 20000 };

typedef void TaskBody(void *context, int64_t task, int thread);

static const uint64_t NO_TASK = UINT32_MAX;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    atomic_int count; // threads in use including the caller; 0: not yet decided
    int started;      // workers running: numbers 1..started
    unsigned generation_at_start[MAX_THREADS];
    // The job. It changes only while the ticket's task is NO_TASK and no task is under way.
    _Atomic(TaskBody *) body;
    _Atomic(void *) context;
    atomic_ullong tasks, completed;
    atomic_ullong ticket; // generation << 32 | next task
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

// The next task of this generation's job, or NO_TASK. That the ticket did not change in between says
// that `tasks` is this job's.
static uint64_t take_task(unsigned generation)
{
    unsigned long long ticket = atomic_load(&pool.ticket);
    for (;;) {
        uint64_t task = ticket & NO_TASK;
        if (ticket >> 32 != generation || task >= atomic_load(&pool.tasks)) return NO_TASK;
        if (atomic_compare_exchange_weak(&pool.ticket, &ticket, ticket + 1)) return task;
    }
}

static void take_tasks(unsigned generation)
{
    inside = true;
    for (uint64_t task; (task = take_task(generation)) != NO_TASK;) {
        TaskBody *body = atomic_load(&pool.body);
        uint64_t tasks = atomic_load(&pool.tasks);
        body(atomic_load(&pool.context), (int64_t)task, this_thread);
        if (atomic_fetch_add(&pool.completed, 1) + 1 == tasks && this_thread > 0) {
            pthread_mutex_lock(&pool.lock);
            pthread_cond_signal(&pool.done);
            pthread_mutex_unlock(&pool.lock);
        }
    }
    inside = false;
}

static unsigned current_generation(void)
{
    return (unsigned)(atomic_load(&pool.ticket) >> 32);
}

static unsigned wait_for_job(unsigned seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        unsigned generation = current_generation();
        if (generation != seen) return generation;
        relax();
    }
    pthread_mutex_lock(&pool.lock);
    while (current_generation() == seen) pthread_cond_wait(&pool.wake, &pool.lock);
    unsigned generation = current_generation();
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
            take_tasks(seen);
    }
    return NULL;
}

// Workers are made when first needed; where the system gives none, the caller does their share.
static void start_workers(void)
{
    while (pool.started < pool.count - 1) {
        int number = pool.started + 1;
        pool.generation_at_start[number] = current_generation();
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

static void run_here(int64_t tasks, TaskBody *body, void *context)
{
    for (int64_t task = 0; task < tasks; task++) body(context, task, this_thread);
}

// Closes the ticket, changes the job, and opens the ticket of the next generation.
static unsigned publish(int64_t tasks, TaskBody *body, void *context)
{
    uint64_t generation = current_generation();
    atomic_store(&pool.ticket, generation << 32 | NO_TASK);
    atomic_store(&pool.body, body);
    atomic_store(&pool.context, context);
    atomic_store(&pool.tasks, (uint64_t)tasks);
    atomic_store(&pool.completed, 0);
    generation = (generation + 1) & UINT32_MAX;
    pthread_mutex_lock(&pool.lock);
    atomic_store(&pool.ticket, generation << 32);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
    return (unsigned)generation;
}

void parallel_for(int64_t tasks, void (*body)(void *, int64_t, int), void *context)
{
    if (inside || tasks <= 1 || tasks >= (int64_t)NO_TASK || threads_count() == 1) {
        run_here(tasks, body, context);
        return;
    }
    start_workers();
    take_tasks(publish(tasks, body, context));
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&pool.completed) == (uint64_t)tasks) return;
        relax();
    }
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.completed) != (uint64_t)tasks)
        pthread_cond_wait(&pool.done, &pool.lock);
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
