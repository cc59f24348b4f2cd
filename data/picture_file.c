#include "data/picture_file.h"

#include <string.h>
#include <strings.h>
#include "core/file.h"
#include "data/jpeg.h"
#include "data/png.h"
#include "data/pnm.h"

enum { MAX_FILE = 1 << 28 };

typedef struct Format {
    bool (*recognise)(const uint8_t *bytes, size_t size);
    bool (*decode)(const uint8_t *bytes, size_t size, const char *path, Picture *picture,
                   Error *error);
} Format;

static const Format formats[] = {
    {png_recognise, png_decode},
    {jpeg_recognise, jpeg_decode},
    {pnm_recognise, pnm_decode},
};
enum { FORMAT_COUNT = sizeof formats / sizeof formats[0] };

bool picture_decode(const uint8_t *bytes, size_t size, const char *path, Picture *picture,
                    Error *error)
{
    *picture = (Picture){0};
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (formats[i].recognise(bytes, size))
            return formats[i].decode(bytes, size, path, picture, error);
    return fail(error, "%s: is neither PNG nor JPEG nor PNM", path);
}

bool picture_read(const char *path, Picture *picture, Error *error)
{
    Bytes file;
    *picture = (Picture){0};
    if (!file_read(path, MAX_FILE, &file, error)) return false;
    bool done = picture_decode(file.data, file.size, path, picture, error);
    bytes_free(&file);
    return done;
}

// ---- Writing

static void encode_png(const Picture *picture, Bytes *out)
{
    png_encode(picture->width, picture->height, picture->channels, picture->pixels, out);
}

typedef struct Writer {
    const char *suffix;
    int channels; // 0: as they are
    void (*encode)(const Picture *picture, Bytes *out);
} Writer;

static const Writer writers[] = {
    {".png", 0, encode_png},
    {".ppm", 3, pnm_encode},
    {".pgm", 1, pnm_encode},
};
enum { WRITER_COUNT = sizeof writers / sizeof writers[0] };

static const Writer *find_writer(const char *path)
{
    size_t length = strlen(path);
    for (int i = 0; i < WRITER_COUNT; i++)
        if (length >= 4 && strcasecmp(path + length - 4, writers[i].suffix) == 0)
            return &writers[i];
    return NULL;
}

bool picture_writable(const char *path)
{
    return find_writer(path) != NULL;
}

bool picture_write(const char *path, const Picture *picture, Error *error)
{
    const Writer *writer = find_writer(path);
    if (!writer) return fail(error, "%s: the name ends neither in .png nor .ppm nor .pgm", path);
    bool same = writer->channels == 0 || writer->channels == picture->channels;
    Picture converted = {0};
    if (!same) converted = picture_convert(picture, writer->channels);
    Bytes file;
    writer->encode(same ? picture : &converted, &file);
    picture_free(&converted);
    bool done = file_write(path, file.data, file.size, error);
    bytes_free(&file);
    return done;
}
