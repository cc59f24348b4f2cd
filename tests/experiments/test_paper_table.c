// `sieve table`: published figures as printed, measured ones from results written by hand.
#include "experiments/paper_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "experiments/published.h"
#include "tests/test.h"

static const PublishedSet *set_named(const char *name)
{
    for (int i = 0; published_set(i); i++)
        if (strcmp(published_set(i)->name, name) == 0) return published_set(i);
    check(false, "no set %s", name);
    return published_set(0);
}

static const struct {
    const char *set;
    PublishedLine line;
    const char *figure;
    double value;
} samples[] = {
    {"filtering/attacks",
     {"mnist", "none", "single", "", "", "", 0, 0, "", ""},
     "clean_accuracy",
     99.56},
    {"filtering/attacks",
     {"mnist", "input-aware", "single", "", "", "", 0, 0, "", ""},
     "cross_accuracy",
     96.05},
    {"filtering/attacks",
     {"mnist", "wanet", "single", "", "", "", 0, 0, "", ""},
     "trojan_accuracy",
     98.73},
    {"filtering/attacks",
     {"celeba", "wanet", "single", "", "", "", 0, 0, "", ""},
     "noise_accuracy",
     77.24},
    {"filtering/attacks",
     {"mnist", "input-aware", "all", "", "", "", 0, 0, "", ""},
     "trojan_accuracy",
     97.64},
    {"filtering/attacks",
     {"gtsrb", "badnet+", "all", "", "", "", 0, 0, "", ""},
     "clean_accuracy",
     99.63},
    {"filtering/main", {"mnist", "badnet+", "single", "aif", "", "", 0, 0, "", ""}, "R", 4.86},
    {"filtering/main", {"cifar10", "image-bi+", "single", "if", "", "", 0, 0, "", ""}, "T", 37.48},
    {"filtering/main", {"celeba", "wanet", "single", "aif", "", "", 0, 0, "", ""}, "R", 5.74},
    {"filtering/main", {"celeba", "wanet", "single", "aif", "", "", 0, 0, "", ""}, "FNR", 12.87},
    {"filtering/main", {"mnist", "none", "single", "vif", "", "", 0, 0, "", ""}, "FPR", 0.27},
    {"filtering/all-target",
     {"gtsrb", "input-aware", "all", "aif", "", "", 0, 0, "", ""},
     "R",
     2.39},
    {"filtering/all-target",
     {"mnist", "badnet+", "all", "vif", "", "", 0, 0, "", ""},
     "FNR",
     49.97},
    {"none/1", {"mnist", "badnets", "single", "none", "nin", "", 0, 0, "", ""}, "ASR", 0.06},
    {"none/1", {"gtsrb", "badnets", "all", "", "resnet18", "", 0, 0, "", ""}, "BA", 95.71},
    {"none/1", {"cifar10", "badnets", "single", "abl", "vgg16", "", 0, 0, "", ""}, "ASR", 100},
    {"none/1",
     {"imagenet-pair", "hidden-trigger", "single", "activation-clustering", "alexnet", "", 0, 0, "",
      ""},
     "ASR",
     22},
    {"none/2",
     {"trojai", "natural", "single", "none", "vgg11-bn", "rounds", 10, 0, "", ""},
     "ASR",
     56.68},
    {"none/2",
     {"cifar10", "natural", "single", "dp-sgd", "nin", "clip", 4, 0, "", ""},
     "ASR",
     98.85},
    {"none/3", {"imagenet10", "none", "single", "none", "vgg16", "", 0, 0, "", ""}, "BA", 83.41},
    {"none/4",
     {"cifar10", "badnets", "single", "none", "resnet18", "size", 20, 0, "", ""},
     "ASR",
     99.82},
    {"none/6",
     {"cifar10", "badnets", "single", "", "resnet18", "rate", 0.2, 0, "", ""},
     "BA",
     92.7},
    {"none/9",
     {"cifar10", "badnets", "all", "none", "resnet18", "select", 0.3, 0, "", ""},
     "ASR",
     41.07},
    {"none/10",
     {"cifar10", "badnets", "single", "none", "resnet18", "lambda_low", 0.3, 0, "", ""},
     "ASR",
     0.99},
    {"none/11", {"mnist", "dba", "single", "none", "mnist-dba", "", 0, 0, "", ""}, "ASR", 0.13},
    {"none/11", {"cifar10", "dba", "single", "", "resnet18-dba", "", 0, 0, "", ""}, "BA", 80.31},
    {"none/12",
     {"cifar10", "adaptive", "single", "none", "vgg16", "alpha", 0.01, 0, "", ""},
     "BA",
     86.5}};

