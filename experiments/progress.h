// A progress line on stderr: what is running, how far, at what rate, time left, and the latest
// figures. Redrawn in place on a terminal; a plain line about twice a minute elsewhere; nothing
// when quiet.
#ifndef SIEVE_EXPERIMENTS_PROGRESS_H
#define SIEVE_EXPERIMENTS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct Progress {
    const char *label; // "vif"
    bool quiet;
    int64_t total, begin; // steps of the whole; where this process took up
    double started, shown;
    bool terminal, line_open;
} Progress;

double seconds_now(void); // a steady clock

Progress progress_start(const char *label, int64_t begin, int64_t total, bool quiet);
void progress_update(Progress *progress, int64_t done, const char *figures);
void progress_end(Progress *progress, int64_t done, const char *figures);

#endif
