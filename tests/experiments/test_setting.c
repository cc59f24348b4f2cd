// Settings: each method's table, its values at a scale, and what --set changes.
#include "experiments/setting.h"

#include <math.h>
#include <string.h>
#include "core/file.h"
#include "experiments/attack.h"
#include "experiments/classifier_training.h"
#include "experiments/defense.h"
#include "tests/test.h"

static const Setting table[] = {{"epochs", 3, 600, "passes", {1, 100, true}},
                                {"epoch", 1, 2, "its name begins another", {0, 10, true}},
                                {"rate", 0.5, 0.25, "a share", {0, 1, false}},
                                {0}};

static double resolved(Scale scale, const Overrides *overrides, const char *name)
{
    Json *values = settings_resolve(table, "vif", scale, overrides);
    double number = setting(values, name);
    json_free(values);
    return number;
}

static void a_scale_has_its_values_in_the_order_of_the_table(void)
{
    Overrides none = {0};
    check(resolved(SCALE_QUICK, &none, "epochs") == 3, "quick epochs");
    check(resolved(SCALE_PAPER, &none, "epochs") == 600, "paper epochs");
    check(resolved(SCALE_PAPER, &none, "rate") == 0.25, "paper rate");
    Json *values = settings_resolve(table, "vif", SCALE_QUICK, &none);
    check(values->count == 3 && strcmp(values->names[0], "epochs") == 0 &&
              strcmp(values->names[2], "rate") == 0,
          "the order is the table's");
    json_free(values);
    check(strcmp(scale_name(SCALE_QUICK), "quick") == 0, "name of quick");
    check(strcmp(scale_name(SCALE_PAPER), "paper") == 0, "name of paper");
}

static void an_override_changes_the_setting_it_names_and_nothing_else(void)
{
    const char *texts[] = {"if.epochs=7",   "vif.epochs=8",   "avif.epochs=9",
                           "vif.epochs=10", "vif.rate=0.125", "vifx.rate=1"};
    Overrides overrides = {6, texts};
    check(resolved(SCALE_QUICK, &overrides, "epochs") == 10, "the last override wins");
    check(resolved(SCALE_PAPER, &overrides, "epochs") == 10, "at either scale");
    check(resolved(SCALE_QUICK, &overrides, "epoch") == 1, "epoch is not epochs");
    check(resolved(SCALE_QUICK, &overrides, "rate") == 0.125, "rate");
}

