// data/idx.c and data/mnist.c: arrays of one to three dimensions, plain or packed; each broken file
// or incomplete directory is one clear sentence. The leak checker of the sanitizers sees the rest.
#include "data/idx.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "core/sha256.h"
#include "data/checksum.h"
#include "data/dataset.h"
#include "data/deflate.h"
#include "data/gzip.h"
#include "tests/test.h"

// ---- Parsing

static void parses(const char *data, size_t size, IdxArray expected)
{
    IdxArray array;
    Error error = {0};
    const uint8_t *bytes = (const uint8_t *)data;
    if (!check(idx_parse(bytes, size, "file", &array, &error), "%s", error.message)) return;
    check(array.rank == expected.rank && array.count == expected.count, "rank or count");
    for (int i = 0; i < expected.rank; i++)
        check(array.shape[i] == expected.shape[i], "dimension %d", i);
    check(array.values == bytes + size - expected.count, "place of the values");
}

static void arrays_of_one_to_three_dimensions_are_read(void)
{
    parses("\0\0\10\1\0\0\0\3abc", 11, (IdxArray){1, {3}, 3, NULL});
    parses("\0\0\10\2\0\0\0\2\0\0\0\1ab", 14, (IdxArray){2, {2, 1}, 2, NULL});
    parses("\0\0\10\3\0\0\0\1\0\0\0\2\0\0\0\3abcdef", 22, (IdxArray){3, {1, 2, 3}, 6, NULL});
    char *large = calloc(1, 8 + 0x010203); // each byte of a size counts
    memcpy(large, "\0\0\10\1\0\1\2\3", 8);
    parses(large, 8 + 0x010203, (IdxArray){1, {0x010203}, 0x010203, NULL});
    free(large);
}

static void refused(const char *data, size_t size, const char *reason)
{
    IdxArray array;
    Error error = {0};
    uint8_t *copy = malloc(size ? size : 1); // of exactly this size
    memcpy(copy, data, size);
    check(!idx_parse(copy, size, "file", &array, &error), "accepted, but expected: %s", reason);
    check(strncmp(error.message, "file: ", 6) == 0 && strstr(error.message, reason) != NULL,
          "expected '%s', got: %s", reason, error.message);
    free(copy);
}

static void broken_arrays_are_refused(void)
{
    refused("", 0, "too short");
    refused("\0\0\10", 3, "too short");
    refused("\0\1\10\1\0\0\0\1a", 9, "it begins with 0x00010801");
    refused("PNG!\0\0\0\1a", 9, "not an IDX file");
    refused("\0\0\15\1\0\0\0\1abcd", 12, "values of type 0x0d");
    refused("\0\0\10\0a", 5, "0 dimensions");
    refused("\0\0\10\4\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1a", 21, "4 dimensions");
    refused("\0\0\10\xFF", 4, "255 dimensions");
    refused("\0\0\10\3\0\0\0\1\0\0\0\1\0\0\0", 15, "the IDX header ends early");
    refused("\0\0\10\1\0\0\0\0", 8, "dimension 1 of the IDX array is 0");
    refused("\0\0\10\1\0\0\0\3ab", 10, "the file ends early (2 bytes of values");
    refused("\0\0\10\1\0\0\0\3", 8, "the file ends early (0 bytes of values");
    refused("\0\0\10\1\0\0\0\3abcd", 12, "bytes follow the IDX array (4 bytes");
}

