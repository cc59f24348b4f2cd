// A PNG file is a signature and three chunks here: IHDR (size and kind), IDAT (the rows as a zlib
// stream), IEND. A chunk is its length, type, data, and the CRC-32 of type and data, all numbers
// most significant byte first.
#include "data/png.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "data/checksum.h"
#include "data/deflate.h"

static void put_big_endian(uint8_t *to, uint32_t value)
{
    for (int i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void append_number(Text *text, uint32_t value)
{
    uint8_t bytes[4];
    put_big_endian(bytes, value);
    text_append_bytes(text, bytes, sizeof bytes);
}

static void append_chunk(Text *file, const char type[4], const void *data, size_t size)
{
    append_number(file, (uint32_t)size);
    size_t start = file->length;
    text_append_bytes(file, type, 4);
    text_append_bytes(file, data, size);
    append_number(file, crc32_of((const uint8_t *)file->text + start, 4 + size));
}

// Each row is preceded by the number of its filter: 0, the bytes as they are. (Our pictures are
// enlarged by whole factors or mostly black, which deflate packs better without a filter.)
static uint8_t *filtered_rows(size_t row, size_t height, const uint8_t *pixels)
{
    uint8_t *rows = allocate((row + 1ull) * height);
    for (size_t y = 0; y < height; y++) {
        rows[y * (row + 1)] = 0;
        memcpy(rows + y * (row + 1) + 1, pixels + y * row, row);
    }
    return rows;
}

void png_encode(int width, int height, int channels, const uint8_t *pixels, Bytes *out)
{
    if (width < 1 || height < 1 || channels < 1 || channels > 4)
        panic("png_encode: %dx%d pixels of %d channels", width, height, channels);
    size_t row = (size_t)width * (size_t)channels, size = (row + 1) * (size_t)height;
    static const uint8_t kinds[4] = {0 /* grey */, 4 /* and alpha */, 2 /* RGB */,
                                     6 /* and alpha */};
    uint8_t header[13] = {[8] = 8 /* bits */, [9] = kinds[channels - 1]};
    put_big_endian(header, (uint32_t)width);
    put_big_endian(header + 4, (uint32_t)height);

    Text packed = {0}, file = {0};
    uint8_t *rows = filtered_rows(row, (size_t)height, pixels);
    text_append_bytes(&packed, "\x78\x01", 2); // zlib (RFC 1950): deflate, window of 32 KB
    deflate(rows, size, &packed);
    append_number(&packed, adler32_of(rows, size));
    free(rows);

    text_append_bytes(&file, "\x89PNG\r\n\x1a\n", 8);
    append_chunk(&file, "IHDR", header, sizeof header);
    append_chunk(&file, "IDAT", packed.text, packed.length);
    append_chunk(&file, "IEND", "", 0);
    text_free(&packed);
    *out = (Bytes){.data = (uint8_t *)file.text, .size = file.length}; // both are plain allocations
}
