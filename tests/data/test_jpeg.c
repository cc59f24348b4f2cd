// data/jpeg*.c: pictures put together here marker by marker (one to four components, several scans,
// restarts, a progressive one), each kind of damage; the inverse DCT beside its definition;
// published pictures beside what other decoders made of them.
#include "data/jpeg.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/random.h"
#include "data/jpeg_parts.h"
#include "data/picture_file.h"
#include "tests/test.h"

// ---- Putting files together

typedef struct File {
    uint8_t bytes[2048];
    size_t size;
    int bits; // used of the last byte; 0: whole
} File;

static void put(File *file, const void *bytes, size_t size)
{
    memcpy(file->bytes + file->size, bytes, size);
    file->size += size;
}

#define PUT(file, text) put(file, text, sizeof(text) - 1)

// A whole byte 0xFF is followed by a zero.
static void put_bits(File *file, unsigned value, int count)
{
    for (int i = count - 1; i >= 0; i--) {
        if (file->bits == 0) file->bytes[file->size++] = 0;
        file->bytes[file->size - 1] |= (uint8_t)((value >> i & 1) << (7 - file->bits));
        file->bits = (file->bits + 1) % 8;
        if (file->bits == 0 && file->bytes[file->size - 1] == 0xFF) file->bytes[file->size++] = 0;
    }
}

static void end_bits(File *file)
{
    while (file->bits) put_bits(file, 1, 1);
}

// Quantisation by 8 for all, so that a DC coefficient of v is a block of grey 128 + v. DC code 0:
// sizes 0 to 11 in four bits each. AC code 0 in two bits: 00 the end, 01 run 0 and size 1, 10 run
// 15 and size 0, then in three bits 110: run 15 and size 1.
static void put_tables(File *file)
{
    uint8_t eights[64];
    memset(eights, 8, 64);
    PUT(file, "\xFF\xD8\xFF\xDB\0\x43\0");
    put(file, eights, 64);
    PUT(file, "\xFF\xC4\0\x1F\0\0\0\0\x0C\0\0\0\0\0\0\0\0\0\0\0\0\0\1\2\3\4\5\6\7\x08\x09\x0A\x0B");
    PUT(file, "\xFF\xC4\0\x17\x10\0\3\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\xF0\xF1");
}

// A difference of DC coefficients.
static void put_dc(File *file, int value)
{
    int size = 0, magnitude = value < 0 ? -value : value;
    while (magnitude >> size) size++;
    put_bits(file, (unsigned)size, 4);
    if (size) put_bits(file, (unsigned)(value < 0 ? value + (1 << size) - 1 : value), size);
}

static void put_block(File *file, int dc)
{
    put_dc(file, dc);
    put_bits(file, 0, 2);
}

// A frame header of this kind; factors[i]: sampling of component i + 1.
static void put_frame(File *file, int marker, int width, int height, int count,
                      const uint8_t *factors)
{
    uint8_t head[10] = {0xFF, (uint8_t)marker, 0, (uint8_t)(8 + 3 * count), 8,
                        0,    (uint8_t)height, 0, (uint8_t)width,           (uint8_t)count};
    put(file, head, 10);
    for (int i = 0; i < count; i++) put(file, (uint8_t[]){(uint8_t)(i + 1), factors[i], 0}, 3);
}

// A scan header for `count` components from `first` on, tables 0; band and bits as in the file.
static void put_scan(File *file, int first, int count, const char band[3])
{
    put(file, (uint8_t[]){0xFF, 0xDA, 0, (uint8_t)(6 + 2 * count), (uint8_t)count}, 5);
    for (int i = 0; i < count; i++) put(file, (uint8_t[]){(uint8_t)(first + i), 0}, 2);
    put(file, band, 3);
}

#define WHOLE "\0\x3F\0" // the band of a sequential scan

static void put_end(File *file)
{
    end_bits(file);
    PUT(file, "\xFF\xD9");
}

// ---- Reading them

static bool decode(const File *file, size_t size, Picture *picture, Error *error)
{
    uint8_t *copy = malloc(size ? size : 1); // exactly, so that the sanitizer sees steps beyond
    memcpy(copy, file->bytes, size);
    bool done = jpeg_decode(copy, size, "file", picture, error);
    free(copy);
    return done;
}

