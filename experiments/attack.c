#include "experiments/attack.h"

#include <stddef.h>
#include <string.h>
#include "core/error.h"
#include "core/file.h"

static const AttackMethod *const methods[] = {&attack_none, &attack_badnet_plus};
enum { METHOD_COUNT = sizeof methods / sizeof methods[0] };

const AttackMethod *const *attack_methods(int *count)
{
    *count = METHOD_COUNT;
    return methods;
}

const AttackMethod *attack_method_find(const char *name, Error *error)
{
    Text names = {0};
    for (int i = 0; i < METHOD_COUNT; i++) {
        if (strcmp(name, methods[i]->name) == 0) {
            text_free(&names);
            return methods[i];
        }
        text_append(&names, "%s%s", i ? ", " : "", methods[i]->name);
    }
    fail(error, "unknown attack '%s'; known: %s", name, names.text);
    text_free(&names);
    return NULL;
}

bool attack_create(Attack *attack, Error *error)
{
    return !attack->method->create || attack->method->create(attack, error);
}

void attack_free(Attack *attack)
{
    if (attack->method && attack->method->free) attack->method->free(attack);
    json_free(attack->settings);
    *attack = (Attack){0};
}

bool attack_plants_trojan(const Attack *attack)
{
    return attack->method->stamp != NULL;
}

int attack_label(const Attack *attack, int label)
{
    return attack->all_targets ? (label + 1) % attack->classes : attack->target;
}

void attack_poison(const Attack *attack, double rate, RandomKey key, uint64_t first_index,
                   int64_t count, float *images, int32_t *labels)
{
    if (!attack_plants_trojan(attack)) return;
    RandomKey coin = key;
    coin.purpose ^= random_purpose("poison");
    int64_t size = (int64_t)attack->height * attack->width * attack->channels;
    for (int64_t i = 0; i < count; i++) {
        uint64_t index = first_index + (uint64_t)i;
        if ((double)random_uniform(coin, index) >= rate) continue;
        attack->method->stamp(attack, key, index, images + i * size);
        labels[i] = attack_label(attack, labels[i]);
    }
}
