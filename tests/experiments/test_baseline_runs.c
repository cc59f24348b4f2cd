// Runs of the program with the NONE paper's baselines and its further attacks, on a few hundred drawn
// digits: their results, the number of threads, a kill in the midst of a defense's stages.
#include <math.h>
#include <string.h>
#include "tests/experiments/program.h"
#include "tests/test.h"

static const char *data_directory(void)
{
    static char *data;
    if (data) return data;
    data = path_of("data");
    write_small_mnist(data, 300, 100);
    return data;
}

// One cell: "--attack ..." and "--defense ..." with the settings of both.
static Outcome run_cell(const char *attack, const char *defense, const char *options)
{
    return run_sieve("run --quiet --data mnist --data-dir '%s' --set classifier.epochs=2 %s %s %s",
                     data_directory(), attack, defense, options);
}

static const char *const BADNETS = "--attack badnets --model mnist-ia";
static const char *const FEW_LAYERS = "--attack badnets --model mlp";
static const char *const DEFENSES[] = {
    "--defense abl --set abl.tuning_epochs=1 --set abl.epochs=1 --set abl.unlearning_epochs=1 "
    "--set abl.isolate=0.05",
    "--defense activation-clustering --set activation-clustering.independent=1",
    "--defense nad --set nad.teacher_epochs=1 "
    "--set nad.epochs=2"};
enum { ABL, CLUSTERING, NAD, COUNT };

static void the_number_of_threads_changes_no_bit(void)
{
    for (int i = 0; i < COUNT; i++) {
        succeeded(run_cell(BADNETS, DEFENSES[i], "--threads 1 --out t1 --json t1.json"));
        succeeded(run_cell(BADNETS, DEFENSES[i], "--threads 3 --out t3 --json t3.json"));
        same_results("t1.json", "t3.json");
        Json *record = read_result("t1.json");
        const Json *findings = json_get(record, "findings");
        check(isfinite(json_get_number(record, "BA", NAN)), "BA");
        check(isfinite(json_get_number(record, "ASR", NAN)), "ASR");
        check(findings && findings->count == (i == NAD ? 0 : 1), "findings");
        if (i != NAD && findings && findings->count > 0)
            check(json_get_number(findings->items[0], "removed", 0) > 0, "samples are removed");
        json_free(record);
    }
    same_files("t1", "t3");
}

static void attacks_are_the_same_for_any_number_of_threads(void)
{
    const char *attacks[] = {"--attack label-consistent --model mnist-ia --set "
                             "label-consistent.epochs=1 --set label-consistent.steps=2",
                             "--attack adaptive --model mnist-ia --set adaptive.benign_epochs=1"};
    for (int i = 0; i < 2; i++) {
        succeeded(run_cell(attacks[i], DEFENSES[ABL], "--threads 1 --out a1 --json a1.json"));
        succeeded(run_cell(attacks[i], DEFENSES[ABL], "--threads 3 --out a3 --json a3.json"));
        same_results("a1.json", "a3.json");
    }
    same_files("a1", "a3");
}

static void a_killed_run_ends_in_the_same_bytes(void)
{
    const char *pauses[] = {"0.1", "0.3", "0.6"};
    for (int d = ABL; d <= CLUSTERING; d++) {
        succeeded(run_cell(FEW_LAYERS, DEFENSES[d], "--out whole --json w.json"));
        for (int i = 0; i < 3; i++)
            run_shell("'%s' run --quiet --data mnist --data-dir '%s' --set classifier.epochs=2 "
                      "%s %s --out killed & p=$!; sleep %s; kill -9 $p; wait $p",
                      sieve_path(), data_directory(), FEW_LAYERS, DEFENSES[d], pauses[i]);
        succeeded(run_cell(FEW_LAYERS, DEFENSES[d], "--out killed --json k.json"));
        same_results("w.json", "k.json");
    }
    same_files("whole", "killed");
}

static void what_does_not_suit_is_refused(void)
{
    Outcome o = run_cell(FEW_LAYERS, DEFENSES[NAD], "--out n");
    check(o.status == 1 && strstr(o.errors, "mlp has no maps"), "%d '%s'", o.status, o.errors);
    o = run_cell("--attack label-consistent --model mlp --mode all", DEFENSES[ABL], "--out n");
    check(o.status == 1 && strstr(o.errors, "--mode single"), "%d '%s'", o.status, o.errors);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_number_of_threads_changes_no_bit", the_number_of_threads_changes_no_bit},
        {"attacks_are_the_same_for_any_number_of_threads",
         attacks_are_the_same_for_any_number_of_threads},
        {"a_killed_run_ends_in_the_same_bytes", a_killed_run_ends_in_the_same_bytes},
        {"what_does_not_suit_is_refused", what_does_not_suit_is_refused}};
    return TESTS_RUN(tests);
}
