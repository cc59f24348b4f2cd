// data/cifar10.c: records become images with the colours of a pixel side by side; batches may be
// missing, which is said; each broken file is one clear sentence. Parts of a data set are taken
// from it as well.
#include "data/cifar10.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/sha256.h"
#include "tests/test.h"

enum { PIXELS = 32 * 32, RECORD = 1 + 3 * PIXELS };

static bool load(const char *directory, int64_t part, Dataset *train, Dataset *test, Error *error)
{
    DataRequest request = {.directory = directory, .train_count = part};
    return dataset_load(data_source_find("cifar10", error), &request, train, test, error);
}

static uint8_t value_at(int record, int channel, int pixel)
{
    return (uint8_t)(record * 50 + channel * 31 + pixel * 7 + pixel / 32);
}

static Text records(int first, int count)
{
    Text file = {0};
    for (int record = first; record < first + count; record++) {
        uint8_t bytes[RECORD] = {(uint8_t)(record % 10)};
        for (int i = 0; i < 3 * PIXELS; i++)
            bytes[1 + i] = value_at(record, i / PIXELS, i % PIXELS);
        text_append_bytes(&file, bytes, sizeof bytes);
    }
    return file;
}

// Writes PLACE/cifar-10-batches-bin/NAME below the temporary directory; returns PLACE's path.
static const char *write_file(const char *place, const char *name, const void *data, size_t size)
{
    static char root[600];
    char directory[700], path[800];
    Error error = {0};
    snprintf(root, sizeof root, "%s/%s", temporary_directory(), place);
    snprintf(directory, sizeof directory, "%s/cifar-10-batches-bin", root);
    snprintf(path, sizeof path, "%s/%s", directory, name);
    check(directory_create(directory, &error) && file_write(path, data, size, &error), "%s",
          error.message);
    return root;
}

static const char *write_records(const char *place, const char *name, int first, int count)
{
    Text file = records(first, count);
    const char *root = write_file(place, name, file.text, file.length);
    text_free(&file);
    return root;
}

static void records_become_images_in_order(void)
{
    write_records("good", "data_batch_1.bin", 0, 3);
    write_records("good", "data_batch_4.bin", 3, 2);
    const char *root = write_records("good", "test_batch.bin", 7, 4);
    Dataset train, test;
    Error error = {0};
    if (!check(load(root, 0, &train, &test, &error), "%s", error.message)) return;
    check(train.count == 5 && test.count == 4, "%lld and %lld images", (long long)train.count,
          (long long)test.count);
    check(train.height == 32 && train.width == 32 && train.channels == 3, "shape");
    for (int i = 0; i < 5; i++) {
        check(train.labels[i] == i, "label %d", i);
        for (int k = 0; k < 3 * PIXELS; k++)
            if (!check(train.images[i * 3 * PIXELS + k] == value_at(i, k % 3, k / 3),
                       "image %d, value %d", i, k))
                break;
    }
    check(test.labels[3] == 0, "test label");
    check(strcmp(train.note, "data_batch_2.bin, data_batch_3.bin, data_batch_5.bin are missing, "
                             "5 of 50000 training images") == 0,
          "%s", train.note);
    check(strcmp(test.note, "4 of 10000 test images") == 0, "%s", test.note);
    dataset_free(&train);
    dataset_free(&test);
}

// The images of a part are some of the whole, in its order, and the same ones every time.
static void a_part_keeps_order_and_labels(void)
{
    const char *root = write_records("part", "data_batch_2.bin", 0, 40);
    write_records("part", "test_batch.bin", 0, 1);
    Dataset whole, part, again, test;
    Error error = {0};
    if (!check(load(root, 0, &whole, &test, &error), "%s", error.message)) return;
    dataset_free(&test);
    if (!check(load(root, 15, &part, &test, &error), "%s", error.message)) return;
    dataset_free(&test);
    if (!check(load(root, 15, &again, &test, &error), "%s", error.message)) return;
    check(part.count == 15 && test.count == 1, "%lld images", (long long)part.count);
    int64_t found = 0;
    for (int64_t i = 0; i < whole.count && found < part.count; i++)
        found += memcmp(whole.images + i * 3 * PIXELS, part.images + found * 3 * PIXELS,
                        3 * PIXELS) == 0 &&
                 whole.labels[i] == part.labels[found];
    check(found == 15, "%lld of the images are a run of the whole", (long long)found);
    check(memcmp(part.images, whole.images, 15 * 3 * PIXELS) != 0, "the first ones were taken");
    check(memcmp(part.images, again.images, 15 * 3 * PIXELS) == 0, "another part");
    dataset_free(&whole);
    dataset_free(&part);
    dataset_free(&again);
    dataset_free(&test);
}