static Picture decoded(const char *what, const File *file, int width, int height, int channels)
{
    Picture picture;
    Error error = {0};
    check(decode(file, file->size, &picture, &error), "%s: %s", what, error.message);
    check(picture.width == width && picture.height == height && picture.channels == channels,
          "%s: %dx%dx%d", what, picture.width, picture.height, picture.channels);
    return picture;
}

// Green and blue do not count in a picture of one channel.
static void is(const char *what, const Picture *picture, int x, int y, int red, int green, int blue)
{
    if (!picture->pixels) return;
    const uint8_t *p = picture->pixels + (y * picture->width + x) * picture->channels;
    int expected[3] = {red, green, blue};
    for (int i = 0; i < picture->channels; i++)
        check(p[i] == expected[i], "%s: (%d, %d) channel %d is %d, not %d", what, x, y, i, p[i],
              expected[i]);
}

static void refused(const char *what, const File *file, size_t size, const char *reason)
{
    Picture picture = {.width = 9};
    Error error = {0};
    check(!decode(file, size, &picture, &error), "%s: accepted", what);
    check(picture.pixels == NULL && picture.width == 0, "%s: not empty", what);
    check(strncmp(error.message, "file: ", 6) == 0 && strstr(error.message, reason),
          "%s: expected '%s', got '%s'", what, reason, error.message);
}

// ---- Sequential pictures

static File grey_picture(void)
{
    File file = {0};
    put_tables(&file);
    put_frame(&file, 0xC0, 17, 9, 1, (uint8_t[]){0x22}); // its factors do not matter
    put_scan(&file, 1, 1, WHOLE);
    static const int differences[6] = {10, 10, -50, 127, 0, -225};
    for (int i = 0; i < 6; i++) put_block(&file, differences[i]);
    put_end(&file);
    return file;
}

static void a_grey_picture_has_one_channel(void)
{
    File file = grey_picture();
    Picture picture = decoded("grey", &file, 17, 9, 1);
    is("grey", &picture, 0, 0, 138, 0, 0);
    is("grey", &picture, 7, 7, 138, 0, 0);
    is("grey", &picture, 8, 0, 148, 0, 0);
    is("grey", &picture, 16, 7, 98, 0, 0);
    is("grey", &picture, 0, 8, 225, 0, 0);
    is("grey", &picture, 15, 8, 225, 0, 0);
    is("grey", &picture, 16, 8, 0, 0, 0);
    picture_free(&picture);
}

// Y 150, Cb 100, Cr 200; JFIF's formulas by hand: R = 150 + 1.402 * 72 = 250.9, G = 150 + 0.34414 *
// 28 - 0.71414 * 72 = 108.2, B = 150 - 1.772 * 28 = 100.4.
static void three_components_are_ycc_and_rgb_where_so_marked(void)
{
    static const struct {
        const char *name, *marker;
        size_t size;
        int red, green, blue;
    } cases[] = {{"ycc", "", 0, 251, 108, 100},
                 {"jfif", "\xFF\xE0\0\x07JFIF\0", 9, 251, 108, 100},
                 {"adobe rgb",
                  "\xFF\xEE\0\x0E"
                  "Adobe\0d\0\0\0\0\0",
                  16, 150, 100, 200},
                 {"adobe ycc",
                  "\xFF\xEE\0\x0E"
                  "Adobe\0d\0\0\0\0\1",
                  16, 251, 108, 100}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        File file = {0};
        put_tables(&file);
        put(&file, cases[i].marker, cases[i].size);
        put_frame(&file, 0xC1, 8, 8, 3, (uint8_t[]){0x11, 0x11, 0x11});
        put_scan(&file, 1, 3, WHOLE);
        put_block(&file, 22), put_block(&file, -28), put_block(&file, 72);
        put_end(&file);
        Picture picture = decoded(cases[i].name, &file, 8, 8, 3);
        is(cases[i].name, &picture, 3, 3, cases[i].red, cases[i].green, cases[i].blue);
        picture_free(&picture);
    }
}

static void four_components_are_inks(void)
{
    File file = {0};
    put_tables(&file);
    put_frame(&file, 0xC0, 8, 8, 4, (uint8_t[]){0x11, 0x11, 0x11, 0x11});
    put_scan(&file, 1, 4, WHOLE);
    put_block(&file, 72), put_block(&file, 22), put_block(&file, -28), put_block(&file, 0);
    put_end(&file);
    Picture picture = decoded("cmyk", &file, 8, 8, 3);
    is("cmyk", &picture, 0, 0, 100, 75, 50); // 200, 150, 100 times 128 / 255
    picture_free(&picture);
}

