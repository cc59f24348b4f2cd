// data/png_read.c: pictures put together here (the filters, each depth and colour, interlacing),
// each kind of damage; published samples.
#include "data/png.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/sha256.h"
#include "data/checksum.h"
#include "data/deflate.h"
#include "tests/test.h"

// ---- Putting files together

static void append_number(Text *file, uint32_t value)
{
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (24 - 8 * i));
    text_append_bytes(file, bytes, 4);
}

static void append_chunk(Text *file, const char *type, const void *data, size_t size)
{
    append_number(file, (uint32_t)size);
    size_t start = file->length;
    text_append_bytes(file, type, 4);
    text_append_bytes(file, data, size);
    append_number(file, crc32_of((const uint8_t *)file->text + start, 4 + size));
}

typedef struct Made {
    int width, height, depth, colour, interlaced;
    const char *palette, *transparency;
    size_t palette_size, transparency_size;
    const char *rows; // filtered
    size_t rows_size;
} Made;

static void append_header(Text *file, const Made *made)
{
    uint8_t header[13] = {0};
    header[3] = (uint8_t)made->width;
    header[7] = (uint8_t)made->height;
    header[8] = (uint8_t)made->depth;
    header[9] = (uint8_t)made->colour;
    header[12] = (uint8_t)made->interlaced;
    text_append_bytes(file, "\x89PNG\r\n\x1a\n", 8);
    append_chunk(file, "IHDR", header, 13);
}

static Text zlib(const char *rows, size_t size)
{
    Text packed = {0};
    text_append_bytes(&packed, "\x78\x01", 2);
    deflate((const uint8_t *)rows, size, &packed);
    append_number(&packed, adler32_of((const uint8_t *)rows, size));
    return packed;
}

static Text make(const Made *made)
{
    Text file = {0}, packed = zlib(made->rows, made->rows_size);
    append_header(&file, made);
    if (made->palette) append_chunk(&file, "PLTE", made->palette, made->palette_size);
    if (made->transparency)
        append_chunk(&file, "tRNS", made->transparency, made->transparency_size);
    append_chunk(&file, "tEXt", "side data", 9);
    append_chunk(&file, "IDAT", packed.text, packed.length / 2); // in two pieces
    append_chunk(&file, "IDAT", packed.text + packed.length / 2, packed.length - packed.length / 2);
    append_chunk(&file, "IEND", "", 0);
    text_free(&packed);
    return file;
}

// Reads in memory of exactly this size, so that the sanitizer sees every step beyond.
static bool decode(const Text *file, size_t size, Picture *picture, Error *error)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, file->text, size);
    bool done = png_decode(copy, size, "file", picture, error);
    free(copy);
    return done;
}

#define ROWS(text) .rows = (text), .rows_size = sizeof(text) - 1

static void gives(const char *what, const Made *made, int channels, const char *pixels)
{
    Text file = make(made);
    Picture picture;
    Error error = {0};
    if (check(decode(&file, file.length, &picture, &error), "%s: %s", what, error.message)) {
        check(picture.width == made->width && picture.height == made->height &&
                  picture.channels == channels,
              "%s: %dx%dx%d", what, picture.width, picture.height, picture.channels);
        size_t size = (size_t)made->width * (size_t)made->height * (size_t)picture.channels;
        for (size_t i = 0; picture.channels == channels && i < size; i++)
            check(picture.pixels[i] == (uint8_t)pixels[i], "%s: sample %zu is %d, not %d", what, i,
                  picture.pixels[i], (uint8_t)pixels[i]);
        picture_free(&picture);
    }
    text_free(&file);
}

static void every_filter_is_undone(void)
{
    // Left, above, their mean, Paeth's choice; by hand from the rows below.
    Made made = {3,
                 5,
                 8,
                 0,
                 0,
                 ROWS("\0\x0A\x14\x1E"
                      "\1\x0A\x0A\x0A"
                      "\2\1\2\3"
                      "\3\1\1\1"
                      "\4\1\1\1")};
    gives("filters", &made, 1, "\x0A\x14\x1E\x0A\x14\x1E\x0B\x16\x21\x06\x0F\x19\x07\x10\x1A");
    Made first = {2, 1, 8, 2, 0, ROWS("\4\1\2\3\4\5\6")}; // the first row has zeros above
    gives("first row", &first, 3, "\1\2\3\5\7\x09");
}

