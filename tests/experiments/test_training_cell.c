// Runs of the program with an attack on the training set and a training-time defense, on a few
// hundred drawn digits: fields, findings, the poisoned set as a folder, threads, kills.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/file.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

static const char *const TRAINING =
    "--attack badnets --model mlp --set badnets.rate=0.1 --set badnets.size=3 --set "
    "classifier.epochs=6 --set classifier.crop_padding=0";
static const char *const DEFENSE =
    "--defense none --set none.rounds=2 --set none.epochs=2 --set none.curve_points=2";

static const char *data_directory(void)
{
    static char *data;
    if (data) return data;
    data = path_of("data");
    write_small_mnist(data, 400, 300);
    return data;
}

static Outcome run_cell(const char *options)
{
    return run_sieve("run --quiet --data mnist --data-dir '%s' %s %s %s", data_directory(),
                     TRAINING, DEFENSE, options);
}

static double figure(const Json *record, const char *name)
{
    double value = json_get_number(record, name, NAN);
    check(isfinite(value), "%s is there", name);
    return value;
}

static void a_cell_has_its_figures_and_findings(void)
{
    Outcome o = run_cell("--out r --json r.json");
    succeeded(o);
    check(strstr(o.output, "none") && strstr(o.output, "report.html"), "the table: %s", o.output);
    Json *record = read_result("r.json");
    const char *names[] = {"clean_accuracy",
                           "trojan_accuracy",
                           "undefended_BA",
                           "undefended_ASR",
                           "BA",
                           "ASR",
                           "C",
                           "T",
                           "R",
                           "target",
                           "seed"};
    for (int i = 0; i < 11; i++) figure(record, names[i]);
    check(fabs(figure(record, "undefended_BA") - figure(record, "BA") - figure(record, "C")) < 1e-9,
          "C is the accuracy lost");
    check(figure(record, "T") == figure(record, "ASR"), "T is the defended ASR");
    const char *texts[] = {"data",  "model",       "attack",          "mode",   "defense",
                           "scale", "config_hash", "classifier_hash", "version"};
    for (int i = 0; i < 9; i++)
        check(json_get_string(record, texts[i], "")[0] != '\0', "%s is there", texts[i]);
    const Json *findings = json_get(record, "findings");
    if (check(findings && findings->count == 2, "two rounds"))
        for (int i = 0; i < 2; i++) {
            const Json *found = findings->items[i], *reset = json_get(found, "reset");
            check(reset && reset->count == 5, "five layers");
            check(json_get(reset, "linear1") && json_get(reset, "linear1")->count == 15, "r1 = .15");
            check(figure(found, "poisoned") == 40, "the truth");
            check(figure(found, "recall") >= 0 && figure(found, "removed") >= 0, "removal");
        }
    o = run_shell("wc -l < $(echo r/cells/*/removed-1.csv)");
    if (findings)
        check(atoi(o.output) == 1 + (int)figure(findings->items[0], "removed"), "listed: %s",
              o.output);
    o = run_shell("head -n 1 r/cells/*/removed-1.csv");
    check(strcmp(o.output, "index,given_label,original_label,stamped,score\n") == 0, "'%s'",
          o.output);
    check(run_shell("grep -c recall r/report.html").status == 0, "the report tells it too");
    check(!strstr(files_left(), "checkpoint"), "left over:\n%s", files_left());
    json_free(record);
    run_shell("cp r.json first.json");
    succeeded(run_cell("--out r --json r.json"));
    check(run_shell("cmp r.json first.json").status == 0, "a finished cell is read");
}

static void without_an_attack_there_is_nothing_to_judge(void)
{
    succeeded(run_sieve("run --quiet --data mnist --data-dir '%s' --attack none --model mlp --set "
                        "classifier.epochs=1 %s --out b --json b.json",
                        data_directory(), DEFENSE));
    Json *record = read_result("b.json");
    figure(record, "BA");
    check(!json_get(record, "ASR") && !json_get(record, "T"), "no Trojan figures");
    const Json *findings = json_get(record, "findings");
    const Json *found = findings ? findings->items[0] : NULL;
    check(!json_get(found, "recall") && figure(found, "removed") > 0, "removed, not judged");
    json_free(record);
}

static void the_number_of_threads_changes_no_bit(void)
{
    succeeded(run_cell("--threads 1 --out t1 --json t1.json"));
    succeeded(run_cell("--threads 3 --out t3 --json t3.json"));
    same_results("t1.json", "t3.json");
    same_files("t1", "t3");
}

