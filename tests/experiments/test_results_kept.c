// What a result directory keeps is found again for the same work alone: not for other files of a
// data set's name, not for other samples in a poisoned folder, not for other arithmetic.
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

// The config_hash that this `sieve train` leaves; the caller's.
static char *hash_of(const char *variables, const char *words)
{
    succeeded(run_shell("%s '%s' train --quiet --model mlp --set classifier.epochs=1 --out kept "
                        "--json one.json %s >log",
                        variables, sieve_path(), words));
    Json *record = read_result("one.json");
    char *hash = copy_string(json_get_string(record, "config_hash", ""));
    check(strlen(hash) == 64, "a hash: '%s'", hash);
    json_free(record);
    return hash;
}

static void differs(char *a, char *b, const char *why)
{
    check(strcmp(a, b) != 0, "%s is other work", why);
    free(a);
    free(b);
}

static void another_data_set_of_the_same_name_is_other_work(void)
{
    char *data = path_of("data");
    write_small_mnist(data, 60, 60);
    Text words = {0};
    text_append(&words, "--data mnist --data-dir '%s'", data);
    char *first = hash_of("", words.text), *again = hash_of("", words.text);
    check(strcmp(first, again) == 0, "the same files are the same work");
    free(again);
    // the last pixel of the last test image
    succeeded(run_shell("printf x | dd of='%s/mnist/t10k-images-idx3-ubyte' bs=1 seek=47055 "
                        "conv=notrunc status=none",
                        data));
    differs(first, hash_of("", words.text), "another pixel");
    text_free(&words);
    free(data);
}

// The digest is that of the set before any attack: with another seed other samples are stamped, but
// the two are one experiment.
static void seeds_are_repetitions_of_one_experiment(void)
{
    char *data = path_of("repeated");
    write_small_mnist(data, 60, 60);
    for (int seed = 1; seed <= 2; seed++)
        succeeded(run_sieve("train --quiet --data mnist --data-dir '%s' --model mlp --attack "
                            "badnets --set classifier.epochs=1 --seed %d --json %d.json --out s "
                            ">log",
                            data, seed, seed));
    Json *one = read_result("1.json"), *two = read_result("2.json");
    const char *name = "data_sha256";
    const char *first = json_get_string(json_get(one, "config"), name, "no digest");
    check(strcmp(first, json_get_string(json_get(two, "config"), name, "")) == 0, "'%s'", first);
    json_free(one);
    json_free(two);
    free(data);
}

static void other_arithmetic_is_other_work(void)
{
    const char *words = "--train-images 20 --test-images 40";
    char *fastest = hash_of("", words);
    char *named = hash_of("SIEVE_CONV=fastest", words);
    check(strcmp(fastest, named) == 0, "what is there anyway");
    free(named);
    differs(fastest, hash_of("SIEVE_CONV=direct", words), "direct convolution");
}

// The defender's clean samples and the truth are of the run as well as the folder's images.
static void all_that_a_poisoned_folder_says_is_of_the_work(void)
{
    const char *words = "--attack badnets --set badnets.rate=0.2 --poisoned p --train-images 100 "
                        "--test-images 40";
    succeeded(run_sieve("poison --attack badnets --set badnets.rate=0.2 --poisoned p "
                        "--train-images 100 >log"));
    char *first = hash_of("", words);
    char *more = hash_of("", "--attack badnets --set badnets.rate=0.2 --poisoned p --train-images "
                             "200 --test-images 40");
    check(strcmp(first, more) != 0, "another clean set in the defender's hands is other work");
    free(more);
    run_shell("sed -i 's/,1$/,0/' p/samples.csv");
    differs(first, hash_of("", words), "another truth");
}

