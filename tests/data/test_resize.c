// data/resize.c: the bytes of Pillow 11.3's Image.resize(size, Image.BILINEAR) on pictures given by
// a formula; small ones stand here in full, larger ones as digests.
#include "data/resize.h"

#include <stdlib.h>
#include <string.h>
#include "core/sha256.h"
#include "tests/test.h"

static Picture drawn(int width, int height, int channels)
{
    Picture picture = picture_create(width, height, channels);
    uint8_t *to = picture.pixels;
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            for (int c = 0; c < channels; c++)
                *to++ = (uint8_t)(x * x * 7 + y * y * 13 + x * y * 5 + c * 89 + x / 3 * 40);
    return picture;
}

static void check_values(const Picture *resized, const uint8_t *expected)
{
    int count = resized->width * resized->height * resized->channels;
    for (int i = 0; i < count; i++)
        check(resized->pixels[i] == expected[i], "value %d is %d, not %d", i, resized->pixels[i],
              expected[i]);
}

static void small_pictures_are_pillows(void)
{
    static const uint8_t smaller[] = {11,  100, 189, 55,  144, 161, 165, 146, 87,  157, 130, 155,
                                      68,  154, 181, 108, 127, 115, 163, 97,  158, 134, 115, 150,
                                      176, 120, 105, 103, 106, 132, 105, 118, 143, 87,  169, 135};
    static const uint8_t larger[] = {
        0,  2,  6,   16,  28,  70,  108, 136, 152, 7,   10,  15,  27,  40,  83,  123, 152, 169,
        20, 24, 31,  45,  59,  104, 146, 177, 195, 45,  51,  60,  75,  92,  138, 183, 214, 234,
        85, 91, 102, 119, 138, 115, 104, 138, 159, 117, 124, 137, 155, 175, 83,  16,  52,  73};
    Picture colour = drawn(7, 5, 3), grey = drawn(5, 4, 1);
    Picture small = picture_resize(&colour, 4, 3), large = picture_resize(&grey, 9, 6);
    check(small.width == 4 && small.height == 3 && small.channels == 3, "size");
    check_values(&small, smaller);
    check_values(&large, larger);
    picture_free(&colour);
    picture_free(&grey);
    picture_free(&small);
    picture_free(&large);
}

typedef struct Case {
    int width, height, channels, to_width, to_height;
    const char *digest;
} Case;

static void large_pictures_are_pillows(void)
{
    static const Case cases[] = {
        {178, 218, 3, 64, 64, "9db25071050cad1c05e2355b620e39397b19c09409680beab3a1eb8758451c62"},
        {29, 30, 3, 32, 32, "8a06966b6ed5337510b6480c7201f57d1af780b3390058c9ed23b07da89afdc6"},
        {243, 225, 3, 32, 32, "6e3b255b7e45afcf384650fc3f9e8e9ae18e919469e8a52a126f574672b28e14"},
        {500, 375, 3, 341, 256, "575f0c4b08844a29da34ddd5828d3820a655ddbd61e5ec3fee2ef4be0868d414"},
        {3, 200, 1, 40, 2, "d9a091b2412cfd89a266bd76cf3a10ecd1fd4e93eaf3c4d4d44919e3cac3b8ba"},
        {1, 1, 3, 5, 5, "3c30d9d94992b3870d8bddd2c70eef68a54478d95e62dd81c240d67b4dc541f1"},
        {32, 32, 1, 32, 32, "f0b91d57042b92c4970e8efd9de946fbbfb6e1b8ebb1cb2e9a609e64925250b0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const Case *c = &cases[i];
        Picture picture = drawn(c->width, c->height, c->channels);
        Picture resized = picture_resize(&picture, c->to_width, c->to_height);
        char hex[65];
        sha256_hex(resized.pixels, (size_t)c->to_width * (size_t)c->to_height * (size_t)c->channels,
                   hex);
        check(strcmp(hex, c->digest) == 0, "%dx%d to %dx%d: %s", c->width, c->height, c->to_width,
              c->to_height, hex);
        picture_free(&picture);
        picture_free(&resized);
    }
}

static void the_centre_keeps_pixels(void)
{
    Picture picture = drawn(9, 6, 3), centre = picture_centre(&picture, 4, 3);
    for (int y = 0; y < 3; y++) // margins 2 and 3 across, 1 and 2 down
        check(memcmp(centre.pixels + y * 12, picture.pixels + ((y + 1) * 9 + 2) * 3, 12) == 0,
              "row %d", y);
    picture_free(&picture);
    picture_free(&centre);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"small_pictures_are_pillows", small_pictures_are_pillows},
        {"large_pictures_are_pillows", large_pictures_are_pillows},
        {"the_centre_keeps_pixels", the_centre_keeps_pixels},
    };
    return TESTS_RUN(tests);
}
