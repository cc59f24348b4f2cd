#include "experiments/defense.h"

#include <string.h>
#include "core/error.h"

static const DefenseMethod *const methods[] = {&defense_ip, &defense_if, &defense_vif,
                                               &defense_aif};
enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

const DefenseMethod *const *defense_methods(int *count)
{
    *count = METHOD_COUNT;
    return methods;
}

const DefenseMethod *defense_method_find(const char *name, Error *error)
{
    Text names = {0};
    for (int i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(name, methods[i]->name) == 0) {
            text_free(&names);
            return methods[i];
        }
        text_append(&names, "%s%s", i ? ", " : "", methods[i]->name);
    }
    fail(error, "unknown defense '%s'; known: %s", name, names.text);
    text_free(&names);
    return NULL;
}

bool defense_create(Defense *defense, Error *error)
{
    return defense->method->create(defense, error);
}

void defense_free(Defense *defense)
{
    if (defense->method && defense->own) defense->method->free(defense);
    filter_free(defense->filter);
    json_free(defense->settings);
    *defense = (Defense){0};
}
