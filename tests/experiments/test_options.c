// The command line's options: where each value goes, and every kind of misuse.
#include "experiments/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "tests/test.h"

enum { MANY = 256 };

// Splits the words of a line and parses them; the words live until the next call.
static bool parse(unsigned command, const char *line, Options *options, Error *error)
{
    static char copy[4096];
    static char *words[MANY];
    int count = 0;
    char *rest = NULL;
    strncpy(copy, line, sizeof copy - 1);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        words[count++] = strcmp(word, "EMPTY") == 0 ? "" : word;
    *error = (Error){0};
    return options_parse(count, words, command, options, error);
}

static void accepted(unsigned command, const char *line, Options *options)
{
    Error error;
    check(parse(command, line, options, &error), "'%s' is refused: %s", line, error.message);
}

// Refused, with a sentence that contains `what`.
static void refused(unsigned command, const char *line, const char *what)
{
    Options options;
    Error error;
    check(!parse(command, line, &options, &error), "'%s' is accepted", line);
    check(strstr(error.message, what) != NULL, "'%s': '%s' lacks '%s'", line, error.message, what);
}

static void without_options_the_defaults_hold(void)
{
    Options o;
    unsetenv("SIEVE_DATA");
    accepted(FOR_RUN, "", &o);
    check(strcmp(o.data, "digits") == 0 && strcmp(o.attack, "badnet+") == 0, "data and attack");
    check(strcmp(o.mode, "single") == 0 && o.target == 0, "mode and target");
    check(strcmp(o.out, "results") == 0 && strcmp(o.data_directory, "data-sets") == 0, "places");
    check(!o.model && !o.defense && !o.filter && !o.json && !o.output, "what has no default");
    check(o.scale == SCALE_QUICK && o.seed == 1 && o.threads == 0, "scale, seed, threads");
    check(!o.quiet && !o.help && o.operand_count == 0 && o.overrides.count == 0, "flags");
}

static void every_option_reaches_its_field(void)
{
    Options o;
    accepted(FOR_RUN,
             "--data mnist --data-dir D --model mnist-wanet --attack none --mode all --target 7 "
             "--filter filter-a --defense if,vif --scale paper --set if.epochs=2 --set "
             "vif.epochs=3 --seed 12 --out O "
             "--json J --threads 3 --device cpu --quiet --help",
             &o);
    check(strcmp(o.data, "mnist") == 0 && strcmp(o.data_directory, "D") == 0, "data");
    check(strcmp(o.model, "mnist-wanet") == 0 && strcmp(o.attack, "none") == 0, "model, attack");
    check(strcmp(o.mode, "all") == 0 && o.target == 7, "mode, target");
    check(strcmp(o.filter, "filter-a") == 0, "filter");
    check(strcmp(o.defense, "if,vif") == 0 && o.scale == SCALE_PAPER, "defense, scale");
    check(o.overrides.count == 2 && strcmp(o.overrides.texts[0], "if.epochs=2") == 0 &&
              strcmp(o.overrides.texts[1], "vif.epochs=3") == 0,
          "both --set, in order");
    check(o.seed == 12 && o.threads == 3, "seed, threads");
    check(strcmp(o.out, "O") == 0 && strcmp(o.json, "J") == 0, "out, json");
    check(o.quiet && o.help, "flags");
    accepted(FOR_TRAIN, "-o FILE", &o);
    check(strcmp(o.output, "FILE") == 0, "-o");
}

static void image_sizes_are_read(void)
{
    Options o;
    accepted(FOR_TRAIN, "--image-size 32x48x3 --train-images 5 --test-images 6", &o);
    DataRequest request = data_request(&o);
    check(request.image_height == 32 && request.image_width == 48 && request.image_channels == 3,
          "size");
    check(request.train_count == 5 && request.test_count == 6, "counts");
    static const char *const wrong[] = {"32", "32x32", "32x32x2", "0x32x3", "32x-1x3", "32x32x3x"};
    for (int i = 0; i < 6; i++) {
        char line[64];
        snprintf(line, sizeof line, "--image-size %s", wrong[i]);
        refused(FOR_DATA, line, line);
    }
}

static void the_last_of_a_repeated_option_wins(void)
{
    Options o;
    accepted(FOR_RUN, "--seed 1 --seed 2 --data mnist --data digits", &o);
    check(o.seed == 2 && strcmp(o.data, "digits") == 0, "the last one");
}

