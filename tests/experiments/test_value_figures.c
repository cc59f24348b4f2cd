// Fig. 2, 4, 5, 8 and 9 of the NONE paper: what is said of the values that they show, and whole runs
// of the program on a few drawn digits.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/json.h"
#include "experiments/studies/value_histogram.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

static void shares_and_means_are_those_of_the_values(void)
{
    float low[400], high[300];
    for (int i = 0; i < 400; i++) low[i] = i < 100 ? 1 : -1;
    for (int i = 0; i < 300; i++) high[i] = i < 3 ? -5 : 3;
    ValueSample without = {low, 400}, with = {high, 300};
    Text numbers = {0};
    Drawing *drawing = drawing_create(400, 300, "test");
    plot_values(drawing, plot_panel(drawing, 0, 1, 1, 0, 0), "name", &without, &with, &numbers);
    double figures[4] = {0};
    int found =
        sscanf(numbers.text,
               " name without the trigger: >= 0 %lf %%, mean %lf with it: >= 0 %lf %%, mean "
               "%lf",
               &figures[0], &figures[1], &figures[2], &figures[3]);
    check(found == 4, "%s", numbers.text);
    check(figures[0] == 25 && figures[1] == -.5 && figures[2] == 99 && figures[3] == 2.92, "%s",
          numbers.text);
    check(drawing->count > 5, "%d shapes", drawing->count);
    // All values alike are no reason to fail.
    with = without = (ValueSample){high + 10, 5};
    plot_values(drawing, plot_panel(drawing, 0, 1, 1, 0, 0), "name", &without, &with, &numbers);
    drawing_free(drawing);
    text_free(&numbers);
}

#define FEW                                                                       \
    "--model mlp --train-images 400 --test-images 120 --threads 1 --quiet --set " \
    "classifier.epochs=2 --set classifier.crop_padding=0 --out figures"

static bool left_behind(const char *name)
{
    return strstr(files_left(), name) != NULL;
}

static void compromised_channels_are_drawn(void)
{
    Outcome o = run_sieve("figure none/4 " FEW);
    succeeded(o);
    check(strstr(o.output, "digits, mlp: BA ") && strstr(o.output, "with NONE BA "), "%s",
          o.output);
    check(left_behind("figures/none-4.svg") && left_behind("figures/none-4.png"), "%s",
          files_left());
    o = run_sieve("figure none/5 " FEW); // the same network, found finished
    succeeded(o);
    for (int layer = 2; layer <= 5; layer++) {
        char name[16];
        snprintf(name, sizeof name, "linear%d ", layer);
        check(strstr(o.output, name) != NULL, "%s is missing: %s", name, o.output);
    }
    check(!strstr(o.output, "linear1 "), "%s", o.output);
    check(left_behind("figures/none-5.svg"), "%s", files_left());
    clear_work();
}

static void trojan_neurons_are_drawn(void)
{
    Outcome o = run_sieve("figure none/2 " FEW);
    succeeded(o);
    const char *trojan = strstr(o.output, "Trojan model"),
               *benign = strstr(o.output, "benign model");
    check(trojan && benign, "%s", o.output);
    const char *text = "patterns taken for their class ";
    const char *first = strstr(trojan, text), *second = strstr(benign, text);
    double success = first ? atof(first + strlen(text)) : 0;
    double without = second ? atof(second + strlen(text)) : 100;
    check(success > 99, "the Trojan model takes %g %% of the patterns for their class", success);
    check(without < 50, "the benign one %g %%", without);
    check(left_behind("figures/none-2.svg"), "%s", files_left());
    clear_work();
}

// The row of an epoch in the table of none/8 or 9: BA and ASR of `count` values each.
static void read_row(const char *output, int epoch, int count, double *figures)
{
    char start[32];
    snprintf(start, sizeof start, "\n  %5d     ", epoch);
    const char *row = strstr(output, start);
    check(row != NULL, "no epoch %d: %s", epoch, output);
    if (!row) return;
    char *at = (char *)(uintptr_t)row + strlen(start);
    for (int i = 0; i < 2 * count; i++) figures[i] = strtod(at, &at);
}

