// Whole trainings on the emulated device, by the program as a user calls it: the losses are the
// processor's, two runs leave the same bits, filters, training-time defenses and all attacks work
// there too.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "cuda/device.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

static const char *const few =
    "--data digits --train-images 8 --test-images 20 --set classifier.epochs=2 --set "
    "classifier.batch_size=4 --quiet";

static bool emulator_is_here(void)
{
    Error error = {0};
    if (device_kernels("emulated", PRECISION_EXACT, &error)) return true;
    skip("%s", error.message);
    return false;
}

// The points of the curve `name` in a curves.json.
static const Json *points_of(const Json *curves, const char *name)
{
    const Json *series = json_get(curves, "series");
    for (size_t i = 0; series && i < series->count; i++)
        if (strcmp(json_get_string(series->items[i], "name", ""), name) == 0)
            return json_get(series->items[i], "points");
    return NULL;
}

static void same_curve(const Json *a, const Json *b, const char *name, double tolerance)
{
    const Json *x = points_of(a, name), *y = points_of(b, name);
    if (!check(x && y && x->count == y->count && x->count > 0, "curves of %s", name)) return;
    for (size_t i = 0; i < x->count; i++) {
        double p = x->items[i]->items[1]->number, q = y->items[i]->items[1]->number;
        check(fabs(p - q) <= tolerance * fabs(q), "%s, point %zu: %.9g, not %.9g", name, i, p, q);
    }
}

// The curves of the one classifier, or of the one cell of a defense, below this result directory.
static Json *curves_below(const char *directory, const char *kind, const char *name)
{
    char *path =
        copy_string(run_shell("echo %s/%s/*%s*/curves.json", directory, kind, name).output);
    path[strcspn(path, "\n")] = '\0';
    Json *curves = read_result(path);
    free(path);
    return curves;
}

static void a_classifier_learns_as_on_the_processor(void)
{
    if (!emulator_is_here()) return;
    clear_work();
    succeeded(run_sieve("train %s --out cpu -o cpu.safetensors >/dev/null", few));
    for (int i = 0; i < 2; i++)
        succeeded(run_sieve("train %s --device emulated --out run%d -o %d.safetensors >/dev/null",
                            few, i, i));
    succeeded(run_shell("cmp 0.safetensors 1.safetensors"));
    Json *host = curves_below("cpu", "classifiers", "");
    Json *device = curves_below("run0", "classifiers", "");
    same_curve(device, host, "loss", 1e-4);
    json_free(host);
    json_free(device);
}

static void a_filter_is_trained_and_measured_there(void)
{
    if (!emulator_is_here()) return;
    if (!getenv("SIEVE_TEST_LONG")) {
        skip("make test-emulated runs it");
        return;
    }
    clear_work();
    succeeded(run_sieve("run %s --model mlp --device emulated --defense vif --set vif.epochs=1 "
                        "--json r.json --out r >/dev/null",
                        few));
    Json *record = read_result("r.json");
    check(json_get(record, "FPR") != NULL, "it is measured");
    json_free(record);
}

// Runs these defenses on both; their curves of the loss and the samples removed (not the last
// digits of their scores) must be the same.
static void defenses_find_the_same(const char *names, const char *how)
{
    char *list = copy_string(names), *rest = NULL;
    clear_work();
    for (int i = 0; i < 2; i++)
        succeeded(
            run_sieve("run --data digits --train-images 24 --test-images 20 --quiet --attack "
                      "badnets --set badnets.rate=.2 --set classifier.epochs=1 --set "
                      "classifier.batch_size=8 --defense %s %s --device %s --out %s >/dev/null",
                      names, how, i ? "emulated" : "cpu", i ? "emulated" : "cpu"));
    for (char *name = strtok_r(list, ",", &rest); name; name = strtok_r(NULL, ",", &rest)) {
        Json *host = curves_below("cpu", "cells", name);
        Json *device = curves_below("emulated", "cells", name);
        same_curve(device, host, "loss", 1e-4);
        succeeded(
            run_shell("for d in cpu emulated; do cat $d/cells/*_%s_*/removed-1.csv 2>/dev/null | "
                      "cut -d , -f 1-4 >$d.csv; done; cmp cpu.csv emulated.csv",
                      name));
        json_free(host);
        json_free(device);
    }
    free(list);
}

static void none_finds_there_what_it_finds_on_the_processor(void)
{
    if (!emulator_is_here()) return;
    defenses_find_the_same("none", "--model mnist-dba --set none.reset=.1");
    Outcome removed = run_shell("wc -l <emulated.csv");
    check(atoi(removed.output) > 1 && atoi(removed.output) < 25, "removed, with the heading: %s",
          removed.output);
}

// NONE as printed looks at shares of values, too.
static void all_defenses_find_the_same_there(void)
{
    if (!emulator_is_here()) return;
    if (!getenv("SIEVE_TEST_LONG")) {
        skip("make test-emulated runs it");
        return;
    }
    defenses_find_the_same("none,activation-clustering,abl,nad",
                           "--model mnist-ia --set none.epochs=1 --set none.printed=1 --set "
                           "none.theta=.3 --set none.remove=0 --set abl.tuning_epochs=1 --set "
                           "abl.epochs=1 --set abl.isolate=.2 --set abl.unlearning_epochs=1 --set "
                           "nad.teacher_epochs=1 --set nad.epochs=1");
}

