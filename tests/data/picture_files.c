#include "tests/data/picture_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "data/picture_file.h"
#include "tests/test.h"

const char *inside(const char *name)
{
    static char paths[4][600];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", temporary_directory(), name);
    return path;
}

static const char *made(const char *name)
{
    char parent[600];
    Error error = {0};
    snprintf(parent, sizeof parent, "%s", inside(name));
    *strrchr(parent, '/') = 0;
    check(directory_create(parent, &error), "%s", error.message);
    return inside(name);
}

void write_text(const char *name, const char *text)
{
    Error error = {0};
    check(file_write(made(name), text, strlen(text), &error), "%s", error.message);
}

void write_picture(const char *name, int width, int height, int channels, int value)
{
    Error error = {0};
    Picture picture = picture_create(width, height, channels);
    memset(picture.pixels, value, (size_t)width * (size_t)height * (size_t)channels);
    check(picture_write(made(name), &picture, &error), "%s", error.message);
    picture_free(&picture);
}

DataSource *load(const char *name, const char *directory, DataRequest request, Dataset *train,
                 Dataset *test, Error *error)
{
    request.directory = directory;
    *train = *test = (Dataset){0};
    DataSource *source = data_source_open(name, &request, error);
    if (source && dataset_load(source, &request, train, test, error)) return source;
    data_source_close(source);
    return NULL;
}

void load_refused(const char *name, const char *directory, const char *reason)
{
    Dataset train, test;
    Error error = {0};
    check(!load(name, inside(directory), (DataRequest){0}, &train, &test, &error),
          "accepted, but expected: %s", reason);
    check(strstr(error.message, reason) != NULL, "expected '%s', got: %s", reason, error.message);
    check(strchr(error.message, '\n') == NULL, "more than a line");
    check(!train.images && !train.labels && !test.images && !test.labels, "not empty");
}

void check_halves(const Dataset *train, const Dataset *test, const char *digest)
{
    char hex[65];
    dataset_digest(train, test, hex);
    check(strcmp(hex, digest) == 0, "labels and images: %s", hex);
}
