// data/picture_file.c on broken files of all kinds: each is refused with a sentence that names it,
// or gives a picture, in little time; how many of each does not change unnoticed.
#include "data/picture_file.h"

#include <glob.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "tests/test.h"

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

// Whether it is read; if not, the sentence has `reason` in it.
static bool try_file(const char *path, const char *reason)
{
    Picture picture = {.width = 9};
    Error error = {0};
    double start = now();
    bool done = picture_read(path, &picture, &error);
    check(now() - start < 20, "%s takes %.0f s", path, now() - start);
    if (done)
        check(picture.pixels && picture.width > 0 && picture.height > 0, "%s: no picture", path);
    else
        check(!picture.pixels && strncmp(error.message, path, strlen(path)) == 0 &&
                  strstr(error.message, reason),
              "%s: '%s'", path, error.message);
    picture_free(&picture);
    return done;
}

// All files of the directory; so many are read, so many refused.
static void try_all(const char *name, int pictures, int refusals, const char *reason)
{
    char pattern[600];
    glob_t found;
    snprintf(pattern, sizeof pattern, "data/images/%s", name);
    const char *directory = shared_path(pattern);
    if (!directory) {
        skip("../shared/data/images is absent");
        return;
    }
    snprintf(pattern, sizeof pattern, "%s/*", directory);
    if (!check(glob(pattern, 0, NULL, &found) == 0, "nothing in %s", directory)) return;
    int read = 0, refused = 0;
    for (size_t i = 0; i < found.gl_pathc; i++)
        *(try_file(found.gl_pathv[i], reason) ? &read : &refused) += 1;
    check(read == pictures && refused == refusals, "%s: %d pictures and %d refusals, not %d and %d",
          name, read, refused, pictures, refusals);
    globfree(&found);
}

static void broken_png_files_are_refused_or_read(void)
{
    try_all("png-corrupt", 2, 152, ": ");
}

static void broken_jpeg_files_are_refused_or_read(void)
{
    try_all("jpeg-corrupt", 18, 188, ": ");
}

static void broken_pnm_files_are_refused(void)
{
    try_all("pnm-corrupt", 0, 19, ": ");
}

static void rare_jpeg_files_are_said_to_be_unsupported(void)
{
    try_all("jpeg-rare", 0, 12, "supported");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"broken_png_files_are_refused_or_read", broken_png_files_are_refused_or_read},
        {"broken_jpeg_files_are_refused_or_read", broken_jpeg_files_are_refused_or_read},
        {"broken_pnm_files_are_refused", broken_pnm_files_are_refused},
        {"rare_jpeg_files_are_said_to_be_unsupported", rare_jpeg_files_are_said_to_be_unsupported},
    };
    return TESTS_RUN(tests);
}
