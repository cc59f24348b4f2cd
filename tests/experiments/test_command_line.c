// Wrong use and broken input, from outside: exit status, one clear sentence, nothing left behind.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "core/error.h"
#include "core/file.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

static int lines_of(const char *text)
{
    int lines = 0;
    for (; *text; text++) lines += *text == '\n';
    return lines;
}

// The program ends with this status and one sentence that contains `what`; work/ stays empty.
static void fails(int status, const char *what, const char *words)
{
    Outcome o = run_sieve("%s", words);
    check(o.status == status, "sieve %s: status %d, not %d\n%s", words, o.status, status, o.errors);
    check(lines_of(o.errors) == 1, "sieve %s: not one sentence: '%s'", words, o.errors);
    check(strncmp(o.errors, "sieve", 5) == 0, "sieve %s: '%s' is not the program's", words,
          o.errors);
    check(strstr(o.errors, what) != NULL, "sieve %s: '%s' lacks '%s'", words, o.errors, what);
    check(o.output[0] == '\0', "sieve %s: prints '%s'", words, o.output);
    const char *left = files_left();
    if (!check(left[0] == '\0', "sieve %s leaves\n%s", words, left)) clear_work();
}

static void unknown_words_are_wrong_use(void)
{
    fails(2, "'nosuch'", "nosuch");
    fails(2, "'--nosuch'", "--nosuch");
    fails(2, "--nosuch", "run --nosuch");
    fails(2, "--nosuch", "report --nosuch");
    fails(2, "'stray'", "run stray --defense if");
    fails(2, "'stray'", "ops stray");
    fails(2, "'stray'", "demo stray");
    fails(2, "unknown data set 'nosuch': known are digits, signs, mnist",
          "run --defense if --data nosuch");
    fails(2, "unknown attack 'nosuch'; known: none, badnet+", "run --defense if --attack nosuch");
    fails(2, "unknown table 'nosuch'; known: filtering/attacks", "table nosuch");
    fails(2, "unknown defense 'nosuch'; known: ip, if, vif, aif", "run --defense nosuch");
    fails(2, "unknown defense 'nosuch'", "run --defense if,nosuch");
    fails(2, "nosuch", "run --defense if --model nosuch");
    fails(2, "nosuch", "train -o x --model nosuch");
    fails(2, "unknown filter nosuch", "run --defense if --filter nosuch");
    fails(2, "filter-a takes images of 32x32x3, not 28x28x1", "run --defense if --filter filter-a");
    fails(2, "alexnet needs images of at least 63x63", "run --defense if --model alexnet");
    fails(2, "--mode both", "run --defense if --mode both");
    fails(2, "--scale big", "run --defense if --scale big");
    fails(2, "--device tpu", "run --defense if --device tpu");
    fails(2, "'nosuch' is neither an attack nor a defense", "methods nosuch");
    fails(2, "one name is wanted", "methods if vif");
}

static void missing_and_bad_values_are_wrong_use(void)
{
    fails(2, "--defense", "run");
    fails(2, "--defense", "run --defense ''");
    fails(2, "--defense", "run --defense ,");
    fails(2, "needs a value", "run --defense");
    fails(2, "needs a value", "run --defense if --seed");
    fails(2, "one result directory", "report");
    fails(2, "one result directory", "report a b");
    fails(2, "one data set", "data digits mnist");
    fails(2, "unknown data set 'nosuch'", "data nosuch");
    fails(2, "ends in .png or .ppm", "data digits -o x.jpg");
    fails(2, "--image-size 4x4", "data folder:x --image-size 4x4");
    fails(2, "the images of digits have one size", "data digits --image-size 4x4x3");
    fails(2, "the images of digits have one size", "train -o x --image-size 4x4x3");
    fails(1, "nowhere/train: no such directory", "data folder:nowhere");
    fails(1, "nowhere/train: no such directory", "train -o x --data folder:nowhere");
    fails(1, "data-sets/mnist: no such directory", "data mnist");
    fails(2, "one picture", "image -o x.png");
    fails(2, "one picture", "image a b -o x.png");
    fails(2, "-o FILE", "image a.png");
    fails(2, ".png, .ppm or .pgm", "image a.png -o x.jpg");
    fails(2, ".png, .ppm or .pgm", "image a.png -o png");
    fails(2, "whole number", "run --defense if --seed x");
    fails(2, "whole number", "run --defense if --threads 0");
    fails(2, "whole number", "demo --threads many");
    fails(2, "--target -1", "run --defense if --target -1");
    fails(2, "digits has classes 0 to 9", "run --defense if --target 10");
    fails(2, "digits has classes 0 to 9", "train -o x --target 10");
    fails(2, "its own target", "run --defense if --target 3 --mode all");
}

