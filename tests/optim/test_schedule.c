// Learning rate schedules against PyTorch's schedulers: o.param_groups[0]["lr"] after that many
// scheduler.step().
#include "optim/schedule.h"

#include <math.h>

#include "tests/test.h"

typedef struct Point {
    int64_t time;
    double rate;
} Point;

static void check_points(Schedule schedule, int count, const Point *points)
{
    for (int i = 0; i < count; i++) {
        double rate = (double)learning_rate_at(&schedule, points[i].time);
        check(fabs(rate - points[i].rate) <= 1e-7 * fabs(points[i].rate) + 1e-12,
              "at time %lld the rate is %.9g, expected %.9g", (long long)points[i].time, rate,
              points[i].rate);
    }
}
#define CHECK_POINTS(schedule, ...)                                               \
    check_points(schedule, (int)(sizeof((Point[]){__VA_ARGS__}) / sizeof(Point)), \
                 (Point[]){__VA_ARGS__})

static void test_constant(void)
{
    Schedule schedule = {.learning_rate = .01};
    CHECK_POINTS(schedule, {0, .01}, {1000000, .01});
}

// StepLR(o, 30, .1), lr=.5
static void test_step(void)
{
    Schedule schedule = {SCHEDULE_STEP, .learning_rate = .5, .factor = .1, .period = 30};
    CHECK_POINTS(schedule, {0, .5}, {29, .5}, {30, .05}, {60, .005}, {100, .0005});
}

// MultiStepLR(o, [100, 200, 300, 400], .1), lr=.01
static void test_multi_step(void)
{
    Schedule schedule = {SCHEDULE_MULTI_STEP, .learning_rate = .01, .factor = .1,
                         .milestones = {100, 200, 300, 400}};
    CHECK_POINTS(schedule, {0, .01}, {99, .01}, {100, .001}, {250, 1e-4}, {399, 1e-5}, {400, 1e-6});
}

// CosineAnnealingLR(o, 90), lr=.1
static void test_cosine(void)
{
    Schedule schedule = {SCHEDULE_COSINE, .learning_rate = .1, .period = 90};
    CHECK_POINTS(schedule, {0, .1}, {1, .09996954135}, {30, .075}, {45, .05}, {46, .04825502516},
                 {77, .005060297685}, {90, 0}, {91, 0});
}

// OneCycleLR(o, max_lr=.2, total_steps=100)
static void test_one_cycle(void)
{
    Schedule schedule = {SCHEDULE_ONE_CYCLE, .learning_rate = .2, .period = 100};
    CHECK_POINTS(schedule, {0, .008}, {1, .008562756113}, {15, .1091973352}, {29, .2},
                 {30, .1998993071}, {60, .1178560181}, {98, .0001014929431}, {99, 8e-7});
}

// The series itself: the C library's cosine over the whole range.
static void test_cosine_equals_the_librarys_to_float_precision(void)
{
    Schedule schedule = {SCHEDULE_COSINE, .learning_rate = 2, .period = 1000};
    for (int64_t time = 0; time <= 1000; time++) {
        double expected = 1 + cos(3.14159265358979323846 * (double)time / 1000);
        double rate = (double)learning_rate_at(&schedule, time);
        check(fabs(rate - expected) <= 6.1e-8 * (1 + expected),
              "1 + cos(pi %lld/1000): %.9g, not %.9g", (long long)time, rate, expected);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"constant", test_constant},
        {"step", test_step},
        {"multi_step", test_multi_step},
        {"cosine", test_cosine},
        {"one_cycle", test_one_cycle},
        {"cosine_equals_the_librarys_to_float_precision",
         test_cosine_equals_the_librarys_to_float_precision},
    };
    return TESTS_RUN(tests);
}
