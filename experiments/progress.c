#include "experiments/progress.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

static const double TERMINAL_INTERVAL = 0.2, PLAIN_INTERVAL = 30;

double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

Progress progress_start(const char *label, int64_t begin, int64_t total, bool quiet)
{
    double now = seconds_now();
    return (Progress){.label = label,
                      .quiet = quiet,
                      .total = total,
                      .begin = begin,
                      .started = now,
                      .shown = now,
                      .terminal = isatty(STDERR_FILENO)};
}

static void show(Progress *progress, int64_t done, const char *figures, double now)
{
    double elapsed = now - progress->started;
    double rate = elapsed > 0 ? (double)(done - progress->begin) / elapsed : 0;
    long left = rate > 0 ? (long)((double)(progress->total - done) / rate) : 0;
    fprintf(stderr, "%s%-10s %3d%%  %lld/%lld steps  %.1f/s  %ld:%02ld:%02ld left  %s%s",
            progress->terminal ? "\r\033[K" : "", progress->label,
            (int)(100 * done / (progress->total > 0 ? progress->total : 1)), (long long)done,
            (long long)progress->total, rate, left / 3600, left / 60 % 60, left % 60, figures,
            progress->terminal ? "" : "\n");
    progress->shown = now;
    progress->line_open = progress->terminal;
}

void progress_update(Progress *progress, int64_t done, const char *figures)
{
    double now = seconds_now();
    if (!progress->quiet &&
        now - progress->shown >= (progress->terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL))
        show(progress, done, figures, now);
}

void progress_end(Progress *progress, int64_t done, const char *figures)
{
    if (progress->quiet) return;
    show(progress, done, figures, seconds_now());
    if (progress->line_open) fputc('\n', stderr);
    progress->line_open = false;
}
