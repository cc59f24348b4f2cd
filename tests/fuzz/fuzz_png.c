// libFuzzer: PNG behind its checksums. The bytes are a header, a palette's and a transparent
// colour's length, and these and the filtered rows; they are put into a file whose checksums are
// right. A PNG file given whole has its chunks' checksums put right.
#include <stdlib.h>
#include <string.h>
#include "data/checksum.h"
#include "data/png.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_number(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void append_chunk(Text *file, const char *type, const void *data, size_t size)
{
    uint8_t number[4];
    put_number(number, (uint32_t)size);
    text_append_bytes(file, number, 4);
    size_t start = file->length;
    text_append_bytes(file, type, 4);
    text_append_bytes(file, data, size);
    put_number(number, crc32_of((const uint8_t *)file->text + start, 4 + size));
    text_append_bytes(file, number, 4);
}

// The rows in stored blocks.
static void append_rows(Text *file, const uint8_t *rows, size_t size)
{
    Text packed = {0};
    text_append_bytes(&packed, "\x78\x01", 2);
    uint32_t sum = adler32_of(rows, size);
    for (bool last = false; !last;) {
        size_t length = size < 65535 ? size : 65535;
        last = length == size;
        uint8_t head[5] = {last, (uint8_t)length, (uint8_t)(length >> 8), (uint8_t)~length,
                           (uint8_t)(~length >> 8)};
        text_append_bytes(&packed, head, 5);
        text_append_bytes(&packed, rows, length);
        rows += length;
        size -= length;
    }
    uint8_t number[4];
    put_number(number, sum);
    text_append_bytes(&packed, number, 4);
    append_chunk(file, "IDAT", packed.text, packed.length);
    text_free(&packed);
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void decode(const Text *file)
{
    Picture picture;
    Error error = {0};
    uint8_t *copy = malloc(file->length ? file->length : 1);
    memcpy(copy, file->text, file->length);
    bool done = png_decode(copy, file->length, "fuzz", &picture, &error);
    if (!done && !error.message[0]) panic("refused without a reason");
    if (done != (picture.pixels != NULL)) panic("a picture, or not?");
    picture_free(&picture);
    free(copy);
}

static void with_right_checksums(const uint8_t *data, size_t size)
{
    Text file = {0};
    text_append_bytes(&file, data, size);
    uint8_t *bytes = (uint8_t *)file.text;
    for (size_t at = 8; at + 12 <= size;) {
        size_t length = (size_t)bytes[at] << 24 | (size_t)bytes[at + 1] << 16 |
                        (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        if (length > size - at - 12) break;
        put_number(bytes + at + 8 + length, crc32_of(bytes + at + 4, length + 4));
        at += 12 + length;
    }
    decode(&file);
    text_free(&file);
}

static void from_parts(const uint8_t *data, size_t size)
{
    enum { HEADER = 13, PARTS = HEADER + 2 };
    if (size < PARTS) return;
    const uint8_t *next = data + PARTS, *end = data + size;
    size_t palette = least(3u * data[HEADER], (size_t)(end - next));
    size_t transparency = least(data[HEADER + 1], (size_t)(end - next) - palette);
    Text file = {0};
    text_append_bytes(&file, "\x89PNG\r\n\x1a\n", 8);
    append_chunk(&file, "IHDR", data, HEADER);
    if (palette) append_chunk(&file, "PLTE", next, palette);
    next += palette;
    if (transparency) append_chunk(&file, "tRNS", next, transparency);
    next += transparency;
    append_rows(&file, next, (size_t)(end - next));
    append_chunk(&file, "IEND", "", 0);
    decode(&file);
    text_free(&file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (png_recognise(data, size))
        with_right_checksums(data, size);
    else
        from_parts(data, size);
    return 0;
}