static void settings_must_be_of_the_run_and_in_range(void)
{
    fails(2, "vif.epochs=3", "run --defense if --set vif.epochs=3");
    fails(2, "if.nosuch=3", "run --defense if --set if.nosuch=3");
    fails(2, "if.epochs", "run --defense if --set if.epochs");
    fails(2, "epochs=3", "run --defense if --set epochs=3");
    fails(2, "''", "run --defense if --set \"''\"");
    fails(2, "badnet+.size=3", "run --defense if --attack none --set badnet+.size=3");
    fails(2, "if.epochs=2", "train -o x --set if.epochs=2");
    const char *bad[] = {"if.epochs=0",
                         "if.epochs=1.5",
                         "if.epochs=-3",
                         "if.epochs=1e12",
                         "if.epochs=",
                         "if.epochs=many",
                         "if.batch_size=0",
                         "if.batch_size=-1",
                         "if.learning_rate=nan",
                         "if.rotation=181",
                         "if.crop_padding=-1",
                         "if.curve_points=0",
                         "classifier.evaluate_every=0",
                         "badnet+.rate=1.01"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char words[128];
        snprintf(words, sizeof words, "run --defense if --set %s", bad[i]);
        fails(2, bad[i], words);
        fails(2, "number from", words);
    }
    fails(1, "patches of 28x28", "run --quiet --defense if --set badnet+.size=28");
    fails(2, "products are exact", "run --defense if --precision bf16");
    fails(2, "a table's name", "table --commands");
    fails(1, "10 training images are too few",
          "train --quiet --attack label-consistent --set label-consistent.training_images=10");
}

// The filtering paper's images are rotated, the NONE paper's never.
static void augmentation_is_that_of_the_attacks_paper(void)
{
    const char *attacks[] = {"badnet+", "badnets"};
    for (int i = 0; i < 2; i++) {
        succeeded(
            run_sieve("train --quiet --data signs --model mlp --train-images 40 --test-images "
                      "60 --set classifier.epochs=1 --attack %s --json a.json >log",
                      attacks[i]));
        Json *record = read_result("a.json");
        const Json *set = json_get(json_get(record, "config"), "classifier_settings");
        check(json_get_number(set, "rotation", -1) == (i ? 0 : 10), "%s: rotation %g", attacks[i],
              json_get_number(set, "rotation", -1));
        json_free(record);
    }
    clear_work();
}

// The digest is that of the drawn digits: the same on every machine.
static void data_shows_what_a_data_set_holds(void)
{
    Outcome o = run_sieve("data");
    check(o.status == 0 && strstr(o.output, "digits") && strstr(o.output, "folder:PATH"), "'%s'",
          o.output);
    o = run_sieve("data digits --train-images 200 --test-images 100 --json d.json --out r");
    check(o.status == 0 && o.errors[0] == 0, "%d: %s", o.status, o.errors);
    check(strstr(o.output, "images of 28x28 with 1 channel, 10 classes") &&
              strstr(o.output, "contact sheet: r/data/digits.png"),
          "'%s'", o.output);
    const char *left = files_left();
    check(strstr(left, "digits.png") && strstr(left, "d.json"), "left: %s", left);
    char *path = path_of("work/d.json");
    Json *json = json_read(path, NULL);
    check(json_get_number(json, "train_images", 0) == 200, "train_images");
    check(strcmp(json_get_string(json, "sha256", ""),
                 "7941476501994e831e54362d753604cd218ced92ea905e91efdfe78f6841974e") == 0,
          "%s", json_get_string(json, "sha256", ""));
    json_free(json);
    free(path);
    clear_work();
}

