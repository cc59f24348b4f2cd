#include "experiments/trigger_images.h"

#include <stdlib.h>
#include <string.h>
#include "core/sha256.h"
#include "data/picture_file.h"
#include "data/resize.h"

static bool read_one(const char *path, int width, int height, int channels, Picture *picture,
                     Error *error)
{
    Picture file;
    if (!picture_read(path, &file, error)) return false;
    Picture converted = picture_convert(&file, channels);
    *picture = picture_resize(&converted, width, height);
    picture_free(&converted);
    picture_free(&file);
    return true;
}

bool trigger_images_read(const char *files, int width, int height, int channels,
                         TriggerImages *images, Error *error)
{
    char *copy = copy_string(files), *rest = NULL;
    bool ok = true;
    *images = (TriggerImages){0};
    for (char *path = strtok_r(copy, ",", &rest); ok && path; path = strtok_r(NULL, ",", &rest)) {
        if (images->count == TRIGGER_IMAGES_MOST)
            ok = fail(error, "--trigger-images: more than %d pictures", TRIGGER_IMAGES_MOST);
        else
            ok = read_one(path, width, height, channels, &images->pictures[images->count], error);
        images->count += ok;
    }
    if (ok && images->count == 0)
        ok = fail(error, "--trigger-images %s: no picture is named", files);
    if (!ok) trigger_images_free(images);
    free(copy);
    return ok;
}

void trigger_images_free(TriggerImages *images)
{
    for (int i = 0; i < images->count; i++) picture_free(&images->pictures[i]);
    *images = (TriggerImages){0};
}

Json *trigger_images_hashes(const TriggerImages *images)
{
    Json *hashes = json_array();
    for (int i = 0; i < images->count; i++) {
        const Picture *p = &images->pictures[i];
        char hex[65];
        sha256_hex(p->pixels, (size_t)p->width * (size_t)p->height * (size_t)p->channels, hex);
        json_push(hashes, json_string(hex));
    }
    return hashes;
}
