// data/gzip.c: files as the gzip program and Python write them, files of several members, every
// optional field of the header, and what is refused. data/checksum.c: published check values.
#include "data/gzip.h"

#include <stdlib.h>
#include <string.h>
#include "core/sha256.h"
#include "data/checksum.h"
#include "tests/test.h"

enum { LIMIT = 1000 };

// By Python's gzip, level 9: fifty digits, with a time and a name.
static const uint8_t digits_gz[] = {
    0x1F, 0x8B, 0x08, 0x08, 0xD2, 0x02, 0x96, 0x49, 0x02, 0xFF, 0x64, 0x69, 0x67, 0x69, 0x74,
    0x73, 0x2E, 0x74, 0x78, 0x74, 0x00, 0x33, 0x30, 0x34, 0x32, 0x36, 0x31, 0x35, 0x33, 0xB7,
    0xB0, 0x34, 0x20, 0x92, 0x05, 0x00, 0x54, 0xF5, 0xA7, 0xC7, 0x32, 0x00, 0x00, 0x00};
static const char digits[] = "01234567890123456789012345678901234567890123456789";

static void append_number(Text *text, uint32_t value)
{
    uint8_t bytes[4];
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    text_append_bytes(text, bytes, sizeof bytes);
}

// A member of one stored block. fields: what the flags announce, but for the header's checksum
// (flag 2), which is computed here. wrong_crc and wrong_size are added to the trailer.
static void append_member(Text *file, int flags, const void *fields, size_t fields_size,
                          const char *data, uint32_t wrong_crc, uint32_t wrong_size)
{
    size_t start = file->length, size = strlen(data);
    uint8_t head[10] = {0x1F, 0x8B, 8, (uint8_t)flags, 1, 2, 3, 4, 0, 3};
    text_append_bytes(file, head, sizeof head);
    text_append_bytes(file, fields, fields_size);
    if (flags & 2) {
        uint32_t crc = crc32_of((const uint8_t *)file->text + start, file->length - start);
        text_append_bytes(file, (uint8_t[]){(uint8_t)crc, (uint8_t)(crc >> 8)}, 2);
    }
    uint8_t block[5] = {1, (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)~size,
                        (uint8_t)(~size >> 8)};
    text_append_bytes(file, block, sizeof block);
    text_append_bytes(file, data, size);
    append_number(file, crc32_of((const uint8_t *)data, size) + wrong_crc);
    append_number(file, (uint32_t)size + wrong_size);
}

// From memory of exactly its size, so that the sanitizers see any byte read beyond.
static bool decode(const void *file, size_t size, size_t limit, Bytes *output, Error *error)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, file, size);
    *error = (Error){0};
    bool ok = gzip_decode(copy, size, limit, "a.gz", output, error);
    free(copy);
    if (!ok) {
        check(output->data == NULL && output->size == 0, "output is not empty");
        check(strncmp(error->message, "a.gz: ", 6) == 0, "does not name the file: %s",
              error->message);
    }
    return ok;
}

static void decodes_to(const void *file, size_t size, const char *expected)
{
    Bytes output;
    Error error;
    if (check(decode(file, size, LIMIT, &output, &error), "%s", error.message))
        check(output.size == strlen(expected) && memcmp(output.data, expected, output.size) == 0,
              "%zu other bytes instead of %s", output.size, expected);
    bytes_free(&output);
}

static void refused(const void *file, size_t size, size_t limit, const char *reason)
{
    Bytes output;
    Error error;
    check(!decode(file, size, limit, &output, &error), "accepted, but expected: %s", reason);
    check(strstr(error.message, reason) != NULL, "expected '%s', got: %s", reason, error.message);
    bytes_free(&output);
}

static void checksums_give_the_published_values(void)
{
    const uint8_t *text = (const uint8_t *)"123456789";
    check(crc32_of(text, 9) == 0xCBF43926u, "CRC-32 %08x", crc32_of(text, 9));
    check(crc32_of(text, 0) == 0, "CRC-32 of nothing");
    check(adler32_of((const uint8_t *)"Wikipedia", 9) == 0x11E60398u, "Adler-32");
    check(adler32_of(text, 0) == 1, "Adler-32 of nothing");
    uint8_t *ones = malloc(1000000);
    memset(ones, 0xFF, 1000000);
    check(adler32_of(ones, 1000000) == 0x3843E1BEu, "Adler-32 %08x", adler32_of(ones, 1000000));
    check(crc32_of(ones, 1000000) == 0x13FBDA0Du, "CRC-32 %08x", crc32_of(ones, 1000000));
    free(ones);
}

static void a_file_of_another_program_unpacks(void)
{
    decodes_to(digits_gz, sizeof digits_gz, digits);
}

static void the_header_of_a_real_file_is_understood(void)
{
    static const char *const files[][2] = {
        {"data/mnist/train-labels-idx1-ubyte.gz",
         "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"},
        {"data/mnist/t10k-images-idx3-ubyte.gz",
         "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"}};
    for (int i = 0; i < 2; i++) {
        const char *path = shared_path(files[i][0]);
        if (!path) {
            skip("no ../shared");
            return;
        }
        Bytes packed = {0}, output = {0};
        Error error = {0};
        char digest[65] = "";
        check(file_read(path, 1 << 24, &packed, &error) &&
                  gzip_decode(packed.data, packed.size, 1 << 24, path, &output, &error),
              "%s", error.message);
        sha256_hex(output.data, output.size, digest);
        check(strcmp(digest, files[i][1]) == 0, "%s: other bytes: %s", path, digest);
        bytes_free(&packed);
        bytes_free(&output);
    }
}

