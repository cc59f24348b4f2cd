// experiments/report/report.c: a results directory made by hand becomes one page with its figures, its pictures and nothing from
// elsewhere; what is broken in the directory is one sentence, and no page is left behind.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/safetensors.h"
#include "experiments/report/report.h"
#include "tests/test.h"

enum { IMAGES = 2, SIDE = 28 };

static const char *const curves =
    "{\"x\": \"epoch\", \"series\": [{\"name\": \"loss\", \"unit\": \"\", \"points\": [[1, 2.5], "
    "[2, null], "
    "[3, 0.5]]}, {\"name\": \"C\", \"unit\": \"%\", \"points\": [[1, 4], [3, 1.25]]}]}";

// A directory of this name below the temporary one.
static const char *directory_named(const char *name)
{
    static char path[512];
    Error error = {0};
    snprintf(path, sizeof path, "%s/%s", temporary_directory(), name);
    check(directory_create(path, &error), "%s", error.message);
    return path;
}

static void write_text(const char *directory, const char *name, const char *text)
{
    Error error = {0};
    char *path = path_join(directory, name);
    check(file_write(path, text, strlen(text), &error), "%s", error.message);
    free(path);
}

static void write_samples(const char *directory)
{
    Error error = {0};
    float images[IMAGES * SIDE * SIDE];
    int32_t classes[IMAGES] = {3, 7};
    int64_t shape[] = {IMAGES, SIDE, SIDE, 1}, count = IMAGES;
    static const char *const pictures[] = {"clean", "trojan", "filtered_clean", "filtered_trojan"};
    static const char *const numbers[] = {"labels", "prediction_clean", "prediction_trojan",
                                          "prediction_filtered_clean",
                                          "prediction_filtered_trojan"};
    Safetensors *file = safetensors_create();
    for (int i = 0; i < 4; i++) {
        for (int p = 0; p < IMAGES * SIDE * SIDE; p++) images[p] = (float)((p + i) % 5) / 4;
        safetensors_add(file, pictures[i], STORED_F32, 4, shape, images);
    }
    for (int i = 0; i < 5; i++) safetensors_add(file, numbers[i], STORED_I32, 1, &count, classes);
    char *path = path_join(directory, "samples.safetensors");
    check(safetensors_write(path, file, &error), "%s", error.message);
    free(path);
    safetensors_free(file);
}

// A new folder cells/cell-NUMBER, its path the caller's.
static char *cell_directory(const char *results, int number)
{
    char name[64];
    Error error = {0};
    snprintf(name, sizeof name, "cells/cell-%d", number);
    char *directory = path_join(results, name);
    check(directory_create(directory, &error), "%s", error.message);
    return directory;
}

// A finished cell of this seed with this clean accuracy lost.
static void write_cell(const char *results, int seed, double C)
{
    char text[1024], *directory = cell_directory(results, seed);
    snprintf(text, sizeof text,
             "{\"data\": \"mnist\", \"model\": \"mnist-ia\", \"attack\": \"badnet+\", \"mode\": "
             "\"single\", "
             "\"target\": 0, \"defense\": \"vif\", \"seed\": %d, \"scale\": \"quick\", "
             "\"clean_accuracy\": 99.125, \"trojan_accuracy\": 98.5, \"C\": %g, \"T\": 2.5, \"R\": "
             "3.75, "
             "\"FPR\": 0.5, \"FNR\": 0.625, \"seconds\": {\"defense\": 12, \"machine\": \"a <fast> "
             "one\"}, "
             "\"config_hash\": \"c0ffee\", \"version\": \"v\", \"command\": \"sieve run "
             "<script>alert(1)</script>\", "
             "\"config\": {\"epochs\": 3}, \"files\": {}}",
             seed, C);
    write_text(directory, "result.json", text);
    write_text(directory, "curves.json", curves);
    write_samples(directory);
    free(directory);
}

static char *page_of(const char *results)
{
    Error error = {0};
    Bytes page = {0};
    char *path = path_join(results, "report.html");
    bool ok = report_write(results, path, &error) && file_read(path, 1 << 26, &page, &error);
    check(ok, "%s", error.message);
    free(path);
    return ok ? (char *)page.data : copy_string("");
}

static int occurrences(const char *text, const char *part)
{
    int count = 0;
    for (; (text = strstr(text, part)); text += strlen(part)) count++;
    return count;
}

static void the_page_holds_figures_pictures_curves_and_the_command(void)
{
    const char *results = directory_named("one");
    write_cell(results, 1, 1.25);
    char *page = page_of(results);
    static const char *const wanted[] = {"99.1", "98.5",   "1.25",     "2.5",
                                         "3.75", "c0ffee", "mnist-ia", "data:image/png;base64,",
                                         "<svg", "VIF",    "BadNet+",  "epochs"};
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        check(strstr(page, wanted[i]), "the page lacks %s", wanted[i]);
    check(occurrences(page, "data:image/png") >= 6, "only %d pictures",
          occurrences(page, "data:image/png"));
    free(page);
}

static void text_from_files_is_escaped_and_nothing_comes_from_elsewhere(void)
{
    const char *results = directory_named("two");
    write_cell(results, 1, 1);
    char *page = page_of(results);
    check(!strstr(page, "<script"), "a script got into the page");
    check(strstr(page, "&lt;script&gt;"), "the command is not shown escaped");
    check(strstr(page, "a &lt;fast&gt; one"), "the machine is not shown escaped");
    static const char *const outside[] = {"src=\"http", "href=\"http", "url(http", "@import",
                                          "<link"};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++)
        check(!strstr(page, outside[i]), "the page takes something from elsewhere: %s", outside[i]);
    free(page);
}

