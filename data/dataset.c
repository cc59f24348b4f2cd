// The table of data sources. Adding one is one row here and one loader beside digits.c, mnist.c and
// cifar10.c.
#include "data/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "core/random.h"
#include "core/sha256.h"
#include "data/celeba.h"
#include "data/cifar10.h"
#include "data/digits.h"
#include "data/folder.h"
#include "data/gtsrb.h"
#include "data/mnist.h"
#include "data/sign_faces.h"
#include "data/signs.h"
#include "data/trojai.h"

// The filtering paper's augmentation (facts 1.3, 3.2): a crop out of 5 zeros on every side
// everywhere, rotation except for MNIST's digits, mirroring where a mirrored image is still of its
// class. (CelebA's is for its filters; its classifiers are not mirrored there: classifier.flip=0.)
// The NONE paper's (its facts, 5): 4 zeros, nothing on MNIST.
static const DataSource sources[] = {
    {.name = "digits",
     .place = "drawn by the program",
     .height = 28,
     .width = 28,
     .channels = 1,
     .classes = 10,
     .default_model = "mnist-ia",
     .mean = {0.5f},
     .std = {0.5f},
     .augmentation = {.crop_padding = 5},
     .built_in = true,
     .load = digits_load},
    {.name = "signs",
     .place = "drawn by the program",
     .height = 32,
     .width = 32,
     .channels = 3,
     .classes = SIGN_CLASSES,
     .default_model = "preact-resnet18",
     .std = {1, 1, 1},
     .augmentation = {.crop_padding = 5, .rotation_degrees = 10},
     .none_augmentation = {.crop_padding = 4},
     .class_names = sign_classes,
     .built_in = true,
     .load = signs_load},
    {.name = "mnist",
     .place = "DIR/mnist: the four original files, plain or gzipped",
     .height = 28,
     .width = 28,
     .channels = 1,
     .classes = 10,
     .default_model = "mnist-ia",
     .mean = {0.5f},
     .std = {0.5f},
     .augmentation = {.crop_padding = 5},
     .load = mnist_load},
    {.name = "cifar10",
     .place = "DIR/cifar-10-batches-bin: data_batch_1.bin ... test_batch.bin",
     .height = 32,
     .width = 32,
     .channels = 3,
     .classes = 10,
     .default_model = "preact-resnet18",
     .mean = {0.4914f, 0.4822f, 0.4465f},
     .std = {0.247f, 0.243f, 0.261f},
     .augmentation = {.crop_padding = 5, .rotation_degrees = 10, .flip = true},
     .none_augmentation = {.crop_padding = 4, .flip = true},
     .class_names = cifar10_classes,
     .load = cifar10_load},
    {.name = "gtsrb",
     .place = "DIR/gtsrb: Final_Training, Final_Test",
     .height = 32,
     .width = 32,
     .channels = 3,
     .classes = GTSRB_CLASSES,
     .default_model = "preact-resnet18",
     .std = {1, 1, 1},
     .augmentation = {.crop_padding = 5, .rotation_degrees = 10},
     .none_augmentation = {.crop_padding = 4},
     .class_names = gtsrb_classes,
     .load = gtsrb_load},
    {.name = "celeba",
     .place = "DIR/celeba: img_align_celeba, list_attr_celeba.txt",
     .height = 64,
     .width = 64,
     .channels = 3,
     .classes = CELEBA_CLASSES,
     .default_model = "resnet18-celeba",
     .std = {1, 1, 1},
     .augmentation = {.crop_padding = 5, .rotation_degrees = 10, .flip = true},
     .none_augmentation = {.crop_padding = 4, .flip = true},
     .class_names = celeba_classes,
     .load = celeba_load},
    {.name = "imagenet10",
     .place = "DIR/imagenette2 (or -320, -160): train, val",
     .height = 224,
     .width = 224,
     .channels = 3,
     .classes = IMAGENET10_CLASSES,
     .default_model = "resnet18",
     .mean = {0.485f, 0.456f, 0.406f},
     .std = {0.229f, 0.224f, 0.225f},
     .augmentation = {.crop_padding = 28, .flip = true},
     .none_augmentation = {.crop_padding = 28, .flip = true},
     .class_names = imagenet10_classes,
     .load = imagenet10_load},
    {.name = "imagenet-pair",
     .place = "DIR/imagenet-pair: train, val, with n03970156 and n04418357",
     .height = 224,
     .width = 224,
     .channels = 3,
     .classes = IMAGENET_PAIR_CLASSES,
     .default_model = "alexnet",
     .mean = {0.485f, 0.456f, 0.406f},
     .std = {0.229f, 0.224f, 0.225f},
     .augmentation = {.crop_padding = 28, .flip = true},
     .none_augmentation = {.crop_padding = 28, .flip = true},
     .class_names = imagenet_pair_classes,
     .load = imagenet_pair_load},
    {.name = "trojai",
     .place = "DIR/trojai: train.csv, test.csv, pictures",
     .height = 224,
     .width = 224,
     .channels = 3,
     .default_model = "resnet18",
     .std = {1, 1, 1},
     .augmentation = {.crop_padding = 28, .rotation_degrees = 10},
     .none_augmentation = {.crop_padding = 28},
     .open = trojai_open,
     .load = trojai_load},
    {.name = "folder",
     .place = "PATH/train/CLASS/*, PATH/test/CLASS/*",
     .default_model = "preact-resnet18",
     .std = {1, 1, 1},
     .augmentation = {.crop_padding = 5, .rotation_degrees = 10},
     .none_augmentation = {.crop_padding = 4},
     .takes_path = true,
     .open = folder_open,
     .load = folder_load},
};
enum { SOURCES = sizeof sources / sizeof sources[0] };

