// experiments/augmentation.c: what a method's table leaves to the data set comes from its row; --set
// is stronger than both.
#include "experiments/augmentation.h"

#include "experiments/classifier_training.h"
#include "tests/test.h"

static Augmentation resolved(const char *data, Scale scale, const char *override)
{
    Overrides overrides = {override != NULL, &override};
    Json *settings = settings_resolve(classifier_settings, "classifier", scale, &overrides);
    augmentation_complete(settings, &data_source_find(data, NULL)->augmentation);
    Augmentation augmentation = augmentation_of(settings);
    json_free(settings);
    return augmentation;
}

static void expect(Augmentation a, int padding, float rotation, bool flip, const char *what)
{
    check(a.crop_padding == padding && a.rotation_degrees == rotation && a.flip == flip,
          "%s: padding %d, rotation %g, flip %d", what, a.crop_padding, (double)a.rotation_degrees,
          a.flip);
}

static void the_data_set_decides_what_the_table_leaves_open(void)
{
    expect(resolved("mnist", SCALE_PAPER, NULL), 5, 0, false, "mnist");
    expect(resolved("cifar10", SCALE_PAPER, NULL), 5, 10, true, "cifar10");
    expect(resolved("gtsrb", SCALE_PAPER, NULL), 5, 10, false, "gtsrb");
    expect(resolved("imagenet10", SCALE_PAPER, NULL), 28, 0, true, "imagenet10");
    expect(resolved("cifar10", SCALE_QUICK, NULL), 1, 10, true, "cifar10, quick");
}

static void set_is_stronger(void)
{
    expect(resolved("cifar10", SCALE_PAPER, "classifier.flip=0"), 5, 10, false, "flip");
    expect(resolved("mnist", SCALE_QUICK, "classifier.rotation=7"), 1, 7, false, "rotation");
    expect(resolved("gtsrb", SCALE_PAPER, "classifier.crop_padding=0"), 0, 10, false, "padding");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_data_set_decides_what_the_table_leaves_open",
         the_data_set_decides_what_the_table_leaves_open},
        {"set_is_stronger", set_is_stronger},
    };
    return TESTS_RUN(tests);
}
