// Reading PNG: chunks are checked and gathered (header, palette, transparent colour, the IDATs as
// one zlib stream); the stream is unpacked to filtered rows, in seven passes where the picture is
// interlaced; the filters are undone; the rows' samples become pixels.
#include "data/png.h"

#include <stdlib.h>
#include <string.h>
#include "data/checksum.h"
#include "data/inflate.h"

enum { GREY = 0, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGB_ALPHA = 6 };

typedef struct Png {
    const char *path;
    Error *error;
    int width, height, depth, colour;
    bool interlaced, has_header, ended;
    int palette_size;
    uint8_t palette[256][4]; // red, green, blue, alpha
    bool transparent;        // some colour is: the palette's alphas, or the key
    unsigned key[3];         // the transparent colour (grey or RGB), as in the file
    Text packed;             // the contents of the IDATs
} Png;

static uint32_t big_endian_32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool broken(Png *png, const char *what)
{
    return fail(png->error, "%s: %s", png->path, what);
}

// ---- Chunks

static bool depth_fits(int depth, int colour)
{
    switch (colour) {
    case GREY:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8 || depth == 16;
    case PALETTE:
        return depth == 1 || depth == 2 || depth == 4 || depth == 8;
    case RGB:
    case GREY_ALPHA:
    case RGB_ALPHA:
        return depth == 8 || depth == 16;
    default:
        return false;
    }
}

static bool read_header(Png *png, const uint8_t *data, size_t size)
{
    if (png->has_header) return broken(png, "has two headers");
    if (size != 13) return broken(png, "the header is damaged");
    uint32_t width = big_endian_32(data), height = big_endian_32(data + 4);
    if (!picture_size_check(width, height, png->path, png->error)) return false;
    png->width = (int)width;
    png->height = (int)height;
    png->depth = data[8];
    png->colour = data[9];
    if (!depth_fits(png->depth, png->colour))
        return fail(png->error, "%s: colours of kind %d with %d bits do not exist", png->path,
                    png->colour, png->depth);
    if (data[10] != 0 || data[11] != 0 || data[12] > 1)
        return broken(png, "has an unknown compression, filter or interlacing");
    png->interlaced = data[12] == 1;
    png->has_header = true;
    return true;
}

static bool read_palette(Png *png, const uint8_t *data, size_t size)
{
    if (png->colour != PALETTE) return true; // only a suggestion
    if (png->palette_size > 0 || size % 3 != 0 || size == 0 || size > (size_t)3 << png->depth)
        return broken(png, "the palette is damaged");
    png->palette_size = (int)(size / 3);
    for (int i = 0; i < png->palette_size; i++) {
        memcpy(png->palette[i], data + 3 * i, 3);
        png->palette[i][3] = 255;
    }
    return true;
}

static bool read_transparency(Png *png, const uint8_t *data, size_t size)
{
    size_t colours = png->colour == RGB ? 3 : 1;
    if (png->colour == GREY_ALPHA || png->colour == RGB_ALPHA) return true; // has no meaning there
    if (png->colour == PALETTE ? size > (size_t)png->palette_size : size != 2 * colours)
        return broken(png, "the transparent colour is damaged");
    png->transparent = true;
    for (size_t i = 0; png->colour == PALETTE && i < size; i++) png->palette[i][3] = data[i];
    for (size_t i = 0; png->colour != PALETTE && i < colours; i++)
        png->key[i] = (unsigned)data[2 * i] << 8 | data[2 * i + 1];
    return true;
}

// Chunks whose type begins with a capital letter are needed to show the picture.
static bool is_critical(const uint8_t *type)
{
    return !(type[0] & 32);
}

static bool read_chunk(Png *png, const uint8_t *type, const uint8_t *data, size_t size)
{
    bool header = memcmp(type, "IHDR", 4) == 0;
    if (!png->has_header && !header) return broken(png, "does not begin with a header");
    if (header) return read_header(png, data, size);
    if (memcmp(type, "PLTE", 4) == 0) return read_palette(png, data, size);
    if (memcmp(type, "tRNS", 4) == 0) return read_transparency(png, data, size);
    if (memcmp(type, "IDAT", 4) == 0)
        text_append_bytes(&png->packed, data, size);
    else if (memcmp(type, "IEND", 4) == 0)
        png->ended = true;
    else if (is_critical(type))
        return broken(png, "has a chunk of an unknown type that is needed");
    return true;
}