static void every_command_has_help(void)
{
    const char *commands[] = {"demo",   "run",   "train",  "report", "methods", "data",
                              "poison", "table", "figure", "study",  "ops",     "image"};
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        Outcome o = run_sieve("%s --help", commands[i]);
        char usage[32];
        snprintf(usage, sizeof usage, "sieve %s", commands[i]);
        check(o.status == 0 && strncmp(o.output, usage, strlen(usage)) == 0, "%s: '%s'",
              commands[i], o.output);
        check(strstr(o.output, "--help") && o.errors[0] == '\0', "%s lists its options",
              commands[i]);
        Outcome all = run_sieve("--help");
        check(all.status == 0 && strstr(all.output, commands[i]), "help names %s", commands[i]);
    }
    check(run_sieve("help").status == 0, "sieve help");
    Outcome bare = run_sieve("%s", "");
    check(bare.status == 2 && strstr(bare.output, "usage"), "without a command: usage, status 2");
    Outcome version = run_sieve("--version");
    check(version.status == 0 && lines_of(version.output) == 1, "--version: %s", version.output);
    check(strstr(run_sieve("run --help").output, "--defense") != NULL, "run has --defense");
    check(strstr(run_sieve("demo --help").output, "--defense") == NULL, "demo has not");
    check(strstr(run_sieve("ops").output, "conv2d") != NULL, "ops lists conv2d");
    check(strstr(run_sieve("table").output, "filtering/main") != NULL, "table lists the tables");
    check(strstr(run_sieve("table filtering/main").output, "not run") != NULL, "without results");
    check(files_left()[0] == '\0', "help writes nothing");
}

// ---- broken data ----

static char *data;

static char *mnist_file(const char *name)
{
    char *mnist = path_join(data, "mnist"), *path = path_join(mnist, name);
    free(mnist);
    return path;
}

static const char *const names[4] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                     "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"};

// The run fails naming file and reason.
static void data_fails(const char *what)
{
    char words[4096];
    snprintf(words, sizeof words, "run --quiet --data mnist --data-dir '%s' --defense if", data);
    fails(1, what, words);
}

static void methods_tell_their_settings(void)
{
    Outcome o = run_sieve("methods");
    succeeded(o);
    static const char *const wanted[] = {"badnet+", "natural", "aif", "dp-sgd", "classifier"};
    for (int i = 0; i < 5; i++)
        check(strstr(o.output, wanted[i]) != NULL, "%s is missing: %s", wanted[i], o.output);
    o = run_sieve("methods none"); // an attack and a defense
    succeeded(o);
    check(strstr(o.output, "attack none") && strstr(o.output, "defense none"), "%s", o.output);
    double quick = 0, paper = 0;
    const char *row = strstr(o.output, "none.reset ");
    check(row && sscanf(row, "none.reset %lf %lf   0 .. 1 r1, ", &quick, &paper) == 2, "%s",
          o.output);
    check(quick == .15 && paper == .03, "%g %g", quick, paper);
    o = run_sieve("methods badnets"); // which has its own values for the classifier's training
    succeeded(o);
    check(strstr(o.output, "badnets.rate ") && strstr(o.output, "classifier.standardise "), "%s",
          o.output);
    o = run_sieve("methods classifier");
    succeeded(o);
    check(strstr(o.output, "classifier.epochs ") && strstr(o.output, "the data's"), "%s", o.output);
}

// The program takes every command that its tables print: only the data are missing. (The largest
// networks, which are made for the check, take too long.)
static void the_tables_commands_are_taken(void)
{
    char *tables = copy_string(run_sieve("table").output), *rest = NULL;
    int commands = 0;
    for (char *table = strtok_r(tables, "\n", &rest); table; table = strtok_r(NULL, "\n", &rest)) {
        table[strcspn(table, " ")] = '\0';
        if (strcmp(table, "none/8") == 0) continue;
        Outcome o = run_shell("%s table %s --commands | grep -v imagenet | sed 's|^sieve|%s|; "
                              "s|$| --data-dir nowhere; echo status $?|' | sh 2>&1",
                              sieve_path(), table, sieve_path());
        for (const char *at = o.output; (at = strstr(at, "nowhere")) != NULL; at++) {
            const char *end = strchr(at, '\n');
            check(end && strncmp(end, "\nstatus 1\n", 10) == 0, "%s: %s", table, o.output);
            commands++;
        }
        check(!strstr(o.output, "status 0") && !strstr(o.output, "status 2"), "%s: %s", table,
              o.output);
    }
    check(commands > 120, "%d commands", commands);
    free(tables);
}

