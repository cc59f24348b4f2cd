// The distributed backdoor attack: places of the trigger's parts, whose samples carry which part,
// and runs of the program with it.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/federation.h"
#include "tests/experiments/attack_trial.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

enum { TARGET = 3, SAMPLES = 400 };
static const RandomKey KEY = {7, 11, 13};

// The parts' places as DBA's settings files list them: rows, and columns from .. to.
static const struct {
    int side, channels, row, from, to;
} parts[2][4] = {{{28, 1, 0, 0, 3}, {28, 1, 0, 6, 9}, {28, 1, 3, 0, 3}, {28, 1, 3, 6, 9}},
                 {{32, 3, 0, 0, 5}, {32, 3, 0, 9, 14}, {32, 3, 4, 0, 5}, {32, 3, 4, 9, 14}}};

static bool covered(int images, int part, int y, int x)
{
    return y == parts[images][part].row && x >= parts[images][part].from &&
           x <= parts[images][part].to;
}

static void the_trigger_has_dbas_four_bars(void)
{
    for (int k = 0; k < 2; k++) {
        int side = parts[k][0].side, channels = parts[k][0].channels;
        Attack attack = attack_trial("dba", side, channels, 1, NULL);
        float *images = random_images(&attack, 2, 5);
        float *stamped = stamped_images(&attack, 2, images, KEY);
        for (int i = 0; i < 2 * side * side * channels; i++) {
            int y = i / channels / side % side, x = i / channels % side;
            bool white = false;
            for (int part = 0; part < 4; part++) white |= covered(k, part, y, x);
            check(stamped[i] == (white ? 1 : images[i]), "row %d column %d: %g", y, x,
                  (double)stamped[i]);
        }
        free(images), free(stamped);
        attack_free(&attack);
    }
}

static Dataset grey_digits(void)
{
    size_t pixels = (size_t)SAMPLES * 28 * 28;
    Dataset d = {.name = copy_string("grey"),
                 .count = SAMPLES,
                 .height = 28,
                 .width = 28,
                 .channels = 1,
                 .classes = 10,
                 .images = allocate(pixels),
                 .labels = allocate(SAMPLES * sizeof(int32_t))};
    for (int i = 0; i < SAMPLES; i++) d.labels[i] = i % 10;
    memset(d.images, 100, pixels);
    return d;
}

// 20 of 64 samples of each of the four malicious participants, each with its own part.
static void malicious_samples_carry_one_part_each(void)
{
    Error error = {0};
    Attack attack = attack_trial("dba", 28, 1, 1, NULL);
    Dataset d = grey_digits();
    PoisonTruth truth;
    check(attack_poison_set(&attack, &d, &truth, &error), "%s", error.message);
    const Federation *f = attack.federation;
    int64_t all = 0;
    for (int p = 0; p < f->participants; p++) {
        int64_t count = f->first[p + 1] - f->first[p], stamped = 0;
        for (int64_t i = f->first[p]; i < f->first[p + 1]; i++) {
            uint32_t s = f->samples[i];
            stamped += truth.stamped[s];
            check(d.labels[s] == (truth.stamped[s] ? TARGET : truth.labels[s]), "label");
            for (int k = 0; k < 28 * 28; k++) {
                bool white = truth.stamped[s] && covered(0, p, k / 28, k % 28);
                if (d.images[s * 784 + (uint32_t)k] != (white ? 255 : 100))
                    check(false, "participant %d, pixel %d", p, k);
            }
        }
        check(stamped == (p < 4 ? llround(20 / 64. * (double)count) : 0),
              "participant %d: %d of %d", p, (int)stamped, (int)count);
        all += stamped;
    }
    check(all == truth.stamped_count && all > 20, "%d in all", (int)all);
    poison_truth_free(&truth);
    dataset_free(&d);
    attack_free(&attack);
}

// ---- runs ----

static const char *data_directory(void)
{
    static char *data;
    if (data) return data;
    data = path_of("data");
    write_small_mnist(data, 300, 100);
    return data;
}

static const char *const RUN =
    "run --quiet --data mnist --attack dba --model mnist-dba --target 2 --set classifier.epochs=3 "
    "--set dba.start=1 --set dba.epochs=2 --set none.epochs=2 --set none.learning_rate=0.001";

static void the_number_of_threads_changes_no_bit(void)
{
    const char *data = data_directory();
    succeeded(run_sieve("%s --data-dir '%s' --defense none --threads 1 --out a1 --json a1.json",
                        RUN, data));
    succeeded(run_sieve("%s --data-dir '%s' --defense none --threads 3 --out a3 --json a3.json",
                        RUN, data));
    same_results("a1.json", "a3.json");
    same_files("a1", "a3");
    Json *record = read_result("a1.json");
    check(isfinite(json_get_number(record, "ASR", NAN)), "ASR");
    check(json_get(record, "findings") && json_get(record, "findings")->count == 1, "a finding");
    json_free(record);
}

static void a_killed_run_ends_in_the_same_bytes(void)
{
    const char *data = data_directory();
    succeeded(run_sieve("%s --data-dir '%s' --defense none --out whole --json w.json", RUN, data));
    for (int i = 1; i <= 3; i++)
        run_shell("'%s' %s --data-dir '%s' --defense none --out killed & p=$!; sleep 0.%d; kill -9 "
                  "$p; wait $p",
                  sieve_path(), RUN, data, 2 * i);
    succeeded(run_sieve("%s --data-dir '%s' --defense none --out killed --json k.json", RUN, data));
    same_results("w.json", "k.json");
    same_files("whole", "killed");
}

static void what_does_not_suit_is_refused(void)
{
    const char *data = data_directory();
    Outcome o = run_sieve("%s --data-dir '%s' --defense nad --out a1", RUN, data);
    check(o.status == 2, "settings of none without none: %d", o.status);
    o = run_sieve("run --quiet --data mnist --data-dir '%s' --attack dba --model mnist-dba --set "
                  "classifier.epochs=1 --set dba.epochs=1 --defense abl --out b",
                  data);
    check(o.status == 1 && strstr(o.errors, "abl: its training is not one of a federation"),
          "%d '%s'", o.status, o.errors);
    o = run_sieve("%s --data-dir '%s' --target 0 --mode all --defense none --out b", RUN, data);
    check(o.status == 1 && strstr(o.errors, "--mode single"), "%d '%s'", o.status, o.errors);
    succeeded(run_sieve("poison --quiet --data mnist --data-dir '%s' --attack dba --target 2 "
                        "--set dba.start=1 --set dba.epochs=2 --poisoned p --train-images 50",
                        data));
    o = run_sieve("%s --data-dir '%s' --poisoned p --defense none --out b", RUN, data);
    check(o.status == 1 && strstr(o.errors, "who has which samples"), "%d '%s'", o.status,
          o.errors);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_trigger_has_dbas_four_bars", the_trigger_has_dbas_four_bars},
        {"malicious_samples_carry_one_part_each", malicious_samples_carry_one_part_each},
        {"the_number_of_threads_changes_no_bit", the_number_of_threads_changes_no_bit},
        {"a_killed_run_ends_in_the_same_bytes", a_killed_run_ends_in_the_same_bytes},
        {"what_does_not_suit_is_refused", what_does_not_suit_is_refused}};
    return TESTS_RUN(tests);
}