static void optional_fields_are_passed_over(void)
{
    static const struct {
        int flags;
        const char *fields;
        size_t size;
    } cases[] = {
        {1, "", 0},     {2, "", 0}, {4, "\3\0abc", 5},  {4, "\0\0", 2},
        {8, "name", 5}, {8, "", 1}, {16, "comment", 8}, {31, "\2\0xyname\0comment", 17},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        Text file = {0};
        append_member(&file, cases[i].flags, cases[i].fields, cases[i].size, "content", 0, 0);
        decodes_to(file.text, file.length, "content");
        for (size_t size = 0; size < file.length; size++)
            refused(file.text, size, LIMIT, size < 2 ? "not a gzip file" : "early");
        if (cases[i].flags & 2) {
            file.text[4]++; // the time, guarded by the header's checksum
            refused(file.text, file.length, LIMIT, "checksum of the gzip header");
        }
        text_free(&file);
    }
}

static void members_are_joined(void)
{
    Text file = {0};
    append_member(&file, 0, "", 0, "first ", 0, 0);
    append_member(&file, 8, "name", 5, "", 0, 0);
    text_append_bytes(&file, digits_gz, sizeof digits_gz);
    append_member(&file, 0, "", 0, " last", 0, 0);
    char expected[100] = "first ";
    strcat(strcat(expected, digits), " last");
    decodes_to(file.text, file.length, expected);
    refused(file.text, file.length, strlen(expected) - 1, "more than the limit");
    Bytes output;
    Error error;
    check(decode(file.text, file.length, strlen(expected), &output, &error), "%s", error.message);
    bytes_free(&output);
    // A cut is noticed but between two members.
    int accepted = 0;
    for (size_t size = 0; size <= file.length; size++) {
        accepted += decode(file.text, size, LIMIT, &output, &error);
        bytes_free(&output);
    }
    check(accepted == 4, "%d lengths were accepted", accepted);
    text_free(&file);
}

static void a_wrong_trailer_is_refused(void)
{
    Text crc = {0}, size = {0}, second = {0};
    append_member(&crc, 0, "", 0, "content", 1, 0);
    refused(crc.text, crc.length, LIMIT, "the checksum does not fit");
    append_member(&size, 0, "", 0, "content", 0, 1);
    refused(size.text, size.length, LIMIT, "the stored length does not fit");
    append_member(&second, 0, "", 0, "content", 0, 0);
    append_member(&second, 0, "", 0, "content", 0, 1u << 31);
    refused(second.text, second.length, LIMIT, "the stored length does not fit");
    text_free(&crc);
    text_free(&size);
    text_free(&second);
}

static void bytes_after_the_end_are_refused(void)
{
    static const char *const tails[] = {"x", "\x1F", "\x1Fx", "\x8B\x1F and more"};
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        Text file = {0};
        text_append_bytes(&file, digits_gz, sizeof digits_gz);
        text_append_bytes(&file, tails[i], strlen(tails[i]));
        refused(file.text, file.length, LIMIT, "bytes that are not gzip data follow");
        text_free(&file);
    }
}

static void foreign_headers_are_refused(void)
{
    Text file = {0};
    append_member(&file, 0, "", 0, "content", 0, 0);
    check(gzip_recognise((const uint8_t *)file.text, 2), "recognised by two bytes");
    check(!gzip_recognise((const uint8_t *)file.text, 1), "one byte is not enough");
    file.text[2] = 7;
    refused(file.text, file.length, LIMIT, "unknown compression method 7");
    file.text[2] = 8;
    for (int flag = 32; flag < 256; flag *= 2) {
        file.text[3] = (char)flag;
        refused(file.text, file.length, LIMIT, "unknown flags");
    }
    refused("PK\3\4", 4, LIMIT, "not a gzip file");
    text_free(&file);
}

// One wrong bit anywhere: refused, or (time, kind of system, name) without effect on the content.
static void no_flipped_bit_changes_the_content(void)
{
    uint8_t copy[sizeof digits_gz];
    int accepted = 0;
    for (size_t bit = 0; bit < 8 * sizeof copy; bit++) {
        memcpy(copy, digits_gz, sizeof copy);
        copy[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        Bytes output;
        Error error;
        if (!decode(copy, sizeof copy, LIMIT, &output, &error)) continue;
        accepted++;
        check(output.size == 50 && memcmp(output.data, digits, 50) == 0, "bit %zu changes it", bit);
        bytes_free(&output);
    }
    check(accepted > 100 && accepted < 170, "%d flips were accepted", accepted);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"checksums_give_the_published_values", checksums_give_the_published_values},
        {"a_file_of_another_program_unpacks", a_file_of_another_program_unpacks},
        {"the_header_of_a_real_file_is_understood", the_header_of_a_real_file_is_understood},
        {"optional_fields_are_passed_over", optional_fields_are_passed_over},
        {"members_are_joined", members_are_joined},
        {"a_wrong_trailer_is_refused", a_wrong_trailer_is_refused},
        {"bytes_after_the_end_are_refused", bytes_after_the_end_are_refused},
        {"foreign_headers_are_refused", foreign_headers_are_refused},
        {"no_flipped_bit_changes_the_content", no_flipped_bit_changes_the_content},
    };
    return TESTS_RUN(tests);
}