// All chunks up to IEND. A chunk of side data with a wrong checksum is passed over.
static bool read_chunks(Png *png, const uint8_t *next, const uint8_t *end)
{
    while (!png->ended) {
        size_t left = (size_t)(end - next);
        if (left < 12) return broken(png, "ends early");
        size_t size = big_endian_32(next);
        const uint8_t *type = next + 4, *data = next + 8;
        if (size > left - 12) return broken(png, "ends early, or a chunk's length is damaged");
        bool right = big_endian_32(data + size) == crc32_of(type, 4 + size);
        if (!right && is_critical(type)) return broken(png, "a checksum (CRC) is wrong");
        if (right && !read_chunk(png, type, data, size)) return false;
        next = data + size + 4;
    }
    if (png->colour == PALETTE && png->palette_size == 0) return broken(png, "has no palette");
    return true;
}

// ---- Passes

// The pixels of a pass: every step_x-th of every step_y-th row, from (x, y) on.
typedef struct Pass {
    int x, y, step_x, step_y;
} Pass;

static const Pass whole_picture = {0, 0, 1, 1};
static const Pass interlaced_passes[7] = {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4},
                                          {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}};

static int pass_count(const Png *png)
{
    return png->interlaced ? 7 : 1;
}

static Pass pass_at(const Png *png, int index)
{
    return png->interlaced ? interlaced_passes[index] : whole_picture;
}

static int samples_per_pixel(const Png *png)
{
    static const int counts[7] = {
        [GREY] = 1, [RGB] = 3, [PALETTE] = 1, [GREY_ALPHA] = 2, [RGB_ALPHA] = 4};
    return counts[png->colour];
}

// Pixels across and down; a pass without pixels has no rows either.
static void pass_size(const Png *png, Pass pass, int *across, int *down)
{
    *across = (png->width - pass.x + pass.step_x - 1) / pass.step_x;
    *down = *across > 0 ? (png->height - pass.y + pass.step_y - 1) / pass.step_y : 0;
}

static size_t row_size(const Png *png, int pixels)
{
    return ((size_t)pixels * (size_t)(samples_per_pixel(png) * png->depth) + 7) / 8;
}

// Of all rows of all passes, each with its filter's number before it.
static size_t unpacked_size(const Png *png)
{
    size_t size = 0;
    for (int i = 0; i < pass_count(png); i++) {
        int across, down;
        pass_size(png, pass_at(png, i), &across, &down);
        size += (1 + row_size(png, across)) * (size_t)down;
    }
    return size;
}

// ---- The zlib stream (RFC 1950)

static bool unpack(Png *png, Bytes *rows)
{
    enum { HEAD = 2, TAIL = 4, MOST_DEFLATE = 1032 }; // bytes that one byte can stand for
    const uint8_t *packed = (const uint8_t *)png->packed.text;
    size_t size = png->packed.length, expected = unpacked_size(png), used;
    if (size < HEAD + TAIL || expected / MOST_DEFLATE > size)
        return fail(png->error, "%s: is too short for %dx%d pixels", png->path, png->width,
                    png->height);
    bool deflated = (packed[0] & 15) == 8 && packed[0] >> 4 <= 7 && !(packed[1] & 32);
    if (!deflated || (packed[0] << 8 | packed[1]) % 31 != 0)
        return broken(png, "the compressed data are damaged (header)");
    if (!inflate(packed + HEAD, size - HEAD, expected, png->path, rows, &used, png->error))
        return false;
    if (rows->size != expected) return broken(png, "the compressed data end early");
    if (size - HEAD - used < TAIL ||
        big_endian_32(packed + HEAD + used) != adler32_of(rows->data, rows->size))
        return broken(png, "the checksum of the compressed data (Adler-32) is wrong");
    return true;
}

// ---- Filters: each byte is stored less what its neighbours let expect

static int paeth(int left, int above, int corner)
{
    int to_left = abs(above - corner), to_above = abs(left - corner);
    int to_corner = abs(left + above - 2 * corner);
    if (to_left <= to_above && to_left <= to_corner) return left;
    return to_above <= to_corner ? above : corner;
}

// Undoes a row's filter. step: from a byte to the same sample's in the pixel before; above: the row
// above, zeros for the first one.
static bool unfilter(int filter, uint8_t *row, const uint8_t *above, size_t size, size_t step)
{
    size_t first = step < size ? step : size; // bytes with nothing to the left
    switch (filter) {
    case 0:
        return true;
    case 1:
        for (size_t i = first; i < size; i++) row[i] = (uint8_t)(row[i] + row[i - step]);
        return true;
    case 2:
        for (size_t i = 0; i < size; i++) row[i] = (uint8_t)(row[i] + above[i]);
        return true;
    case 3:
        for (size_t i = 0; i < first; i++) row[i] = (uint8_t)(row[i] + above[i] / 2);
        for (size_t i = first; i < size; i++)
            row[i] = (uint8_t)(row[i] + (row[i - step] + above[i]) / 2);
        return true;
    case 4:
        for (size_t i = 0; i < first; i++) row[i] = (uint8_t)(row[i] + above[i]);
        for (size_t i = first; i < size; i++)
            row[i] = (uint8_t)(row[i] + paeth(row[i - step], above[i], above[i - step]));
        return true;
    default:
        return false;
    }
}

