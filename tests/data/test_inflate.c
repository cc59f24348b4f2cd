// data/inflate.c: streams written here bit by bit, streams made by zlib, and published samples;
// each kind of damage is named. data/deflate.c: what it packs unpacks to the same.
#include "data/inflate.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/random.h"
#include "core/sha256.h"
#include "data/deflate.h"
#include "tests/test.h"

// ---- Writing streams by hand

typedef struct Writer {
    uint8_t bytes[4096];
    int bits;
} Writer;

static void put(Writer *writer, unsigned value, int count)
{
    for (int i = 0; i < count; i++, writer->bits++)
        writer->bytes[writer->bits / 8] |= (uint8_t)((value >> i & 1) << (writer->bits % 8));
}

// A Huffman code: highest bit first.
static void put_code(Writer *writer, unsigned code, int count)
{
    while (count-- > 0) put(writer, code >> count & 1, 1);
}

// One symbol of the code of code lengths that put_dynamic declares: 0..12 in four bits, 13..18 in
// 5.
static void put_length(Writer *writer, unsigned symbol)
{
    if (symbol < 13)
        put_code(writer, symbol, 4);
    else
        put_code(writer, 26 + symbol - 13, 5);
}

// The head of a last, dynamic block up to its code lengths.
static void put_dynamic(Writer *writer, unsigned literals, unsigned distances)
{
    static const int order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    put(writer, 5, 3);
    put(writer, literals - 257, 5);
    put(writer, distances - 1, 5);
    put(writer, 15, 4);
    for (int i = 0; i < 19; i++) put(writer, order[i] < 13 ? 4 : 5, 3);
}

typedef struct CodeLength {
    int symbol;
    unsigned length;
} CodeLength;

// The code lengths of 257 literals, all 0 but for those listed, ascending.
static void put_literal_lengths(Writer *writer, const CodeLength *listed, int count)
{
    for (int symbol = 0, next = 0; symbol < 257; symbol++) {
        bool found = next < count && listed[next].symbol == symbol;
        put_length(writer, found ? listed[next++].length : 0);
    }
}

// ---- Checking

static bool unpacks_to(const uint8_t *stream, size_t size, const void *expected, size_t length)
{
    Bytes output;
    size_t used;
    Error error = {0};
    uint8_t *copy = malloc(size + 1); // of the exact size + 1 follower, which must not be looked at
    memcpy(copy, stream, size);
    copy[size] = 0xFF;
    bool ok = inflate(copy, size + 1, length, "stream", &output, &used, &error);
    free(copy);
    if (!check(ok, "%s", error.message)) return false;
    check(used == size, "used %zu of %zu bytes", used, size);
    bool same =
        output.size == length && (length == 0 || memcmp(output.data, expected, length) == 0);
    check(same, "%zu bytes, expected %zu, or others", output.size, length);
    bytes_free(&output);
    return same;
}

// Refused with a message that has `reason` in it; stream in memory of exactly its size.
static void refused(const uint8_t *stream, size_t size, size_t limit, const char *reason)
{
    Bytes output = {.data = (uint8_t *)"untouched", .size = 9};
    size_t used;
    Error error = {0};
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, stream, size);
    bool ok = inflate(copy, size, limit, "stream", &output, &used, &error);
    free(copy);
    check(!ok, "accepted, but expected: %s", reason);
    check(output.data == NULL && output.size == 0, "output is not empty");
    check(strncmp(error.message, "stream: ", 8) == 0, "does not name the file: %s", error.message);
    check(strstr(error.message, reason) != NULL, "expected '%s', got: %s", reason, error.message);
    if (ok) bytes_free(&output);
}

static void refused_writer(const Writer *writer, const char *reason)
{
    // A kilobyte of the zeros that follow, so that the stream does not end early.
    refused(writer->bytes, (size_t)writer->bits / 8 + 1024, 1000, reason);
}

// ---- Known streams

static const uint8_t stored_abc[] = {0x01, 3, 0, 0xFC, 0xFF, 'a', 'b', 'c'};
static const uint8_t fixed_hello[] = {0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0xD7,
                                      0x51, 0xC8, 0x40, 0xA2, 0x00};
