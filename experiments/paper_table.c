// A line is one cell of the paper. Its measured figures are means over the seeds of one experiment:
// where several experiments (with other settings) fit the line, the paper's scale goes before the
// quick one, then the one with the most training images, then with the most seeds is taken, and a
// note says that there are others.
#include "experiments/paper_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "experiments/attack.h"
#include "experiments/data_table.h"
#include "experiments/published.h"
#include "experiments/report/read.h"
#include "experiments/request.h"

static const PublishedSet *find_set(const char *name, Error *error)
{
    Text names = {0};
    const PublishedSet *set;
    for (int i = 0; (set = published_set(i)) != NULL; i++) {
        if (strcmp(set->name, name) == 0) {
            text_free(&names);
            return set;
        }
        text_append(&names, "%s%s", i ? ", " : "", set->name);
    }
    fail(error, "unknown table '%s'; known: %s, %s", name, names.text, data_table_name);
    text_free(&names);
    return NULL;
}

bool paper_table_check(const char *name, Error *error)
{
    return strcmp(name, data_table_name) == 0 || find_set(name, error) != NULL;
}

void paper_table_list(Text *out)
{
    for (int i = 0; published_set(i); i++) {
        const PublishedSet *set = published_set(i);
        const char *source = strstr(set->title, " ("); // behind the subject
        int subject = source ? (int)(source - set->title) : (int)strlen(set->title);
        text_append(out, "%-20s %.*s\n", set->name, subject, set->title);
    }
    text_append(out, "%-20s Data sets\n", data_table_name);
}

// ---- what was measured for a line ----

typedef struct Measured {
    const Entry *entries; // cells, or classifiers where the line has no defense
    int *chosen;          // indices of the seeds of one experiment
    int count;            // 0: not run
    int others;           // entries of other experiments that fit as well
} Measured;

// Whether the entry's attack or defense was set so; lines without a setting fit any.
static bool has_setting(const Entry *entry, const PublishedLine *line)
{
    if (!line->setting[0]) return true;
    const Json *config = json_get(entry->result, "config"), *of = json_get(config, "classifier");
    const Json *attack = json_get(of ? of : config, "attack_settings");
    const Json *defense = json_get(config, "defense_settings");
    double value = json_get_number(defense, line->setting, NAN);
    if (isnan(value)) value = json_get_number(attack, line->setting, NAN);
    return value == line->value;
}

static bool fits(const Entry *entry, const PublishedLine *line)
{
    // Benign training has no target, whichever mode was asked for.
    bool benign = strcmp(entry->attack, "none") == 0;
    bool mode = benign || strcmp(entry->mode, line->mode) == 0;
    bool model = !line->model[0] || strcmp(entry->model, line->model) == 0;
    bool target = benign || json_get_number(entry->result, "target", line->target) == line->target;
    return mode && model && target && has_setting(entry, line) &&
           strcmp(entry->data, line->data) == 0 && strcmp(entry->attack, line->attack) == 0 &&
           strcmp(entry->defense, line->defense) == 0;
}

// The entries from first on that are repetitions of it, as indices; returns how many.
static int repetitions(const Entry *entries, int count, int first, int *indices)
{
    int found = 0;
    char *experiment = entry_experiment(&entries[first]);
    for (int i = first; i < count; i++) {
        char *other = entry_experiment(&entries[i]);
        if (strcmp(experiment, other) == 0) indices[found++] = i;
        free(other);
    }
    free(experiment);
    return found;
}

static bool is_paper_scale(const Entry *entry)
{
    return strcmp(entry->scale, "paper") == 0;
}

// How many the classifier was trained on.
static double training_images(const Entry *entry)
{
    const Json *config = json_get(entry->result, "config"), *of = json_get(config, "classifier");
    return json_get_number(of ? of : config, "train_samples", 0);
}

static bool is_better(const Measured *best, int first, int count)
{
    if (best->count == 0) return true;
    const Entry *one = &best->entries[first], *other = &best->entries[best->chosen[0]];
    if (is_paper_scale(one) != is_paper_scale(other)) return is_paper_scale(one);
    double images = training_images(one), others = training_images(other);
    return images != others ? images > others : count > best->count;
}