static void published_figures_are_the_papers(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        double value =
            published_value(set_named(samples[i].set), &samples[i].line, samples[i].figure);
        check(value == samples[i].value, "%s %s %s: %g, printed %g", samples[i].set,
              samples[i].line.attack, samples[i].figure, value, samples[i].value);
    }
    PublishedLine benign = {"mnist", "none", "single", "vif", "", "", 0, 0, "", ""};
    check(isnan(published_value(set_named("filtering/main"), &benign, "T")), "no T without Trojan");
}

// Every row has a figure in every column that the paper has.
static void no_figure_is_missing(void)
{
    static const int lines[] = {4 * 6 + 3 * 4, 20 * 6, 9 * 4, 26 * 6, 5 * 4, 9 * 2, 6 * 2,
                                9 * 2,         4 * 2,  5 * 2, 7 * 2,  4 * 2, 2 * 2, 4 * 2};
    static const int figures[] = {4 * 13 + 3 * 8, 20 * 16 + 12 * 11,
                                  9 * 12 + 9 * 8, 26 * 12,
                                  5 * 8,          9 * 2,
                                  6 * 4,          9 * 4,
                                  4 * 4,          5 * 4,
                                  7 * 4,          4 * 4,
                                  2 * 4,          4 * 4};
    enum { SETS = sizeof lines / sizeof lines[0] };
    check(published_set(SETS - 1) && !published_set(SETS), "%d sets", SETS);
    for (int i = 0; i < SETS; i++) {
        PublishedLine line;
        const PublishedSet *set = published_set(i);
        int n = 0, found = 0;
        for (; published_line(set, n, &line); n++)
            for (int f = 0; set->figures[f]; f++)
                found += !isnan(published_value(set, &line, set->figures[f]));
        check(n == lines[i], "%s: %d lines", set->name, n);
        check(found == figures[i], "%s: %d figures", set->name, found);
    }
}

// A finished classifier (defense NULL) or cell of MNIST under BadNet+, of so many training images.
static void write_result(const char *directory, int number, const char *defense, const char *scale,
                         int seed, int images, double setting, double figure)
{
    Error error = {0};
    Text path = {0}, text = {0};
    text_append(&path, "%s/%s/%d", directory, defense ? "cells" : "classifiers", number);
    check(directory_create(path.text, &error), "%s", error.message);
    text_append(&path, "/result.json");
    text_append(&text,
                "{\"data\": \"mnist\", \"model\": \"mnist-ia\", \"attack\": \"badnet+\", "
                "\"mode\": \"single\", \"target\": 0, \"seed\": %d, \"scale\": \"%s\", "
                "\"config\": {\"seed\": %d, \"setting\": %g, \"train_samples\": %d}, ",
                seed, scale, seed, setting, images);
    if (defense)
        text_append(&text, "\"defense\": \"%s\", \"C\": 0.5, \"T\": %g}", defense, figure);
    else
        text_append(&text, "\"clean_accuracy\": %g, \"trojan_accuracy\": 100}", figure);
    check(file_write(path.text, text.text, text.length, &error), "%s", error.message);
    text_free(&path);
    text_free(&text);
}

// The line of the table that holds both words, in a buffer; "" where there is none.
static const char *line_with(const char *table, const char *start)
{
    static char line[256];
    const char *found = strstr(table, start);
    snprintf(line, sizeof line, "%.*s", found ? (int)strcspn(found, "\n") : 0, found ? found : "");
    return line;
}

