// Settings: the named numbers of a method (its hyper-parameters), with a value for each scale. A
// method's table is its documentation; --set METHOD.NAME=VALUE changes one, and the values that a
// run used stand in its result.
#ifndef SIEVE_EXPERIMENTS_SETTING_H
#define SIEVE_EXPERIMENTS_SETTING_H

#include "core/error.h"
#include "core/json.h"

typedef enum Scale { SCALE_QUICK, SCALE_PAPER } Scale;

// What a setting takes: low to high, whole numbers only where whole.
typedef struct SettingRange {
    double low, high;
    bool whole;
} SettingRange;

typedef struct Setting {
    const char *name;
    double quick, paper;
    const char *meaning;
    SettingRange range;
} Setting;

// A method's settings; the table ends with a NULL name.
typedef const Setting *Settings;

// What --set said: each text is "METHOD.NAME=VALUE".
typedef struct Overrides {
    int count;
    const char **texts;
} Overrides;

// The values of one method at this scale as a JSON object, in the order of the table, with the
// overrides that name it.
Json *settings_resolve(Settings settings, const char *method, Scale scale,
                       const Overrides *overrides);

// The same of settings that another method knows better values for: `better` has rows of the same
// names, and may be NULL.
Json *settings_resolve_better(Settings settings, Settings better, const char *method, Scale scale,
                              const Overrides *overrides);

// The setting of this method that an override names; NULL where there is none.
const Setting *setting_named(Settings settings, const char *method, const char *override);

// Whether the value of an override that names it is in the setting's range.
bool setting_takes(const Setting *setting, const char *override, Error *error);

// One value; a name that is not there stops the program.
double setting(const Json *values, const char *name);

const char *scale_name(Scale scale);

#endif
