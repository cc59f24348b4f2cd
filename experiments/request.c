#include "experiments/request.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/file.h"
#include "experiments/classifier_training.h"
#include "experiments/defense.h"
#include "experiments/subject.h"
#include "experiments/training_defense.h"

// A filter or a training-time defense; the sentence lists both kinds.
static bool is_defense(const char *name, Error *error)
{
    Error filters = {0};
    Text others = {0};
    if (training_defense_find(name) || defense_method_find(name, &filters)) return true;
    for (int i = 0; training_defense_at(i); i++)
        text_append(&others, ", %s", training_defense_at(i)->name);
    fail(error, "%s%s", filters.message, others.text);
    text_free(&others);
    return false;
}

Settings defense_settings(const char *name)
{
    const TrainingDefenseMethod *training = training_defense_find(name);
    const DefenseMethod *filter = training ? NULL : defense_method_find(name, NULL);
    return training ? training->settings : filter ? filter->settings : NULL;
}

static bool check_defense_names(const char *names, Error *error)
{
    char *copy = copy_string(names), *rest = NULL;
    int count = 0;
    bool ok = true;
    for (char *name = strtok_r(copy, ",", &rest); ok && name; name = strtok_r(NULL, ",", &rest)) {
        ok = is_defense(name, error);
        count++;
    }
    free(copy);
    return ok && (count > 0 || fail(error, "--defense %s: at least one name is wanted", names));
}

// The filter for those of the defenses that train one.
static bool check_filter(const Options *options, const DataSource *d, Error *error)
{
    char *copy = copy_string(options->defense), *rest = NULL;
    int filters = 0;
    for (char *name = strtok_r(copy, ",", &rest); name; name = strtok_r(NULL, ",", &rest))
        filters += !training_defense_find(name) && defense_method_find(name, NULL)->trains_filter;
    free(copy);
    if (filters == 0 && options->filter)
        return fail(error, "--filter %s: %s trains no filter", options->filter, options->defense);
    return filters == 0 || filter_for(options->filter, d->height, d->width, d->channels, error);
}

static const Setting *defense_setting(const char *names, const char *override)
{
    char *copy = copy_string(names), *rest = NULL;
    const Setting *found = NULL;
    for (char *name = strtok_r(copy, ",", &rest); !found && name; name = strtok_r(NULL, ",", &rest))
        found = setting_named(defense_settings(name), name, override);
    free(copy);
    return found;
}

static bool check_override(const Options *options, const char *text, Error *error)
{
    const AttackMethod *attack = attack_method_find(options->attack, NULL);
    const Setting *found = setting_named(classifier_settings, "classifier", text);
    if (!found) found = setting_named(attack->settings, attack->name, text);
    if (!found && options->defense) found = defense_setting(options->defense, text);
    if (!found)
        return fail(error,
                    "--set %s: the methods of this run have no such setting (sieve methods NAME "
                    "lists them)",
                    text);
    return setting_takes(found, text, error);
}

static bool check_model(const Options *options, const DataSource *d, Error *error)
{
    const char *name = model_name(options, d);
    Classifier *classifier =
        classifier_create(name, d->height, d->width, d->channels, d->classes, error);
    classifier_free(classifier);
    return classifier != NULL;
}

static bool check_target(const Options *options, const DataSource *source, Error *error)
{
    return options->target < source->classes ||
           fail(error, "--target %lld: %s has classes 0 to %d", (long long)options->target,
                source->name, source->classes - 1);
}

static bool check_poisoned(const Options *options, Error *error)
{
    if (!options->poisoned || attack_method_find(options->attack, NULL)->poison_set) return true;
    return fail(error, "--poisoned: attack %s does not poison the training set", options->attack);
}

// What depends on the data set's size and classes.
static bool check_fit(const Options *options, const DataSource *source, Error *error)
{
    if (options->image_size && !source->takes_path)
        return fail(error, "--image-size: the images of %s have one size", source->name);
    return check_model(options, source, error) && check_target(options, source, error) &&
           check_poisoned(options, error) &&
           (!options->defense || check_filter(options, source, error));
}

int request_check(const Options *options, Error *error)
{
    if (!data_source_find(options->data, error) || !attack_method_find(options->attack, error) ||
        (options->defense && !check_defense_names(options->defense, error)))
        return 2;
    for (int i = 0; i < options->overrides.count; i++)
        if (!check_override(options, options->overrides.texts[i], error)) return 2;
    if (options->trigger_images && !attack_method_find(options->attack, NULL)->takes_pictures) {
        fail(error, "--trigger-images: the attack %s takes none", options->attack);
        return 2;
    }
    if (options->extractor && !attack_method_find(options->attack, NULL)->takes_extractor) {
        fail(error, "--extractor: the attack %s takes none", options->attack);
        return 2;
    }
    if (options->target > 0 && strcmp(options->mode, "all") == 0) {
        fail(error, "--target %lld: in mode all every label has its own target",
             (long long)options->target);
        return 2;
    }
    DataRequest request = data_request(options);
    DataSource *source = data_source_open(options->data, &request, error);
    if (!source) return 1;
    bool ok = check_fit(options, source, error);
    data_source_close(source);
    return ok ? 0 : 2;
}

bool request_device(const Options *options, Error *error)
{
    return device_kernels(options->device, options->precision, error) != NULL;
}