static void a_set_of_another_attack_is_refused(void)
{
    succeeded(run_sieve("poison --attack badnets --set badnets.rate=0.2 --poisoned q "
                        "--train-images 40 >log"));
    const char *others[] = {"--attack badnets --set badnets.rate=0.3",
                            "--attack badnets --set badnets.rate=0.2 --seed 2",
                            "--attack badnets --set badnets.rate=0.2 --mode all"};
    const char *named[] = {"badnets.rate 0.2, not 0.3", "seed 1, not 2",
                           "mode \"single\", not \"all\""};
    for (int i = 0; i < 3; i++) {
        Outcome o = run_sieve("train %s --poisoned q --test-images 40 -o x", others[i]);
        check(o.status == 1 && strstr(o.errors, named[i]), "%s: %d '%s'", others[i], o.status,
              o.errors);
    }
}

// Half a set is none: the list goes before the first image is written.
static void a_set_that_was_not_finished_is_no_set(void)
{
    succeeded(run_sieve("poison --attack badnets --poisoned half --train-images 40 >log"));
    run_shell("rm -r half/00000; echo x >half/00000");
    Outcome o = run_sieve("poison --attack badnets --poisoned half --train-images 40");
    check(o.status == 1, "status %d: %s", o.status, o.errors);
    o = run_sieve("train --attack badnets --poisoned half -o x");
    check(o.status == 1 && strstr(o.errors, "samples.csv"), "%d: '%s'", o.status, o.errors);
}

// The attacker, too, leaves the defender's poison out: the same weights as without the folder.
static void an_adaptive_attacker_knows_the_folders_poison(void)
{
    const char *how = "--attack adaptive --train-images 80 --set adaptive.rate=0.3";
    const char *training = "--quiet --model mlp --test-images 40 --set classifier.epochs=3 --set "
                           "adaptive.benign_epochs=1";
    succeeded(run_sieve("poison %s --set adaptive.benign_epochs=1 --poisoned a >log", how));
    succeeded(run_sieve("train %s %s -o own --out own-r >log", how, training));
    succeeded(run_sieve("train %s %s --poisoned a -o read --out read-r >log", how, training));
    succeeded(run_shell("cmp own read"));
}

// The report's command is for a shell.
static void the_command_can_be_given_to_a_shell(void)
{
    succeeded(run_sieve("poison --attack badnets --poisoned \"it's here\" --train-images 40 >log"));
    free(hash_of("", "--attack badnets --poisoned \"it's here\" --test-images 40"));
    Json *record = read_result("one.json");
    const char *command = json_get_string(record, "command", "");
    check(strstr(command, " --poisoned 'it'\\''s here' ") != NULL, "%s", command);
    json_free(record);
}

// A test set of the target class alone has no image on which a Trojan shows.
static void a_test_set_of_the_target_class_is_measured(void)
{
    char *data = path_of("zeros");
    write_small_mnist(data, 60, 40);
    succeeded(run_shell("l='%s/mnist/t10k-labels-idx1-ubyte'; (head -c 8 $l; head -c 40 /dev/zero) "
                        ">labels && mv labels $l",
                        data));
    succeeded(run_sieve("run --quiet --data mnist --data-dir '%s' --defense if --set "
                        "classifier.epochs=1 --set if.epochs=1 --out zeros >log",
                        data));
    succeeded(run_sieve("report zeros >log"));
    free(data);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"another_data_set_of_the_same_name_is_other_work",
         another_data_set_of_the_same_name_is_other_work},
        {"seeds_are_repetitions_of_one_experiment", seeds_are_repetitions_of_one_experiment},
        {"other_arithmetic_is_other_work", other_arithmetic_is_other_work},
        {"all_that_a_poisoned_folder_says_is_of_the_work",
         all_that_a_poisoned_folder_says_is_of_the_work},
        {"a_set_of_another_attack_is_refused", a_set_of_another_attack_is_refused},
        {"a_set_that_was_not_finished_is_no_set", a_set_that_was_not_finished_is_no_set},
        {"an_adaptive_attacker_knows_the_folders_poison",
         an_adaptive_attacker_knows_the_folders_poison},
        {"the_command_can_be_given_to_a_shell", the_command_can_be_given_to_a_shell},
        {"a_test_set_of_the_target_class_is_measured", a_test_set_of_the_target_class_is_measured},
    };
    return TESTS_RUN(tests);
}
