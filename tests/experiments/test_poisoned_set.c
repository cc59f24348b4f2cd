// BadNets' poisoned training sets: which samples change and how; and the folder form.
#include "experiments/poisoned_set.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/attack.h"
#include "tests/experiments/attack_trial.h"
#include "tests/test.h"

enum { COUNT = 1000, SIDE = 28 };

// Images of one grey, 100, and labels in turn.
static Dataset plain_set(int side, int channels, int count)
{
    size_t bytes = (size_t)(count * side * side * channels);
    Dataset d = {.name = copy_string("plain"),
                 .count = count,
                 .height = side,
                 .width = side,
                 .channels = channels,
                 .classes = 10,
                 .images = allocate(bytes),
                 .labels = allocate((size_t)count * sizeof(int32_t))};
    memset(d.images, 100, bytes);
    for (int i = 0; i < count; i++) d.labels[i] = i % 10;
    return d;
}

static PoisonTruth poisoned(Attack *attack, Dataset *d)
{
    PoisonTruth truth;
    Error error = {0};
    check(attack_poison_set(attack, d, &truth, &error), "%s", error.message);
    return truth;
}

// The square that differs from the grey background.
typedef struct Square {
    int top, left, bottom, right, changed; // exclusive; changed values
} Square;

static Square square_of(const Dataset *d, int i)
{
    Square s = {.top = d->height, .left = d->width};
    for (int y = 0; y < d->height; y++)
        for (int x = 0; x < d->width; x++)
            for (int c = 0; c < d->channels; c++) {
                if (d->images[((i * d->height + y) * d->width + x) * d->channels + c] == 100)
                    continue;
                s.changed++;
                s.top = y < s.top ? y : s.top;
                s.left = x < s.left ? x : s.left;
                s.bottom = y + 1 > s.bottom ? y + 1 : s.bottom;
                s.right = x + 1 > s.right ? x + 1 : s.right;
            }
    return s;
}

static void the_share_of_samples_is_exact_and_labels_follow(void)
{
    for (int all = 0; all < 2; all++) {
        Attack attack = attack_trial("badnets", SIDE, 1, 1, "badnets.rate=0.05");
        attack.all_targets = all;
        Dataset d = plain_set(SIDE, 1, COUNT);
        PoisonTruth truth = poisoned(&attack, &d);
        int stamped = 0, targets = 0;
        for (int i = 0; i < COUNT; i++) {
            int label = truth.stamped[i] ? attack_label(&attack, i % 10) : i % 10;
            check(d.labels[i] == label, "sample %d: label %d", i, (int)d.labels[i]);
            check(truth.labels[i] == i % 10, "the truth keeps the original label");
            check((square_of(&d, i).changed == 1) == truth.stamped[i], "sample %d", i);
            stamped += truth.stamped[i];
            targets += truth.stamped[i] && i % 10 == attack.target;
        }
        check(stamped == 50 && truth.stamped_count == 50, "%d stamped", stamped);
        check(targets > 0, "of all classes, the target's too");
        poison_truth_free(&truth);
        dataset_free(&d);
        attack_free(&attack);
    }
}

static void each_trigger_lies_where_it_should(void)
{
    const char *kinds[] = {"badnets.trigger=1", "badnets.trigger=2", "badnets.trigger=3",
                           "badnets.trigger=4"};
    for (int kind = 1; kind <= 4; kind++) {
        Attack attack = attack_trial("badnets", 32, 3, 1, kinds[kind - 1]);
        json_set(attack.settings, "rate", json_number(1));
        Dataset d = plain_set(32, 3, 200);
        PoisonTruth truth = poisoned(&attack, &d);
        bool seen[32] = {false};
        int places = 0;
        for (int i = 0; i < 200; i++) {
            Square s = square_of(&d, i);
            int side = s.right - s.left;
            const uint8_t *corner = d.images + ((i * 32 + s.bottom - 1) * 32 + s.right - 1) * 3;
            places += !seen[s.left];
            seen[s.left] = true;
            if (kind == 1) check(s.changed == 3 && s.top == 30 && s.left == 30, "pixel at 30");
            if (kind == 2)
                check(s.changed == 27 && s.bottom == 32 && s.right == 32 && corner[0] == 255 &&
                          corner[1] == 0 && corner[2] == 0,
                      "red in the corner");
            if (kind == 3) check(s.changed == 27 && side == 3 && corner[2] == 255, "a pattern");
            if (kind == 4) // 60 % of the width, 40 % of the height
                check(side > 14 && side <= 19 && s.bottom - s.top <= 13 && s.changed > 100,
                      "watermark of %dx%d, %d", s.bottom - s.top, side, s.changed);
        }
        check(kind == 3 ? places > 25 : places == 1, "trigger %d: %d columns", kind, places);
        poison_truth_free(&truth);
        dataset_free(&d);
        attack_free(&attack);
    }
}

