// experiments/data_summary.c: counts, moments and the sheet of a data set whose figures are known.
#include "experiments/data_summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "tests/test.h"

static double item(const Json *json, const char *name, size_t i)
{
    const Json *list = json_get(json, name);
    return list && i < list->count ? list->items[i]->number : (double)NAN;
}

static void counts_and_moments_are_those_of_the_pixels(void)
{
    // Two images of 1x2 with 3 channels: values 0, 255 in the first channel, all 51 in the second.
    uint8_t pixels[12] = {0, 51, 0, 0, 51, 1, 255, 51, 2, 255, 51, 3};
    int32_t labels[2] = {2, 2}, test_label = 0;
    static const char *const names[] = {"a", "b", "c"};
    DataSource source = {
        .name = "made", .height = 1, .width = 2, .channels = 3, .classes = 3, .class_names = names};
    Dataset train = {.name = "made",
                     .count = 2,
                     .height = 1,
                     .width = 2,
                     .channels = 3,
                     .classes = 3,
                     .images = pixels,
                     .labels = labels};
    Dataset test = train;
    test.count = 1;
    test.labels = &test_label;
    Json *json = data_summary(&source, &train, &test);
    check(json_get_number(json, "train_images", 0) == 2 &&
              json_get_number(json, "test_images", 0) == 1,
          "counts");
    check(item(json, "train_per_class", 2) == 2 && item(json, "train_per_class", 0) == 0 &&
              item(json, "test_per_class", 0) == 1,
          "histogram");
    check(item(json, "mean", 0) == 0.5 && item(json, "std", 0) == 0.5, "first channel");
    check(item(json, "mean", 1) == 0.2 && item(json, "std", 1) == 0, "second channel");
    check(item(json, "mean", 2) == 1.5 / 255 && item(json, "std", 2) == sqrt(1.25) / 255, "third");
    check(strlen(json_get_string(json, "sha256", "")) == 64, "digest");
    json_free(json);

    Picture sheet = data_contact_sheet(&train); // scale 64: 10 columns of 2 * 64 + 1 pixels, 3 rows
    check(sheet.width == 1291 && sheet.height == 3 * 65 + 1, "%dx%d", sheet.width, sheet.height);
    const uint8_t *third_row = sheet.pixels + ((size_t)(2 * 65 + 1) * 1291 + 1) * 3;
    const uint8_t *first_row = sheet.pixels + ((size_t)1291 + 1) * 3;
    check(third_row[1] == 51 && first_row[1] == 0, "classes stand in rows");
    picture_free(&sheet);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"counts_and_moments_are_those_of_the_pixels", counts_and_moments_are_those_of_the_pixels},
    };
    return TESTS_RUN(tests);
}