#define SOME                                                                              \
    FEW " --train-images 1000 --set classifier.epochs=15 --set classifier.batch_size=16 " \
        "--set classifier.learning_rate=0.02 --set none.epochs=2"

// Each value's curve begins at its own reset and ends where its cell's result does.
static void sensitivity_is_drawn(void)
{
    double reset[12] = {0}, end[12] = {0};
    Outcome o = run_sieve("figure none/9 " SOME);
    succeeded(o);
    char *first = copy_string(o.output);
    read_row(o.output, 0, 6, reset);
    read_row(o.output, 2, 6, end);
    check(!strstr(o.output, "\n      3     "), "%s", o.output);
    check(reset[0] > reset[5], "BA with .5 %% reset %g, with 15 %% %g", reset[0], reset[5]);
    check(left_behind("figures/none-9.svg") && left_behind("figures/none-9.png"), "%s",
          files_left());
    o = run_sieve("figure none/9 " SOME); // all six cells found finished
    check(strcmp(first, o.output) == 0, "%s\nthen\n%s", first, o.output);
    free(first);
    // A cell whose curves were cut short by hand is refused, not read beyond its end.
    run_shell("for f in figures/cells/*/curves.json; do cp $f kept; echo '{\"series\": [{\"name\": "
              "\"BA\", \"points\": [[1, 5]]}, {\"name\": \"ASR\", \"points\": [[1, 5]]}]}' > $f; "
              "break; done");
    o = run_sieve("figure none/9 " SOME);
    check(o.status == 1 && strstr(o.errors, "its curves have "), "%d: %s", o.status, o.errors);
    run_shell("for f in figures/cells/*/curves.json; do mv kept $f; break; done");
    o = run_sieve("run --attack badnets --defense none --json cell.json " SOME
                  " --set badnets.trigger=2 --set badnets.size=5 --set badnets.rate=0.1"
                  " --set none.curve_points=100000 --set none.reset=0.05");
    succeeded(o);
    Json *cell = read_result("cell.json");
    check(fabs(json_get_number(cell, "BA", -1) - end[3]) < .006 &&
              fabs(json_get_number(cell, "ASR", -1) - end[9]) < .006,
          "%g %g, not those of the cell", end[3], end[9]);
    json_free(cell);
    o = run_sieve("figure none/8 " SOME); // the classifier is found finished
    succeeded(o);
    read_row(o.output, 0, 4, reset);
    for (int i = 1; i < 4; i++)
        check(reset[i] == reset[0] && reset[4 + i] == reset[4], "%s", o.output);
    clear_work();
}

static void what_cannot_be_drawn_is_a_sentence(void)
{
    Outcome o = run_sieve("figure none/4 --data mnist --data-dir nowhere");
    check(o.status == 1 && strstr(o.errors, "nowhere"), "%d: %s", o.status, o.errors);
    o = run_sieve("figure none/4 --set vif.lambda2=1");
    check(o.status == 2 && strstr(o.errors, "vif.lambda2"), "%d: %s", o.status, o.errors);
    o = run_sieve("figure none/5 --model mlp,mnist-ia --train-images 50 --test-images 40");
    check(o.status == 1 && strstr(o.errors, "one model"), "%d: %s", o.status, o.errors);
    o = run_sieve("figure none/8 --set none.learning_rate=1 --train-images 50 --test-images 40");
    check(o.status == 1 && strstr(o.errors, "none.learning_rate=1: the figure compares"), "%d: %s",
          o.status, o.errors);
    o = run_sieve("figure none/4 --model mnist-wanet --train-images 50 --test-images 40 --quiet "
                  "--set classifier.epochs=1");
    check(o.status == 1 && strstr(o.errors, "mnist-wanet"), "%d: %s", o.status, o.errors);
    check(!left_behind("none-4"), "%s", files_left());
    clear_work();
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"shares_and_means_are_those_of_the_values", shares_and_means_are_those_of_the_values},
        {"compromised_channels_are_drawn", compromised_channels_are_drawn},
        {"trojan_neurons_are_drawn", trojan_neurons_are_drawn},
        {"sensitivity_is_drawn", sensitivity_is_drawn},
        {"what_cannot_be_drawn_is_a_sentence", what_cannot_be_drawn_is_a_sentence}};
    return TESTS_RUN(tests);
}