static void missing_data_is_named(void)
{
    fails(1, "no such directory", "run --quiet --data mnist --defense if");
    fails(1, "/no/where/mnist", "run --quiet --data mnist --data-dir /no/where --defense if");
    data = path_of("missing");
    write_small_mnist(data, 20, 100);
    for (int i = 0; i < 4; i++) {
        char *path = mnist_file(names[i]);
        Bytes bytes;
        check(file_read(path, 1 << 24, &bytes, NULL), "%s", path);
        unlink(path);
        data_fails(names[i]);
        check(file_write(path, bytes.data, bytes.size, NULL), "%s", path);
        bytes_free(&bytes);
        free(path);
    }
    free(data);
}

static void broken_files_are_refused(void)
{
    data = path_of("broken");
    write_small_mnist(data, 20, 100);
    char *images = mnist_file(names[0]), *labels = mnist_file(names[1]);
    Bytes good_images, good_labels;
    check(file_read(images, 1 << 24, &good_images, NULL), "images");
    check(file_read(labels, 1 << 24, &good_labels, NULL), "labels");

    file_write(images, good_images.data, 1000, NULL);
    data_fails("ends early");
    file_write(images, good_images.data, 3, NULL);
    data_fails("too short");
    file_write(images, "", 0, NULL);
    data_fails(names[0]);
    write_text(images, "GIF89a and so on");
    data_fails("not an IDX file");
    static uint8_t zeros[28 * 28 * 2];
    write_idx(images, 3, (uint32_t[]){0xffffffff, 0xffffffff, 0xffffffff}, zeros, 10);
    data_fails("too large");
    write_idx(images, 3, (uint32_t[]){60000, 28, 28}, zeros, 10);
    data_fails("ends early");
    write_idx(images, 3, (uint32_t[]){2, 14, 56}, zeros, 2 * 28 * 28);
    data_fails("28x28");
    write_idx(images, 3, (uint32_t[]){0, 28, 28}, zeros, 0);
    data_fails("dimension 1");
    write_idx(images, 1, (uint32_t[]){20}, zeros, 20);
    data_fails(names[0]);
    write_idx(images, 200, (uint32_t[200]){0}, zeros, 0);
    data_fails("200 dimensions");
    file_write(images, good_images.data, good_images.size, NULL);

    write_idx(labels, 1, (uint32_t[]){19}, zeros, 19);
    data_fails("19 labels for 20 images");
    zeros[7] = 10;
    write_idx(labels, 1, (uint32_t[]){20}, zeros, 20);
    data_fails("label 7 is 10");
    zeros[7] = 0;
    file_write(labels, good_labels.data, good_labels.size, NULL);

    bytes_free(&good_images);
    bytes_free(&good_labels);
    free(images);
    free(labels);
    free(data);
}

static void truncated_gzip_is_refused(void)
{
    data = path_of("packed");
    write_small_mnist(data, 20, 100);
    if (run_shell("gzip -9 '%s'/mnist/*", data).status != 0) {
        skip("no gzip here");
        return;
    }
    char *path = mnist_file("train-images-idx3-ubyte.gz");
    Bytes bytes;
    check(file_read(path, 1 << 24, &bytes, NULL), "%s", path);
    for (size_t size = 5; size < bytes.size; size += bytes.size / 5) {
        file_write(path, bytes.data, size, NULL);
        data_fails("train-images-idx3-ubyte.gz");
    }
    bytes.data[bytes.size / 2] ^= 0x10;
    file_write(path, bytes.data, bytes.size, NULL);
    data_fails("train-images-idx3-ubyte.gz");
    bytes_free(&bytes);
    free(path);
    free(data);
}

static void too_few_images_are_refused(void)
{
    data = path_of("few");
    write_small_mnist(data, 10, 5);
    data_fails("too few");
    free(data);
}

// ---- outputs that cannot be written ----