// By zlib 1.3, level 9, of the text below.
static const uint8_t dynamic_beer[] = {
    0x85, 0xD2, 0x4B, 0x0A, 0x84, 0x30, 0x14, 0x05, 0xD1, 0xAD, 0xBC, 0x05, 0x48, 0xE3, 0xDF,
    0xCA, 0x72, 0x5A, 0x88, 0x38, 0x08, 0x06, 0x34, 0xD0, 0xDB, 0xEF, 0x05, 0x78, 0xE1, 0x8E,
    0x8B, 0x33, 0xAB, 0x94, 0x62, 0xAF, 0xAD, 0x95, 0xFC, 0x44, 0x3D, 0x62, 0xCF, 0xF9, 0x8E,
    0x7A, 0x45, 0x3B, 0x73, 0xFC, 0xBE, 0xA5, 0x74, 0x91, 0x5E, 0xFD, 0x13, 0x09, 0x63, 0x10,
    0x66, 0x33, 0x66, 0x13, 0x66, 0x35, 0x66, 0x15, 0x66, 0x31, 0x66, 0x11, 0x66, 0x36, 0x66,
    0x16, 0x66, 0x32, 0x66, 0x12, 0x66, 0x34, 0x66, 0x14, 0x66, 0x30, 0x66, 0x10, 0xA6, 0x37,
    0xA6, 0x7F, 0x1B, 0xCC, 0x07, 0x88, 0x0F, 0x30, 0x1F, 0x20, 0x3E, 0xC0, 0x7C, 0x80, 0xF8,
    0x00, 0xF3, 0x01, 0xE2, 0x03, 0xCC, 0x07, 0x88, 0x0F, 0x30, 0x1F, 0x20, 0x3E, 0xC0, 0x7C,
    0x80, 0xF8, 0x00, 0xF3, 0x01, 0xE2, 0x03, 0xCC, 0x07, 0x88, 0x0F, 0xFE};

static char *beer_song(void)
{
    Text text = {0};
    for (int i = 99; i > 80; i--)
        text_append(&text, "%d bottles of beer on the wall, %d bottles of beer. ", i, i);
    return text.text;
}

static void known_streams_unpack(void)
{
    unpacks_to(stored_abc, sizeof stored_abc, "abc", 3);
    unpacks_to((const uint8_t[]){0x01, 0, 0, 0xFF, 0xFF}, 5, "", 0);
    unpacks_to((const uint8_t[]){0x03, 0x00}, 2, "", 0);
    unpacks_to(fixed_hello, sizeof fixed_hello, "hello, hello, hello", 19);
    char *song = beer_song();
    unpacks_to(dynamic_beer, sizeof dynamic_beer, song, strlen(song));
    free(song);
}

static void blocks_of_all_kinds_follow_one_another(void)
{
    // stored (not last) "ab"; fixed "ab" by a copy; stored, last, "c": the copy reaches back into
    // the block before, the stored block begins at the next whole byte.
    Writer writer = {0};
    put(&writer, 0, 8);
    put(&writer, 2, 16), put(&writer, 0xFFFD, 16);
    put(&writer, 'a', 8), put(&writer, 'b', 8);
    put(&writer, 2, 3);
    put_code(&writer, 2, 7); // length 4
    put_code(&writer, 1, 5); // distance 2
    put_code(&writer, 0, 7); // end of the block
    put(&writer, 1, 3);      // stored, last
    writer.bits = (writer.bits + 7) / 8 * 8;
    put(&writer, 1, 16), put(&writer, 0xFFFE, 16);
    put(&writer, 'c', 8);
    unpacks_to(writer.bytes, (size_t)writer.bits / 8, "abababc", 7);
}

// Lengths 1, 2, ... 14, 15, 15 for 'A', 'B', ... 'O' and the end: longer than the quick table
// holds.
static void codes_of_fifteen_bits_are_read(void)
{
    Writer writer = {0};
    CodeLength listed[16];
    for (int i = 0; i < 15; i++) listed[i] = (CodeLength){'A' + i, (unsigned)i + 1};
    listed[15] = (CodeLength){256, 15};
    put_dynamic(&writer, 257, 1);
    put_literal_lengths(&writer, listed, 16);
    put_length(&writer, 0);
    for (int i = 0; i < 15; i++) put_code(&writer, (1u << (i + 1)) - 2, i + 1);
    for (int i = 14; i >= 0; i--) put_code(&writer, (1u << (i + 1)) - 2, i + 1);
    put_code(&writer, 0x7FFF, 15);
    unpacks_to(writer.bytes, ((size_t)writer.bits + 7) / 8, "ABCDEFGHIJKLMNOONMLKJIHGFEDCBA", 30);
}

// One distance, of one bit (RFC 1951, 3.2.7): the bit 0 stands for it, the bit 1 for nothing.
static void a_single_distance_takes_one_bit(void)
{
    for (unsigned bit = 0; bit < 2; bit++) {
        Writer writer = {0};
        put_dynamic(&writer, 258, 1);
        put_literal_lengths(&writer, (const CodeLength[]){{'a', 1}, {256, 2}}, 2);
        put_length(&writer, 2); // symbol 257: length 3
        put_length(&writer, 1); // the distance
        put_code(&writer, 0, 1);
        put_code(&writer, 3, 2), put_code(&writer, bit, 1);
        put_code(&writer, 2, 2);
        if (bit == 0)
            unpacks_to(writer.bytes, ((size_t)writer.bits + 7) / 8, "aaaa", 4);
        else // named even where the data end right behind it
            refused(writer.bytes, ((size_t)writer.bits + 7) / 8, 1000, "damaged (undefined code)");
    }
}

