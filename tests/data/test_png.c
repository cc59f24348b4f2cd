// data/png.c: pictures of odd sizes, read back by a small decoder of the test's own;
// data/picture.c: where the images of a sheet lie.
#include "data/png.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/random.h"
#include "core/sha256.h"
#include "data/checksum.h"
#include "data/inflate.h"
#include "data/picture.h"
#include "tests/test.h"

static uint32_t big_endian_32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

// The chunk at *position, which moves behind it; its data and length. Length, type and CRC must
// fit.
static const uint8_t *take_chunk(const Bytes *file, size_t *position, const char *type,
                                 size_t *length)
{
    const uint8_t *chunk = file->data + *position;
    size_t left = file->size - *position;
    *length = 0;
    if (!check(left >= 12, "%s: the file ends", type)) return NULL;
    size_t size = big_endian_32(chunk);
    if (!check(size <= left - 12, "%s: longer than the file", type)) return NULL;
    check(memcmp(chunk + 4, type, 4) == 0, "%.4s instead of %s", (const char *)chunk + 4, type);
    check(big_endian_32(chunk + 8 + size) == crc32_of(chunk + 4, size + 4), "%s: CRC", type);
    *length = size;
    *position += 12 + size;
    return chunk + 8;
}

static int paeth(int a, int b, int c)
{
    int pa = abs(b - c), pb = abs(a - c), pc = abs(a + b - 2 * c);
    return pa <= pb && pa <= pc ? a : pb <= pc ? b : c;
}

// Takes the filter byte of each row away and undoes it, in place; rows then follow each other.
static void unfilter(uint8_t *rows, size_t row, size_t height, size_t step)
{
    for (size_t y = 0; y < height; y++) {
        const uint8_t *from = rows + y * (row + 1), *above = y > 0 ? rows + (y - 1) * row : rows;
        uint8_t *to = rows + y * row, filter = from[0];
        check(filter <= 4, "filter %d", filter);
        for (size_t x = 0; x < row; x++) {
            int a = x >= step ? to[x - step] : 0, b = y > 0 ? above[x] : 0;
            int c = x >= step && y > 0 ? above[x - step] : 0;
            int guesses[5] = {0, a, b, (a + b) / 2, paeth(a, b, c)};
            to[x] = (uint8_t)(from[1 + x] + guesses[filter % 5]);
        }
    }
}

// The pixels of the picture, which must have this size and kind; the caller frees them.
static Bytes decode(const Bytes *file, int width, int height, int channels)
{
    Bytes rows = {0};
    Error error = {0};
    size_t position = 8, length, used = 0;
    size_t row = (size_t)width * (size_t)channels, size = (row + 1) * (size_t)height;
    check(file->size > 8 && memcmp(file->data, "\x89PNG\r\n\x1a\n", 8) == 0, "signature");
    const uint8_t *header = take_chunk(file, &position, "IHDR", &length);
    if (!check(header && length == 13, "header of %zu bytes", length)) return rows;
    check(big_endian_32(header) == (uint32_t)width && big_endian_32(header + 4) == (uint32_t)height,
          "size");
    uint8_t kind[5] = {8, channels == 3 ? 2 : 0, 0, 0, 0};
    check(memcmp(header + 8, kind, 5) == 0, "depth, colour or methods");
    const uint8_t *packed = take_chunk(file, &position, "IDAT", &length);
    if (!check(packed && length > 6, "data of %zu bytes", length)) return rows;
    check(packed[0] == 0x78 && (packed[0] << 8 | packed[1]) % 31 == 0, "zlib header");
    if (!check(inflate(packed + 2, length - 2, size, "IDAT", &rows, &used, &error), "%s",
               error.message))
        return rows;
    check(rows.size == size && used == length - 6, "%zu bytes from %zu", rows.size, used);
    check(big_endian_32(packed + length - 4) == adler32_of(rows.data, rows.size), "Adler-32");
    take_chunk(file, &position, "IEND", &length);
    check(length == 0 && position == file->size, "the end");
    unfilter(rows.data, row, (size_t)height, (size_t)channels);
    rows.size = row * (size_t)height;
    return rows;
}

