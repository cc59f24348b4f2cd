// The sheet is a grid of cells; a cell is an image with a line to its left and above, and the sheet
// ends with a line.
#include "data/picture.h"

#include <string.h>
#include "core/error.h"

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
    Picture sheet = {columns * cell_width + LINE, rows * cell_height + LINE, channels, NULL};
    size_t bytes = (size_t)sheet.width * (size_t)sheet.height * (size_t)channels;
    sheet.pixels = allocate(bytes);
    memset(sheet.pixels, LINE_GREY, bytes);
    for (int64_t i = 0; i < count; i++)
        place(&sheet, images + i * height * width * channels, height, width,
              (int)(i % columns) * cell_width + LINE, (int)(i / columns) * cell_height + LINE,
              scale);
    return sheet;
}
