// The two-class split beside every split tried by hand.
#include "experiments/natural_break.h"

#include <stdlib.h>
#include "core/random.h"
#include "tests/test.h"

enum { MOST = 40 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

// Sum of squared distances from the mean.
static double scatter(const double *values, int count)
{
    double mean = 0, sum = 0;
    for (int i = 0; i < count; i++) mean += values[i] / count;
    for (int i = 0; i < count; i++) sum += (values[i] - mean) * (values[i] - mean);
    return sum;
}

// The least scatter within the classes over all splits of the sorted numbers.
static double least_scatter(const double *sorted, int count)
{
    double best = scatter(sorted, count);
    for (int n = 1; n < count; n++) {
        double within = scatter(sorted, n) + scatter(sorted + n, count - n);
        if (within < best) best = within;
    }
    return best;
}

static void no_other_split_has_less_variance(void)
{
    for (uint32_t trial = 0; trial < 500; trial++) {
        RandomKey key = {3, random_purpose("break"), trial};
        double values[MOST], sorted[MOST];
        int count = 1 + (int)random_below(key, 1000, MOST), lower = 0;
        for (int i = 0; i < count; i++) {
            bool coarse = trial % 3 == 0; // many equal numbers
            values[i] = sorted[i] = coarse
                                        ? (double)random_below(key, (uint64_t)i, 4) - 2
                                        : (double)random_normal(key, (uint64_t)i) +
                                              5 * (double)random_below(key, (uint64_t)i + 500, 2);
        }
        qsort(sorted, (size_t)count, sizeof *sorted, compare);
        double found = natural_break(values, count);
        while (lower < count && sorted[lower] <= found) lower++;
        check(lower > 0 && sorted[lower - 1] == found, "trial %u: it is one of the numbers", trial);
        double within = scatter(sorted, lower) + scatter(sorted + lower, count - lower);
        check(within <= least_scatter(sorted, count) * (1 + 1e-9) + 1e-12,
              "trial %u of %d numbers: %.12g, best %.12g", trial, count, within,
              least_scatter(sorted, count));
    }
}

static void known_splits(void)
{
    const double apart[] = {9, 1, 10, 2, 11}, equal[] = {4, 4, 4}, one[] = {7}, two[] = {5, -5};
    const double ties[] = {0, 1, 2}; // {0} {1 2} as good as {0 1} {2}
    check(natural_break(apart, 5) == 2, "1 2 | 9 10 11");
    check(natural_break(equal, 3) == 4, "equal numbers make one class");
    check(natural_break(one, 1) == 7, "one number");
    check(natural_break(two, 2) == -5, "two numbers");
    check(natural_break(ties, 3) == 0, "of equal splits the lowest");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"no_other_split_has_less_variance", no_other_split_has_less_variance},
        {"known_splits", known_splits}};
    return TESTS_RUN(tests);
}
