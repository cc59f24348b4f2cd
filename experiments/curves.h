// Training curves: named series of (epoch, value) points, as they stand in curves.json.
#ifndef SIEVE_EXPERIMENTS_CURVES_H
#define SIEVE_EXPERIMENTS_CURVES_H

#include "core/error.h"
#include "core/json.h"

typedef struct Curves {
    Json *json; // {"x": "epoch", "series": [{"name", "unit", "points": [[x, y], ...]}, ...]}
} Curves;

Curves curves_create(void);
void curves_free(Curves *curves);
// Whether what was read from a file (path, for the message) is curves; y null is a gap.
bool curves_check(const Json *json, const char *path, Error *error);

// Of curves that curves_check has passed: the points of the series of this name, NULL where there is
// none; and the y of one of them, NaN in a gap.
const Json *curves_points(const Json *json, const char *name);
double curve_value(const Json *point);

void curves_add(Curves *curves, const char *name, const char *unit, double x, double y);

// The points of `more`, which begins where `before` epochs are done already.
void curves_append(Curves *curves, const Curves *more, int before);

#endif