static void only_a_well_formed_name_is_named(void)
{
    const Setting *found = setting_named(table, "vif", "vif.rate=1");
    check(found == &table[2], "vif.rate is found");
    check(setting_named(table, "vif", "vif.epoch=") == &table[1], "whatever its value");
    const char *others[] = {"",          "=",           "vif",        "vif.",      "vif.rate",
                            "vif.rat=1", "vif.rates=1", "Vif.rate=1", "if.rate=1", "rate=1",
                            "vif.=1",    " vif.rate=1", "vif .rate=1"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        check(!setting_named(table, "vif", others[i]), "'%s' names nothing", others[i]);
    check(!setting_named(NULL, "none", "none.rate=1"), "a method without settings");
}

static void takes(int row, const char *override, bool wanted)
{
    Error error = {0};
    bool taken = setting_takes(&table[row], override, &error);
    check(taken == wanted, "%s is %s", override, taken ? "taken" : "refused");
    check(taken == (error.message[0] == '\0'), "%s: a sentence only on refusal", override);
    if (!taken) check(strstr(error.message, override) != NULL, "'%s' names it", error.message);
}

static void a_value_must_be_a_number_of_the_range(void)
{
    const char *good[] = {"vif.epochs=1", "vif.epochs=100", "vif.epochs=1e1", "vif.epochs=5.0"};
    for (int i = 0; i < 4; i++) takes(0, good[i], true);
    const char *bad[] = {"vif.epochs=",    "vif.epochs=0",   "vif.epochs=101", "vif.epochs=-1",
                         "vif.epochs=2.5", "vif.epochs=two", "vif.epochs=2x",  "vif.epochs= 2",
                         "vif.epochs=2 ",  "vif.epochs=nan", "vif.epochs=inf", "vif.epochs=1=1"};
    for (int i = 0; i < 12; i++) takes(0, bad[i], false);
    takes(2, "vif.rate=0", true);
    takes(2, "vif.rate=.5", true);
    takes(2, "vif.rate=1.0001", false);
    takes(2, "vif.rate=-1e-9", false);
    takes(2, "vif.rate=nan", false);
}

// The tables themselves: a default outside its range would be refused from the command line. NaN is
// OF_DATA, which the data set fills in (experiments/augmentation.h).
static void check_table(const char *method, Settings settings)
{
    for (Settings s = settings; s && s->name; s++) {
        Text text = {0};
        Error error = {0};
        text_append(&text, "%s.%s=%.17g", method, s->name, s->quick);
        check(isnan(s->quick) || setting_takes(s, text.text, &error), "quick: %s", error.message);
        text_free(&text);
        text_append(&text, "%s.%s=%.17g", method, s->name, s->paper);
        check(isnan(s->paper) || setting_takes(s, text.text, &error), "paper: %s", error.message);
        check(setting_named(settings, method, text.text) == s, "%s stands there twice", text.text);
        check(s->meaning && *s->meaning, "%s says what it means", text.text);
        text_free(&text);
    }
}

static void every_default_is_in_its_own_range(void)
{
    int count;
    check_table("classifier", classifier_settings);
    const AttackMethod *const *attacks = attack_methods(&count);
    for (int i = 0; i < count; i++) check_table(attacks[i]->name, attacks[i]->settings);
    const DefenseMethod *const *defenses = defense_methods(&count);
    for (int i = 0; i < count; i++) check_table(defenses[i]->name, defenses[i]->settings);
}

static void better_values_replace_those_of_the_same_name(void)
{
    static const Setting better[] = {{"rate", 0.125, 0.75, "learned late", {0, 1, false}}, {0}};
    const char *text = "vif.rate=0.5";
    Overrides none = {0}, one = {1, &text};
    Json *values = settings_resolve_better(table, better, "vif", SCALE_PAPER, &none);
    check(setting(values, "rate") == 0.75 && setting(values, "epochs") == 600, "one is replaced");
    check(values->count == 3 && strcmp(values->names[2], "rate") == 0, "in its place");
    json_free(values);
    values = settings_resolve_better(table, better, "vif", SCALE_QUICK, &one);
    check(setting(values, "rate") == 0.5, "--set wins");
    json_free(values);
    values = settings_resolve_better(table, NULL, "vif", SCALE_QUICK, &none);
    check(setting(values, "rate") == 0.5 && setting(values, "epochs") == 3, "none");
    json_free(values);
}

// What an attack changes in its classifier's training must be a setting of it, and in its range.
static void attacks_know_settings_of_the_classifier(void)
{
    int count;
    const AttackMethod *const *methods = attack_methods(&count);
    for (int i = 0; i < count; i++)
        for (Settings s = methods[i]->training; s && s->name; s++) {
            Text text = {0};
            text_append(&text, "classifier.%s=%g", s->name, s->paper);
            const Setting *found = setting_named(classifier_settings, "classifier", text.text);
            Error error = {0};
            check(found && setting_takes(found, text.text, &error), "%s: %s %s", methods[i]->name,
                  text.text, error.message);
            text_free(&text);
        }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"a_scale_has_its_values_in_the_order_of_the_table",
         a_scale_has_its_values_in_the_order_of_the_table},
        {"an_override_changes_the_setting_it_names_and_nothing_else",
         an_override_changes_the_setting_it_names_and_nothing_else},
        {"only_a_well_formed_name_is_named", only_a_well_formed_name_is_named},
        {"a_value_must_be_a_number_of_the_range", a_value_must_be_a_number_of_the_range},
        {"better_values_replace_those_of_the_same_name",
         better_values_replace_those_of_the_same_name},
        {"attacks_know_settings_of_the_classifier", attacks_know_settings_of_the_classifier},
        {"every_default_is_in_its_own_range", every_default_is_in_its_own_range}};
    return TESTS_RUN(tests);
}
