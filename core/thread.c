// The pool. The tasks of a job are dealt out in equal shares, one a thread, in their order; a thread
// takes those of its own share from the front and, when that is empty, those of the others' from
// the back. As tasks follow the images of a batch, a thread meets in each operator the images that
// it worked on in the one before, and finds them in its own cache.
//
// The caller works too, and returns when all tasks are done, whether or not every thread has come:
// on a busy machine one may not get a processor for long. A task that was taken is of the present
// job, as the next one is dealt out only when all are done; so a thread reads what the job is after
// it has taken a task. Jobs are short and follow each other closely, so waiting threads first spin
// for a while, then sleep.
#include "core/thread.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>
#include "core/error.h"

enum { MAX_THREADS = 64, SPINS = 20000, CACHE_LINE = 64 };

typedef void TaskBody(void *context, int64_t task, int thread);

// Tasks first .. end-1 as first << 32 | end, so that both change at once.
typedef struct Share {
    _Alignas(CACHE_LINE) atomic_ullong tasks;
} Share;

static const int64_t NO_TASK = -1;

static struct {
    pthread_mutex_t lock;
    pthread_cond_t wake, done;
    atomic_int count;  // threads in use including the caller; 0: not yet decided
    int started;       // workers running: numbers 1..started
    atomic_int active; // of these, looking for tasks
    unsigned job_at_start[MAX_THREADS];
    // The job. It changes only while all shares are empty and no task is under way.
    _Atomic(TaskBody *) body;
    _Atomic(void *) context;
    atomic_ullong tasks, completed;
    Share shares[MAX_THREADS];
    atomic_uint job; // its number
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

static int64_t take_from(Share *share, bool front)
{
    unsigned long long tasks = atomic_load(&share->tasks);
    for (;;) {
        unsigned long long first = tasks >> 32, end = tasks & UINT32_MAX;
        if (first >= end) return NO_TASK;
        unsigned long long left = front ? (first + 1) << 32 | end : first << 32 | (end - 1);
        if (atomic_compare_exchange_weak(&share->tasks, &tasks, left))
            return (int64_t)(front ? first : end - 1);
    }
}

static int64_t take_task(void)
{
    int64_t task = take_from(&pool.shares[this_thread], true);
    for (int other = 1; task == NO_TASK && other < pool.count; other++)
        task = take_from(&pool.shares[(this_thread + other) % pool.count], false);
    return task;
}

static void take_tasks(void)
{
    inside = true;
    for (int64_t task; (task = take_task()) != NO_TASK;) {
        TaskBody *body = atomic_load(&pool.body);
        uint64_t tasks = atomic_load(&pool.tasks);
        body(atomic_load(&pool.context), task, this_thread);
        if (atomic_fetch_add(&pool.completed, 1) + 1 == tasks && this_thread > 0) {
            pthread_mutex_lock(&pool.lock);
            pthread_cond_signal(&pool.done);
            pthread_mutex_unlock(&pool.lock);
        }
    }
    inside = false;
}

static void wait_for_job(unsigned seen)
{
    for (int spin = 0; spin < SPINS; spin++) {
        if (atomic_load(&pool.job) != seen) return;
        relax();
    }
    pthread_mutex_lock(&pool.lock);
    while (atomic_load(&pool.job) == seen) pthread_cond_wait(&pool.wake, &pool.lock);
    pthread_mutex_unlock(&pool.lock);
}

static void *worker(void *argument)
{
    this_thread = (int)(intptr_t)argument;
    unsigned seen = pool.job_at_start[this_thread];
    for (;;) {
        wait_for_job(seen);
        seen = atomic_load(&pool.job);
        atomic_fetch_add(&pool.active, 1);
        if (this_thread < pool.count) // more workers may exist than are in use
            take_tasks();
        atomic_fetch_sub(&pool.active, 1);
    }
    return NULL;
}

// Workers are made when first needed; where the system gives none, the caller does their share.
static void start_workers(void)
{
    while (pool.started < pool.count - 1) {
        int number = pool.started + 1;
        pool.job_at_start[number] = atomic_load(&pool.job);
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
    while (atomic_load(&pool.active) > 0) relax(); // those that still know the old number
}

static void run_here(int64_t tasks, TaskBody *body, void *context)
{
    for (int64_t task = 0; task < tasks; task++) body(context, task, this_thread);
}

static void deal_out(int64_t tasks, TaskBody *body, void *context)
{
    const uint64_t count = (uint64_t)pool.count, all = (uint64_t)tasks;
    atomic_store(&pool.body, body);
    atomic_store(&pool.context, context);
    atomic_store(&pool.tasks, all);
    atomic_store(&pool.completed, 0);
    for (uint64_t i = 0; i < count; i++)
        atomic_store(&pool.shares[i].tasks, all * i / count << 32 | all * (i + 1) / count);
    pthread_mutex_lock(&pool.lock);
    atomic_fetch_add(&pool.job, 1);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
}

void parallel_for(int64_t tasks, void (*body)(void *, int64_t, int), void *context)
{
    if (inside || tasks <= 1 || tasks > INT32_MAX || threads_count() == 1) {
        run_here(tasks, body, context);
        return;
    }
    start_workers();
    deal_out(tasks, body, context);
    take_tasks();
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
