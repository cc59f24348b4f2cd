#include "experiments/setting.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *scale_name(Scale scale)
{
    return scale == SCALE_PAPER ? "paper" : "quick";
}

// The value's text where override is METHOD.NAME=..., else NULL.
static const char *value_of(const char *override, const char *method, const char *name)
{
    size_t method_length = strlen(method), name_length = strlen(name);
    if (strncmp(override, method, method_length) != 0 || override[method_length] != '.')
        return NULL;
    const char *rest = override + method_length + 1;
    return strncmp(rest, name, name_length) == 0 && rest[name_length] == '='
               ? rest + name_length + 1
               : NULL;
}

const Setting *setting_named(Settings settings, const char *method, const char *override)
{
    for (Settings s = settings; s && s->name; s++)
        if (value_of(override, method, s->name)) return s;
    return NULL;
}

bool setting_takes(const Setting *setting, const char *override, Error *error)
{
    const char *value = strchr(override, '=') + 1;
    char *end;
    double number = strtod(value, &end);
    SettingRange range = setting->range;
    bool read = end != value && *end == '\0' && !isspace((unsigned char)*value);
    if (read && number >= range.low && number <= range.high &&
        (!range.whole || number == trunc(number)))
        return true;
    return fail(error, "--set %s: a %snumber from %.10g to %.10g is wanted", override,
                range.whole ? "whole " : "", range.low, range.high);
}

Json *settings_resolve(Settings settings, const char *method, Scale scale,
                       const Overrides *overrides)
{
    Json *values = json_object();
    for (Settings s = settings; s && s->name; s++) {
        double number = scale == SCALE_PAPER ? s->paper : s->quick;
        for (int i = 0; i < overrides->count; i++) {
            const char *value = value_of(overrides->texts[i], method, s->name);
            if (value) number = strtod(value, NULL);
        }
        json_set(values, s->name, json_number(number));
    }
    return values;
}

Json *settings_resolve_better(Settings settings, Settings better, const char *method, Scale scale,
                              const Overrides *overrides)
{
    Json *values = settings_resolve(settings, method, scale, overrides);
    Json *others = settings_resolve(better, method, scale, overrides);
    for (size_t i = 0; i < others->count; i++) {
        if (!json_get(values, others->names[i])) panic("there is no setting %s", others->names[i]);
        json_set(values, others->names[i], json_copy(others->items[i]));
    }
    json_free(others);
    return values;
}

double setting(const Json *values, const char *name)
{
    const Json *value = json_get(values, name);
    if (!value || value->kind != JSON_NUMBER) panic("there is no setting %s", name);
    return value->number;
}