// ---- Pixels

// The i-th sample of a row.
static unsigned sample_at(const Png *png, const uint8_t *row, size_t i)
{
    size_t depth = (size_t)png->depth;
    if (depth == 8) return row[i];
    if (depth == 16) return (unsigned)row[2 * i] << 8 | row[2 * i + 1];
    unsigned shift = (unsigned)(8 - depth - i * depth % 8);
    return (unsigned)row[i * depth / 8] >> shift & ((1u << depth) - 1);
}

static uint8_t to_byte(const Png *png, unsigned sample)
{
    if (png->depth == 16) return (uint8_t)(sample >> 8);
    return (uint8_t)(sample * 255 / ((1u << png->depth) - 1));
}

static bool put_pixel(Png *png, const uint8_t *row, size_t x, uint8_t *to, size_t channels)
{
    size_t count = (size_t)samples_per_pixel(png);
    if (png->colour == PALETTE) {
        unsigned index = sample_at(png, row, x);
        if (index >= (unsigned)png->palette_size)
            return broken(png, "a pixel has a colour that the palette lacks");
        memcpy(to, png->palette[index], channels);
        return true;
    }
    bool is_key = png->transparent;
    for (size_t i = 0; i < count; i++) {
        unsigned sample = sample_at(png, row, x * count + i);
        to[i] = to_byte(png, sample);
        if (png->transparent && sample != png->key[i]) is_key = false;
    }
    if (png->transparent) to[count] = is_key ? 0 : 255;
    return true;
}

static int channels_of(const Png *png)
{
    int colours = png->colour == PALETTE ? 3 : samples_per_pixel(png);
    return colours + png->transparent;
}

static bool put_row(Png *png, Pass pass, int y, int across, const uint8_t *row, Picture *picture)
{
    size_t channels = (size_t)picture->channels;
    uint8_t *to =
        picture->pixels +
        ((size_t)(pass.y + y * pass.step_y) * (size_t)png->width + (size_t)pass.x) * channels;
    bool as_stored = png->depth == 8 && png->colour != PALETTE && !png->transparent;
    if (as_stored && pass.step_x == 1) {
        memcpy(to, row, (size_t)across * channels);
        return true;
    }
    for (int x = 0; x < across; x++, to += (size_t)pass.step_x * channels)
        if (!put_pixel(png, row, (size_t)x, to, channels)) return false;
    return true;
}

// rows: a pass, which it moves behind. zeros: a row of them.
static bool put_pass(Png *png, Pass pass, uint8_t **rows, const uint8_t *zeros, Picture *picture)
{
    int across, down;
    pass_size(png, pass, &across, &down);
    size_t size = row_size(png, across);
    size_t step = (size_t)(samples_per_pixel(png) * png->depth + 7) / 8;
    const uint8_t *above = zeros;
    for (int y = 0; y < down; y++) {
        uint8_t *row = *rows + 1;
        if (!unfilter((*rows)[0], row, above, size, step))
            return broken(png, "a row has an unknown filter");
        if (!put_row(png, pass, y, across, row, picture)) return false;
        above = row;
        *rows += 1 + size;
    }
    return true;
}

static bool to_picture(Png *png, Bytes *rows, Picture *picture)
{
    *picture = picture_create(png->width, png->height, channels_of(png));
    uint8_t *zeros = allocate_zeroed(row_size(png, png->width)), *next = rows->data;
    bool done = true;
    for (int i = 0; done && i < pass_count(png); i++)
        done = put_pass(png, pass_at(png, i), &next, zeros, picture);
    free(zeros);
    if (!done) picture_free(picture);
    return done;
}

bool png_recognise(const uint8_t *bytes, size_t size)
{
    return size >= 4 && memcmp(bytes, "\x89PNG", 4) == 0;
}

bool png_decode(const uint8_t *bytes, size_t size, const char *path, Picture *picture, Error *error)
{
    enum { SIGNATURE = 8 };
    *picture = (Picture){0};
    if (size < SIGNATURE || memcmp(bytes, "\x89PNG\r\n\x1a\n", SIGNATURE) != 0)
        return fail(error, "%s: is not a PNG picture, or was changed as if it were text", path);
    Png *png = allocate_zeroed(sizeof *png);
    Bytes rows = {0};
    png->path = path;
    png->error = error;
    bool done = read_chunks(png, bytes + SIGNATURE, bytes + size) && unpack(png, &rows) &&
                to_picture(png, &rows, picture);
    bytes_free(&rows);
    text_free(&png->packed);
    free(png);
    return done;
}