// ---- Broken streams

static void every_truncation_ends_early(void)
{
    for (size_t size = 0; size < sizeof stored_abc; size++)
        refused(stored_abc, size, 1000, "end early");
    for (size_t size = 0; size < sizeof fixed_hello; size++)
        refused(fixed_hello, size, 1000, "end early");
    for (size_t size = 0; size < sizeof dynamic_beer; size++)
        refused(dynamic_beer, size, 10000, "end early");
}

static void damage_in_blocks_is_named(void)
{
    refused((const uint8_t[]){0x07, 0, 0}, 3, 9, "damaged (undefined kind of block)");
    refused((const uint8_t[]){0x01, 1, 0, 0xFF, 0xFF, 'a'}, 6, 9,
            "damaged (length of a stored block)");
    Writer before = {0}, length = {0}, distance = {0};
    put(&before, 3, 3);
    put_code(&before, 1, 7), put_code(&before, 0, 5);
    refused_writer(&before, "damaged (copy from before the beginning)");
    put(&length, 3, 3);
    put_code(&length, 0xC0 + 286 - 280, 8);
    refused_writer(&length, "damaged (undefined length)");
    put(&distance, 3, 3);
    put_code(&distance, 0x30 + 'a', 8), put_code(&distance, 1, 7), put_code(&distance, 30, 5);
    refused_writer(&distance, "damaged (undefined distance)");
}

static void damage_in_code_lengths_is_named(void)
{
    Writer literals = {0}, codes = {0}, nothing = {0}, many = {0};
    put_dynamic(&literals, 287, 1);
    refused_writer(&literals, "damaged (too many symbols)");
    put(&codes, 5, 3);
    refused_writer(&codes, "damaged (code of the code lengths)");
    put_dynamic(&nothing, 257, 1);
    put_length(&nothing, 16);
    refused_writer(&nothing, "damaged (repeat of nothing)");
    put_dynamic(&many, 257, 1);
    put_length(&many, 18), put(&many, 127, 7);
    put_length(&many, 18), put(&many, 127, 7);
    refused_writer(&many, "damaged (too many code lengths)");
}