static void the_data_directory_comes_from_the_environment(void)
{
    Options o;
    setenv("SIEVE_DATA", "/somewhere", 1);
    accepted(FOR_RUN, "", &o);
    check(strcmp(o.data_directory, "/somewhere") == 0, "SIEVE_DATA: %s", o.data_directory);
    accepted(FOR_RUN, "--data-dir elsewhere", &o);
    check(strcmp(o.data_directory, "elsewhere") == 0, "the option is stronger");
    setenv("SIEVE_DATA", "", 1);
    accepted(FOR_RUN, "", &o);
    check(strcmp(o.data_directory, "data-sets") == 0, "an empty SIEVE_DATA is none");
    unsetenv("SIEVE_DATA");
}

static void operands_keep_their_order(void)
{
    Options o;
    accepted(FOR_REPORT, "one -o out - two", &o);
    check(o.operand_count == 3 && strcmp(o.operands[0], "one") == 0 &&
              strcmp(o.operands[1], "-") == 0 && strcmp(o.operands[2], "two") == 0,
          "one, -, two");
}

static void unknown_options_are_refused(void)
{
    refused(FOR_RUN, "--nosuch", "--nosuch");
    refused(FOR_RUN, "-x", "-x");
    refused(FOR_RUN, "--", "--");
    refused(FOR_RUN, "--seed=3", "--seed=3");
    refused(FOR_RUN, "--SEED 3", "--SEED");
    refused(FOR_RUN, "--see 3", "--see");
}

static void an_option_of_another_command_is_unknown(void)
{
    refused(FOR_DEMO, "--defense if", "--defense");
    refused(FOR_DEMO, "--data mnist", "--data");
    refused(FOR_TRAIN, "--defense if", "--defense");
    refused(FOR_TRAIN, "--filter filter-a", "--filter");
    refused(FOR_RUN, "-o x", "-o");
    refused(FOR_REPORT, "--seed 1", "--seed");
    refused(FOR_OPS, "--out x", "--out");
}

static void a_missing_value_is_named(void)
{
    const char *empty[] = {"--out EMPTY", "--seed EMPTY", "--json EMPTY --quiet", "--scale EMPTY"};
    for (int i = 0; i < 4; i++) refused(FOR_RUN, empty[i], "needs a value");
    const char *lines[] = {"--data", "--seed", "--set", "--json", "--quiet --out", "--threads"};
    for (int i = 0; i < 6; i++) refused(FOR_RUN, lines[i], "needs a value");
}

static void a_number_must_be_whole_and_in_range(void)
{
    const char *bad[] = {"--seed abc",
                         "--seed 1x",
                         "--seed 1.5",
                         "--seed -1",
                         "--seed 0x10",
                         "--seed 1e3",
                         "--threads 0",
                         "--threads 65",
                         "--threads -1",
                         "--target -1",
                         "--target 99999",
                         "--seed 9007199254740992",
                         "--seed 99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refused(FOR_RUN, bad[i], "whole number");
    Options o;
    accepted(FOR_RUN, "--seed 9007199254740991 --threads 64 --target 0", &o);
    check(o.seed == 9007199254740991 && o.threads == 64, "the largest ones");
    accepted(FOR_RUN, "--seed 0", &o);
}

static void words_must_be_known(void)
{
    refused(FOR_RUN, "--scale big", "quick or paper");
    refused(FOR_RUN, "--mode both", "single or all");
    refused(FOR_RUN, "--device cuda9", "cuda9");
}

static void lists_have_an_end(void)
{
    char line[4096] = "";
    for (int i = 0; i <= MAX_OVERRIDES; i++) strcat(line, "--set a.b=1 ");
    refused(FOR_RUN, line, "--set");
    Options o;
    accepted(FOR_RUN, line + strlen("--set a.b=1 "), &o);
    check(o.overrides.count == MAX_OVERRIDES, "as many as are allowed");
    line[0] = '\0';
    for (int i = 0; i <= MAX_OPERANDS; i++) strcat(line, "x ");
    refused(FOR_REPORT, line, "operands");
    accepted(FOR_REPORT, line + 2, &o);
    check(o.operand_count == MAX_OPERANDS, "as many as are allowed");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"without_options_the_defaults_hold", without_options_the_defaults_hold},
        {"every_option_reaches_its_field", every_option_reaches_its_field},
        {"image_sizes_are_read", image_sizes_are_read},
        {"the_last_of_a_repeated_option_wins", the_last_of_a_repeated_option_wins},
        {"the_data_directory_comes_from_the_environment",
         the_data_directory_comes_from_the_environment},
        {"operands_keep_their_order", operands_keep_their_order},
        {"unknown_options_are_refused", unknown_options_are_refused},
        {"an_option_of_another_command_is_unknown", an_option_of_another_command_is_unknown},
        {"a_missing_value_is_named", a_missing_value_is_named},
        {"a_number_must_be_whole_and_in_range", a_number_must_be_whole_and_in_range},
        {"words_must_be_known", words_must_be_known},
        {"lists_have_an_end", lists_have_an_end}};
    return TESTS_RUN(tests);
}