// A picture of two units across, chroma at half size: the colours differ, luma does not. Between
// the samples' centres chroma is 3/4 of the nearer and 1/4 of the farther one.
static void chroma_is_smoothed_across(void)
{
    for (int down = 1; down <= 2; down++) {
        File file = {0};
        put_tables(&file);
        put_frame(&file, 0xC0, 32, 8 * down, 3, (uint8_t[]){(uint8_t)(0x20 + down), 0x11, 0x11});
        put_scan(&file, 1, 3, WHOLE);
        for (int unit = 0; unit < 2; unit++) {
            for (int block = 0; block < 2 * down; block++) put_block(&file, 0);
            put_block(&file, 0);
            put_block(&file, unit == 0 ? 0 : 40);
        }
        put_end(&file);
        Picture picture = decoded("smooth", &file, 32, 8 * down, 3);
        // Cr 0, 10, 30, 40: red is 128 + 1.402 Cr, green 128 - 0.714 Cr
        is("smooth", &picture, 14, 3, 128, 128, 128);
        is("smooth", &picture, 15, 3, 142, 121, 128);
        is("smooth", &picture, 16, 3, 170, 107, 128);
        is("smooth", &picture, 17, 3, 184, 99, 128);
        picture_free(&picture);
    }
}

// Each component in a scan of its own, whose blocks only cover the picture: 3x2 luma, 2x1 chroma.
static void components_may_come_in_scans_of_their_own(void)
{
    File file = {0};
    put_tables(&file);
    put_frame(&file, 0xC0, 24, 16, 3, (uint8_t[]){0x22, 0x11, 0x11});
    put_scan(&file, 1, 1, WHOLE);
    for (int i = 0; i < 6; i++) put_block(&file, i == 0 ? 22 : 0);
    end_bits(&file);
    put_scan(&file, 2, 1, WHOLE);
    put_block(&file, -28), put_block(&file, 0);
    end_bits(&file);
    put_scan(&file, 3, 1, WHOLE);
    put_block(&file, 72), put_block(&file, 0);
    put_end(&file);
    Picture picture = decoded("scans", &file, 24, 16, 3);
    is("scans", &picture, 0, 0, 251, 108, 100);
    is("scans", &picture, 23, 15, 251, 108, 100);
    picture_free(&picture);
}

// After a restart the prediction is 0 again; RST2 follows RST1 wherever in the picture that is.
static void restart_markers_begin_anew(void)
{
    File file = {0};
    put_tables(&file);
    PUT(&file, "\xFF\xDD\0\4\0\2");
    put_frame(&file, 0xC0, 40, 8, 1, (uint8_t[]){0x11});
    put_scan(&file, 1, 1, WHOLE);
    for (int i = 0; i < 5; i++) {
        if (i == 2 || i == 4) {
            end_bits(&file);
            put(&file, (uint8_t[]){0xFF, (uint8_t)(0xD0 + i / 2 - 1)}, 2);
        }
        put_block(&file, i + 1);
    }
    put_end(&file);
    Picture picture = decoded("restarts", &file, 40, 8, 1);
    static const int expected[5] = {1, 3, 3, 7, 5};
    for (int i = 0; i < 5; i++) is("restarts", &picture, 8 * i, 0, 128 + expected[i], 0, 0);
    picture_free(&picture);
}

// ---- A progressive picture: DC without its lowest bit, that bit, some AC, its lowest bit

static File progressive_picture(void)
{
    File file = {0};
    put_tables(&file);
    put_frame(&file, 0xC2, 16, 8, 1, (uint8_t[]){0x11});
    put_scan(&file, 1, 1, "\0\0\1");
    put_dc(&file, 10), put_dc(&file, -20); // 20, -20
    end_bits(&file);
    put_scan(&file, 1, 1, "\0\0\x10");
    put_bits(&file, 2, 2); // 21, -20
    end_bits(&file);
    put_scan(&file, 1, 1, "\1\5\1");
    put_bits(&file, 3, 3), put_bits(&file, 0, 2); // coefficient 1: 2; the end
    put_bits(&file, 0, 2);                        // the second block has none
    end_bits(&file);
    put_scan(&file, 1, 1, "\1\5\x10");
    // Run 0, a new one of value -1 (bit 0): passes coefficient 1, whose bit 1 makes it 3; then the
    // end. The second block: run 0, value 1 at coefficient 1; the end.
    put_bits(&file, 1, 2), put_bits(&file, 0, 1), put_bits(&file, 1, 1), put_bits(&file, 0, 2);
    put_bits(&file, 1, 2), put_bits(&file, 1, 1), put_bits(&file, 0, 2);
    put_end(&file);
    return file;
}

