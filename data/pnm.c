// A PNM file is a header of words (magic, width, height, and maxval but for bitmaps), in which a
// comment runs from # to the end of its line, and the samples: in the plain kinds as words too, in
// the raw kinds behind exactly one white space as bytes, as two bytes (most significant first)
// where maxval exceeds 255, or as bits of rows that begin at whole bytes.
#include "data/pnm.h"

#include <stdlib.h>
#include <string.h>

typedef struct Reader {
    const uint8_t *next, *end;
    const char *path;
    Error *error;
} Reader;

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static void skip_spaces_and_comments(Reader *reader)
{
    while (reader->next < reader->end && (is_space(*reader->next) || *reader->next == '#')) {
        if (*reader->next == '#')
            while (reader->next < reader->end && *reader->next != '\n' && *reader->next != '\r')
                reader->next++;
        else
            reader->next++;
    }
}

// A whole number of at most limit, followed by white space, a comment, or the end.
static bool read_number(Reader *reader, const char *name, unsigned limit, unsigned *number)
{
    skip_spaces_and_comments(reader);
    const uint8_t *start = reader->next;
    uint64_t value = 0;
    for (; reader->next < reader->end && *reader->next >= '0' && *reader->next <= '9';
         reader->next++) {
        value = value * 10 + (uint64_t)(*reader->next - '0');
        if (value > limit)
            return fail(reader->error, "%s: the %s exceeds %u", reader->path, name, limit);
    }
    if (reader->next == reader->end && reader->next == start)
        return fail(reader->error, "%s: ends before the %s", reader->path, name);
    if (reader->next == start ||
        (reader->next < reader->end && !is_space(*reader->next) && *reader->next != '#'))
        return fail(reader->error, "%s: the %s is not a number", reader->path, name);
    *number = (unsigned)value;
    return true;
}

static bool read_header(Reader *reader, Pnm *pnm)
{
    unsigned width, height;
    pnm->type = (char)reader->next[1];
    reader->next += 2;
    if (!read_number(reader, "width", UINT32_MAX, &width) ||
        !read_number(reader, "height", UINT32_MAX, &height) ||
        !picture_size_check(width, height, reader->path, reader->error))
        return false;
    bool bitmap = pnm->type == '1' || pnm->type == '4';
    pnm->maxval = 1;
    if (!bitmap && !read_number(reader, "largest value", 65535, &pnm->maxval)) return false;
    if (pnm->maxval == 0) return fail(reader->error, "%s: the largest value is 0", reader->path);
    pnm->width = (int)width;
    pnm->height = (int)height;
    pnm->channels = pnm->type == '3' || pnm->type == '6' ? 3 : 1;
    return true;
}

// The fewest bytes that so many samples take in the file.
static size_t least_bytes(const Pnm *pnm, size_t count)
{
    switch (pnm->type) {
    case '1':
        return count;
    case '4':
        return ((size_t)pnm->width + 7) / 8 * (size_t)pnm->height;
    case '5':
    case '6':
        return pnm->maxval > 255 ? 2 * count : count;
    default: // plain: a digit each and white space between
        return 2 * count - 1;
    }
}

// In a plain bitmap the digits need no space between them.
static bool read_plain_bit(Reader *reader, uint16_t *bit)
{
    skip_spaces_and_comments(reader);
    if (reader->next == reader->end)
        return fail(reader->error, "%s: ends before its last sample", reader->path);
    if (*reader->next != '0' && *reader->next != '1')
        return fail(reader->error, "%s: a sample is neither 0 nor 1", reader->path);
    *bit = *reader->next++ == '1';
    return true;
}

static bool read_plain(Reader *reader, const Pnm *pnm, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        unsigned value = 0;
        if (pnm->type == '1') {
            if (!read_plain_bit(reader, &pnm->samples[i])) return false;
        } else {
            if (!read_number(reader, "sample", pnm->maxval, &value)) return false;
            pnm->samples[i] = (uint16_t)value;
        }
    }
    return true;
}

static bool read_raw(Reader *reader, const Pnm *pnm, size_t count)
{
    const uint8_t *from = reader->next;
    if (pnm->type == '4') {
        size_t width = (size_t)pnm->width, stride = (width + 7) / 8;
        for (size_t i = 0; i < count; i++) {
            size_t y = i / width, x = i % width;
            pnm->samples[i] = (uint16_t)(from[y * stride + x / 8] >> (7 - x % 8) & 1);
        }
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        pnm->samples[i] =
            (uint16_t)(pnm->maxval > 255 ? from[2 * i] << 8 | from[2 * i + 1] : from[i]);
        if (pnm->samples[i] > pnm->maxval)
            return fail(reader->error, "%s: the sample exceeds %u", reader->path, pnm->maxval);
    }
    return true;
}

bool pnm_recognise(const uint8_t *bytes, size_t size)
{
    return size >= 3 && bytes[0] == 'P' && bytes[1] >= '1' && bytes[1] <= '6' &&
           (is_space(bytes[2]) || bytes[2] == '#');
}

bool pnm_read(const uint8_t *bytes, size_t size, const char *path, Pnm *pnm, Error *error)
{
    *pnm = (Pnm){0};
    Pnm result = {0};
    Reader reader = {bytes, bytes + size, path, error};
    if (!pnm_recognise(bytes, size)) return fail(error, "%s: is not a PNM picture", path);
    if (!read_header(&reader, &result)) return false;
    bool plain = result.type <= '3';
    if (!plain && (reader.next == reader.end || !is_space(*reader.next++)))
        return fail(error, "%s: no white space before the samples", path);

    size_t count = (size_t)result.width * (size_t)result.height * (size_t)result.channels;
    if ((size_t)(reader.end - reader.next) < least_bytes(&result, count))
        return fail(error, "%s: ends before its last sample", path);
    result.samples = allocate(count * sizeof *result.samples);
    if (!(plain ? read_plain : read_raw)(&reader, &result, count)) {
        free(result.samples);
        return false;
    }
    *pnm = result;
    return true;
}

void pnm_free(Pnm *pnm)
{
    free(pnm->samples);
    *pnm = (Pnm){0};
}

bool pnm_decode(const uint8_t *bytes, size_t size, const char *path, Picture *picture, Error *error)
{
    Pnm pnm;
    *picture = (Picture){0};
    if (!pnm_read(bytes, size, path, &pnm, error)) return false;
    *picture = picture_create(pnm.width, pnm.height, pnm.channels);
    bool bitmap = pnm.type == '1' || pnm.type == '4';
    size_t count = (size_t)pnm.width * (size_t)pnm.height * (size_t)pnm.channels;
    for (size_t i = 0; i < count; i++) {
        unsigned value = bitmap ? 1u - pnm.samples[i] : pnm.samples[i];
        picture->pixels[i] = (uint8_t)((value * 255u + pnm.maxval / 2) / pnm.maxval);
    }
    pnm_free(&pnm);
    return true;
}

void pnm_encode(const Picture *picture, Bytes *out)
{
    if (picture->channels != 1 && picture->channels != 3)
        panic("pnm_encode: %d channels", picture->channels);
    Text file = {0};
    text_append(&file, "P%d\n%d %d\n255\n", picture->channels == 1 ? 5 : 6, picture->width,
                picture->height);
    text_append_bytes(&file, picture->pixels,
                      (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels);
    *out = (Bytes){.data = (uint8_t *)file.text, .size = file.length};
}