static void absurd_dimensions_are_refused(void)
{
    refused("\0\0\10\1\xFF\xFF\xFF\xFF", 8, "4294967295, makes it too large");
    refused("\0\0\10\3\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 16, "too large");
    // 65536 x 65536 x 1 is 0 in 32 bits, 2^22 x 2^21 x 2^21 is 0 in 64.
    refused("\0\0\10\3\0\1\0\0\0\1\0\0\0\0\0\1", 16, "dimension 2 of the IDX array, 65536");
    refused("\0\0\10\3\0\100\0\0\0\40\0\0\0\40\0\0", 16, "too large");
}

// ---- Files

static const char *inside(const char *name)
{
    static char paths[4][PATH_MAX];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", temporary_directory(), name);
    return path;
}

static void write_file(const char *name, const void *data, size_t size)
{
    Error error = {0};
    check(file_write(inside(name), data, size, &error), "%s", error.message);
}

// A gzip file of this content.
static Text packed(const void *data, size_t size)
{
    Text file = {0};
    uint32_t trailer[2] = {crc32_of(data, size), (uint32_t)size};
    text_append_bytes(&file, "\x1F\x8B\10\0\0\0\0\0\0\3", 10);
    deflate(data, size, &file);
    for (int i = 0; i < 8; i++) {
        uint8_t byte = (uint8_t)(trailer[i / 4] >> (8 * (i % 4)));
        text_append_bytes(&file, &byte, 1);
    }
    return file;
}

static void files_are_read_plain_and_packed(void)
{
    static const char array[] = "\0\0\10\1\0\0\0\3abc";
    Text gzip = packed(array, 11);
    static const char *const names[] = {"plain", "packed", "unpacked", "both"};
    write_file("plain", array, 11);
    write_file("packed.gz", gzip.text, gzip.length);
    write_file("unpacked.gz", array, 11); // as some copies of MNIST have it
    write_file("both", array, 11);
    write_file("both.gz", "junk", 4); // the plain one is preferred
    for (int i = 0; i < 4; i++) {
        Bytes bytes;
        IdxArray result;
        Error error = {0};
        if (check(idx_read(temporary_directory(), names[i], &bytes, &result, &error), "%s",
                  error.message))
            check(result.count == 3 && memcmp(result.values, "abc", 3) == 0, "%s", names[i]);
        bytes_free(&bytes);
    }
    text_free(&gzip);
}

static void unreadable_files_are_named(void)
{
    static const char array[] = "\0\0\10\1\0\0\0\3abc";
    Text gzip = packed(array, 11);
    write_file("cut.gz", gzip.text, gzip.length - 9);
    write_file("short.gz", "\0\0\10\1\0\0\0\3ab", 10);
    static const char *const cases[][2] = {{"missing", "missing.gz: no such file"},
                                           {"cut", "early"},
                                           {"short", "ends early (2 bytes"}};
    for (int i = 0; i < 3; i++) {
        Bytes bytes;
        IdxArray result;
        Error error = {0};
        check(!idx_read(temporary_directory(), cases[i][0], &bytes, &result, &error), "accepted");
        check(strstr(error.message, cases[i][1]) != NULL, "%s", error.message);
        check(strstr(error.message, inside(cases[i][0])) != NULL, "no path: %s", error.message);
        check(bytes.data == NULL, "bytes are left");
    }
    text_free(&gzip);
}

// ---- MNIST

enum { TRAIN = 5, TEST = 3, SIDE = 28 };

// Writes the four files, correct ones, into TEMPORARY/place/mnist; the second pair packed.
static void write_mnist(const char *place)
{
    static const char *const names[] = {"train-images-idx3-ubyte", "train-labels-idx1-ubyte",
                                        "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"};
    char name[200];
    Error error = {0};
    snprintf(name, sizeof name, "%s/mnist", place);
    check(directory_create(inside(name), &error), "%s", error.message);
    for (int i = 0; i < 4; i++) {
        char count = i < 2 ? TRAIN : TEST;
        Text file = {0};
        if (i % 2 == 0)
            text_append_bytes(&file, "\0\0\10\3\0\0\0\0\0\0\0\34\0\0\0\34", 16);
        else
            text_append_bytes(&file, "\0\0\10\1\0\0\0\0", 8);
        file.text[7] = count;
        for (int k = 0; k < count * (i % 2 == 0 ? SIDE * SIDE : 1); k++) {
            char value = (char)(i % 2 == 0 ? k * 7 + i : 9 - k);
            text_append_bytes(&file, &value, 1);
        }
        snprintf(name, sizeof name, "%s/mnist/%s", place, names[i]);
        Text gzip = packed(file.text, file.length);
        write_file(name, i < 2 ? file.text : gzip.text, i < 2 ? file.length : gzip.length);
        text_free(&gzip);
        text_free(&file);
    }
}

static bool load(const char *directory, Dataset *train, Dataset *test, Error *error)
{
    DataRequest request = {.directory = directory};
    return dataset_load(data_source_find("mnist", error), &request, train, test, error);
}

static void mnist_is_loaded(void)
{
    write_mnist("good");
    Dataset train, test;
    Error error = {0};
    if (!check(load(inside("good"), &train, &test, &error), "%s", error.message)) return;
    check(train.count == TRAIN && test.count == TEST, "counts");
    check(train.height == SIDE && train.width == SIDE && train.channels == 1, "shape");
    for (int i = 0; i < TRAIN; i++) check(train.labels[i] == 9 - i, "label %d", i);
    for (int i = 0; i < TEST * SIDE * SIDE; i++)
        check(test.images[i] == (uint8_t)(i * 7 + 2), "pixel %d", i);
    dataset_free(&train);
    dataset_free(&test);
}

// Loading fails with one printable sentence that names the place, and leaves nothing.
static void load_refused(const char *place, const char *reason)
{
    Dataset train, test;
    Error error = {0};
    check(!load(inside(place), &train, &test, &error), "accepted, but expected: %s", reason);
    check(strstr(error.message, reason) != NULL, "expected '%s', got: %s", reason, error.message);
    check(strstr(error.message, inside(place)) != NULL, "no path in: %s", error.message);
    check(strchr(error.message, '\n') == NULL, "more than a line");
    check(!train.images && !train.labels && !train.name && train.count == 0, "train is not empty");
    check(!test.images && !test.labels && !test.name && test.count == 0, "test is not empty");
}

static void a_missing_directory_or_file_is_named(void)
{
    load_refused("nowhere", "nowhere/mnist: no such directory");
    write_mnist("missing");
    unlink(inside("missing/mnist/t10k-labels-idx1-ubyte.gz"));
    load_refused("missing", "t10k-labels-idx1-ubyte.gz: no such file");
}

static void a_truncated_packed_file_is_named(void)
{
    write_mnist("truncated");
    Bytes bytes;
    Error error = {0};
    const char *name = "truncated/mnist/t10k-images-idx3-ubyte.gz";
    check(file_read(inside(name), 1 << 20, &bytes, &error), "%s", error.message);
    for (size_t size = 0; size < bytes.size; size += 1 + size / 4) {
        write_file(name, bytes.data, size);
        load_refused("truncated", "t10k-images-idx3-ubyte.gz: ");
    }
    write_file(name, bytes.data, bytes.size - 20);
    load_refused("truncated", "the compressed data end early");
    bytes_free(&bytes);
}

static void files_that_do_not_belong_together_are_refused(void)
{
    write_mnist("range");
    write_file("range/mnist/train-labels-idx1-ubyte", "\0\0\10\1\0\0\0\5\0\1\12\3\4", 13);
    load_refused("range", "label 2 is 10, not in 0..9");
    write_mnist("count");
    write_file("count/mnist/train-labels-idx1-ubyte", "\0\0\10\1\0\0\0\4\0\1\2\3", 12);
    load_refused("count", "4 labels for 5 images");
    write_mnist("labels");
    write_file("labels/mnist/train-images-idx3-ubyte", "\0\0\10\1\0\0\0\1\0", 9);
    load_refused("labels", "expected images of 28x28");
    write_mnist("images");
    write_file("images/mnist/train-labels-idx1-ubyte", "\0\0\10\2\0\0\0\1\0\0\0\5\0\1\2\3\4", 17);
    load_refused("images", "expected a row of labels");
    write_mnist("size");
    write_file("size/mnist/train-images-idx3-ubyte", "\0\0\10\3\0\0\0\1\0\0\0\1\0\0\0\2ab", 18);
    load_refused("size", "expected images of 28x28");
}

static void check_mnist(const Dataset *dataset, const int64_t *per_class, const char *digest)
{
    int64_t counts[10] = {0}, count = 0;
    char hex[65];
    for (int64_t i = 0; i < dataset->count; i++) counts[dataset->labels[i]]++;
    for (int digit = 0; digit < 10; digit++) {
        check(counts[digit] == per_class[digit], "%lld of digit %d", (long long)counts[digit],
              digit);
        count += per_class[digit];
    }
    check(dataset->count == count, "%lld images", (long long)dataset->count);
    sha256_hex(dataset->images, (size_t)dataset->count * SIDE * SIDE, hex);
    check(strcmp(hex, digest) == 0, "pixels: %s", hex);
}

static void the_real_mnist_is_loaded(void)
{
    if (!shared_path("data/mnist")) {
        skip("no ../shared");
        return;
    }
    Dataset train, test;
    Error error = {0};
    if (!check(load(shared_path("data"), &train, &test, &error), "%s", error.message)) return;
    check_mnist(&train, (int64_t[]){5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949},
                "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757");
    check_mnist(&test, (int64_t[]){980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009},
                "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161");
    dataset_free(&train);
    dataset_free(&test);
}

static void an_unknown_data_set_is_answered_with_the_known_ones(void)
{
    Error error = {0};
    check(data_source_find("cifar", &error) == NULL, "found");
    check(strstr(error.message, "'cifar': known are digits, signs, mnist, cifar10") != NULL, "%s",
          error.message);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"arrays_of_one_to_three_dimensions_are_read", arrays_of_one_to_three_dimensions_are_read},
        {"broken_arrays_are_refused", broken_arrays_are_refused},
        {"absurd_dimensions_are_refused", absurd_dimensions_are_refused},
        {"files_are_read_plain_and_packed", files_are_read_plain_and_packed},
        {"unreadable_files_are_named", unreadable_files_are_named},
        {"mnist_is_loaded", mnist_is_loaded},
        {"a_missing_directory_or_file_is_named", a_missing_directory_or_file_is_named},
        {"a_truncated_packed_file_is_named", a_truncated_packed_file_is_named},
        {"files_that_do_not_belong_together_are_refused",
         files_that_do_not_belong_together_are_refused},
        {"the_real_mnist_is_loaded", the_real_mnist_is_loaded},
        {"an_unknown_data_set_is_answered_with_the_known_ones",
         an_unknown_data_set_is_answered_with_the_known_ones},
    };
    return TESTS_RUN(tests);
}