const DataSource *data_source_find(const char *name, Error *error)
{
    Text known = {0};
    size_t length = strcspn(name, ":");
    for (int i = 0; i < SOURCES; i++) {
        const DataSource *row = &sources[i];
        bool has_path = name[length] && name[length + 1];
        if (strncmp(row->name, name, length) == 0 && !row->name[length] &&
            (row->takes_path ? has_path : !name[length])) {
            text_free(&known);
            return row;
        }
        text_append(&known, "%s%s%s", i ? ", " : "", row->name, row->takes_path ? ":PATH" : "");
    }
    fail(error, "unknown data set '%s': known are %s", name, known.text);
    text_free(&known);
    return NULL;
}

const DataSource *data_source_at(int i)
{
    return i < SOURCES ? &sources[i] : NULL;
}

DataSource *data_source_open(const char *name, const DataRequest *request, Error *error)
{
    const DataSource *row = data_source_find(name, error);
    if (!row) return NULL;
    DataSource *source = allocate(sizeof *source);
    *source = *row;
    if (row->takes_path) source->path = strchr(name, ':') + 1;
    if (!row->open || row->open(source, request, error)) return source;
    data_source_close(source);
    return NULL;
}

void data_source_close(DataSource *source)
{
    if (!source) return;
    names_free(&source->folders);
    free(source->made_name);
    free(source);
}

bool *random_part(int64_t total, int64_t count)
{
    bool *chosen = allocate_zeroed((unsigned long long)total);
    uint32_t *order = allocate((unsigned long long)total * sizeof *order);
    random_permutation((RandomKey){.purpose = random_purpose("part of a data set")},
                       (uint32_t)total, order);
    for (int64_t i = 0; i < count; i++) chosen[order[i]] = true;
    free(order);
    return chosen;
}

// An empty data set of the source's name, shape and normalisation.
static Dataset dataset_of(const DataSource *source)
{
    Dataset dataset = {
        .name = copy_string(source->name),
        .height = source->height,
        .width = source->width,
        .channels = source->channels,
        .classes = source->classes,
    };
    memcpy(dataset.mean, source->mean, sizeof dataset.mean);
    memcpy(dataset.std, source->std, sizeof dataset.std);
    return dataset;
}