// Attacks that train networks before or in the place of the classifier's training: its losses are
// the processor's.
static void attack_is_as_on_the_processor(const char *how, double tolerance)
{
    succeeded(run_shell("rm -rf cpu emulated"));
    for (int i = 0; i < 2; i++)
        succeeded(run_sieve("train --data digits --test-images 20 --quiet %s --device %s --out %s "
                            ">/dev/null",
                            how, i ? "emulated" : "cpu", i ? "emulated" : "cpu"));
    Json *host = curves_below("cpu", "classifiers", "");
    Json *device = curves_below("emulated", "classifiers", "");
    same_curve(device, host, "loss", tolerance);
    json_free(host);
    json_free(device);
}

static void a_federation_is_there_what_it_is_on_the_processor(void)
{
    if (!emulator_is_here()) return;
    attack_is_as_on_the_processor(
        "--attack dba --model mlp --train-images 40 --set dba.participants=3 --set dba.malicious=1 "
        "--set dba.start=1 --set dba.epochs=2 --set classifier.epochs=2 --set "
        "classifier.batch_size=16",
        1e-4);
}

static void features_collide_there_as_on_the_processor(void)
{
    if (!emulator_is_here()) return;
    attack_is_as_on_the_processor(
        "--attack hidden-trigger --model mlp --train-images 200 --set hidden-trigger.aside=4 --set "
        "hidden-trigger.pairs=4 --set hidden-trigger.iterations=3 --set hidden-trigger.epochs=1 "
        "--set classifier.epochs=1 --set classifier.batch_size=64",
        1e-4);
    succeeded(run_sieve("train --data digits --quiet --attack none --model mlp --train-images 200 "
                        "--test-images 20 --set classifier.epochs=1 -o f.safetensors --out f "
                        ">/dev/null"));
    attack_is_as_on_the_processor(
        "--attack hidden-trigger --extractor f.safetensors --model mlp --train-images 200 --set "
        "hidden-trigger.aside=4 --set hidden-trigger.pairs=4 --set hidden-trigger.iterations=3 "
        "--set classifier.epochs=1 --set classifier.batch_size=64",
        1e-4);
}

// A last digit decides at times which way a pixel is rounded.
static void images_are_made_hard_there_as_on_the_processor(void)
{
    if (!emulator_is_here()) return;
    if (!getenv("SIEVE_TEST_LONG")) {
        skip("make test-emulated runs it");
        return;
    }
    attack_is_as_on_the_processor(
        "--attack label-consistent --train-images 300 --set label-consistent.training_images=64 "
        "--set label-consistent.epochs=1 --set label-consistent.steps=2 --set classifier.epochs=1 "
        "--set classifier.batch_size=50",
        1e-3);
}

static void a_set_is_poisoned_there_and_trained_on(void)
{
    if (!emulator_is_here()) return;
    clear_work();
    for (int i = 0; i < 2; i++)
        succeeded(run_sieve("poison --data digits --train-images 40 --attack badnets --poisoned %s "
                            "--device %s >/dev/null",
                            i ? "there" : "here", i ? "emulated" : "cpu"));
    succeeded(run_shell("diff -r here there"));
    attack_is_as_on_the_processor(
        "--attack badnets --model mlp --train-images 40 --poisoned there --set "
        "classifier.epochs=1 --set classifier.batch_size=20",
        1e-4);
}

static void natural_trojans_are_found_there(void)
{
    if (!emulator_is_here()) return;
    attack_is_as_on_the_processor(
        "--attack natural --model mlp --train-images 24 --set classifier.epochs=1 --set "
        "natural.sizes=1 --set natural.epochs=2",
        1e-4);
    succeeded(
        run_shell("for d in cpu emulated; do grep -A 9 '\"found\"' $d/classifiers/*/result.json "
                  ">$d.txt; done; cmp cpu.txt emulated.txt && grep -q REASR cpu.txt"));
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"a_classifier_learns_as_on_the_processor", a_classifier_learns_as_on_the_processor},
        {"a_filter_is_trained_and_measured_there", a_filter_is_trained_and_measured_there},
        {"none_finds_there_what_it_finds_on_the_processor",
         none_finds_there_what_it_finds_on_the_processor},
        {"all_defenses_find_the_same_there", all_defenses_find_the_same_there},
        {"a_federation_is_there_what_it_is_on_the_processor",
         a_federation_is_there_what_it_is_on_the_processor},
        {"features_collide_there_as_on_the_processor", features_collide_there_as_on_the_processor},
        {"images_are_made_hard_there_as_on_the_processor",
         images_are_made_hard_there_as_on_the_processor},
        {"a_set_is_poisoned_there_and_trained_on", a_set_is_poisoned_there_and_trained_on},
        {"natural_trojans_are_found_there", natural_trojans_are_found_there},
    };
    return TESTS_RUN(tests);
}
