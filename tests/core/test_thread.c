// Every task runs once, whatever the numbers of tasks and threads, job after job; and a job is over
// when its tasks are, not earlier.
#include <stdatomic.h>
#include <stdlib.h>
#include "core/thread.h"
#include "tests/test.h"

enum { MOST = 70, JOBS = 20000 };

typedef struct Count {
    atomic_int runs[MOST];
    int64_t job, plain[MOST]; // plain memory: what a task leaves must be seen after the job
} Count;

static void count_task(void *context, int64_t task, int thread)
{
    Count *count = context;
    atomic_fetch_add(&count->runs[task], 1);
    count->plain[task] = count->job * MOST + task;
    check(thread >= 0 && thread < threads_count(), "thread %d of %d", thread, threads_count());
}

static void every_task_runs_once(void)
{
    for (int64_t job = 0; job < JOBS; job++) {
        Count count = {.job = job}; // on the stack: a late thread would write over the next one
        int64_t tasks = job * 31 % MOST;
        threads_set(1 + (int)(job / 64 % 5));
        parallel_for(tasks, count_task, &count);
        for (int64_t i = 0; i < MOST; i++) {
            int runs = atomic_load(&count.runs[i]);
            if (!check(runs == (i < tasks) && count.plain[i] == (i < tasks ? job * MOST + i : 0),
                       "job %lld of %lld tasks: task %lld ran %d times", (long long)job,
                       (long long)tasks, (long long)i, runs))
                return;
        }
    }
}

static void count_inner(void *context, int64_t task, int thread)
{
    (void)task;
    (void)thread;
    atomic_fetch_add((atomic_int *)context, 1);
}

static void outer_task(void *context, int64_t task, int thread)
{
    (void)thread;
    parallel_for(task, count_inner, context);
}

static void a_job_inside_a_task_runs_there(void)
{
    threads_set(3);
    atomic_int runs = 0;
    parallel_for(10, outer_task, &runs);
    check(atomic_load(&runs) == 45, "%d inner tasks in place of 45", atomic_load(&runs));
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"every_task_runs_once", every_task_runs_once},
        {"a_job_inside_a_task_runs_there", a_job_inside_a_task_runs_there},
    };
    return TESTS_RUN(tests);
}