static void progressive_scans_add_up(void)
{
    int16_t blocks[2][64] = {{8 * 21, 8 * 3, [8] = -8}, {-8 * 20, 8}};
    uint8_t expected[2][64];
    for (int i = 0; i < 2; i++) jpeg_inverse_dct(blocks[i], 63, expected[i], 8);
    File file = progressive_picture();
    Picture picture = decoded("progressive", &file, 16, 8, 1);
    for (int i = 0; i < 128; i++)
        is("progressive", &picture, i % 16, i / 16, expected[i % 16 / 8][i / 16 * 8 + i % 8], 0, 0);
    picture_free(&picture);
}

// ---- Damage

static void cut_files_are_refused_or_less(void)
{
    File grey = grey_picture(), progressive = progressive_picture();
    for (size_t size = 0; size < grey.size - 2; size++)
        refused("cut", &grey, size, size < 2 ? "not a JPEG" : "early");
    bool before = false; // once each component has data, the picture is given as far as it came
    size_t first = 0;
    for (size_t size = 0; size < progressive.size; size++) {
        Picture picture;
        Error error = {0};
        bool done = decode(&progressive, size, &picture, &error);
        check(done || !before, "%zu bytes: %s", size, error.message);
        if (done && !before) first = size;
        before = done;
        picture_free(&picture);
    }
    check(before && first < progressive.size - 30, "from %zu of %zu bytes on", first,
          progressive.size);
}

// No change of a byte may lead outside of the file or the picture: for the sanitizers.
static void changed_bytes_do_no_harm(void)
{
    File files[2] = {grey_picture(), progressive_picture()};
    for (int f = 0; f < 2; f++)
        for (size_t i = 0; i < files[f].size; i++)
            for (int change = 1; change < 256; change += 2) {
                Picture picture;
                Error error = {0};
                files[f].bytes[i] ^= (uint8_t)change;
                bool done = decode(&files[f], files[f].size, &picture, &error);
                check(done ? picture.pixels != NULL : error.message[0] != '\0', "byte %zu", i);
                files[f].bytes[i] ^= (uint8_t)change;
                picture_free(&picture);
            }
}

static void each_contradiction_is_named(void)
{
    static const uint8_t grey = 0x11;
    File file = {0}, good;
    put_tables(&file);
    good = file;
    put_scan(&file, 1, 1, WHOLE);
    refused("order", &file, file.size, "before the frame header");
    file = good, put_end(&file);
    refused("no frame", &file, file.size, "no frame header");
    file = good, put_frame(&file, 0xC0, 8, 8, 1, &grey), put_end(&file);
    refused("no scan", &file, file.size, "has no data");
    file = good, put_frame(&file, 0xC0, 8, 8, 1, &grey), put_frame(&file, 0xC0, 8, 8, 1, &grey);
    refused("frames", &file, file.size, "two frame headers");
    file = good, put_frame(&file, 0xC0, 8, 0, 1, &grey);
    refused("height", &file, file.size, "8x0 pixels");
    file = good, put_frame(&file, 0xC0, 8, 8, 2, (uint8_t[]){0x11, 0x11});
    refused("two", &file, file.size, "has 2 components");
    file = good, put_frame(&file, 0xC0, 8, 8, 1, (uint8_t[]){0x51});
    refused("factor", &file, file.size, "component of the frame header");
    file = good, put_frame(&file, 0xC0, 255, 255, 1, &grey);
    refused("short", &file, file.size, "too short for 255x255 pixels");
    file = good, put_frame(&file, 0xC0, 8, 8, 1, &grey), put_scan(&file, 2, 1, WHOLE);
    refused("name", &file, file.size, "scan header is damaged");
    file = good, put_frame(&file, 0xC2, 8, 8, 1, &grey), put_scan(&file, 1, 1, WHOLE);
    refused("band", &file, file.size, "impossible coefficients");
    file = good, put_frame(&file, 0xC0, 8, 8, 1, &grey), file.bytes[file.size - 1] = 1;
    put_scan(&file, 1, 1, WHOLE);
    refused("quantisation", &file, file.size, "quantisation table that is not defined");
    file = (File){0}, PUT(&file, "\xFF\xD8"), put_frame(&file, 0xC0, 8, 8, 1, &grey);
    put_scan(&file, 1, 1, WHOLE);
    refused("tables", &file, file.size, "Huffman table that is not defined");
    file = good, PUT(&file, "\xFF\xC4\0\x16\0\3\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\2");
    refused("code", &file, file.size, "Huffman table is damaged");
    file = good, put_frame(&file, 0xC0, 8, 8, 1, &grey), put_scan(&file, 1, 1, WHOLE);
    PUT(&file, "\xFE\xFE\xFE\xFE\xFF\xD9");
    refused("bits", &file, file.size, "undefined code");
}