static void every_depth_and_colour_becomes_bytes(void)
{
    Made grey1 = {9, 1, 1, 0, 0, ROWS("\0\xA5\x80")};
    gives("1 bit", &grey1, 1, "\xFF\0\xFF\0\0\xFF\0\xFF\xFF");
    Made grey2 = {4, 1, 2, 0, 0, ROWS("\0\x1B")};
    gives("2 bits", &grey2, 1, "\0\x55\xAA\xFF");
    Made grey4 = {3, 1, 4, 0, 0, ROWS("\0\x0F\x70")};
    gives("4 bits", &grey4, 1, "\0\xFF\x77");
    Made grey16 = {2, 1, 16, 0, 0, ROWS("\0\x12\xFF\xFF\x00")};
    gives("16 bits", &grey16, 1, "\x12\xFF");
    Made grey_alpha = {1, 1, 8, 4, 0, ROWS("\0\1\2")};
    gives("grey, alpha", &grey_alpha, 2, "\1\2");
    Made rgb16 = {1, 1, 16, 2, 0, ROWS("\0\1\xFF\2\xFF\3\xFF")};
    gives("RGB, 16 bits", &rgb16, 3, "\1\2\3");
    Made rgb_alpha = {1, 1, 8, 6, 0, ROWS("\0\1\2\3\4")};
    gives("RGB, alpha", &rgb_alpha, 4, "\1\2\3\4");
    Made palette = {3, 1, 2, 3, 0, "abcdefghi", "xy", 9, 0, ROWS("\0\x18")};
    palette.transparency = NULL;
    gives("palette", &palette, 3, "abcdefghi");
    palette.transparency = "xy";
    palette.transparency_size = 2;
    gives("palette with alpha", &palette, 4, "abcxdefyghi\xFF");
}

static void one_colour_may_be_transparent(void)
{
    Made grey16 = {2, 1, 16, 0, 0, NULL, "\x12\x34", 0, 2, ROWS("\0\x12\x34\x12\x35")};
    gives("of 16 bits all count", &grey16, 2, "\x12\0\x12\xFF");
    Made rgb = {2, 1, 8, 2, 0, NULL, "\0\1\0\2\0\3", 0, 6, ROWS("\0\1\2\3\1\2\4")};
    gives("RGB", &rgb, 4, "\1\2\3\0\1\2\4\xFF");
}

// 5 x 3: the third pass is empty, it has no rows (in the file, not even their filters).
static void interlaced_pixels_go_to_their_places(void)
{
    Made made = {5,
                 3,
                 8,
                 0,
                 1,
                 ROWS("\0A"        // (0, 0)
                      "\0B"        // (4, 0)
                      "\0C"        // (2, 0)
                      "\0DEF"      // row 2, every second
                      "\0GH\0IJ"   // rows 0 and 2, those between
                      "\0KLMNO")}; // row 1
    gives("interlaced", &made, 1, "AGCHBKLMNODIEJF");
    Made one = {1, 1, 8, 0, 1, ROWS("\0A")};
    gives("one pixel", &one, 1, "A");
}

// ---- Damage

static void refused(const Text *file, size_t size, const char *reason)
{
    Picture picture = {.width = 9};
    Error error = {0};
    check(!decode(file, size, &picture, &error), "accepted, but expected: %s", reason);
    check(picture.pixels == NULL && picture.width == 0, "%s: not empty", reason);
    check(strncmp(error.message, "file: ", 6) == 0 && strstr(error.message, reason),
          "expected '%s', got '%s'", reason, error.message);
}

static void made_is_refused(Made made, const char *reason)
{
    Text file = make(&made);
    refused(&file, file.length, reason);
    text_free(&file);
}

static void contradictions_are_named(void)
{
    Made good = {2, 2, 8, 0, 0, ROWS("\0ab\0cd")}, bad = good;
    bad.width = 0;
    made_is_refused(bad, "0x2 pixels");
    bad = good, bad.colour = 1;
    made_is_refused(bad, "do not exist");
    bad = good, bad.colour = 2, bad.depth = 4;
    made_is_refused(bad, "do not exist");
    bad = good, bad.interlaced = 2;
    made_is_refused(bad, "interlacing");
    bad = good, bad.rows = "\0ab\5cd";
    made_is_refused(bad, "unknown filter");
    bad = good, bad.rows_size = 5;
    made_is_refused(bad, "compressed data end early");
    bad = good, bad.rows = "\0ab\0cdx", bad.rows_size = 7;
    made_is_refused(bad, "more than the limit of 6 bytes");
    bad = good, bad.transparency = "abc", bad.transparency_size = 3;
    made_is_refused(bad, "transparent colour");
    bad = good, bad.colour = 3;
    made_is_refused(bad, "no palette");
    bad.palette = "abcde", bad.palette_size = 5;
    made_is_refused(bad, "palette is damaged");
    bad.palette_size = 3;
    made_is_refused(bad, "palette lacks");
    bad.transparency = "ab", bad.transparency_size = 2;
    made_is_refused(bad, "transparent colour");
}