static void a_killed_run_ends_in_the_same_bytes(void)
{
    const char *pauses[] = {"0.1", "0.3", "0.5", "0.8"};
    succeeded(run_cell("--out whole --json whole.json"));
    for (int i = 0; i < 4; i++)
        run_shell("'%s' run --quiet --data mnist --data-dir '%s' %s %s --out killed & p=$!; "
                  "sleep %s; kill -9 $p; wait $p",
                  sieve_path(), data_directory(), TRAINING, DEFENSE, pauses[i]);
    succeeded(run_cell("--out killed --json killed.json"));
    same_results("whole.json", "killed.json");
    same_files("whole", "killed");
}

// As if the process had been killed between the two rounds' trainings: only a checkpoint of the
// first is there.
static void a_finished_stage_is_taken_up(void)
{
    succeeded(run_cell("--out full --json full.json --set none.rounds=1"));
    run_shell("d=$(echo full/cells/*); rm $d/result.json; echo x >$d/checkpoint-1.safetensors");
    Outcome o = run_cell("--out full --json full.json --set none.rounds=1");
    check(o.status == 1 && strstr(o.errors, "checkpoint-1.safetensors"), "it is read: '%s'",
          o.errors);
}

static void the_poisoned_set_can_be_written_looked_at_and_read(void)
{
    const char *settings = "--attack badnets --set badnets.rate=0.1 --set badnets.size=3";
    Outcome o = run_sieve("poison --data mnist --data-dir '%s' %s --poisoned set", data_directory(),
                          settings);
    succeeded(o);
    check(strstr(o.output, "400 training images") && strstr(o.output, "40 of them"), "'%s'",
          o.output);
    o = run_shell("grep -c ',1$' set/samples.csv; ls set/00000 | wc -l");
    check(strcmp(o.output, "40\n400\n") == 0, "'%s'", o.output);
    succeeded(run_cell("--out made --json made.json"));
    succeeded(run_cell("--out read --json read.json --poisoned set"));
    o = run_shell("cmp made/cells/*/model.safetensors read/cells/*/model.safetensors");
    check(o.status == 0, "the same training: %s%s", o.output, o.errors);
    Json *made = read_result("made.json"), *read = read_result("read.json");
    check(strcmp(json_get_string(made, "config_hash", ""),
                 json_get_string(read, "config_hash", "")) != 0,
          "but another configuration");
    json_free(made);
    json_free(read);
    o = run_cell("--out read --poisoned nowhere");
    check(o.status == 1 && strstr(o.errors, "nowhere/samples.csv"), "'%s'", o.errors);
    o = run_sieve("run --attack badnet+ --defense if --poisoned set");
    check(o.status == 2 && strstr(o.errors, "badnet+"), "'%s'", o.errors);
    o = run_sieve("poison --attack badnets");
    check(o.status == 2 && strstr(o.errors, "--poisoned"), "'%s'", o.errors);
}

static void wrong_requests_are_refused_before_any_work(void)
{
    const char *wrong[] = {"--set none.theta=2", "--set none.nothing=1", "--filter filter-mnist",
                           "--defense none,nothing"};
    const char *why[] = {"none.theta=2", "none.nothing=1", "filter-mnist", "known: ip, if"};
    for (int i = 0; i < 4; i++) {
        Outcome o = run_cell(wrong[i]);
        check(o.status == 2 && strstr(o.errors, why[i]), "%s: %d '%s'", wrong[i], o.status,
              o.errors);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"a_cell_has_its_figures_and_findings", a_cell_has_its_figures_and_findings},
        {"without_an_attack_there_is_nothing_to_judge",
         without_an_attack_there_is_nothing_to_judge},
        {"the_number_of_threads_changes_no_bit", the_number_of_threads_changes_no_bit},
        {"a_killed_run_ends_in_the_same_bytes", a_killed_run_ends_in_the_same_bytes},
        {"a_finished_stage_is_taken_up", a_finished_stage_is_taken_up},
        {"the_poisoned_set_can_be_written_looked_at_and_read",
         the_poisoned_set_can_be_written_looked_at_and_read},
        {"wrong_requests_are_refused_before_any_work", wrong_requests_are_refused_before_any_work}};
    return TESTS_RUN(tests);
}