static void what_is_not_supported_is_named(void)
{
    static const struct {
        int marker;
        const char *name;
    } cases[] = {{0xC3, "is lossless JPEG"},    {0xC5, "is hierarchical"},
                 {0xC9, "is arithmetic-coded"}, {0xCA, "is progressive arithmetic-coded"},
                 {0xCB, "is lossless arith"},   {0xCF, "is lossless hierarchical"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        File file = {0};
        put_tables(&file);
        put_frame(&file, cases[i].marker, 8, 8, 1, (uint8_t[]){0x11});
        refused("process", &file, file.size, cases[i].name);
        refused("process", &file, file.size, "not supported");
    }
    File file = {0};
    PUT(&file, "\xFF\xD8\xFF\xC1\0\x0B\x0C\0\x08\0\x08\1\1\x11\0");
    refused("12 bits", &file, file.size, "12 bits a sample; only 8");
}

// Runs of ends make a scan of 65535 x 1024 pixels a few bytes long: 1,048,576 blocks each.
static void a_bomb_of_scans_is_refused(void)
{
    enum { SCANS = 24, FILLER = 140000 }; // so many bytes could hold the picture
    size_t size = 0;
    uint8_t *bytes = malloc(FILLER + 4096 + SCANS * 256);
    File file = {0};
    put_tables(&file);
    PUT(&file,
        "\xFF\xC4\0\x14\x10\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xE0"); // AC: a run of 16384 + 14 bits
    PUT(&file, "\xFF\xC2\0\x0B\x08\x04\0\xFF\xFF\1\1\x11\0");
    memcpy(bytes, file.bytes, file.size);
    size = file.size;
    for (int i = 0; i < SCANS; i++) {
        File scan = {0};
        put_scan(&scan, 1, 1, i == 0 ? "\1\x3F\1" : "\1\x3F\x10");
        for (int run = 0; run < 33; run++) put_bits(&scan, 0x3FFE, 15); // 32766 blocks
        end_bits(&scan);
        memcpy(bytes + size, scan.bytes, scan.size);
        size += scan.size;
    }
    memset(bytes + size, 0, FILLER);
    size += FILLER;
    Picture picture;
    Error error = {0};
    check(!jpeg_decode(bytes, size, "bomb", &picture, &error) &&
              strstr(error.message, "more scans than"),
          "'%s'", error.message);
    picture_free(&picture);
    free(bytes);
}

// ---- The inverse DCT beside its definition (T.81, A.3.3)

static double defined_sample(const int16_t *block, int x, int y)
{
    double sum = 0, pi = acos(-1.0);
    for (int v = 0; v < 8; v++)
        for (int u = 0; u < 8; u++)
            sum += (u ? 1 : sqrt(0.5)) * (v ? 1 : sqrt(0.5)) * block[8 * v + u] *
                   cos((2 * x + 1) * u * pi / 16) * cos((2 * y + 1) * v * pi / 16);
    return sum / 4 + 128;
}

static void the_inverse_dct_is_within_one_of_its_definition(void)
{
    double square = 0;
    for (uint64_t trial = 0; trial < 200; trial++) {
        int16_t block[64];
        uint8_t samples[64];
        int range = trial % 2 ? 1200 : 60;
        for (uint64_t i = 0; i < 64; i++) {
            uint32_t word = random_word((RandomKey){.seed = trial}, i);
            block[i] = (int16_t)(trial % 4 < 2 || word % 5 == 0
                                     ? (int)(word / 8 % (2u * (unsigned)range)) - range
                                     : 0);
        }
        jpeg_inverse_dct(block, 63, samples, 8);
        for (int i = 0; i < 64; i++) {
            double expected = fmin(fmax(defined_sample(block, i % 8, i / 8), 0), 255);
            double error = samples[i] - expected;
            square += error * error;
            check(fabs(error) < 1, "trial %d: sample %d is %d, not %f", (int)trial, i, samples[i],
                  expected);
        }
    }
    check(square / (200 * 64) < 0.1, "mean square error %f", square / (200 * 64));
}

// Flat blocks, and those with coefficients in the corner of 4 x 4.
static void less_work_gives_the_same_samples(void)
{
    for (int value = -2000; value <= 2000; value++) {
        int16_t block[64] = {(int16_t)value};
        uint8_t whole[64], less[64];
        for (int corner = 0; corner < 2; corner++) {
            for (int i = 0; corner && i < 16; i++)
                block[i / 4 * 8 + i % 4] = (int16_t)(value * (i * 7 % 5 - 2) % 700);
            jpeg_inverse_dct(block, 63, whole, 8);
            jpeg_inverse_dct(block, corner ? 27 : 0, less, 8);
            check(memcmp(whole, less, 64) == 0, "%d: %d and %d", value, whole[0], less[0]);
        }
    }
}

// ---- Published pictures

// Decoded by others: image-rs where the name has no prefix, whose CMYK conversion rounds otherwise.
static int tolerance_of(const char *path)
{
    return strstr(path, "/ycck.jpg") ? 3 : 2;
}

static void compare(const char *path)
{
    char expected_path[600];
    snprintf(expected_path, sizeof expected_path, "%.*s.png", (int)strlen(path) - 4, path);
    Picture picture = {0}, expected = {0};
    Error error = {0};
    if (!check(picture_read(path, &picture, &error), "%s", error.message)) return;
    if (!check(picture_read(expected_path, &expected, &error), "%s", error.message)) return;
    Picture ours = picture_convert(&picture, 3), theirs = picture_convert(&expected, 3);
    bool same_size = ours.width == theirs.width && ours.height == theirs.height;
    check(same_size, "%s: %dx%d, not %dx%d", path, ours.width, ours.height, theirs.width,
          theirs.height);
    int largest = 0;
    for (int i = 0; same_size && i < ours.width * ours.height * 3; i++) {
        int difference = abs(ours.pixels[i] - theirs.pixels[i]);
        if (difference > largest) largest = difference;
    }
    check(largest <= tolerance_of(path), "%s: differs by %d", path, largest);
    picture_free(&ours);
    picture_free(&theirs);
    picture_free(&picture);
    picture_free(&expected);
}

static void published_pictures_look_as_expected(void)
{
    const char *directory = shared_path("data/images/jpeg");
    if (!directory) {
        skip("../shared/data/images is absent");
        return;
    }
    char pattern[600];
    glob_t found;
    snprintf(pattern, sizeof pattern, "%s/*.jpg", directory);
    if (!check(glob(pattern, 0, NULL, &found) == 0, "nothing in %s", directory)) return;
    for (size_t i = 0; i < found.gl_pathc; i++) compare(found.gl_pathv[i]);
    check(found.gl_pathc == 64, "%zu files", found.gl_pathc);
    globfree(&found);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"a_grey_picture_has_one_channel", a_grey_picture_has_one_channel},
        {"three_components_are_ycc_and_rgb_where_so_marked",
         three_components_are_ycc_and_rgb_where_so_marked},
        {"four_components_are_inks", four_components_are_inks},
        {"chroma_is_smoothed_across", chroma_is_smoothed_across},
        {"components_may_come_in_scans_of_their_own", components_may_come_in_scans_of_their_own},
        {"restart_markers_begin_anew", restart_markers_begin_anew},
        {"progressive_scans_add_up", progressive_scans_add_up},
        {"cut_files_are_refused_or_less", cut_files_are_refused_or_less},
        {"changed_bytes_do_no_harm", changed_bytes_do_no_harm},
        {"each_contradiction_is_named", each_contradiction_is_named},
        {"what_is_not_supported_is_named", what_is_not_supported_is_named},
        {"a_bomb_of_scans_is_refused", a_bomb_of_scans_is_refused},
        {"the_inverse_dct_is_within_one_of_its_definition",
         the_inverse_dct_is_within_one_of_its_definition},
        {"less_work_gives_the_same_samples", less_work_gives_the_same_samples},
        {"published_pictures_look_as_expected", published_pictures_look_as_expected},
    };
    return TESTS_RUN(tests);
}