static void round_trip(int width, int height, int channels, bool noise)
{
    size_t size = (size_t)width * (size_t)height * (size_t)channels;
    uint8_t *pixels = malloc(size);
    for (size_t i = 0; i < size; i++)
        pixels[i] = (uint8_t)(noise ? random_word((RandomKey){.seed = size}, i) : i / 50 * 40);
    Bytes file;
    png_encode(width, height, channels, pixels, &file);
    Bytes back = decode(&file, width, height, channels);
    check(back.size == size && memcmp(back.data, pixels, size) == 0, "%dx%dx%d: other pixels",
          width, height, channels);
    bytes_free(&file);
    bytes_free(&back);
    free(pixels);
}

static void pictures_of_odd_sizes_come_back(void)
{
    static const int sizes[][2] = {{1, 1}, {1, 7}, {7, 1}, {3, 5}, {28, 28}, {257, 3}, {101, 333}};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        for (int channels = 1; channels <= 3; channels += 2)
            for (int noise = 0; noise < 2; noise++)
                round_trip(sizes[i][0], sizes[i][1], channels, noise);
}

// Larger than the window of deflate and than one run of Adler-32.
static void a_large_picture_comes_back(void)
{
    round_trip(640, 480, 3, false);
    round_trip(400, 300, 3, true);
}

// 2x2 red, green, blue and white: read back once by a decoder in Python with its zlib.
static void a_small_picture_has_known_bytes(void)
{
    static const uint8_t pixels[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
    Bytes file;
    png_encode(2, 2, 3, pixels, &file);
    char hex[65];
    sha256_hex(file.data, file.size, hex);
    check(file.size == 74 &&
              strcmp(hex, "11a2bd7e37e2b6789ffbe9cc44f8f1de1840951bb61afc7a49bf4ee40e6bc7e5") == 0,
          "%zu bytes, %s", file.size, hex);
    bytes_free(&file);
}

static void a_sheet_shows_its_images_in_rows(void)
{
    enum { COUNT = 5, HEIGHT = 2, WIDTH = 3, COLUMNS = 2, SCALE = 4 };
    for (int channels = 1; channels <= 3; channels += 2) {
        float images[COUNT * HEIGHT * WIDTH * 3];
        for (int i = 0; i < COUNT * HEIGHT * WIDTH * channels; i++) images[i] = (float)i / 100;
        Picture sheet = contact_sheet(images, COUNT, HEIGHT, WIDTH, channels, COLUMNS, SCALE);
        check(sheet.width == 2 * 13 + 1 && sheet.height == 3 * 9 + 1 && sheet.channels == channels,
              "%dx%dx%d", sheet.width, sheet.height, sheet.channels);
        for (int p = 0; p < sheet.width * sheet.height * channels; p++) {
            int channel = p % channels, x = p / channels % sheet.width,
                y = p / channels / sheet.width;
            int image = y / 9 * COLUMNS + x / 13, expected = 96; // the lines
            if (x % 13 != 0 && y % 9 != 0 && image < COUNT) {
                int row = (y % 9 - 1) / SCALE, column = (x % 13 - 1) / SCALE;
                expected = (int)(((image * HEIGHT + row) * WIDTH + column) * channels + channel);
                expected = (int)((float)expected / 100 * 255 + 0.5f);
            }
            if (!check(sheet.pixels[p] == expected, "(%d, %d): %d, not %d", y, x, sheet.pixels[p],
                       expected))
                break;
        }
        free(sheet.pixels);
    }
}

static void values_outside_of_0_to_1_are_clamped(void)
{
    const float images[] = {-1, 2, NAN, INFINITY, -INFINITY, 0.5f};
    static const uint8_t expected[] = {0, 255, 0, 255, 0, 128};
    Picture sheet = contact_sheet(images, 6, 1, 1, 1, 100, 1); // no wider than its images
    check(sheet.width == 13 && sheet.height == 3, "%dx%d", sheet.width, sheet.height);
    for (int i = 0; i < 6; i++)
        check(sheet.pixels[13 + 2 * i + 1] == expected[i], "value %d became %d", i,
              sheet.pixels[13 + 2 * i + 1]);
    free(sheet.pixels);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"pictures_of_odd_sizes_come_back", pictures_of_odd_sizes_come_back},
        {"a_large_picture_comes_back", a_large_picture_comes_back},
        {"a_small_picture_has_known_bytes", a_small_picture_has_known_bytes},
        {"a_sheet_shows_its_images_in_rows", a_sheet_shows_its_images_in_rows},
        {"values_outside_of_0_to_1_are_clamped", values_outside_of_0_to_1_are_clamped},
    };
    return TESTS_RUN(tests);
}
