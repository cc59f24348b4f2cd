// experiments/subject.c: the defender's own clean samples, drawn before the attack gets at the set;
// what the networks see of a pixel.
#include "experiments/subject.h"

#include <math.h>
#include <string.h>
#include "experiments/options.h"
#include "tests/test.h"

static bool load(const char *override, Subject *s, Options *options)
{
    const char *words[] = {"--data", "digits",   "--train-images", "400",   "--test-images",
                           "200",    "--attack", "badnets",        "--set", override};
    Error error = {0};
    return check(options_parse(10, (char **)words, FOR_TRAIN, options, &error) &&
                     subject_load(options, s, &error),
                 "%s", error.message);
}

static const uint8_t *image(const Dataset *d, int64_t i)
{
    return d->images + i * d->height * d->width * d->channels;
}

// Whether some sample of `train` has the image and label of sample i of `clean`.
static int64_t times_found(const Dataset *train, const Dataset *clean, int64_t i)
{
    size_t size = (size_t)(train->height * train->width * train->channels);
    int64_t found = 0;
    for (int64_t k = 0; k < train->count; k++)
        found += train->labels[k] == clean->labels[i] &&
                 memcmp(image(train, k), image(clean, i), size) == 0;
    return found;
}

static void the_defender_has_a_twentieth_of_the_untouched_set(void)
{
    Subject untouched, poisoned;
    Options options[2];
    if (!load("badnets.rate=0", &untouched, &options[0])) return;
    if (!load("badnets.rate=1", &poisoned, &options[1])) return;
    const Dataset *clean = &poisoned.clean;
    check(clean->count == 20, "%d of 400", (int)clean->count);
    check(poisoned.truth.stamped_count == 400, "every training sample is stamped");
    for (int64_t i = 0; i < clean->count; i++) {
        check(times_found(&untouched.train, clean, i) == 1, "sample %d is as it was", (int)i);
        check(times_found(&poisoned.train, clean, i) == 0, "sample %d is none stamped", (int)i);
        check(times_found(clean, clean, i) == 1, "sample %d is drawn once", (int)i);
    }
    subject_free(&untouched);
    subject_free(&poisoned);
}

// Plainly, against dataset_moments' counts of values.
static void the_training_set_standardises_its_images(void)
{
    Subject constant, own;
    Options options[2];
    if (!load("classifier.standardise=0", &constant, &options[0])) return;
    if (!load("classifier.standardise=1", &own, &options[1])) return;
    check(constant.attack.mean[0] == .5f && constant.attack.deviation[0] == .5f,
          "digits' constants are .5 and .5, here %g and %g", (double)constant.attack.mean[0],
          (double)constant.attack.deviation[0]);
    Subject untouched;
    Options clean;
    if (!load("badnets.rate=0", &untouched, &clean)) return;
    const int64_t pixels = untouched.train.count * 28 * 28;
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < pixels; i++) sum += untouched.train.images[i] / 255.0;
    for (int64_t i = 0; i < pixels; i++)
        squares += pow(untouched.train.images[i] / 255.0 - sum / (double)pixels, 2);
    double mean = sum / (double)pixels, deviation = sqrt(squares / (double)pixels);
    check(fabs((double)own.attack.mean[0] - mean) < 1e-7, "mean %g, not %g", mean,
          (double)own.attack.mean[0]);
    check(fabs((double)own.attack.deviation[0] - deviation) < 1e-7, "deviation %g, not %g",
          deviation, (double)own.attack.deviation[0]);
    subject_free(&constant);
    subject_free(&own);
    subject_free(&untouched);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_defender_has_a_twentieth_of_the_untouched_set",
         the_defender_has_a_twentieth_of_the_untouched_set},
        {"the_training_set_standardises_its_images", the_training_set_standardises_its_images}};
    return TESTS_RUN(tests);
}