// Table 8; and the settings of a result say which trigger it was.
static void each_data_set_has_the_papers_trigger(void)
{
    static const struct {
        const char *data;
        int side, channels, trigger, size;
    } expected[] = {{"mnist", 28, 1, 1, 1},
                    {"gtsrb", 32, 3, 2, 3},
                    {"cifar10", 32, 3, 3, 3},
                    {"imagenet10", 224, 3, 4, 134}};
    for (int i = 0; i < 4; i++) {
        Attack attack = attack_trial("badnets", expected[i].side, expected[i].channels, 1, NULL);
        Error error = {0};
        attack_clear(&attack);
        json_set(attack.settings, "trigger", json_number(0));
        json_set(attack.settings, "size", json_number(0));
        attack.data = expected[i].data;
        check(attack_create(&attack, &error), "%s", error.message);
        check((int)setting(attack.settings, "trigger") == expected[i].trigger &&
                  (int)setting(attack.settings, "size") == expected[i].size,
              "%s: trigger %g of %g", attack.data, setting(attack.settings, "trigger"),
              setting(attack.settings, "size"));
        attack_free(&attack);
    }
}

static void triggers_grow_and_those_too_large_are_refused(void)
{
    for (int size = 1; size <= 20; size += 6) {
        Attack attack = attack_trial("badnets", 32, 3, 1, "badnets.trigger=3");
        Error error = {0};
        attack_clear(&attack);
        json_set(attack.settings, "size", json_number(size));
        json_set(attack.settings, "rate", json_number(.1));
        check(attack_create(&attack, &error), "%s", error.message);
        Dataset d = plain_set(32, 3, 100);
        PoisonTruth truth = poisoned(&attack, &d);
        for (int i = 0; i < 100; i++)
            check(square_of(&d, i).changed == truth.stamped[i] * size * size * 3, "size %d", size);
        poison_truth_free(&truth);
        dataset_free(&d);
        attack_clear(&attack);
        json_set(attack.settings, "size", json_number(33));
        check(!attack_create(&attack, &error) && strstr(error.message, "33x33"), "'%s'",
              error.message);
        attack_free(&attack);
    }
}

static void the_folder_reads_back_as_it_was(void)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        Error error = {0};
        Attack attack = attack_trial("badnets", SIDE, channels, 1, "badnets.rate=0.1");
        Dataset d = plain_set(SIDE, channels, 1030), again = plain_set(SIDE, channels, 3);
        for (int i = 0; i < 1030; i++) d.images[i * SIDE * SIDE * channels + i % 700] = (uint8_t)i;
        PoisonTruth truth = poisoned(&attack, &d), read;
        char *folder = path_join(temporary_directory(), channels == 1 ? "grey" : "colours");
        Json *how = json_object(), *other = json_object();
        json_set(how, "seed", json_number(1));
        json_set(other, "seed", json_number(2));
        check(poisoned_set_write(folder, &d, &truth, how, &error), "%s", error.message);
        check(!poisoned_set_read(folder, other, &again, &read, &error) &&
                  strstr(error.message, "made with seed 1, not 2"),
              "another attack is refused: '%s'", error.message);
        error = (Error){0};
        bool read_back = poisoned_set_read(folder, how, &again, &read, &error);
        json_free(how);
        json_free(other);
        if (check(read_back, "%s", error.message)) {
            size_t bytes = (size_t)(d.count * SIDE * SIDE * channels);
            check(again.count == d.count && read.count == d.count, "as many samples");
            check(memcmp(again.images, d.images, bytes) == 0, "images");
            check(memcmp(again.labels, d.labels, 1030 * sizeof(int32_t)) == 0, "given labels");
            check(memcmp(read.labels, truth.labels, 1030 * sizeof(int32_t)) == 0, "labels");
            check(memcmp(read.stamped, truth.stamped, 1030) == 0, "stamped");
            check(read.stamped_count == truth.stamped_count, "how many");
            poison_truth_free(&read);
        }
        poison_truth_free(&truth);
        free(folder);
        dataset_free(&d);
        dataset_free(&again);
        attack_free(&attack);
    }
}

