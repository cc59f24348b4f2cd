// A record is one byte, the label, and 1024 bytes each of red, green and blue, row by row; in
// memory the three colours of a pixel stand together.
#include "data/cifar10.h"

#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/thread.h"

enum {
    BATCHES = 5,
    CHANNELS = 3,
    PIXELS = 32 * 32,
    RECORD = 1 + CHANNELS * PIXELS,
    BATCH_RECORDS = 10000,
    CHUNK = 500, // records that a task unpacks
};

const char *const cifar10_classes[10] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                         "dog",      "frog",       "horse", "ship", "truck"};

typedef struct Unpacking {
    const uint8_t *records;
    uint8_t *images;
    int64_t count;
} Unpacking;

static void unpack_chunk(void *context, int64_t task, int thread)
{
    (void)thread;
    const Unpacking *u = context;
    int64_t end = (task + 1) * CHUNK < u->count ? (task + 1) * CHUNK : u->count;
    for (int64_t i = task * CHUNK; i < end; i++) {
        const uint8_t *planes = u->records + i * RECORD + 1;
        uint8_t *image = u->images + i * CHANNELS * PIXELS;
        for (int pixel = 0; pixel < PIXELS; pixel++)
            for (int channel = 0; channel < CHANNELS; channel++)
                *image++ = planes[channel * PIXELS + pixel];
    }
}

bool cifar10_append(const uint8_t *data, size_t size, const char *what, Dataset *dataset,
                    Error *error)
{
    if (size == 0 || size % RECORD != 0 || size / RECORD > BATCH_RECORDS)
        return fail(error, "%s: %zu bytes are not 1 to %d records of %d bytes", what, size,
                    BATCH_RECORDS, RECORD);
    int64_t count = (int64_t)(size / RECORD), before = dataset->count;
    for (int64_t i = 0; i < count; i++)
        if (data[i * RECORD] >= dataset->classes)
            return fail(error, "%s: the label of record %lld is %d, not in 0..%d", what,
                        (long long)i, data[i * RECORD], dataset->classes - 1);
    unsigned long long total = (unsigned long long)(before + count);
    dataset->images = reallocate(dataset->images, total * CHANNELS * PIXELS);
    dataset->labels = reallocate(dataset->labels, total * sizeof *dataset->labels);
    for (int64_t i = 0; i < count; i++) dataset->labels[before + i] = data[i * RECORD];
    Unpacking unpacking = {data, dataset->images + before * CHANNELS * PIXELS, count};
    parallel_for((count + CHUNK - 1) / CHUNK, unpack_chunk, &unpacking);
    dataset->count += count;
    return true;
}

static bool load_file(const char *path, Dataset *dataset, Error *error)
{
    Bytes bytes;
    if (!file_read(path, (size_t)BATCH_RECORDS * RECORD, &bytes, error)) return false;
    bool ok = cifar10_append(bytes.data, bytes.size, path, dataset, error);
    bytes_free(&bytes);
    return ok;
}

// The training batches that are there; missing: the names of the others.
static bool load_batches(const char *directory, Dataset *train, Text *missing, Error *error)
{
    bool ok = true;
    for (int i = 1; ok && i <= BATCHES; i++) {
        Text name = {0};
        text_append(&name, "data_batch_%d.bin", i);
        char *path = path_join(directory, name.text);
        if (file_exists(path))
            ok = load_file(path, train, error);
        else
            text_append(missing, "%s%s", missing->length ? ", " : "", name.text);
        free(path);
        text_free(&name);
    }
    return ok;
}

// Says what the original data set has and this one does not.
static void note_missing(Dataset *dataset, const char *half, const char *missing, int64_t original)
{
    if (dataset->count == original) return;
    Text note = {0};
    if (missing)
        text_append(&note, "%s %s missing, ", missing, strchr(missing, ',') ? "are" : "is");
    text_append(&note, "%lld of %lld %s images", (long long)dataset->count, (long long)original,
                half);
    dataset->note = note.text;
}

bool cifar10_load(const DataSource *source, const DataRequest *request, Dataset *train,
                  Dataset *test, Error *error)
{
    (void)source;
    char *directory = path_join(request->directory, "cifar-10-batches-bin");
    char *test_path = path_join(directory, "test_batch.bin");
    Text missing = {0};
    bool ok =
        directory_exists(directory) ||
        fail(error, "%s: no such directory; the .bin files of CIFAR-10 belong there", directory);
    ok = ok && load_batches(directory, train, &missing, error) && load_file(test_path, test, error);
    if (ok && train->count == 0)
        ok = fail(error, "%s: no training images: at least one of %s is wanted", directory,
                  missing.text);
    if (ok) {
        note_missing(train, "training", missing.text, (int64_t)BATCHES * BATCH_RECORDS);
        note_missing(test, "test", NULL, BATCH_RECORDS);
    }
    text_free(&missing);
    free(test_path);
    free(directory);
    return ok;
}