// Keeps `count` samples of the data set, in their order; all of them where count is 0 or there are
// no more.
static void dataset_part(Dataset *dataset, int64_t count)
{
    if (count <= 0 || count >= dataset->count) return;
    size_t size = (size_t)dataset->height * (size_t)dataset->width * (size_t)dataset->channels;
    bool *kept = random_part(dataset->count, count);
    int64_t next = 0;
    for (int64_t i = 0; i < dataset->count; i++) {
        if (!kept[i]) continue;
        if (i > next)
            memcpy(dataset->images + (size_t)next * size, dataset->images + (size_t)i * size, size);
        dataset->labels[next++] = dataset->labels[i];
    }
    dataset->count = count;
    free(kept);
}

bool dataset_load(const DataSource *source, const DataRequest *request, Dataset *train,
                  Dataset *test, Error *error)
{
    *train = dataset_of(source);
    *test = dataset_of(source);
    if (source->load(source, request, train, test, error)) {
        dataset_part(train, request->train_count);
        dataset_part(test, request->test_count);
        return true;
    }
    dataset_free(train);
    dataset_free(test);
    return false;
}

Dataset dataset_draw(const Dataset *dataset, int64_t count, RandomKey key)
{
    size_t size = (size_t)dataset->height * (size_t)dataset->width * (size_t)dataset->channels;
    uint32_t *order = allocate(sizeof *order * (size_t)(dataset->count + 1));
    Dataset drawn = *dataset;
    random_permutation(key, (uint32_t)dataset->count, order);
    drawn.count = count < dataset->count ? count : dataset->count;
    drawn.name = copy_string(dataset->name);
    drawn.note = NULL;
    drawn.images = allocate((size_t)drawn.count * size + 1);
    drawn.labels = allocate((size_t)(drawn.count + 1) * sizeof *drawn.labels);
    for (int64_t i = 0; i < drawn.count; i++) {
        memcpy(drawn.images + (size_t)i * size, dataset->images + order[i] * size, size);
        drawn.labels[i] = dataset->labels[order[i]];
    }
    free(order);
    return drawn;
}

// How often each value comes up in a channel. The moments are taken from these whole numbers, so
// that no order of summation matters.
static void count_values(const Dataset *dataset, int channel, int64_t counts[256])
{
    memset(counts, 0, 256 * sizeof *counts);
    int64_t pixels = dataset->count * dataset->height * dataset->width;
    const uint8_t *value = dataset->images + channel;
    for (int64_t i = 0; i < pixels; i++, value += dataset->channels) counts[*value]++;
}

void dataset_moments(const Dataset *dataset, double mean[3], double deviation[3])
{
    for (int channel = 0; channel < dataset->channels; channel++) {
        int64_t counts[256];
        double pixels = (double)(dataset->count * dataset->height * dataset->width);
        double sum = 0, squares = 0;
        count_values(dataset, channel, counts);
        for (int value = 0; value < 256; value++) sum += (double)counts[value] * value;
        double mu = pixels > 0 ? sum / pixels : 0;
        for (int value = 0; value < 256; value++)
            squares += (double)counts[value] * (value - mu) * (value - mu);
        mean[channel] = mu / 255;
        deviation[channel] = pixels > 0 ? sqrt(squares / pixels) / 255 : 0;
    }
}

void dataset_digest(const Dataset *train, const Dataset *test, char hex[65])
{
    const Dataset *halves[] = {train, test};
    Sha256 hash;
    sha256_begin(&hash);
    for (int i = 0; i < 2; i++) {
        const Dataset *d = halves[i];
        size_t size = (size_t)d->height * (size_t)d->width * (size_t)d->channels;
        for (int64_t k = 0; k < d->count; k++) {
            uint8_t label[2] = {(uint8_t)(d->labels[k] & 255), (uint8_t)(d->labels[k] >> 8)};
            sha256_update(&hash, label, sizeof label);
            sha256_update(&hash, d->images + (size_t)k * size, size);
        }
    }
    sha256_end_hex(&hash, hex);
}

void dataset_free(Dataset *dataset)
{
    free(dataset->name);
    free(dataset->images);
    free(dataset->labels);
    free(dataset->note);
    *dataset = (Dataset){0};
}