static void refused(const char *folder, const char *csv, const char *why)
{
    Error error = {0};
    PoisonTruth truth;
    Dataset d = plain_set(SIDE, 1, 2);
    const uint8_t *images = d.images;
    char *path = path_join(folder, "samples.csv");
    check(file_write(path, csv, strlen(csv), &error), "%s", error.message);
    Json *how = json_object();
    check(!poisoned_set_read(folder, how, &d, &truth, &error), "%s is refused", csv);
    json_free(how);
    check(strstr(error.message, why) != NULL, "'%s' names '%s'", error.message, why);
    check(d.images == images && d.count == 2, "nothing has changed");
    free(path);
    dataset_free(&d);
}

static void broken_folders_are_refused(void)
{
    Error error = {0};
    Dataset d = plain_set(SIDE, 1, 2), small = plain_set(7, 1, 2);
    PoisonTruth truth = poison_truth_create(&d);
    char *folder = path_join(temporary_directory(), "broken"), *path;
    Json *how = json_object();
    check(poisoned_set_write(folder, &small, &truth, how, &error), "%s", error.message);
#define HEAD "index,file,original_label,given_label,stamped\n"
    refused(folder, HEAD "0,00000/00000000.png,0,0,0\n", "7x7");
    check(poisoned_set_write(folder, &d, &truth, how, &error), "%s", error.message);
    refused(folder, "", "samples.csv");
    refused(folder, HEAD, "no samples");
    refused(folder, "number,file,original_label,given_label,stamped\n0,a,0,0,0\n", "number");
    refused(folder, HEAD "1,00000/00000000.png,0,0,0\n", "samples.csv");
    refused(folder, HEAD "0,00000/00000000.png,10,0,0\n", "samples.csv");
    refused(folder, HEAD "0,00000/00000000.png,0,-1,0\n", "samples.csv");
    refused(folder, HEAD "0,00000/00000000.png,0,0,2\n", "samples.csv");
    refused(folder, HEAD "0,00000/00000000.png,0,0\n", "samples.csv");
    refused(folder, HEAD "0,../x.png,0,0,0\n", "samples.csv");
    refused(folder, HEAD "0,missing.png,0,0,0\n", "missing.png");
#undef HEAD
    path = path_join(folder, "nowhere");
    PoisonTruth none;
    check(!poisoned_set_read(path, how, &d, &none, &error) && strstr(error.message, "nowhere"),
          "'%s'", error.message);
    json_free(how);
    free(path);
    free(folder);
    poison_truth_free(&truth);
    dataset_free(&d);
    dataset_free(&small);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_share_of_samples_is_exact_and_labels_follow",
         the_share_of_samples_is_exact_and_labels_follow},
        {"each_trigger_lies_where_it_should", each_trigger_lies_where_it_should},
        {"each_data_set_has_the_papers_trigger", each_data_set_has_the_papers_trigger},
        {"triggers_grow_and_those_too_large_are_refused",
         triggers_grow_and_those_too_large_are_refused},
        {"the_folder_reads_back_as_it_was", the_folder_reads_back_as_it_was},
        {"broken_folders_are_refused", broken_folders_are_refused}};
    return TESTS_RUN(tests);
}
