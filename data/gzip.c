// A member is a ten byte header with up to four optional fields, a deflate stream, and eight bytes
// to check it by.
#include "data/gzip.h"

#include <string.h>
#include "data/checksum.h"
#include "data/inflate.h"

enum { HEADER_CRC = 2, EXTRA_FIELD = 4, NAME = 8, COMMENT = 16, RESERVED_FLAGS = 0xE0 };

bool gzip_recognise(const uint8_t *input, size_t size)
{
    return size >= 2 && input[0] == 0x1F && input[1] == 0x8B;
}

// Where the zero-terminated text at position ends; size where it does not.
static size_t after_text(const uint8_t *input, size_t size, size_t position)
{
    const uint8_t *zero = position < size ? memchr(input + position, 0, size - position) : NULL;
    return zero ? (size_t)(zero - input) + 1 : size + 1;
}

// *header_size: bytes before the deflate stream. Positions may run past size, which is tested at
// the end of each field.
static bool read_header(const uint8_t *input, size_t size, const char *what, size_t *header_size,
                        Error *error)
{
    static const char *const early = "%s: the gzip header ends early";
    size_t position = 10;
    if (size < position) return fail(error, early, what);
    if (input[2] != 8) return fail(error, "%s: unknown compression method %d", what, input[2]);
    int flags = input[3];
    if (flags & RESERVED_FLAGS) return fail(error, "%s: unknown flags in the gzip header", what);
    if (flags & EXTRA_FIELD) {
        if (size - position < 2) return fail(error, early, what);
        position += 2 + (size_t)(input[position] | input[position + 1] << 8);
    }
    if (flags & NAME) position = after_text(input, size, position);
    if (flags & COMMENT) position = after_text(input, size, position);
    if (position > size) return fail(error, early, what);
    if (flags & HEADER_CRC) {
        if (size - position < 2) return fail(error, early, what);
        unsigned stored = input[position] | (unsigned)input[position + 1] << 8;
        if (stored != (crc32_of(input, position) & 0xFFFF))
            return fail(error, "%s: the checksum of the gzip header does not fit", what);
        position += 2;
    }
    *header_size = position;
    return true;
}

static uint32_t little_endian_32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

// One member from the start of input; *used: its bytes. *output is empty on failure.
static bool read_member(const uint8_t *input, size_t size, size_t limit, const char *what,
                        Bytes *output, size_t *used, Error *error)
{
    size_t header = 0, packed = 0;
    if (!read_header(input, size, what, &header, error)) return false;
    if (!inflate(input + header, size - header, limit, what, output, &packed, error)) return false;
    const uint8_t *trailer = input + header + packed;
    *used = header + packed + 8;
    if (size - header - packed < 8)
        fail(error, "%s: the file ends early (within its checksum)", what);
    else if (little_endian_32(trailer) != crc32_of(output->data, output->size))
        fail(error, "%s: the checksum does not fit the data", what);
    else if (little_endian_32(trailer + 4) != (uint32_t)output->size)
        fail(error, "%s: the stored length does not fit the data", what);
    else
        return true;
    bytes_free(output);
    return false;
}

bool gzip_decode(const uint8_t *input, size_t size, size_t limit, const char *what, Bytes *output,
                 Error *error)
{
    *output = (Bytes){0};
    if (!gzip_recognise(input, size)) return fail(error, "%s: is not a gzip file", what);
    for (size_t position = 0; position < size;) {
        Bytes member = {0};
        size_t used = 0;
        bool ok = gzip_recognise(input + position, size - position);
        if (!ok)
            fail(error, "%s: %zu bytes that are not gzip data follow at its end", what,
                 size - position);
        else
            ok = read_member(input + position, size - position, limit - output->size, what, &member,
                             &used, error);
        if (!ok) {
            bytes_free(output);
            return false;
        }
        if (output->data == NULL) {
            *output = member;
        } else {
            output->data = reallocate(output->data, output->size + member.size + 1);
            memcpy(output->data + output->size, member.data, member.size);
            output->size += member.size;
            bytes_free(&member);
        }
        position += used;
    }
    return true;
}