static const char *directory_named(const char *name)
{
    char *path = path_join(temporary_directory(), name);
    static char kept[512];
    snprintf(kept, sizeof kept, "%s", path);
    free(path);
    return kept;
}

static void means_of_the_seeds_stand_beside_the_published(void)
{
    Error error = {0};
    Text table = {0};
    const char *directory = directory_named("means");
    write_result(directory, 1, NULL, "paper", 1, 60000, 7, 99.25);
    write_result(directory, 2, NULL, "paper", 2, 60000, 7, 99.75);
    check(paper_table("filtering/attacks", directory, &table, &error), "%s", error.message);
    const char *line = line_with(table.text, "mnist    badnet+      single");
    check(strstr(line, " 99.50    99.61   100.00    99.96") && strstr(line, "      2   60000"),
          "'%s'", line);
    check(!strstr(line, "quick") && !strstr(line, "more"), "'%s'", line);
    line = line_with(table.text, "mnist    wanet");
    check(strstr(line, "not run    98.73"), "'%s'", line);
    check(strstr(table.text, "1 of 36 cells"), "the count");
    text_free(&table);
}

// filtering/main's line of VIF against BadNet+ on MNIST; valid until the next line_with.
static const char *line_of_vif(const char *directory)
{
    Error error = {0};
    Text table = {0};
    check(paper_table("filtering/main", directory, &table, &error), "%s", error.message);
    const char *line = line_with(table.text, "mnist    badnet+      single  vif");
    text_free(&table);
    return line;
}

static void of_several_experiments_the_papers_scale_and_the_most_seeds_count(void)
{
    const char *directory = directory_named("several");
    for (int seed = 1; seed <= 3; seed++)
        write_result(directory, seed, "vif", "quick", seed, 60000, 1, 50);
    const char *line = line_of_vif(directory);
    check(strstr(line, "50.00     2.36") && strstr(line, "quick scale"), "'%s'", line);
    write_result(directory, 4, "vif", "paper", 1, 60000, 1, 40);
    write_result(directory, 5, "vif", "paper", 1, 60000, 2, 30);
    write_result(directory, 6, "vif", "paper", 2, 60000, 2, 20);
    line = line_of_vif(directory);
    check(strstr(line, "25.00     2.36") && strstr(line, "(4 more with other settings)"), "'%s'",
          line);
    check(!strstr(line, "quick"), "'%s'", line);
}

static void a_part_of_the_training_set_is_told_and_comes_behind_more_of_it(void)
{
    const char *directory = directory_named("parts");
    for (int seed = 1; seed <= 2; seed++)
        write_result(directory, seed, "vif", "paper", seed, 1280, 1, 50);
    const char *line = line_of_vif(directory);
    check(strstr(line, "50.00     2.36") && strstr(line, "      2    1280"), "'%s'", line);
    write_result(directory, 3, "vif", "paper", 1, 60000, 1, 40);
    line = line_of_vif(directory);
    check(strstr(line, "40.00     2.36") && strstr(line, "      1   60000"), "'%s'", line);
}

// A finished cell of CIFAR-10 under BadNets with NONE.
static void write_none(const char *directory, int number, const char *model, double size,
                       double asr)
{
    Error error = {0};
    Text path = {0}, text = {0};
    text_append(&path, "%s/cells/%d", directory, number);
    check(directory_create(path.text, &error), "%s", error.message);
    text_append(&path, "/result.json");
    text_append(&text,
                "{\"data\": \"cifar10\", \"model\": \"%s\", \"attack\": \"badnets\", "
                "\"mode\": \"single\", \"defense\": \"none\", \"scale\": \"paper\", \"seed\": 1, "
                "\"config\": {\"classifier\": {\"attack_settings\": {\"size\": %g}}, "
                "\"defense_settings\": {\"select\": 0.5}}, \"BA\": 93, \"ASR\": %g}",
                model, size, asr);
    check(file_write(path.text, text.text, text.length, &error), "%s", error.message);
    text_free(&path);
    text_free(&text);
}

