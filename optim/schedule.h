// Learning rate schedules: the rate as a pure function of time, so that a resumed run goes on
// exactly. Time counts epochs or steps, as the caller likes. The formulas are PyTorch's schedulers
// of the same names.
#ifndef SIEVE_OPTIM_SCHEDULE_H
#define SIEVE_OPTIM_SCHEDULE_H

#include <stdint.h>

enum { SCHEDULE_MAX_MILESTONES = 8 };

typedef enum ScheduleKind {
    SCHEDULE_CONSTANT,
    SCHEDULE_STEP,       // times factor every `period`
    SCHEDULE_MULTI_STEP, // times factor at each milestone
    SCHEDULE_COSINE,     // half a cosine from learning_rate to 0 at time `period`
    SCHEDULE_ONE_CYCLE   // learning_rate/25 up to learning_rate in the first 30 % of `period`, then
                         // down to 1/250000
} ScheduleKind;

typedef struct Schedule {
    ScheduleKind kind;
    double learning_rate; // the start, or the peak of one cycle
    double factor;
    int64_t period;
    int64_t milestones[SCHEDULE_MAX_MILESTONES]; // ascending, the rest 0
} Schedule;

// time >= 0: the number of finished epochs or steps.
float learning_rate_at(const Schedule *schedule, int64_t time);

#endif