static void every_element_is_closed(void)
{
    const char *results = directory_named("three");
    write_cell(results, 1, 1);
    char *page = page_of(results);
    static const char *const names[] = {"table", "tbody", "tr",   "td",      "section", "figure",
                                        "svg",   "g",     "text", "details", "main",    "body",
                                        "html",  "style", "p",    "h2"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char open[32], open_with[32], close[32];
        snprintf(open, sizeof open, "<%s>", names[i]);
        snprintf(open_with, sizeof open_with, "<%s ", names[i]);
        snprintf(close, sizeof close, "</%s>", names[i]);
        int opened = occurrences(page, open) + occurrences(page, open_with);
        check(opened == occurrences(page, close), "%d <%s>, %d </%s>", opened, names[i],
              occurrences(page, close), names[i]);
    }
    free(page);
}

static void several_seeds_get_their_mean(void)
{
    const char *results = directory_named("four");
    write_cell(results, 1, 1);
    write_cell(results, 2, 2);
    write_cell(results, 3, 3);
    char *page = page_of(results);
    check(strstr(page, "±"), "no standard deviation for three seeds");
    check(strstr(page, "2.00"), "the mean 2.00 of C is missing");
    free(page);
}

// Two cells of one setting and seed that differ in a defense's and the classifier's setting.
static void rows_alike_tell_their_settings(void)
{
    const char *results = directory_named("alike");
    for (int i = 0; i < 2; i++) {
        char text[512], *directory = cell_directory(results, i);
        snprintf(text, sizeof text,
                 "{\"data\": \"mnist\", \"model\": \"mlp\", \"attack\": \"badnets\", \"mode\": "
                 "\"single\", \"target\": 0, \"defense\": \"none\", \"seed\": 1, \"scale\": "
                 "\"quick\", \"config\": {\"classifier_settings\": {\"epochs\": %d, "
                 "\"batch_size\": 32}, \"defense_settings\": {\"reset\": 0.%d, \"rounds\": 1}}}",
                 4 + i, 3 + i);
        write_text(directory, "result.json", text);
        free(directory);
    }
    char *page = page_of(results);
    check(strstr(page, "<small>classifier.epochs 4, reset 0.3</small>"),
          "the first row's settings");
    check(strstr(page, "<small>classifier.epochs 5, reset 0.4</small>"), "the second row's");
    free(page);
}

// A classifier has pictures of its own; it does not take a defense to show them.
static void a_classifier_shows_its_triggers(void)
{
    Error error = {0};
    const char *results = directory_named("classifier");
    char *directory = path_join(results, "classifiers/one");
    check(directory_create(directory, &error), "%s", error.message);
    write_text(directory, "result.json",
               "{\"data\": \"mnist\", \"attack\": \"wanet\", \"clean_accuracy\": 99.125, "
               "\"noise_accuracy\": 98.25}");
    float images[IMAGES * SIDE * SIDE] = {0};
    int64_t shape[] = {IMAGES, SIDE, SIDE, 1};
    static const char *const pictures[] = {"clean", "mask", "pattern", "trojan", "decoy"};
    Safetensors *file = safetensors_create();
    for (int i = 0; i < 5; i++) safetensors_add(file, pictures[i], STORED_F32, 4, shape, images);
    char *path = path_join(directory, "samples.safetensors");
    check(safetensors_write(path, file, &error), "%s", error.message);
    char *page = page_of(results);
    static const char *const rows[] = {"clean",  "trigger: mask", "trigger: pattern",
                                       "Trojan", "must not fire", "true trigger"};
    for (int i = 0; i < 6; i++) {
        char heading[64];
        snprintf(heading, sizeof heading, "<th scope=\"row\">%s</th>", rows[i]);
        check(strstr(page, heading), "the row %s is missing", rows[i]);
    }
    check(strstr(page, "98.25"), "noise accuracy");
    check(!strstr(page, "counter-trigger"), "nothing is said of a defense");
    free(page);
    free(path);
    free(directory);
    safetensors_free(file);
}

static void refused(const char *results, const char *reason)
{
    Error error = {0};
    char *path = path_join(results, "report.html");
    check(!report_write(results, path, &error), "%s: a report was written", results);
    check(strstr(error.message, reason), "\"%s\" does not say %s", error.message, reason);
    check(!strchr(error.message, '\n'), "more than one line: %s", error.message);
    check(!file_exists(path), "%s: a page was left behind", results);
    free(path);
}

static void broken_directories_are_one_sentence(void)
{
    refused(directory_named("five"), "five");
    const char *results = directory_named("six");
    write_cell(results, 1, 1);
    write_text(results, "cells/cell-1/result.json", "{\"data\": ");
    refused(results, "result.json");
    write_cell(results, 1, 1);
    write_text(results, "cells/cell-1/curves.json", "[1, 2");
    refused(results, "curves.json");
    write_cell(results, 1, 1);
    write_text(results, "cells/cell-1/samples.safetensors", "not one");
    refused(results, "samples.safetensors");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_page_holds_figures_pictures_curves_and_the_command",
         the_page_holds_figures_pictures_curves_and_the_command},
        {"text_from_files_is_escaped_and_nothing_comes_from_elsewhere",
         text_from_files_is_escaped_and_nothing_comes_from_elsewhere},
        {"every_element_is_closed", every_element_is_closed},
        {"several_seeds_get_their_mean", several_seeds_get_their_mean},
        {"rows_alike_tell_their_settings", rows_alike_tell_their_settings},
        {"a_classifier_shows_its_triggers", a_classifier_shows_its_triggers},
        {"broken_directories_are_one_sentence", broken_directories_are_one_sentence},
    };
    return TESTS_RUN(tests);
}
