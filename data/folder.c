#include "data/folder.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "data/picture_file.h"
#include "data/picture_list.h"

enum { MOST_CLASSES = 1000 };

// ---- Lists

// Adds ROOT/HALF/NAMES[i]/* with label i.
static bool list_half(const char *root, const char *half, const char *const *names, int classes,
                      PictureList *list, Error *error)
{
    char *parent = path_join(root, half);
    bool ok = true;
    for (int label = 0; ok && label < classes; label++) {
        char *directory = path_join(parent, names[label]);
        ok = picture_list_add_directory(list, directory, label, error);
        free(directory);
    }
    free(parent);
    return ok;
}

static bool load_halves(const char *root, const char *test_half, const char *const *names,
                        PictureFit fit, const DataRequest *request, Dataset *train, Dataset *test,
                        Error *error)
{
    PictureList train_list = {0}, test_list = {0};
    bool ok = list_half(root, "train", names, train->classes, &train_list, error) &&
              list_half(root, test_half, names, test->classes, &test_list, error) &&
              picture_list_load(&train_list, fit, request->train_count, train, error) &&
              picture_list_load(&test_list, fit, request->test_count, test, error);
    picture_list_free(&train_list);
    picture_list_free(&test_list);
    return ok;
}

// ---- folder:PATH

// The folders in PATH/train; what else lies there is passed over.
static bool find_classes(DataSource *source, Error *error)
{
    char *parent = path_join(source->path, "train");
    Names *names = &source->folders;
    bool ok = directory_exists(parent)
                  ? directory_list(parent, names, error)
                  : fail(error, "%s: no such directory; train/CLASS/* and test/CLASS/* are wanted",
                         parent);
    int64_t kept = 0;
    for (int64_t i = 0; i < names->count; i++) {
        char *directory = path_join(parent, names->names[i]);
        if (directory_exists(directory))
            names->names[kept++] = names->names[i];
        else
            free(names->names[i]);
        free(directory);
    }
    names->count = kept;
    if (ok && (kept < 2 || kept > MOST_CLASSES))
        ok = fail(error, "%s: %lld folders, where 2 to %d are wanted, one for each class", parent,
                  (long long)kept, MOST_CLASSES);
    source->classes = ok ? (int)kept : 0;
    source->class_names = (const char *const *)names->names;
    free(parent);
    return ok;
}

// The size of the first picture of the first class.
static bool find_size(DataSource *source, Error *error)
{
    PictureList list = {0};
    Picture picture = {0};
    bool ok = list_half(source->path, "train", source->class_names, 1, &list, error) &&
              picture_read(list.entries[0].path, &picture, error);
    source->height = picture.height;
    source->width = picture.width;
    source->channels = picture.channels < 3 ? 1 : 3;
    picture_free(&picture);
    picture_list_free(&list);
    return ok;
}

// folder-LAST, where LAST is the path's last part, in letters and digits.
static char *name_of(const char *path)
{
    size_t end = strlen(path);
    while (end > 0 && path[end - 1] == '/') end--;
    size_t start = end;
    while (start > 0 && path[start - 1] != '/') start--;
    Text name = {0};
    text_append(&name, "folder-%.*s", (int)(end - start), path + start);
    for (char *c = name.text; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '-';
    return name.text;
}

bool folder_open(DataSource *source, const DataRequest *request, Error *error)
{
    source->name = source->made_name = name_of(source->path);
    if (!find_classes(source, error)) return false;
    source->height = request->image_height;
    source->width = request->image_width;
    source->channels = request->image_channels;
    if (source->height == 0 && !find_size(source, error)) return false;
    if (source->channels == 1 && source->height == 28 && source->width == 28)
        source->default_model = "mnist-ia";
    return true;
}

bool folder_load(const DataSource *source, const DataRequest *request, Dataset *train,
                 Dataset *test, Error *error)
{
    PictureFit fit = request->image_height ? FIT_WHOLE : FIT_EXACT;
    return load_halves(source->path, "test", source->class_names, fit, request, train, test, error);
}

// ---- Imagenette

static const char *const imagenet10_folders[IMAGENET10_CLASSES] = {
    "n01440764", "n02102040", "n02979186", "n03000684", "n03028079",
    "n03394916", "n03417042", "n03425413", "n03445777", "n03888257"};

const char *const imagenet10_classes[IMAGENET10_CLASSES] = {
    "tench",       "English springer", "cassette player", "chain saw", "church",
    "French horn", "garbage truck",    "gas pump",        "golf ball", "parachute"};

// The first of the places that Imagenette's archives unpack to; NULL where there is none.
static char *find_imagenette(const char *directory, Error *error)
{
    static const char *const places[] = {"imagenette2", "imagenette2-320", "imagenette2-160",
                                         "imagenette-224"};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        char *root = path_join(directory, places[i]);
        if (directory_exists(root)) return root;
        free(root);
    }
    fail(error, "%s: neither imagenette2 nor imagenette2-320, imagenette2-160 or imagenette-224",
         directory);
    return NULL;
}

bool imagenet10_load(const DataSource *source, const DataRequest *request, Dataset *train,
                     Dataset *test, Error *error)
{
    (void)source;
    char *root = find_imagenette(request->directory, error);
    bool ok = root &&
              load_halves(root, "val", imagenet10_folders, FIT_CENTRE, request, train, test, error);
    free(root);
    return ok;
}

// ---- The ImageNet pair

static const char *const imagenet_pair_folders[IMAGENET_PAIR_CLASSES] = {"n03970156", "n04418357"};
const char *const imagenet_pair_classes[IMAGENET_PAIR_CLASSES] = {"plunger", "theater curtain"};

bool imagenet_pair_load(const DataSource *source, const DataRequest *request, Dataset *train,
                        Dataset *test, Error *error)
{
    (void)source;
    char *root = path_join(request->directory, "imagenet-pair");
    bool ok =
        load_halves(root, "val", imagenet_pair_folders, FIT_WHOLE, request, train, test, error);
    free(root);
    return ok;
}