static void damaged_streams_are_named(void)
{
    Made made = {2, 2, 8, 0, 0, ROWS("\0ab\0cd")};
    static const struct {
        size_t position;
        const char *reason;
    } cases[] = {{0, "(header)"}, {1, "(header)"}, {2, "compressed data are damaged"}};
    for (size_t i = 0; i <= sizeof cases / sizeof cases[0]; i++) {
        Text file = {0}, packed = zlib(made.rows, made.rows_size);
        bool last = i == sizeof cases / sizeof cases[0];
        if (last)
            packed.text[packed.length - 1] ^= 1;
        else
            packed.text[cases[i].position] = (char)0xFF;
        append_header(&file, &made);
        append_chunk(&file, "IDAT", packed.text, packed.length);
        append_chunk(&file, "IEND", "", 0);
        refused(&file, file.length, last ? "Adler-32" : cases[i].reason);
        text_free(&packed);
        text_free(&file);
    }
}

static void a_short_file_cannot_ask_for_much(void)
{
    Made made = {255, 255, 16, 6, 0, ROWS("")};
    made_is_refused(made, "too short for 255x255 pixels");
}

static void cut_files_are_refused_at_every_length(void)
{
    Made made = {3, 1, 2, 3, 0, "abcdefghi", "xy", 9, 2, ROWS("\0\x18")};
    Text file = make(&made);
    for (size_t size = 0; size < file.length; size++)
        refused(&file, size, size < 8 ? "PNG" : "early");
    text_free(&file);
}

// A changed byte breaks a checksum; only in the side data (tEXt) it does no harm.
static void every_changed_byte_is_noticed(void)
{
    Made made = {3, 1, 2, 3, 0, "abcdefghi", "xy", 9, 2, ROWS("\0\x18")};
    Text file = make(&made);
    int accepted = 0;
    for (size_t i = 0; i < file.length; i++) {
        Picture picture;
        Error error = {0};
        file.text[i] ^= 0x20;
        if (decode(&file, file.length, &picture, &error)) {
            accepted++;
            check(memcmp(picture.pixels, "abc", 3) == 0, "byte %zu: other pixels", i);
            picture_free(&picture);
        }
        file.text[i] ^= 0x20;
    }
    // Of tEXt and tRNS all but the length and the first letter, which says that they may be passed
    // over: 3 letters, 9 and 2 bytes, 4 of the checksum.
    check(accepted == 3 + 9 + 4 + 3 + 2 + 4, "%d changes accepted", accepted);
    text_free(&file);
}

// ---- Published files

static void check_sample(const char *line)
{
    char name[128], hash[65], hex[65], relative[160];
    int width, height;
    if (!check(sscanf(line, "%127[^,],%d,%d,%*d,%*d,%*d,%64[0-9a-f]", name, &width, &height,
                      hash) == 4,
               "expected.csv: '%s'", line))
        return;
    snprintf(relative, sizeof relative, "data/images/png/%s", name);
    const char *path = shared_path(relative);
    Bytes bytes;
    Picture picture;
    Error error = {0};
    if (!check(path && file_read(path, 1 << 24, &bytes, &error), "%s %s", name, error.message))
        return;
    if (check(png_decode(bytes.data, bytes.size, name, &picture, &error), "%s", error.message)) {
        Picture rgba = picture_convert(&picture, 4);
        sha256_hex(rgba.pixels, (size_t)rgba.width * (size_t)rgba.height * 4, hex);
        check(picture.width == width && picture.height == height && strcmp(hex, hash) == 0,
              "%s: other pixels", name);
        picture_free(&rgba);
        picture_free(&picture);
    }
    bytes_free(&bytes);
}

static void published_samples_give_the_expected(void)
{
    check_listed("data/images/png/expected.csv", 110, check_sample);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"every_filter_is_undone", every_filter_is_undone},
        {"every_depth_and_colour_becomes_bytes", every_depth_and_colour_becomes_bytes},
        {"one_colour_may_be_transparent", one_colour_may_be_transparent},
        {"interlaced_pixels_go_to_their_places", interlaced_pixels_go_to_their_places},
        {"contradictions_are_named", contradictions_are_named},
        {"damaged_streams_are_named", damaged_streams_are_named},
        {"a_short_file_cannot_ask_for_much", a_short_file_cannot_ask_for_much},
        {"cut_files_are_refused_at_every_length", cut_files_are_refused_at_every_length},
        {"every_changed_byte_is_noticed", every_changed_byte_is_noticed},
        {"published_samples_give_the_expected", published_samples_give_the_expected},
    };
    return TESTS_RUN(tests);
}