static void refused(const char *root, const char *reason)
{
    Dataset train, test;
    Error error = {0};
    check(!load(root, 0, &train, &test, &error), "accepted, but expected: %s", reason);
    check(strstr(error.message, reason) != NULL, "expected '%s', got: %s", reason, error.message);
    check(strstr(error.message, root) != NULL, "no path in: %s", error.message);
    check(!train.images && !train.labels && !test.images && !test.labels, "not empty");
}

static void broken_files_are_refused(void)
{
    refused("/nowhere", "cifar-10-batches-bin: no such directory");
    refused(write_records("alone", "test_batch.bin", 0, 1), "no training images: at least one of "
                                                            "data_batch_1.bin, data_batch_2.bin");
    refused(write_records("half", "data_batch_1.bin", 0, 1), "test_batch.bin: cannot open");
    Text file = records(0, 2);
    write_records("short", "test_batch.bin", 0, 1);
    refused(write_file("short", "data_batch_1.bin", file.text, file.length - 1),
            "6145 bytes are not 1 to 10000 records of 3073 bytes");
    refused(write_file("short", "data_batch_1.bin", "", 0), "0 bytes are not");
    file.text[RECORD] = 10;
    refused(write_file("short", "data_batch_1.bin", file.text, file.length),
            "the label of record 1 is 10, not in 0..9");
    text_free(&file);
}

static void check_counts(const Dataset *dataset, const int *per_class, const char *digest)
{
    int counts[10] = {0};
    char hex[65];
    for (int64_t i = 0; i < dataset->count; i++) counts[dataset->labels[i]]++;
    for (int label = 0; label < 10; label++)
        check(counts[label] == per_class[label], "%d of class %d", counts[label], label);
    sha256_hex(dataset->images, (size_t)dataset->count * 3 * PIXELS, hex);
    check(strcmp(hex, digest) == 0, "pixels: %s", hex);
}

static void the_real_cifar10_is_loaded(void)
{
    if (!shared_path("data/cifar-10-batches-bin")) {
        skip("no ../shared");
        return;
    }
    Dataset train, test;
    Error error = {0};
    if (!check(load(shared_path("data"), 0, &train, &test, &error), "%s", error.message)) return;
    check(strcmp(train.note, "data_batch_5.bin is missing, 40000 of 50000 training images") == 0,
          "%s", train.note);
    check(test.note == NULL, "%s", test.note);
    check(train.count == 40000 && test.count == 10000, "counts");
    check_counts(&test, (int[]){1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000},
                 "f9b1e2130bab680db56eb06d886f7f1ad0f1183907ceff4659d1735c890f5b04");
    train.count = 20000; // the batches whose counts the documentation of the files gives
    check_counts(&train, (int[]){1989, 1981, 2042, 2011, 2009, 1925, 2038, 2027, 2012, 1966},
                 "74493c77aca7915c5811a5d387566a9b045abbdd45f6636b12a6590eb540193c");
    dataset_free(&train);
    dataset_free(&test);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"records_become_images_in_order", records_become_images_in_order},
        {"a_part_keeps_order_and_labels", a_part_keeps_order_and_labels},
        {"broken_files_are_refused", broken_files_are_refused},
        {"the_real_cifar10_is_loaded", the_real_cifar10_is_loaded},
    };
    return TESTS_RUN(tests);
}