static Measured measure(const Results *results, const PublishedLine *line)
{
    bool cells = line->defense[0] != '\0';
    int count = cells ? results->cell_count : results->classifier_count, fitting = 0;
    Measured best = {.entries = cells ? results->cells : results->classifiers,
                     .chosen = allocate(sizeof(int) * (size_t)(count + 1))};
    int *indices = allocate(sizeof(int) * (size_t)(count + 1));
    for (int i = 0; i < count; i++) {
        if (!fits(&best.entries[i], line)) continue;
        fitting++;
        int same = repetitions(best.entries, count, i, indices);
        if (!is_better(&best, i, same)) continue;
        memcpy(best.chosen, indices, sizeof(int) * (size_t)same);
        best.count = same;
    }
    best.others = fitting - best.count;
    free(indices);
    return best;
}

static double mean_of(const Measured *measured, const char *figure)
{
    double sum = 0;
    for (int i = 0; i < measured->count; i++)
        sum += json_get_number(measured->entries[measured->chosen[i]].result, figure, NAN);
    return measured->count > 0 ? sum / measured->count : NAN;
}

// ---- printing ----

static bool has_settings(const PublishedSet *set)
{
    PublishedLine line;
    for (int i = 0; published_line(set, i, &line); i++)
        if (line.setting[0]) return true;
    return false;
}

// The columns in front of the figures: where the set tells them apart, models and a setting too.
static void names(Text *out, const PublishedSet *set, const PublishedLine *line, const char *mode)
{
    PublishedLine first;
    bool models = published_line(set, 0, &first) && first.model[0];
    if (!models) {
        text_append(out, "%-8s %-12s %-7s %-8s", line->data, line->attack, mode, line->defense);
        return;
    }
    text_append(out, "%-13s %-16s %-7s %-21s %-19s", line->data, line->attack, mode, line->defense,
                line->model);
    if (!has_settings(set)) return;
    char setting[32] = "";
    if (line->setting[0]) snprintf(setting, sizeof setting, "%s %g", line->setting, line->value);
    text_append(out, " %-16s", setting);
}

// "clean_accuracy" is headed "clean".
static void heading(Text *out, const PublishedSet *set)
{
    text_append(out, "\n  ");
    names(out, set,
          &(PublishedLine){.data = "data",
                           .attack = "attack",
                           .defense = "defense",
                           .model = "model",
                           .setting = ""},
          "mode");
    for (int i = 0; set->figures[i]; i++)
        text_append(out, " %10s%-7.*s", "", (int)strcspn(set->figures[i], "_"), set->figures[i]);
    text_append(out, "\n  ");
    names(out, set,
          &(PublishedLine){.data = "", .attack = "", .defense = "", .model = "", .setting = ""},
          "");
    for (int i = 0; set->figures[i]; i++) text_append(out, " %8s %8s", "here", "paper");
    text_append(out, "  seeds  images\n");
}

static void number(Text *out, double value)
{
    if (isnan(value))
        text_append(out, " %8s", "");
    else
        text_append(out, " %8.2f", value);
}

static void print_line(Text *out, const PublishedSet *set, const PublishedLine *line,
                       const Measured *measured)
{
    text_append(out, "  ");
    names(out, set, line, strcmp(line->attack, "none") == 0 ? "" : line->mode);
    for (int i = 0; set->figures[i]; i++) {
        double published = published_value(set, line, set->figures[i]);
        if (measured->count == 0 && !isnan(published))
            text_append(out, " %8s", "not run");
        else
            number(out, mean_of(measured, set->figures[i]));
        number(out, published);
    }
    if (measured->count > 0) {
        const Entry *entry = &measured->entries[measured->chosen[0]];
        text_append(out, " %6d %7.0f", measured->count, training_images(entry));
        if (!is_paper_scale(entry)) text_append(out, "  quick scale");
        if (measured->others > 0)
            text_append(out, "  (%d more with other settings)", measured->others);
    }
    text_append(out, "\n");
}

static void print_table(Text *out, const PublishedSet *set, const Results *results)
{
    text_append(out, "%s\n%s\n", set->name, set->title);
    heading(out, set);
    PublishedLine line;
    int run = 0, lines = 0;
    for (; published_line(set, lines, &line); lines++) {
        Measured measured = measure(results, &line);
        print_line(out, set, &line, &measured);
        run += measured.count > 0;
        free(measured.chosen);
    }
    text_append(out,
                "\n%d of %d cells were run. Means over the seeds; images: of the "
                "training set.\n",
                run, lines);
}