// GTSRB's target is 1 in the paper.
static void another_target_is_another_cell(void)
{
    Error error = {0};
    Text commands = {0};
    check(paper_table_commands("none/1", directory_named("target"), &commands, &error), "%s",
          error.message);
    const char *start = "sieve run --data gtsrb --attack badnets --mode single --model resnet18";
    check(strstr(line_with(commands.text, start), " --target 1 ") != NULL, "'%s'",
          line_with(commands.text, start));
    text_free(&commands);
    PublishedLine line;
    int n = 0;
    const PublishedSet *set = set_named("none/1");
    while (published_line(set, n, &line) &&
           (strcmp(line.data, "gtsrb") != 0 || strcmp(line.mode, "single") != 0))
        n++;
    check(line.target == 1, "target %d", line.target);
}

static void models_and_settings_tell_lines_apart(void)
{
    Error error = {0};
    const char *directory = directory_named("none");
    write_none(directory, 1, "resnet18", 5, 1.25);
    write_none(directory, 2, "resnet18", 7, 2.5);
    write_none(directory, 3, "vgg16", 5, 3.75);
    static const struct {
        const char *set, *start, *figures;
    } wanted[] = {{"none/4", "resnet18            size 5", "1.25     1.34"},
                  {"none/4", "resnet18            size 9", "not run"},
                  {"none/9", "resnet18            select 0.5", "1.04"},
                  {"none/7", "resnet18-elu", "not run"}};
    for (int i = 0; i < 4; i++) {
        Text table = {0};
        check(paper_table(wanted[i].set, directory, &table, &error), "%s", error.message);
        const char *defended = strstr(table.text, " none "), *line;
        while (defended &&
               strncmp(strstr(defended, "resnet18"), wanted[i].start, strlen(wanted[i].start)) != 0)
            defended = strstr(defended + 1, " none ");
        line = line_with(defended ? defended : "", " none ");
        check(strstr(line, wanted[i].figures) != NULL, "%s, %s: '%s'", wanted[i].set,
              wanted[i].start, line);
        text_free(&table);
    }
}

// Of 120 cells of filtering/main 24 are Februus's and 24 another NAD's; one command runs all defenses
// of a classifier.
static void missing_cells_have_commands(void)
{
    Error error = {0};
    Text commands = {0};
    const char *directory = directory_named("commands");
    check(paper_table_commands("filtering/main", directory, &commands, &error), "%s",
          error.message);
    int lines = 0;
    for (const char *at = commands.text; (at = strchr(at, '\n')) != NULL; at++) lines++;
    check(lines == 24 && !strstr(commands.text, "februus") && !strstr(commands.text, "nad"),
          "%d commands\n%s", lines, commands.text);
    const char *start = "sieve run --data mnist --attack badnet+ --mode single --defense ";
    check(strstr(line_with(commands.text, start), "--defense if,vif,aif --scale paper --out '"),
          "'%s'", line_with(commands.text, start));
    check(strstr(commands.text, "--data mnist --attack none --defense"), "%s", commands.text);
    text_free(&commands);
    commands = (Text){0};
    write_result(directory, 1, "vif", "paper", 1, 60000, 1, 40);
    check(paper_table_commands("filtering/main", directory, &commands, &error), "%s",
          error.message);
    check(strstr(line_with(commands.text, start), "--defense if,aif --scale"), "'%s'",
          line_with(commands.text, start));
    text_free(&commands);
    commands = (Text){0};
    check(paper_table_commands("none/2", directory, &commands, &error), "%s", error.message);
    check(strstr(commands.text,
                 "sieve run --data trojai --attack natural --mode single --model resnet18 "
                 "--defense none --set none.rounds=10 --set none.epochs=40 --set none.reset=0.2 "
                 "--set none.remove=0 --scale paper --out '") != NULL,
          "%s", commands.text);
    check(strstr(commands.text, "sieve train --data cifar10 --attack natural --mode single --model "
                                "vgg16 --scale paper --out '") != NULL,
          "%s", commands.text);
    text_free(&commands);
    commands = (Text){0};
    check(!paper_table_commands("none/8", directory, &commands, &error), "%s", error.message);
}