static void impossible_codes_are_named(void)
{
    static const struct {
        CodeLength listed[3];
        unsigned distance;
        const char *reason;
    } cases[] = {
        {{{'a', 1}, {'b', 1}, {256, 0}}, 0, "damaged (block without an end)"},
        {{{'a', 1}, {'b', 1}, {256, 1}}, 0, "damaged (code of the literals)"}, // three of one bit
        {{{'a', 2}, {'b', 2}, {256, 2}}, 0, "damaged (code of the literals)"}, // a word is unused
        {{{'a', 1}, {'b', 2}, {256, 2}}, 2, "damaged (code of the distances)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Writer writer = {0};
        put_dynamic(&writer, 257, 1);
        put_literal_lengths(&writer, cases[i].listed, 3);
        put_length(&writer, cases[i].distance);
        refused_writer(&writer, cases[i].reason);
    }
}

static void the_limit_holds(void)
{
    char *song = beer_song();
    size_t length = strlen(song);
    for (size_t limit = 0; limit < length; limit += 1 + limit / 7)
        refused(dynamic_beer, sizeof dynamic_beer, limit, "more than the limit");
    refused(dynamic_beer, sizeof dynamic_beer, length - 1, "more than the limit");
    refused(stored_abc, sizeof stored_abc, 2, "limit of 2 bytes");
    unpacks_to(dynamic_beer, sizeof dynamic_beer, song, length); // limit: exactly its length
    free(song);
}

// Any single bit wrong: an error or other bytes, but no crash (the sanitizers watch).
static void flipped_bits_do_no_harm(void)
{
    int refusals = 0;
    for (size_t bit = 0; bit < 8 * sizeof dynamic_beer; bit++) {
        uint8_t *copy = malloc(sizeof dynamic_beer);
        memcpy(copy, dynamic_beer, sizeof dynamic_beer);
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        Bytes output;
        size_t used;
        Error error = {0};
        bool ok = inflate(copy, sizeof dynamic_beer, 100000, "stream", &output, &used, &error);
        check(ok || error.message[0], "refused without a reason");
        refusals += !ok;
        bytes_free(&output);
        free(copy);
    }
    check(refusals > 100, "only %d flips were noticed", refusals);
}

// ---- Samples

typedef struct Sample {
    char file[80], result[16], digest[65];
    size_t used, size;
} Sample;

static void check_sample(const char *line)
{
    Sample sample = {0};
    char relative[200];
    int fields = sscanf(line, "%79[^,],%15[^,],%zu,%zu,%64s", sample.file, sample.result,
                        &sample.used, &sample.size, sample.digest);
    if (!check(fields >= 2, "%s", line)) return;
    snprintf(relative, sizeof relative, "data/images/inflate/%s", sample.file);
    const char *path = shared_path(relative);
    Bytes input, output;
    Error error = {0};
    size_t used;
    if (!check(path && file_read(path, 1 << 24, &input, &error), "%s cannot be read", relative))
        return;
    bool ok = inflate(input.data, input.size, 1 << 28, sample.file, &output, &used, &error);
    if (strcmp(sample.result, "ok") == 0) {
        char digest[65] = "";
        sha256_hex(output.data, output.size, digest);
        check(ok && used == sample.used && output.size == sample.size, "%s: %s", sample.file,
              error.message);
        check(strcmp(digest, sample.digest) == 0, "%s: other bytes", sample.file);
    } else {
        const char *reason = strcmp(sample.result, "truncated") == 0 ? "end early" : "are damaged";
        check(!ok && strstr(error.message, reason), "%s: expected %s: %s", sample.file,
              sample.result, error.message);
    }
    bytes_free(&input);
    bytes_free(&output);
}

static void published_samples_give_the_expected(void)
{
    check_listed("data/images/inflate/expected.csv", 103, check_sample);
}

// ---- Deflate

static void round_trip(const uint8_t *data, size_t size, const char *what)
{
    Text packed = {0};
    deflate(data, size, &packed);
    if (!unpacks_to((const uint8_t *)packed.text, packed.length, data, size))
        check(false, "%s, %zu bytes, packed and unpacked became another", what, size);
    text_free(&packed);
}

static void what_deflate_packs_unpacks_to_the_same(void)
{
    enum { SIZE = 100000 };
    uint8_t *data = malloc(SIZE);
    RandomKey key = {.seed = 1};
    for (size_t i = 0; i < SIZE; i++) data[i] = (uint8_t)random_word(key, i);
    round_trip(data, SIZE, "noise");
    memcpy(data + 32768, data, 1000);         // a copy from as far back as is possible
    memcpy(data + 52769, data + 20000, 1000); // and one from a byte further
    round_trip(data, SIZE, "noise with a far copy");
    for (size_t i = 0; i < SIZE; i++) data[i] &= 1;
    round_trip(data, SIZE, "two values");
    memset(data, 7, SIZE);
    round_trip(data, SIZE, "one value");
    Text packed = {0};
    deflate(data, SIZE, &packed);
    check(packed.length < 1000, "one value took %zu bytes", packed.length);
    text_free(&packed);
    for (size_t size = 0; size < 600; size++) round_trip(data, size, "short");
    free(data);
}

// Every length and every distance once, by noise that is repeated.
static void deflate_writes_every_length_and_distance(void)
{
    uint8_t *data = malloc(40000);
    for (size_t length = 3; length <= 260; length++) {
        for (size_t i = 0; i < 600; i++)
            data[i] = (uint8_t)random_word((RandomKey){.seed = length}, i);
        memcpy(data + 300, data, length);
        round_trip(data, 600, "length");
    }
    for (size_t distance = 1; distance <= 32800; distance += 1 + distance / 5) {
        for (size_t i = 0; i < distance; i++)
            data[i] = (uint8_t)random_word((RandomKey){.seed = distance}, i);
        for (size_t i = distance; i < distance + 20; i++) data[i] = data[i - distance];
        round_trip(data, distance + 20, "distance");
    }
    free(data);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"known_streams_unpack", known_streams_unpack},
        {"blocks_of_all_kinds_follow_one_another", blocks_of_all_kinds_follow_one_another},
        {"codes_of_fifteen_bits_are_read", codes_of_fifteen_bits_are_read},
        {"a_single_distance_takes_one_bit", a_single_distance_takes_one_bit},
        {"every_truncation_ends_early", every_truncation_ends_early},
        {"damage_in_blocks_is_named", damage_in_blocks_is_named},
        {"damage_in_code_lengths_is_named", damage_in_code_lengths_is_named},
        {"impossible_codes_are_named", impossible_codes_are_named},
        {"the_limit_holds", the_limit_holds},
        {"flipped_bits_do_no_harm", flipped_bits_do_no_harm},
        {"published_samples_give_the_expected", published_samples_give_the_expected},
        {"what_deflate_packs_unpacks_to_the_same", what_deflate_packs_unpacks_to_the_same},
        {"deflate_writes_every_length_and_distance", deflate_writes_every_length_and_distance},
    };
    return TESTS_RUN(tests);
}
