#include "data/picture_list.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "core/file.h"
#include "core/thread.h"
#include "data/picture_file.h"
#include "data/resize.h"

void picture_list_add(PictureList *list, char *path, int label)
{
    if (list->count == list->capacity) {
        list->capacity = 2 * list->capacity + 64;
        list->entries =
            reallocate(list->entries, (unsigned long long)list->capacity * sizeof *list->entries);
    }
    list->entries[list->count++] = (PictureEntry){path, label};
}

void picture_list_free(PictureList *list)
{
    for (int64_t i = 0; i < list->count; i++) free(list->entries[i].path);
    free(list->entries);
    *list = (PictureList){0};
}

static bool is_picture(const char *name)
{
    static const char *const endings[] = {".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".pnm"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < sizeof endings / sizeof endings[0]; i++)
        if (strcasecmp(dot, endings[i]) == 0) return true;
    return false;
}

bool picture_list_add_directory(PictureList *list, const char *directory, int label, Error *error)
{
    Names names;
    if (!directory_list(directory, &names, error)) return false;
    int64_t before = list->count;
    for (int64_t i = 0; i < names.count; i++)
        if (is_picture(names.names[i]))
            picture_list_add(list, path_join(directory, names.names[i]), label);
    names_free(&names);
    return list->count > before ||
           fail(error, "%s: no picture (.jpg, .jpeg, .png, .ppm, .pgm, .pnm) in it", directory);
}

// ---- Fitting

static const char *kind_of(int channels)
{
    return channels < 3 ? "grey" : "in colour";
}

static bool fit_exact(const Picture *picture, const Dataset *dataset, const char *path,
                      Error *error)
{
    if (picture->width == dataset->width && picture->height == dataset->height &&
        (picture->channels < 3 || dataset->channels == 3))
        return true;
    return fail(error,
                "%s: %dx%d pixels, %s, where the first picture has %dx%d, %s; "
                "--image-size makes them alike",
                path, picture->width, picture->height, kind_of(picture->channels), dataset->width,
                dataset->height, kind_of(dataset->channels));
}

static bool replace_resized(Picture *picture, uint64_t width, uint64_t height, const char *path,
                            Error *error)
{
    if (!picture_size_check(width, height, path, error)) return false;
    Picture resized = picture_resize(picture, (int)width, (int)height);
    picture_free(picture);
    *picture = resized;
    return true;
}

static bool fit_centre(Picture *picture, const Dataset *dataset, const char *path, Error *error)
{
    uint64_t width = (uint64_t)picture->width, height = (uint64_t)picture->height;
    uint64_t side =
        (uint64_t)(dataset->height > dataset->width ? dataset->height : dataset->width) * 8 / 7;
    bool upright = height > width;
    if (!replace_resized(picture, upright ? side : side * width / height,
                         upright ? side * height / width : side, path, error))
        return false;
    Picture centre = picture_centre(picture, dataset->width, dataset->height);
    picture_free(picture);
    *picture = centre;
    return true;
}

// Makes the picture one of the data set's size and channels.
static bool fit_picture(Picture *picture, PictureFit fit, const Dataset *dataset, const char *path,
                        Error *error)
{
    if (fit == FIT_EXACT && !fit_exact(picture, dataset, path, error)) return false;
    if (picture->channels != dataset->channels) {
        Picture converted = picture_convert(picture, dataset->channels);
        picture_free(picture);
        *picture = converted;
    }
    if (picture->width == dataset->width && picture->height == dataset->height) return true;
    return fit == FIT_CENTRE ? fit_centre(picture, dataset, path, error)
                             : replace_resized(picture, (uint64_t)dataset->width,
                                               (uint64_t)dataset->height, path, error);
}

// ---- Loading

typedef struct Loading {
    const PictureEntry **entries;
    PictureFit fit;
    Dataset *dataset;
    size_t size; // bytes of an image
    pthread_mutex_t lock;
    int64_t failed; // the first entry that cannot be read, so far
    Error *error;
} Loading;

static int64_t first_failed(Loading *loading)
{
    pthread_mutex_lock(&loading->lock);
    int64_t failed = loading->failed;
    pthread_mutex_unlock(&loading->lock);
    return failed;
}

static void note_failed(Loading *loading, int64_t entry, const Error *error)
{
    pthread_mutex_lock(&loading->lock);
    if (entry < loading->failed) {
        loading->failed = entry;
        fail(loading->error, "%s", error->message);
    }
    pthread_mutex_unlock(&loading->lock);
}

static void load_picture(void *context, int64_t task, int thread)
{
    (void)thread;
    Loading *loading = context;
    if (task > first_failed(loading)) return; // nobody will look at it
    const PictureEntry *entry = loading->entries[task];
    Picture picture;
    Error error = {0};
    if (picture_read(entry->path, &picture, &error) &&
        fit_picture(&picture, loading->fit, loading->dataset, entry->path, &error))
        memcpy(loading->dataset->images + (size_t)task * loading->size, picture.pixels,
               loading->size);
    else
        note_failed(loading, task, &error);
    loading->dataset->labels[task] = entry->label;
    picture_free(&picture);
}

// The chosen entries in their order; the caller frees the array.
static const PictureEntry **choose(const PictureList *list, int64_t wanted, int64_t *count)
{
    *count = wanted > 0 && wanted < list->count ? wanted : list->count;
    bool *chosen = random_part(list->count, *count);
    const PictureEntry **entries = allocate((unsigned long long)*count * sizeof *entries);
    int64_t next = 0;
    for (int64_t i = 0; i < list->count; i++)
        if (chosen[i]) entries[next++] = &list->entries[i];
    free(chosen);
    return entries;
}

bool picture_list_load(const PictureList *list, PictureFit fit, int64_t wanted, Dataset *dataset,
                       Error *error)
{
    Loading loading = {.fit = fit,
                       .dataset = dataset,
                       .size = (size_t)dataset->height * (size_t)dataset->width *
                               (size_t)dataset->channels,
                       .failed = INT64_MAX,
                       .error = error};
    loading.entries = choose(list, wanted, &dataset->count);
    dataset->images = allocate_pages((unsigned long long)dataset->count * loading.size);
    dataset->labels = allocate((unsigned long long)dataset->count * sizeof *dataset->labels);
    pthread_mutex_init(&loading.lock, NULL);
    parallel_for(dataset->count, load_picture, &loading);
    pthread_mutex_destroy(&loading.lock);
    free(loading.entries);
    return loading.failed == INT64_MAX;
}
