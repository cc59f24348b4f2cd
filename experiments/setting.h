// Settings: the named numbers of a method (its hyper-parameters), with a value for each scale. A method's table is its
// documentation; --set METHOD.NAME=VALUE changes one, and the values that a run used stand in its result.
#ifndef SIEVE_EXPERIMENTS_SETTING_H
#define SIEVE_EXPERIMENTS_SETTING_H

#include "core/json.h"

typedef enum Scale { SCALE_QUICK, SCALE_PAPER } Scale;

typedef struct Setting {
    const char *name;
    double quick, paper;
    const char *meaning;
} Setting;

// A method's settings; the table ends with a NULL name.
typedef const Setting *Settings;

// What --set said: each text is "METHOD.NAME=VALUE".
typedef struct Overrides {
    int count;
    const char **texts;
} Overrides;

// The values of one method at this scale as a JSON object, in the order of the table, with the overrides that name it.
Json *settings_resolve(Settings settings, const char *method, Scale scale, const Overrides *overrides);

// Whether an override is well formed and names one of these settings of this method.
bool setting_named(Settings settings, const char *method, const char *override);

// One value; a name that is not there stops the program.
double setting(const Json *values, const char *name);

const char *scale_name(Scale scale);

#endif
