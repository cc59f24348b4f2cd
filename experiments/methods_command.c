// `sieve methods [NAME]`: the attacks and defenses, and of each the settings that --set takes.
#include <math.h>
#include <stdio.h>
#include <string.h>
#include "experiments/attack.h"
#include "experiments/classifier_training.h"
#include "experiments/commands.h"
#include "experiments/defense.h"
#include "experiments/request.h"
#include "experiments/training_defense.h"

static const char classifier_title[] = "the training of every classifier that an attack goes at";

static void print_line(const char *name, const char *title)
{
    printf("  %-22s %s\n", name, title);
}

static void print_all(void)
{
    int count;
    const AttackMethod *const *attacks = attack_methods(&count);
    printf("attacks\n");
    for (int i = 0; i < count; i++) print_line(attacks[i]->name, attacks[i]->title);
    const DefenseMethod *const *filters = defense_methods(&count);
    printf("\ndefenses: filters in front of a trained classifier\n");
    for (int i = 0; i < count; i++) print_line(filters[i]->name, filters[i]->title);
    printf("\ndefenses at training time\n");
    for (int i = 0; training_defense_at(i); i++)
        print_line(training_defense_at(i)->name, training_defense_at(i)->title);
    printf("\nbesides\n");
    print_line("classifier", classifier_title);
    printf("\nsieve methods NAME: its settings\n");
}

static void print_number(double value)
{
    if (isnan(value))
        printf(" %10s", "the data's");
    else
        printf(" %10g", value);
}

static void print_settings(const char *method, Settings settings)
{
    if (!settings || !settings->name) {
        printf("  no settings\n");
        return;
    }
    printf("  %-38s %10s %10s   %-20s %s\n", "--set", "quick", "paper", "from .. to", "what it is");
    for (Settings s = settings; s->name; s++) {
        char name[64], range[48];
        snprintf(name, sizeof name, "%s.%s", method, s->name);
        snprintf(range, sizeof range, "%g .. %g%s", s->range.low, s->range.high,
                 s->range.whole ? ", whole" : "");
        printf("  %-38s", name);
        print_number(s->quick);
        print_number(s->paper);
        printf("   %-20s %s\n", range, s->meaning);
    }
}

static void print_attack(const AttackMethod *attack)
{
    printf("attack %s: %s\n", attack->name, attack->title);
    print_settings(attack->name, attack->settings);
    if (!attack->training) return;
    printf("  of its classifier's training, where others than usual\n");
    print_settings("classifier", attack->training);
}

int command_methods(const Options *options)
{
    Error error = {0};
    if (options->operand_count > 1)
        return command_failed((fail(&error, "methods: one name is wanted"), &error), 2);
    if (options->operand_count == 0) {
        print_all();
        return 0;
    }
    const char *name = options->operands[0];
    bool classifier = strcmp(name, "classifier") == 0;
    const AttackMethod *attack = attack_method_find(name, NULL);
    const TrainingDefenseMethod *training = training_defense_find(name);
    const DefenseMethod *filter = defense_method_find(name, NULL);
    if (!classifier && !attack && !training && !filter) {
        fail(&error, "methods: '%s' is neither an attack nor a defense (sieve methods lists them)",
             name);
        return command_failed(&error, 2);
    }
    if (classifier) printf("classifier: %s\n", classifier_title);
    if (classifier) print_settings(name, classifier_settings);
    if (attack) print_attack(attack); // and there may be a defense of this name: none
    if (!training && !filter) return 0;
    printf("%sdefense %s: %s\n", attack ? "\n" : "", name,
           training ? training->title : filter->title);
    print_settings(name, defense_settings(name));
    return 0;
}
