// Each half of MNIST is one IDX file of images and one of labels; this file checks that the two
// belong together.
#include "data/mnist.h"

#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "data/idx.h"

static bool take_images(const IdxArray *array, const char *name, Dataset *dataset, Error *error)
{
    if (array->rank != 3 || array->shape[1] != dataset->height || array->shape[2] != dataset->width)
        return fail(error, "%s: expected images of %dx%d", name, dataset->height, dataset->width);
    dataset->count = array->shape[0];
    dataset->images = allocate((unsigned long long)array->count);
    memcpy(dataset->images, array->values, (size_t)array->count);
    return true;
}

static bool take_labels(const IdxArray *array, const char *name, Dataset *dataset, Error *error)
{
    if (array->rank != 1) return fail(error, "%s: expected a row of labels", name);
    if (array->count != dataset->count)
        return fail(error, "%s: %lld labels for %lld images", name, (long long)array->count,
                    (long long)dataset->count);
    dataset->labels = allocate((unsigned long long)array->count * sizeof *dataset->labels);
    for (int64_t i = 0; i < array->count; i++) {
        if (array->values[i] >= dataset->classes)
            return fail(error, "%s: label %lld is %d, not in 0..%d", name, (long long)i,
                        array->values[i], dataset->classes - 1);
        dataset->labels[i] = array->values[i];
    }
    return true;
}

typedef bool Take(const IdxArray *array, const char *name, Dataset *dataset, Error *error);

static bool load_file(const char *directory, const char *name, Take *take, Dataset *dataset,
                      Error *error)
{
    Bytes bytes;
    IdxArray array;
    if (!idx_read(directory, name, &bytes, &array, error)) return false;
    char *path = path_join(directory, name);
    bool ok = take(&array, path, dataset, error);
    free(path);
    bytes_free(&bytes);
    return ok;
}

bool mnist_load(const DataSource *source, const DataRequest *request, Dataset *train, Dataset *test,
                Error *error)
{
    char *directory = path_join(request->directory, source->name);
    bool ok =
        directory_exists(directory)
            ? load_file(directory, "train-images-idx3-ubyte", take_images, train, error) &&
                  load_file(directory, "train-labels-idx1-ubyte", take_labels, train, error) &&
                  load_file(directory, "t10k-images-idx3-ubyte", take_images, test, error) &&
                  load_file(directory, "t10k-labels-idx1-ubyte", take_labels, test, error)
            : fail(error, "%s: no such directory; the four files of MNIST belong there", directory);
    free(directory);
    return ok;
}
