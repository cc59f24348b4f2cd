// sieve image, from outside: pictures are converted, grey stays grey, alpha stays in PNG; what
// cannot be read or written is one sentence and leaves no file.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "data/picture_file.h"
#include "tests/experiments/program.h"
#include "tests/test.h"

// A picture of these channels below the temporary directory; the caller frees its path.
static char *write_picture(const char *name, int channels)
{
    Error error = {0};
    char *path = path_of(name);
    Picture picture = picture_create(7, 5, channels);
    for (int i = 0; i < 7 * 5 * channels; i++) picture.pixels[i] = (uint8_t)(i * 5);
    check(picture_write(path, &picture, &error), "%s", error.message);
    picture_free(&picture);
    return path;
}

// Converts, and gives the result as the program's own reader sees it.
static Picture converted(const char *in, const char *out)
{
    Error error = {0};
    Picture picture = {0};
    char *path = path_of(out);
    Outcome o = run_sieve("image '%s' -o '%s'", in, path);
    check(o.status == 0 && o.errors[0] == '\0' && o.output[0] == '\0', "%s: %d, '%s'", out,
          o.status, o.errors);
    check(picture_read(path, &picture, &error), "%s", error.message);
    free(path);
    return picture;
}

static void channels_follow_the_format(void)
{
    static const struct {
        int channels, png, ppm, pgm;
    } cases[] = {{1, 1, 3, 1}, {2, 2, 3, 1}, {3, 3, 3, 1}, {4, 4, 3, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int channels = cases[i].channels;
        char *in = write_picture("in.png", channels);
        Picture png = converted(in, "out.png"), ppm = converted(in, "out.ppm");
        Picture pgm = converted(in, "out.pgm");
        check(png.channels == cases[i].png && ppm.channels == cases[i].ppm &&
                  pgm.channels == cases[i].pgm,
              "from %d channels: %d, %d, %d", channels, png.channels, ppm.channels, pgm.channels);
        for (int k = 0; png.pixels && k < 35 * channels; k++)
            check(png.pixels[k] == (uint8_t)(k * 5), "sample %d is %d", k, png.pixels[k]);
        picture_free(&png);
        picture_free(&ppm);
        picture_free(&pgm);
        free(in);
    }
}

static void the_content_decides_not_the_name(void)
{
    char *in = path_of("really_pnm.jpg");
    write_text(in, "P3 1 1 255 1 2 3");
    Picture picture = converted(in, "out.PNG");
    check(picture.pixels && picture.pixels[0] == 1 && picture.pixels[2] == 3, "other pixels");
    picture_free(&picture);
    free(in);
}

// Status 1, one sentence with `what`, no output file.
static void fails(const char *in, const char *out, const char *what)
{
    Outcome o = run_sieve("image '%s' -o '%s'", in, out);
    check(o.status == 1 && strncmp(o.errors, "sieve: ", 7) == 0 && strstr(o.errors, what),
          "%s: status %d, '%s' lacks '%s'", in, o.status, o.errors, what);
    const char *end = strchr(o.errors, '\n');
    check(end && end[1] == '\0', "not one sentence: '%s'", o.errors);
    check(files_left()[0] == '\0', "leaves %s", files_left());
}

static void failures_are_one_sentence_and_no_file(void)
{
    char *broken = path_of("broken.ppm"), *good = write_picture("good.png", 3);
    fails("/no/such.png", "out.png", "/no/such.png");
    fails("/", "out.png", "is a directory");
    write_text(broken, "P6 4 4 255 abc");
    fails(broken, "out.png", "broken.ppm: ends before its last sample");
    write_text(broken, "GIF89a");
    fails(broken, "out.png", "neither PNG nor JPEG nor PNM");
    write_text(broken, "");
    fails(broken, "out.png", "neither PNG nor JPEG nor PNM");
    fails(good, "/no/where/out.png", "/no/where");
    free(broken);
    free(good);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"channels_follow_the_format", channels_follow_the_format},
        {"the_content_decides_not_the_name", the_content_decides_not_the_name},
        {"failures_are_one_sentence_and_no_file", failures_are_one_sentence_and_no_file},
    };
    return TESTS_RUN(tests);
}