// ---- the commands of cells that were not run ----

static bool can_run(const PublishedLine *line)
{
    return line->defense[0] == '\0' || defense_settings(line->defense);
}

// One command measures both: the same classifier, and defenses with the same settings.
static bool belong_together(const PublishedLine *a, const PublishedLine *b)
{
    return strcmp(a->data, b->data) == 0 && strcmp(a->attack, b->attack) == 0 &&
           strcmp(a->mode, b->mode) == 0 && strcmp(a->model, b->model) == 0 &&
           strcmp(a->setting, b->setting) == 0 && a->value == b->value && a->target == b->target &&
           strcmp(a->options, b->options) == 0 && strcmp(a->more, b->more) == 0;
}

// " --set badnets.size=5": the attack's setting of this name, else the defense's.
static void append_setting(Text *out, const PublishedLine *line)
{
    char of_attack[128];
    snprintf(of_attack, sizeof of_attack, "%s.%s=%g", line->attack, line->setting, line->value);
    if (setting_named(attack_method_find(line->attack, NULL)->settings, line->attack, of_attack))
        text_append(out, " --set %s", of_attack);
    else
        text_append(out, " --set %s.%s=%g", line->defense, line->setting, line->value);
}

static void append_command(Text *out, const PublishedLine *line, const char *defenses,
                           const char *directory)
{
    text_append(out, "sieve %s --data %s --attack %s", defenses ? "run" : "train", line->data,
                line->attack);
    if (strcmp(line->attack, "none") != 0) text_append(out, " --mode %s", line->mode);
    if (line->model[0]) text_append(out, " --model %s", line->model);
    if (defenses) text_append(out, " --defense %s", defenses);
    if (line->setting[0]) append_setting(out, line);
    if (line->target > 0) text_append(out, " --target %d", line->target);
    if (line->options[0]) text_append(out, " %s", line->options);
    if (line->more[0]) text_append(out, " %s", line->more);
    text_append(out, " --scale paper --out '%s'\n", directory);
}

static bool is_missing(const Results *results, const PublishedLine *line)
{
    Measured measured = measure(results, line);
    free(measured.chosen);
    return measured.count == 0;
}

static void print_commands(Text *out, const PublishedSet *set, const Results *results,
                           const char *directory)
{
    PublishedLine line, other;
    int lines = 0;
    while (published_line(set, lines, &line)) lines++;
    bool *missing = allocate_zeroed((uint64_t)lines + 1);
    for (int n = 0; published_line(set, n, &line); n++)
        missing[n] = can_run(&line) && is_missing(results, &line);
    for (int n = 0; published_line(set, n, &line); n++) {
        Text defenses = {0};
        if (!missing[n]) continue;
        for (int i = n; published_line(set, i, &other); i++) {
            if (!missing[i] || !belong_together(&line, &other)) continue;
            missing[i] = false; // its command is this one
            if (other.defense[0])
                text_append(&defenses, "%s%s", defenses.length ? "," : "", other.defense);
        }
        append_command(out, &line, defenses.text, directory);
        text_free(&defenses);
    }
    free(missing);
}

static bool with_results(const char *name, const char *directory, bool commands, Text *out,
                         Error *error)
{
    const PublishedSet *set = find_set(name, error);
    if (!set) return false;
    Results results = {0};
    bool ok = !directory_exists(directory) || results_read(directory, true, &results, error);
    if (ok && commands) print_commands(out, set, &results, directory);
    if (ok && !commands) print_table(out, set, &results);
    results_free(&results);
    return ok;
}

bool paper_table(const char *name, const char *directory, Text *out, Error *error)
{
    if (strcmp(name, data_table_name) == 0) return data_table(directory, out, error);
    return with_results(name, directory, false, out, error);
}

bool paper_table_commands(const char *name, const char *directory, Text *out, Error *error)
{
    if (strcmp(name, data_table_name) == 0) return fail(error, "%s: no cells are run for it", name);
    return with_results(name, directory, true, out, error);
}