static void unwritable_outputs_are_named_before_any_work(void)
{
    char *file = path_of("file"), *directory = path_of("directory");
    Error error = {0};
    write_text(file, "in the way");
    check(directory_create(directory, &error), "%s", error.message);
    char words[4096];
    const char *commands[] = {"demo --quiet", "run --quiet --defense if", "train --quiet -o model"};
    for (int i = 0; i < 3; i++) {
        snprintf(words, sizeof words, "%s --out '%s/below'", commands[i], file);
        fails(1, file, words);
        snprintf(words, sizeof words, "%s --out ''", commands[i]);
        fails(2, "needs a value", words);
        snprintf(words, sizeof words, "%s --json no/such/x.json", commands[i]);
        fails(1, "no/such", words);
        snprintf(words, sizeof words, "%s --json '%s'", commands[i], directory);
        fails(1, "is a directory", words);
    }
    fails(1, "no/such", "train --quiet -o no/such/model");
    char *text = read_text(file);
    check(text && strcmp(text, "in the way") == 0, "the file is untouched");
    free(text);
    free(file);
    free(directory);
}

static void a_full_disk_is_an_error(void)
{
    if (access("/dev/full", W_OK) != 0) {
        skip("no /dev/full here");
        return;
    }
    const char *commands[] = {"ops", "--help", "run --help", "--version"};
    for (int i = 0; i < 4; i++) {
        Outcome o = run_shell("'%s' %s >/dev/full", sieve_path(), commands[i]);
        check(o.status == 1 && strstr(o.errors, "No space"), "%s: %d '%s'", commands[i], o.status,
              o.errors);
    }
}

// ---- reports of broken results ----

static void broken_results_are_refused(void)
{
    fails(1, "no/such", "report no/such");
    char *results = path_of("results"), *cell = path_of("results/cells/one");
    char *record = path_of("results/cells/one/result.json");
    char *curves = path_of("results/cells/one/curves.json");
    char *samples = path_of("results/cells/one/samples.safetensors");
    char words[4096];
    Error error = {0};
    snprintf(words, sizeof words, "report '%s' -o report.html", results);
    check(directory_create(cell, &error), "%s", error.message);
    fails(1, "no finished cell", words);
    const char *records[] = {"",
                             "{",
                             "[]",
                             "3",
                             "{} {}",
                             "{\"data\": 3}",
                             "{\"data\": \"digits\"}",
                             "{\"data\": \"digits\", \"attack\": \"none\"}"};
    for (int i = 0; i < 8; i++) {
        write_text(record, records[i]);
        fails(1, "result.json", words);
    }
    write_text(record, "{\"data\": \"digits\", \"attack\": \"none\", \"defense\": \"if\"}");
    Outcome o = run_sieve("%s", words);
    check(o.status == 0, "the smallest record: %s", o.errors);
    clear_work();
    const char *bad[] = {"",
                         "{",
                         "{}",
                         "{\"series\": {}}",
                         "{\"series\": [{}]}",
                         "{\"series\": [{\"name\": \"C\", \"points\": [[1]]}]}"};
    for (int i = 0; i < 6; i++) {
        write_text(curves, bad[i]);
        fails(1, "curves.json", words);
    }
    unlink(curves);
    write_text(samples, "no tensors here");
    fails(1, "samples.safetensors", words);
    free(results);
    free(cell);
    free(record);
    free(curves);
    free(samples);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"unknown_words_are_wrong_use", unknown_words_are_wrong_use},
        {"missing_and_bad_values_are_wrong_use", missing_and_bad_values_are_wrong_use},
        {"settings_must_be_of_the_run_and_in_range", settings_must_be_of_the_run_and_in_range},
        {"augmentation_is_that_of_the_attacks_paper", augmentation_is_that_of_the_attacks_paper},
        {"data_shows_what_a_data_set_holds", data_shows_what_a_data_set_holds},
        {"every_command_has_help", every_command_has_help},
        {"methods_tell_their_settings", methods_tell_their_settings},
        {"the_tables_commands_are_taken", the_tables_commands_are_taken},
        {"missing_data_is_named", missing_data_is_named},
        {"broken_files_are_refused", broken_files_are_refused},
        {"truncated_gzip_is_refused", truncated_gzip_is_refused},
        {"too_few_images_are_refused", too_few_images_are_refused},
        {"unwritable_outputs_are_named_before_any_work",
         unwritable_outputs_are_named_before_any_work},
        {"a_full_disk_is_an_error", a_full_disk_is_an_error},
        {"broken_results_are_refused", broken_results_are_refused}};
    return TESTS_RUN(tests);
}
