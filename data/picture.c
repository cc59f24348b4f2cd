#include "data/picture.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"

bool picture_size_check(uint64_t width, uint64_t height, const char *path, Error *error)
{
    if (width == 0 || height == 0)
        return fail(error, "%s: a picture of %llux%llu pixels", path, (unsigned long long)width,
                    (unsigned long long)height);
    if (width > PICTURE_MAX_SIDE || height > PICTURE_MAX_SIDE ||
        width * height > PICTURE_MAX_PIXELS)
        return fail(error, "%s: %llux%llu pixels are more than the %d that are read at most", path,
                    (unsigned long long)width, (unsigned long long)height, PICTURE_MAX_PIXELS);
    return true;
}

static size_t area(const Picture *picture)
{
    return (size_t)picture->width * (size_t)picture->height;
}

Picture picture_create(int width, int height, int channels)
{
    if (width < 1 || height < 1 || channels < 1 || channels > 4)
        panic("picture_create: %dx%d pixels of %d channels", width, height, channels);
    Picture picture = {width, height, channels, NULL};
    picture.pixels = allocate_zeroed(area(&picture) * (size_t)channels);
    return picture;
}

void picture_free(Picture *picture)
{
    free(picture->pixels);
    *picture = (Picture){0};
}

static uint8_t luma(const uint8_t *rgb)
{
    return (uint8_t)((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
}

Picture picture_convert(const Picture *picture, int channels)
{
    Picture result = picture_create(picture->width, picture->height, channels);
    bool from_grey = picture->channels < 3, to_grey = channels < 3;
    const uint8_t *from = picture->pixels;
    uint8_t *to = result.pixels;
    for (size_t left = area(picture); left > 0; left--) {
        uint8_t alpha = picture->channels % 2 == 0 ? from[picture->channels - 1] : 255;
        if (to_grey)
            to[0] = from_grey ? from[0] : luma(from);
        else
            for (int colour = 0; colour < 3; colour++) to[colour] = from[from_grey ? 0 : colour];
        if (channels % 2 == 0) to[channels - 1] = alpha;
        from += picture->channels;
        to += channels;
    }
    return result;
}

// ---- Contact sheets: a grid of cells; a cell is an image with a line to its left and above, and
// the sheet ends with a line.

enum { LINE = 1, LINE_GREY = 96 };

static uint8_t byte_of(float value)
{
    return (uint8_t)(value > 0 ? value < 1 ? value * 255 + 0.5f : 255 : 0); // NaN: 0
}

// Places the image with its corner at pixel (left, top) of the sheet.
static void place(Picture *sheet, const float *image, int height, int width, int left, int top,
                  int scale)
{
    int channels = sheet->channels;
    for (int y = 0; y < height * scale; y++) {
        const float *row = image + (int64_t)(y / scale) * width * channels;
        uint8_t *to = sheet->pixels + ((int64_t)(top + y) * sheet->width + left) * channels;
        for (int x = 0; x < width * scale; x++)
            for (int channel = 0; channel < channels; channel++)
                *to++ = byte_of(row[x / scale * channels + channel]);
    }
}

Picture contact_sheet(const float *images, int64_t count, int height, int width, int channels,
                      int columns, int scale)
{
    if (count < 1 || columns < 1 || scale < 1) panic("contact_sheet: nothing to show");
    if (columns > count) columns = (int)count;
    int rows = (int)((count + columns - 1) / columns);
    int cell_width = width * scale + LINE, cell_height = height * scale + LINE;
    Picture sheet =
        picture_create(columns * cell_width + LINE, rows * cell_height + LINE, channels);
    memset(sheet.pixels, LINE_GREY, area(&sheet) * (size_t)channels);
    for (int64_t i = 0; i < count; i++)
        place(&sheet, images + i * height * width * channels, height, width,
              (int)(i % columns) * cell_width + LINE, (int)(i / columns) * cell_height + LINE,
              scale);
    return sheet;
}
