// What all filters have in common: the classifier stays frozen, the losses fall, a checkpoint goes on
// to the same bits.
#include "experiments/defense.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "tests/experiments/filter_trial.h"
#include "tests/test.h"

// The phases' epochs, so that each method and each phase of AIF is met.
static int epoch_of(int step)
{
    return step % 3;
}

static void the_classifier_stays_frozen(void)
{
    int count;
    Classifier *classifier = classifier_of("mnist-wanet"); // it has batch norms
    float *before = take_values(&classifier->parameters);
    const DefenseMethod *const *methods = defense_methods(&count);
    for (int m = 0; m < count; m++) {
        Defense d = defense_of(methods[m]->name, classifier, 4, phases);
        double figures[MAX_FIGURES];
        for (int step = 0; step < 3; step++) take_step(&d, epoch_of(step), step, figures);
        check(same_values(&classifier->parameters, before), "%s changed C", methods[m]->name);
        defense_free(&d);
    }
    free(before);
    classifier_free(classifier);
}

static void losses_fall_within_a_few_steps(void)
{
    int count, steps = getenv("SIEVE_TEST_SMALL") ? 10 : 25;
    Classifier *classifier = classifier_of("mnist-ia");
    const DefenseMethod *const *methods = defense_methods(&count);
    for (int m = 0; m < count; m++) {
        Defense d = defense_of(methods[m]->name, classifier, 4, phases);
        double first[MAX_FIGURES], last[MAX_FIGURES], before = 0, after = 0;
        take_step(&d, TAKE_TURNS, 0, first);
        for (int step = 1; step < steps; step++) take_step(&d, TAKE_TURNS, step, last);
        int terms = strcmp(methods[m]->name, "ip") == 0 ? 1 : 2;
        for (int i = 0; i < terms; i++) before += first[i], after += last[i];
        check(after < 0.95 * before, "%s: %g at first, %g after %d steps", methods[m]->name, before,
              after, steps);
        defense_free(&d);
    }
    classifier_free(classifier);
}

static Text stored_text(const Defense *d, const char *path)
{
    Error error = {0};
    Bytes bytes = {0};
    Text text = {0};
    Safetensors *file = safetensors_create();
    d->method->store(d, file);
    check(safetensors_write(path, file, &error) && file_read(path, 1 << 26, &bytes, &error), "%s",
          error.message);
    text_append_bytes(&text, bytes.data, bytes.size);
    bytes_free(&bytes);
    safetensors_free(file);
    return text;
}

static void a_checkpoint_goes_on_to_the_same_bits(void)
{
    int count;
    Error error = {0};
    Classifier *classifier = classifier_of("mnist-ia");
    char *path = path_join(temporary_directory(), "checkpoint.safetensors");
    const DefenseMethod *const *methods = defense_methods(&count);
    for (int m = 0; m < count; m++) {
        double figures[MAX_FIGURES], again[MAX_FIGURES];
        Defense whole = defense_of(methods[m]->name, classifier, 4, phases);
        for (int step = 0; step < 3; step++) take_step(&whole, epoch_of(step), step, figures);
        Text middle = stored_text(&whole, path);
        Safetensors *file = safetensors_read(path, &error);
        for (int step = 3; step < 6; step++) take_step(&whole, epoch_of(step), step, figures);
        Text end = stored_text(&whole, path);

        Defense resumed = defense_of(methods[m]->name, classifier, 4, phases);
        check(methods[m]->restore(&resumed, file, "checkpoint", &error), "%s", error.message);
        for (int step = 3; step < 6; step++) take_step(&resumed, epoch_of(step), step, again);
        Text other = stored_text(&resumed, path);
        check(end.length == other.length && memcmp(end.text, other.text, end.length) == 0,
              "%s: weights and optimizers are the same bits", methods[m]->name);
        check(middle.length != end.length || memcmp(middle.text, end.text, end.length) != 0,
              "%s: the later steps change something", methods[m]->name);
        check(memcmp(figures, again, sizeof figures) == 0, "%s: figures", methods[m]->name);
        safetensors_free(file);
        text_free(&middle);
        text_free(&end);
        text_free(&other);
        defense_free(&whole);
        defense_free(&resumed);
    }
    free(path);
    classifier_free(classifier);
}

static void a_foreign_checkpoint_changes_nothing(void)
{
    Error error = {0};
    Classifier *classifier = classifier_of("mnist-ia");
    const char *path = temporary_directory();
    char *file_path = path_join(path, "foreign.safetensors");
    Defense plain = defense_of("if", classifier, 0, NULL);
    Defense adversarial = defense_of("aif", classifier, 0, NULL);
    Text before = stored_text(&adversarial, file_path);
    Safetensors *file = safetensors_create(); // has filter., but neither G nor its optimizers
    plain.method->store(&plain, file);
    check(!adversarial.method->restore(&adversarial, file, "FILE", &error), "it is refused");
    check(strstr(error.message, "FILE") != NULL, "'%s' names the file", error.message);
    Text after = stored_text(&adversarial, file_path);
    check(before.length == after.length && memcmp(before.text, after.text, after.length) == 0,
          "nothing has changed");
    text_free(&before);
    text_free(&after);
    safetensors_free(file);
    free(file_path);
    defense_free(&plain);
    defense_free(&adversarial);
    classifier_free(classifier);
}

static void aif_shows_its_synthetic_trojans(void)
{
    Classifier *classifier = classifier_of("mnist-ia");
    Defense d = defense_of("aif", classifier, 0, NULL);
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    Tensor *x = tape_floats(tape, SHAPE(N, 28, 28, 1), images);
    const float *shown = d.method->show(&d, x)->data, *again = d.method->show(&d, x)->data;
    int changed = 0, outside = 0;
    for (int i = 0; i < N * PIXELS; i++) {
        changed += shown[i] != images[i];
        outside += !(shown[i] >= 0 && shown[i] <= 1);
    }
    check(memcmp(shown, again, sizeof images) == 0, "the same pictures each time");
    check(changed > 0 && outside == 0, "%d changed, %d outside [0, 1]", changed, outside);
    tape_free(tape);
    defense_free(&d);
    classifier_free(classifier);
}

static void an_unknown_defense_lists_the_known_ones(void)
{
    Error error = {0};
    check(!defense_method_find("fi", &error), "fi is no name");
    check(strstr(error.message, "ip, if, vif, aif") != NULL, "'%s'", error.message);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_classifier_stays_frozen", the_classifier_stays_frozen},
        {"losses_fall_within_a_few_steps", losses_fall_within_a_few_steps},
        {"a_checkpoint_goes_on_to_the_same_bits", a_checkpoint_goes_on_to_the_same_bits},
        {"a_foreign_checkpoint_changes_nothing", a_foreign_checkpoint_changes_nothing},
        {"aif_shows_its_synthetic_trojans", aif_shows_its_synthetic_trojans},
        {"an_unknown_defense_lists_the_known_ones", an_unknown_defense_lists_the_known_ones}};
    return TESTS_RUN(tests);
}
