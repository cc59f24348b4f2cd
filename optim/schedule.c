// Learning rate schedules, one small function each.
#include "optim/schedule.h"

static const double pi = 3.14159265358979323846;

// cos(pi x) for x in [0, 1] from its Taylor series (12 terms: exact to double precision up to
// pi/2), because libm's cos differs from machine to machine in its last bits.
static double cos_pi(double x)
{
    if (x > .5) return -cos_pi(1 - x);
    double square = pi * x * pi * x, term = 1, sum = 1;
    for (int k = 1; k <= 12; k++) {
        term *= -square / ((2 * k - 1) * (2 * k));
        sum += term;
    }
    return sum;
}

// From start to end along half a cosine; progress runs from 0 to 1.
static double anneal(double start, double end, double progress)
{
    if (progress >= 1) return end;
    return end + (start - end) * (1 + cos_pi(progress)) / 2;
}

static double constant(const Schedule *schedule, int64_t time)
{
    (void)time;
    return schedule->learning_rate;
}

static double step(const Schedule *schedule, int64_t time)
{
    double rate = schedule->learning_rate;
    for (int64_t drop = time / schedule->period; drop > 0; drop--) rate *= schedule->factor;
    return rate;
}

static double multi_step(const Schedule *schedule, int64_t time)
{
    double rate = schedule->learning_rate;
    for (int i = 0; i < SCHEDULE_MAX_MILESTONES && schedule->milestones[i] > 0; i++)
        if (time >= schedule->milestones[i]) rate *= schedule->factor;
    return rate;
}

static double cosine(const Schedule *schedule, int64_t time)
{
    return anneal(schedule->learning_rate, 0, (double)time / (double)schedule->period);
}

static double one_cycle(const Schedule *schedule, int64_t time)
{
    double peak = schedule->learning_rate, low = peak / 25, last = low / 1e4;
    double top = .3 * (double)schedule->period - 1, end = (double)schedule->period - 1;
    double now = (double)time;
    if (now <= top) return anneal(low, peak, top > 0 ? now / top : 1);
    return anneal(peak, last, (now - top) / (end - top));
}

float learning_rate_at(const Schedule *schedule, int64_t time)
{
    static double (*const formulas[])(const Schedule *, int64_t) = {
        [SCHEDULE_CONSTANT] = constant,     [SCHEDULE_STEP] = step,
        [SCHEDULE_MULTI_STEP] = multi_step, [SCHEDULE_COSINE] = cosine,
        [SCHEDULE_ONE_CYCLE] = one_cycle,
    };
    return (float)formulas[schedule->kind](schedule, time);
}