static void without_results_nothing_was_run(void)
{
    Error error = {0};
    Text table = {0};
    check(paper_table("filtering/main", "no/such/directory", &table, &error), "%s", error.message);
    check(strstr(table.text, "0 of 120 cells"), "%s", table.text);
    text_free(&table);
}

// Table 8: sizes, classes and triggers as they are built in, samples of what was run.
static void the_data_sets_stand_beside_the_papers(void)
{
    Error error = {0};
    Text table = {0}, path = {0};
    const char *directory = directory_named("samples");
    const char *text =
        "{\"data\": \"cifar10\", \"model\": \"nin\", \"attack\": \"none\", \"mode\": "
        "\"single\", \"seed\": 1, \"scale\": \"quick\", \"clean_accuracy\": 50, "
        "\"config\": {\"train_samples\": 40000}}";
    text_append(&path, "%s/classifiers/1", directory);
    check(directory_create(path.text, &error), "%s", error.message);
    text_append(&path, "/result.json");
    check(file_write(path.text, text, strlen(text), &error), "%s", error.message);
    check(paper_table_check("none/8", &error), "%s", error.message);
    check(paper_table("none/8", directory, &table, &error), "%s", error.message);
    static const char *const lines[][2] = {
        {"cifar10 ",
         "  32x32x3    32x32x3    40000    50000        10     10   dynamic    dynamic"},
        {"mnist ",
         "  28x28x1    28x28x1  not run    60000        10     10   pixel      single pixel"},
        {"gtsrb ", "  32x32x3    32x32x3  not run    39209        43     43   static     static"},
        {"trojai ",
         "224x224x3  224x224x3  not run   125000  by files   5-25   watermark  natural"}};
    for (int i = 0; i < 4; i++)
        check(strstr(line_with(table.text, lines[i][0]), lines[i][1]) != NULL, "%s\n%s",
              lines[i][1], table.text);
    text_free(&table);
    text_free(&path);
}

static void unknown_names_and_broken_results_are_refused(void)
{
    Error error = {0};
    Text table = {0};
    check(!paper_table("filtering/nothing", ".", &table, &error) &&
              strstr(error.message, "filtering/main"),
          "'%s' lists the known ones", error.message);
    const char *directory = directory_named("broken");
    write_result(directory, 1, NULL, "paper", 1, 60000, 7, 99.25);
    Text path = {0};
    text_append(&path, "%s/classifiers/1/result.json", directory);
    file_write(path.text, "{", 1, &error);
    check(!paper_table("filtering/attacks", directory, &table, &error) &&
              strstr(error.message, "result.json"),
          "'%s'", error.message);
    check(table.length == 0, "nothing is printed");
    text_free(&path);
    text_free(&table);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"published_figures_are_the_papers", published_figures_are_the_papers},
        {"no_figure_is_missing", no_figure_is_missing},
        {"means_of_the_seeds_stand_beside_the_published",
         means_of_the_seeds_stand_beside_the_published},
        {"of_several_experiments_the_papers_scale_and_the_most_seeds_count",
         of_several_experiments_the_papers_scale_and_the_most_seeds_count},
        {"a_part_of_the_training_set_is_told_and_comes_behind_more_of_it",
         a_part_of_the_training_set_is_told_and_comes_behind_more_of_it},
        {"another_target_is_another_cell", another_target_is_another_cell},
        {"models_and_settings_tell_lines_apart", models_and_settings_tell_lines_apart},
        {"missing_cells_have_commands", missing_cells_have_commands},
        {"without_results_nothing_was_run", without_results_nothing_was_run},
        {"the_data_sets_stand_beside_the_papers", the_data_sets_stand_beside_the_papers},
        {"unknown_names_and_broken_results_are_refused",
         unknown_names_and_broken_results_are_refused}};
    return TESTS_RUN(tests);
}
