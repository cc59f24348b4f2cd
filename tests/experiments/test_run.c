// Whole runs of the program on a few hundred drawn digits: the results' fields, what is kept and
// used again, and that neither threads nor kills change a bit.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/file.h"
#include "nn/classifier.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

// One epoch of everything.
static const char *const FEW_EPOCHS =
    "--set classifier.epochs=1 --set ip.epochs=1 --set if.epochs=1 --set vif.epochs=1 "
    "--set aif.epochs=1 --set aif.pretrain_generator=1 --set aif.pretrain_filter=1";

// "run OPTIONS" of these defenses on the small data set. A setting must be of the run: hence the
// filter of those that are.
static Outcome run_cells(const char *defenses, const char *options)
{
    static bool written;
    char *data = path_of("data");
    bool small = getenv("SIEVE_TEST_SMALL") != NULL;
    if (!written) write_small_mnist(data, small ? 50 : 400, small ? 50 : 300);
    written = true;
    Text words = {0};
    text_append(&words, "run --quiet --data mnist --data-dir '%s' --defense %s %s", data, defenses,
                options);
    char *settings = copy_string(FEW_EPOCHS), *rest = NULL;
    for (char *word = strtok_r(settings, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        Text name = {0}, list = {0};
        text_append(&name, ",%.*s,", (int)strcspn(word, "."), word);
        text_append(&list, ",classifier,%s,", defenses);
        if (strchr(word, '.') && strstr(list.text, name.text))
            text_append(&words, " --set %s", word);
        text_free(&name);
        text_free(&list);
    }
    Outcome o = run_sieve("%s", words.text);
    text_free(&words);
    free(settings);
    free(data);
    return o;
}

static void has_kind(const Json *record, const char *name, JsonKind kind)
{
    const Json *value = json_get(record, name);
    check(value && value->kind == kind, "%s of %s", name, json_get_string(record, "defense", "?"));
}

static void has_percent(const Json *record, const char *name, double low)
{
    double value = json_get_number(record, name, NAN);
    check(value >= low && value <= 100, "%s is %g", name, value);
}

static void has_contract_fields(const Json *record, const char *defense, bool trojan, bool single)
{
    const char *texts[] = {"data",    "model", "attack",      "mode",
                           "defense", "scale", "config_hash", "version"};
    for (int i = 0; i < 8; i++) has_kind(record, texts[i], JSON_STRING);
    check(strcmp(json_get_string(record, "defense", ""), defense) == 0, "defense %s", defense);
    has_kind(record, "seed", JSON_NUMBER);
    check((json_get(record, "target") != NULL) == single, "%s: target", defense);
    has_percent(record, "clean_accuracy", 0);
    has_percent(record, "C", -100);
    has_percent(record, "FPR", 0);
    const char *with_trojan[] = {"trojan_accuracy", "T", "R", "FNR"};
    for (int i = 0; i < 4; i++) {
        if (trojan)
            has_percent(record, with_trojan[i], i == 2 ? -100 : 0);
        else
            check(!json_get(record, with_trojan[i]), "%s is there without a Trojan",
                  with_trojan[i]);
    }
    const Json *seconds = json_get(record, "seconds");
    check(seconds && seconds->kind == JSON_OBJECT, "seconds is an object");
    has_kind(seconds, "classifier", JSON_NUMBER);
    has_kind(seconds, "defense", JSON_NUMBER);
    check(strlen(json_get_string(record, "config_hash", "")) == 64, "a SHA-256");
}

static void a_run_writes_its_results(void)
{
    Outcome o = run_cells("ip,if,vif,aif", "--out r --json all.json");
    succeeded(o);
    check(strstr(o.output, "vif") && strstr(o.output, "report.html"), "the table: %s", o.output);
    Json *records = read_result("all.json");
    const char *names[] = {"ip", "if", "vif", "aif"};
    if (check(records && records->kind == JSON_ARRAY && records->count == 4, "an array of four"))
        for (int i = 0; i < 4; i++) has_contract_fields(records->items[i], names[i], true, true);
    json_free(records);
    const char *files = files_left();
    const char *wanted[] = {"model.safetensors", "filter.safetensors", "samples.safetensors",
                            "curves.json",       "result.json",        "./r/report.html"};
    for (int i = 0; i < 6; i++)
        check(strstr(files, wanted[i]), "%s is missing:\n%s", wanted[i], files);
    check(!strstr(files, "checkpoint") && !strstr(files, ".tmp"), "left over:\n%s", files);
}

static void a_finished_cell_is_not_computed_again(void)
{
    const char *stamps = "find r -type f ! -name report.html -printf '%p %T@ %i\\n' | sort";
    char *before = copy_string(run_shell("%s", stamps).output);
    check(strstr(before, "filter.safetensors") != NULL, "cells of the run before");
    succeeded(run_cells("ip,if,vif,aif", "--out r --json again.json"));
    check(run_shell("cmp all.json again.json").status == 0, "the same JSON, seconds too");
    check(strcmp(before, run_shell("%s", stamps).output) == 0, "no file is written again");
    succeeded(run_cells("ip,if,vif,aif", "--out fresh --json fresh.json"));
    same_results("all.json", "fresh.json");
    same_files("r", "fresh");
    free(before);
}

static void the_hash_is_of_the_configuration(void)
{
    // One cell: an object. Its overrides are those of its own method, whatever else ran before.
    succeeded(run_cells("if", "--out h --json one.json"));
    succeeded(run_cells("if", "--out h --seed 2 --json seed.json"));
    succeeded(run_cells("if", "--out h --set if.lambda1=0.5 --json set.json"));
    succeeded(run_cells("if", "--out h --threads 1 --filter filter-mnist --json same.json"));
    Json *all = read_result("all.json"), *one = read_result("one.json"),
         *seed = read_result("seed.json");
    Json *set = read_result("set.json"), *same = read_result("same.json");
    check(one && one->kind == JSON_OBJECT, "one cell is an object");
    const char *hash = json_get_string(one, "config_hash", "");
    check(strcmp(hash, json_get_string(all->items[1], "config_hash", "")) == 0, "of any list");
    check(strcmp(hash, json_get_string(same, "config_hash", "")) == 0,
          "for any threads, and the default filter by its name");
    check(strcmp(json_get_string(one, "filter", ""), "filter-mnist") == 0 &&
              strcmp(json_get_string(json_get(one, "config"), "filter", ""), "filter-mnist") == 0,
          "the filter stands in the result");
    check(strcmp(hash, json_get_string(seed, "config_hash", "")) != 0, "another seed");
    check(strcmp(hash, json_get_string(set, "config_hash", "")) != 0, "another setting");
    check(json_get_number(json_get(json_get(set, "config"), "defense_settings"), "lambda1", 0) ==
              0.5,
          "the setting stands in the result");
    json_free(all);
    json_free(one);
    json_free(seed);
    json_free(set);
    json_free(same);
}

static void without_an_attack_there_are_no_trojan_figures(void)
{
    succeeded(run_cells("vif", "--attack none --out none --json none.json"));
    Json *record = read_result("none.json");
    has_contract_fields(record, "vif", false, true);
    json_free(record);
}

static void all_target_mode_has_no_target(void)
{
    succeeded(run_cells("if", "--mode all --out all --json mode.json"));
    Json *record = read_result("mode.json");
    has_contract_fields(record, "if", true, false);
    check(strcmp(json_get_string(record, "mode", ""), "all") == 0, "mode");
    json_free(record);
}

static void the_target_is_the_one_asked_for(void)
{
    succeeded(run_cells("if", "--target 7 --out target --json target.json"));
    Json *record = read_result("target.json");
    check(json_get_number(record, "target", 0) == 7, "target");
    json_free(record);
}

// A finished classifier directory of each attack has pictures of its triggers, the figures that the
// attack is judged by, and what a defense needs to use it again.
static void every_attack_runs_and_is_found_again(void)
{
    const char *names[] = {"noise-bi+", "image-bi+", "input-aware", "wanet"};
    const char *figures[] = {NULL, NULL, "cross_accuracy", "noise_accuracy"};
    int first = getenv("SIEVE_TEST_SMALL") ? 2 : 0;
    for (int i = first; i < 4; i++) {
        Text options = {0};
        text_append(&options, "--attack %s --out attack%d --json attack.json %s", names[i], i,
                    i == 2 ? "--set input-aware.pretrain=1" : "");
        succeeded(run_cells("if", options.text));
        Json *record = read_result("attack.json");
        has_contract_fields(record, "if", true, true);
        json_free(record);
        Text classifier = {0};
        Outcome o = run_shell("cat attack%d/classifiers/*/result.json", i);
        text_append(&classifier, "%s", o.output);
        check(!figures[i] || strstr(classifier.text, figures[i]), "%s", classifier.text);
        o = run_shell("ls attack%d/classifiers/*", i);
        check(strstr(o.output, "samples.safetensors"), "pictures: %s", o.output);
        check(!strstr(o.output, "attack.safetensors") == (i != 2), "networks: %s", o.output);
        o = run_shell("grep -c 'trigger: pattern' attack%d/report.html", i);
        check(o.status == 0, "the trigger stands in the report");
        if (i == 2) { // another defense finds the classifier, and the same triggers
            succeeded(run_cells("ip", options.text));
            run_shell("mv attack.json first.json; rm -r attack%d/cells", i);
            succeeded(run_cells("ip", options.text));
            same_results("attack.json", "first.json");
        }
        text_free(&classifier);
        text_free(&options);
    }
}

static void the_users_pictures_are_part_of_the_configuration(void)
{
    if (getenv("SIEVE_TEST_SMALL")) {
        skip("SIEVE_TEST_SMALL");
        return;
    }
    const char *bars = "P2 4 2 255 0 255 0 255 255 0 255 0\n", *blue = "P3 1 1 255 0 0 255\n";
    run_shell("printf '%s' >bars.pgm; printf '%s' >blue.ppm; printf '%s' >same.pgm", bars, blue,
              bars);
    const char *lists[] = {"bars.pgm,blue.ppm", "same.pgm,blue.ppm", "blue.ppm,bars.pgm"};
    char *hashes[3];
    for (int i = 0; i < 3; i++) {
        Text options = {0};
        text_append(&options,
                    "--attack image-bi+ --trigger-images %s --out pictures%d --json pictures.json",
                    lists[i], i);
        succeeded(run_cells("if", options.text));
        Json *record = read_result("pictures.json");
        check(strstr(json_get_string(record, "command", ""), lists[i]), "the command names them");
        hashes[i] = copy_string(json_get_string(record, "config_hash", ""));
        json_free(record);
        text_free(&options);
    }
    check(strcmp(hashes[0], hashes[1]) == 0, "the same pictures under another name");
    check(strcmp(hashes[0], hashes[2]) != 0, "in another order");
    same_files("pictures0", "pictures1");
    for (int i = 0; i < 3; i++) free(hashes[i]);
    Outcome o = run_cells("if", "--attack image-bi+ --trigger-images bars.pgm,no.png --out no");
    check(o.status == 1 && strstr(o.errors, "no.png"), "status %d: '%s'", o.status, o.errors);
    o = run_cells("if", "--attack wanet --trigger-images bars.pgm --out no");
    check(o.status == 2 && strstr(o.errors, "wanet"), "status %d: '%s'", o.status, o.errors);
}

static void a_finished_attack_without_its_networks_is_refused(void)
{
    const char *options = "--attack input-aware --out lost --set input-aware.pretrain=1";
    succeeded(run_cells("if", options));
    run_shell("rm lost/classifiers/*/attack.safetensors");
    Outcome o = run_cells("ip", options);
    check(o.status == 1 && strstr(o.errors, "attack.safetensors"), "status %d: '%s'", o.status,
          o.errors);
}

static void trained_weights_can_be_loaded(void)
{
    char *data = path_of("data"), *work = path_of("work"), *path = path_join(work, "model");
    for (int i = 0; i < 2; i++) { // trained, and then found
        Outcome o = run_sieve("train --quiet --data mnist --data-dir '%s' --model mnist-wanet "
                              "--attack none --set classifier.epochs=1 --out t -o model --json "
                              "train.json",
                              data);
        succeeded(o);
        check(strstr(o.output, "clean accuracy") != NULL, "says how good it is: %s", o.output);
        Error error = {0};
        Classifier *classifier = classifier_create("mnist-wanet", 28, 28, 1, 10, &error);
        check(parameters_load(&classifier->parameters, path, &error), "%s", error.message);
        classifier_free(classifier);
        check(run_shell("cmp model t/classifiers/*/model.safetensors && rm model").status == 0,
              "the same as below --out");
    }
    Json *record = read_result("train.json");
    check(json_get(record, "clean_accuracy") && !json_get(record, "trojan_accuracy"), "figures");
    check(strcmp(json_get_string(record, "model", ""), "mnist-wanet") == 0, "model");
    json_free(record);
    free(data);
    free(work);
    free(path);
}

// Without -o the weights stand below --out alone, where the line says.
static void training_names_its_weights(void)
{
    Outcome o = run_sieve("train --quiet --model mlp --train-images 60 --test-images 40 --set "
                          "classifier.epochs=1 --out trained");
    succeeded(o);
    const char *line = strstr(o.output, "\nweights: trained/classifiers/digits_mlp_badnet+");
    check(line && strcmp(strchr(line + 1, '\n') - strlen("/model.safetensors"),
                         "/model.safetensors\n") == 0,
          "%s", o.output);
    check(strstr(files_left(), "/model.safetensors") != NULL, "%s", files_left());
    clear_work();
}

static void the_number_of_threads_changes_no_bit_of_an_attack(void)
{
    const char *attack = "--attack input-aware --set input-aware.pretrain=1";
    Text options = {0};
    for (int threads = 1; threads <= 3; threads += 2) {
        text_append(&options, "%s --threads %d --out a%d --json a%d.json", attack, threads, threads,
                    threads);
        succeeded(run_cells("if", options.text));
        options.length = 0;
    }
    same_results("a1.json", "a3.json");
    same_files("a1", "a3");
    text_free(&options);
}

static void the_number_of_threads_changes_no_bit(void)
{
    const char *defenses = getenv("SIEVE_TEST_SMALL") ? "aif" : "vif,aif";
    succeeded(run_cells(defenses, "--threads 1 --out t1 --json t1.json"));
    succeeded(run_cells(defenses, "--threads 2 --out t2 --json t2.json"));
    succeeded(run_cells(defenses, "--threads 4 --out t4 --json t4.json"));
    same_results("t1.json", "t2.json");
    same_results("t1.json", "t4.json");
    same_files("t1", "t2");
    same_files("t1", "t4");
}

// Forty images, as the reference kernels are plain scalar C.
static void the_instruction_set_changes_no_bit(void)
{
    const char *kernels = run_sieve("ops").output;
    if (getenv("SIEVE_TEST_SMALL") || strstr(kernels, "baseline") || strstr(kernels, "reference")) {
        skip("needs time, and kernels with fused multiply-add");
        return;
    }
    char *data = path_of("tiny");
    write_small_mnist(data, 40, 40);
    const char *sets[] = {"", "SIEVE_ISA=reference"}, *names[] = {"chosen", "plain"};
    for (int i = 0; i < 2; i++)
        succeeded(run_shell("%s '%s' run --quiet --data mnist --data-dir '%s' --defense vif "
                            "--set classifier.epochs=1 --set vif.epochs=1 --out %s --json %s.json",
                            sets[i], sieve_path(), data, names[i], names[i]));
    same_results("chosen.json", "plain.json");
    same_files("chosen", "plain");
    free(data);
}

static void a_killed_run_ends_in_the_same_bytes(void)
{
    const char *pauses[] = {"0.1", "0.4", "0.8", "1.3"};
    char *data = path_of("data");
    succeeded(run_cells("vif,aif", "--out whole --json whole.json"));
    for (int i = 0; i < 4; i++)
        run_shell("'%s' run --quiet --data mnist --data-dir '%s' --defense vif,aif --out killed "
                  "--json killed.json --set classifier.epochs=1 --set vif.epochs=1 --set "
                  "aif.epochs=1 --set aif.pretrain_generator=1 --set aif.pretrain_filter=1 & "
                  "p=$!; sleep %s; kill -9 $p; wait $p",
                  sieve_path(), data, pauses[i]);
    succeeded(run_cells("vif,aif", "--out killed --json killed.json"));
    same_results("whole.json", "killed.json");
    same_files("whole", "killed");
    free(data);
}

static void what_a_killed_process_left_is_tidied(void)
{
    succeeded(run_cells("if", "--out tidy --json tidy.json"));
    run_shell("for d in tidy/cells/* tidy/classifiers/*; do "
              "echo x >$d/.result.json.$(uname -n).999999999.tmp; echo x "
              ">$d/checkpoint.safetensors; echo x >$d/.model.$(uname -n).$PPID.tmp; done");
    succeeded(run_cells("if", "--out tidy --json tidy.json"));
    const char *files = files_left();
    check(!strstr(files, ".result.json.") && !strstr(files, "checkpoint"), "left over:\n%s", files);
    check(strstr(files, "/.model."), "what a living process is writing stays:\n%s", files);
}

// Ends in one sentence that names the file.
static void refused(const char *file)
{
    Outcome o = run_cells("if", "--out damaged --json damaged.json");
    const char *end = strchr(o.errors, '\n');
    check(o.status == 1 && strstr(o.errors, file) && end && end[1] == '\0', "%s: status %d, '%s'",
          file, o.status, o.errors);
}

static void damaged_results_are_refused(void)
{
    succeeded(run_cells("if", "--out damaged --json damaged.json"));
    run_shell("cp -r damaged good");
    run_shell("f=$(echo damaged/cells/*/result.json); echo '{' >$f");
    refused("result.json");
    run_shell("f=$(echo damaged/cells/*/result.json); echo 3 >$f");
    refused("not an object");
    run_shell("f=$(echo damaged/cells/*/result.json); echo '{}' >$f");
    refused("config_hash");
    run_shell("f=$(echo damaged/classifiers/*/result.json); echo '{}' >$f");
    refused("config_hash");
    run_shell("rm -r damaged; cp -r good damaged");
    run_shell("f=$(echo damaged/classifiers/*/result.json); echo '{' >$f");
    refused("result.json");
    run_shell("rm -r damaged; cp -r good damaged");
    const char *damage[] = {"truncate -s -1 $f", "truncate -s 4 $f", "echo x >$f", "rm $f"};
    for (int i = 0; i < 4; i++) {
        run_shell("f=$(echo damaged/classifiers/*/model.safetensors); %s", damage[i]);
        refused("model.safetensors");
        run_shell("rm -r damaged; cp -r good damaged");
    }
    succeeded(run_cells("if", "--out damaged --json damaged.json"));
    run_shell("d=$(echo damaged/cells/*); rm $d/result.json; echo x >$d/checkpoint.safetensors");
    refused("checkpoint.safetensors");
    run_shell("rm damaged/cells/*/checkpoint.safetensors");
    succeeded(run_cells("if", "--out damaged --json damaged.json"));
    same_files("good", "damaged");
}

static void the_built_in_digits_run_without_any_file(void)
{
    if (getenv("SIEVE_TEST_SMALL")) {
        skip("SIEVE_TEST_SMALL");
        return;
    }
    succeeded(run_sieve("run --quiet --defense if --set classifier.epochs=1 --set if.epochs=1 "
                        "--out d --json d.json"));
    Json *record = read_result("d.json");
    has_contract_fields(record, "if", true, true);
    check(strcmp(json_get_string(record, "data", ""), "digits") == 0, "data");
    has_percent(record, "clean_accuracy", 50);
    json_free(record);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"a_run_writes_its_results", a_run_writes_its_results},
        {"a_finished_cell_is_not_computed_again", a_finished_cell_is_not_computed_again},
        {"the_hash_is_of_the_configuration", the_hash_is_of_the_configuration},
        {"without_an_attack_there_are_no_trojan_figures",
         without_an_attack_there_are_no_trojan_figures},
        {"all_target_mode_has_no_target", all_target_mode_has_no_target},
        {"the_target_is_the_one_asked_for", the_target_is_the_one_asked_for},
        {"every_attack_runs_and_is_found_again", every_attack_runs_and_is_found_again},
        {"the_users_pictures_are_part_of_the_configuration",
         the_users_pictures_are_part_of_the_configuration},
        {"a_finished_attack_without_its_networks_is_refused",
         a_finished_attack_without_its_networks_is_refused},
        {"trained_weights_can_be_loaded", trained_weights_can_be_loaded},
        {"training_names_its_weights", training_names_its_weights},
        {"the_number_of_threads_changes_no_bit", the_number_of_threads_changes_no_bit},
        {"the_number_of_threads_changes_no_bit_of_an_attack",
         the_number_of_threads_changes_no_bit_of_an_attack},
        {"the_instruction_set_changes_no_bit", the_instruction_set_changes_no_bit},
        {"a_killed_run_ends_in_the_same_bytes", a_killed_run_ends_in_the_same_bytes},
        {"what_a_killed_process_left_is_tidied", what_a_killed_process_left_is_tidied},
        {"damaged_results_are_refused", damaged_results_are_refused},
        {"the_built_in_digits_run_without_any_file", the_built_in_digits_run_without_any_file}};
    return TESTS_RUN(tests);
}
