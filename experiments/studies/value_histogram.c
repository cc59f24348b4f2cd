#include "experiments/studies/value_histogram.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"

enum { BINS = 48, OUTERMOST = 200 };

static int compare(const void *first, const void *second)
{
    const float *a = first, *b = second;
    return (*a > *b) - (*a < *b);
}

static void range_of(const ValueSample *a, const ValueSample *b, double *low, double *high)
{
    int64_t count = a->count + b->count;
    float *all = allocate(sizeof *all * (size_t)count);
    memcpy(all, a->values, sizeof *all * (size_t)a->count);
    memcpy(all + a->count, b->values, sizeof *all * (size_t)b->count);
    qsort(all, (size_t)count, sizeof *all, compare);
    *low = (double)all[count / OUTERMOST];
    *high = (double)all[count - 1 - count / OUTERMOST];
    if (!(*high > *low)) *high = *low + 1; // all the same
    free(all);
}

static void describe(const ValueSample *sample, double *positive, double *mean)
{
    int64_t count = 0;
    *mean = 0;
    for (int64_t i = 0; i < sample->count; i++) {
        count += sample->values[i] >= 0;
        *mean += (double)sample->values[i] / (double)sample->count;
    }
    *positive = 100 * (double)count / (double)sample->count;
}

void plot_values(Drawing *drawing, Box box, const char *title, const ValueSample *without,
                 const ValueSample *with, Text *numbers)
{
    double low, high, positive[2], mean[2];
    range_of(without, with, &low, &high);
    describe(without, &positive[0], &mean[0]);
    describe(with, &positive[1], &mean[1]);
    plot_histogram(drawing, box,
                   &(Histogram){"W x + b", low, high, BINS, 2,
                                (const float *const[]){without->values, with->values},
                                (int64_t[]){without->count, with->count}});
    plot_title(drawing, box, title);
    text_append(numbers,
                "  %-32s without the trigger: >= 0 %6.2f %%, mean %8.3f   with it: >= 0 %6.2f %%, "
                "mean %8.3f\n",
                title, positive[0], mean[0], positive[1], mean[1]);
}

void plot_values_legend(Drawing *drawing)
{
    plot_legend(drawing, (Point){PLOT_LEFT, 16}, 2,
                (const char *const[]){"without the trigger", "with the trigger"});
}
