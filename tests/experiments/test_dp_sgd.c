// The defense dp-sgd and the commands figure and study, run as a user runs them.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

static const char *data_directory(void)
{
    static char *data;
    if (data) return data;
    data = path_of("data");
    write_small_mnist(data, 300, 200);
    return data;
}

// A cell of a few epochs of DP-SGD.
static Outcome run_cell(const char *options)
{
    return run_sieve("run --quiet --data mnist --data-dir '%s' --attack badnets --model mlp "
                     "--defense dp-sgd --set classifier.epochs=1 --set dp-sgd.epochs=3 "
                     "--set dp-sgd.curve_points=1 --json r.json %s",
                     data_directory(), options);
}

static void a_cell_is_the_same_bits_for_any_number_of_threads(void)
{
    succeeded(run_cell("--out one --threads 1 --json one.json"));
    Json *record = read_result("one.json");
    double BA = json_get_number(record, "BA", NAN), ASR = json_get_number(record, "ASR", NAN);
    check(BA >= 0 && BA <= 100 && ASR >= 0 && ASR <= 100, "BA %g, ASR %g", BA, ASR);
    check(strcmp(json_get_string(record, "defense", ""), "dp-sgd") == 0, "defense is named");
    json_free(record);
    succeeded(run_cell("--out two --threads 2"));
    same_results("one.json", "r.json");
    same_files("one", "two");
    clear_work();
}

static void much_noise_leaves_nothing_to_learn(void)
{
    succeeded(run_cell("--out quiet --model mnist-ia --set dp-sgd.epochs=8 "
                       "--set dp-sgd.batch_size=32 --set dp-sgd.learning_rate=0.5 "
                       "--set dp-sgd.clip=100 --set dp-sgd.noise=0"));
    Json *silent = read_result("r.json");
    succeeded(run_cell("--out noisy --model mnist-ia --set dp-sgd.epochs=8 "
                       "--set dp-sgd.batch_size=32 --set dp-sgd.learning_rate=0.5 "
                       "--set dp-sgd.clip=100 --set dp-sgd.noise=2"));
    Json *noisy = read_result("r.json");
    double with = json_get_number(noisy, "BA", NAN), without = json_get_number(silent, "BA", NAN);
    check(without > with + 20, "BA %g without noise, %g with noise", without, with);
    json_free(silent);
    json_free(noisy);
    clear_work();
}

static void figures_and_studies_are_listed(void)
{
    Outcome o = run_sieve("figure");
    succeeded(o);
    check(strstr(o.output, "none/6 ") != NULL, "%s", o.output);
    o = run_sieve("study");
    succeeded(o);
    check(strstr(o.output, "hyperplane ") != NULL, "%s", o.output);
    o = run_sieve("figure none/3 --out o");
    succeeded(o);
    check(strstr(files_left(), "none-3.png") && strstr(files_left(), "none-3.svg"), "%s",
          files_left());
    o = run_sieve("figure none/10 --out o");
    succeeded(o);
    check(strstr(o.output, "20 x 20: signs") != NULL, "%s", o.output);
    check(strstr(files_left(), "none-10.png") != NULL, "%s", files_left());
    o = run_sieve("figure none/77");
    check(o.status == 2 && strstr(o.errors, "unknown figure 'none/77'; known: none/2"), "%d: %s",
          o.status, o.errors);
    o = run_sieve("figure none/7 --out /dev/null");
    check(o.status == 1 && strstr(o.errors, "/dev/null"), "%d: %s", o.status, o.errors);
    clear_work();
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"a_cell_is_the_same_bits_for_any_number_of_threads",
         a_cell_is_the_same_bits_for_any_number_of_threads},
        {"much_noise_leaves_nothing_to_learn", much_noise_leaves_nothing_to_learn},
        {"figures_and_studies_are_listed", figures_and_studies_are_listed},
    };
    return TESTS_RUN(tests);
}
