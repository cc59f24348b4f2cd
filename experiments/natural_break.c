#include "experiments/natural_break.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"

static int compare(const void *first, const void *second)
{
    double a = *(const double *)first, b = *(const double *)second;
    return (a > b) - (a < b);
}

double natural_break(const double *values, int64_t count)
{
    size_t bytes = (size_t)count * sizeof *values;
    double *sorted = allocate(bytes), total = 0, before = 0, best = -1;
    memcpy(sorted, values, bytes);
    qsort(sorted, (size_t)count, sizeof *sorted, compare);
    for (int64_t i = 0; i < count; i++) total += sorted[i] - sorted[0]; // exact where few digits do
    double found = sorted[count - 1];
    for (int64_t i = 0; i + 1 < count; i++) {
        before += sorted[i] - sorted[0];
        if (sorted[i] == sorted[i + 1]) continue; // equal numbers stay together
        double n1 = (double)(i + 1), n2 = (double)(count - i - 1);
        double gap = before / n1 - (total - before) / n2, between = n1 * n2 * gap * gap;
        if (between <= best) continue;
        best = between;
        found = sorted[i];
    }
    free(sorted);
    return found;
}
