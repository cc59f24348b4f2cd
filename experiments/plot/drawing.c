#include "experiments/plot/drawing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "data/picture_file.h"

Drawing *drawing_create(double width, double height, const char *title)
{
    Drawing *drawing = allocate_zeroed(sizeof *drawing);
    drawing->width = width;
    drawing->height = height;
    drawing->title = copy_string(title);
    return drawing;
}

void drawing_free(Drawing *drawing)
{
    if (!drawing) return;
    for (int i = 0; i < drawing->count; i++) {
        free(drawing->shapes[i].points);
        free(drawing->shapes[i].text);
        picture_free(&drawing->shapes[i].image);
    }
    free(drawing->shapes);
    free(drawing->title);
    free(drawing);
}

static Shape *add(Drawing *drawing, ShapeKind kind, int count, const Point *points, Pen pen)
{
    if (count < 1) panic("drawing: a shape of %d points", count);
    if (drawing->count == drawing->capacity) {
        drawing->capacity = drawing->capacity ? 2 * drawing->capacity : 64;
        drawing->shapes =
            reallocate(drawing->shapes, (size_t)drawing->capacity * sizeof *drawing->shapes);
    }
    Shape *shape = &drawing->shapes[drawing->count++];
    *shape = (Shape){.kind = kind, .count = count, .pen = pen, .opacity = 1};
    shape->points = allocate((size_t)count * sizeof *points);
    memcpy(shape->points, points, (size_t)count * sizeof *points);
    return shape;
}

void draw_line(Drawing *drawing, int count, const Point *points, Pen pen)
{
    add(drawing, SHAPE_LINE, count, points, pen);
}

void draw_area(Drawing *drawing, int count, const Point *corners, Ink ink, double opacity)
{
    add(drawing, SHAPE_AREA, count, corners, (Pen){.ink = ink})->opacity = opacity;
}

void draw_dot(Drawing *drawing, Point centre, double diameter, Ink ink)
{
    add(drawing, SHAPE_DOT, 1, &centre, (Pen){.ink = ink, .width = diameter});
}

void draw_text(Drawing *drawing, Point at, Anchor anchor, double size, Ink ink, const char *text)
{
    Shape *shape = add(drawing, SHAPE_TEXT, 1, &at, (Pen){.ink = ink, .width = size});
    shape->anchor = anchor;
    shape->text = copy_string(text);
}

void draw_image(Drawing *drawing, Point corner, double width, double height, const Picture *image)
{
    Shape *shape = add(drawing, SHAPE_IMAGE, 1, &corner, (Pen){.ink = INK_TEXT});
    shape->image = picture_convert(image, 3);
    shape->width = width;
    shape->height = height;
}

// The series are Okabe and Ito's colours, darkened for contrast with white.
void ink_colour(Ink ink, uint8_t rgb[3])
{
    static const uint8_t colours[INK_COUNT][3] = {
        {0xff, 0xff, 0xff}, {0x1d, 0x1e, 0x21}, {0x62, 0x65, 0x6d}, {0xdf, 0xdf, 0xda},
        {0x00, 0x72, 0xb2}, {0xd5, 0x5e, 0x00}, {0x00, 0x87, 0x5f}, {0xa8, 0x47, 0x7f},
        {0xa8, 0x74, 0x00}, {0x2f, 0x92, 0xcc}, {0x55, 0x58, 0x5f}};
    memcpy(rgb, colours[ink], 3);
}

void ink_tint(Ink ink, double strength, uint8_t rgb[3])
{
    ink_colour(ink, rgb);
    for (int c = 0; c < 3; c++) rgb[c] = (uint8_t)(255.5 - strength * (255 - rgb[c]));
}

static bool write_svg(const Drawing *drawing, const char *path, Error *error)
{
    Text text = {0};
    drawing_svg(drawing, true, &text);
    bool ok = file_write(path, text.text, text.length, error);
    text_free(&text);
    return ok;
}

static bool write_png(const Drawing *drawing, const char *path, Error *error)
{
    Picture picture = drawing_picture(drawing, 2);
    bool ok = picture_write(path, &picture, error);
    picture_free(&picture);
    return ok;
}

bool drawing_write(const Drawing *drawing, const char *path, Error *error)
{
    Text svg = {0}, png = {0};
    text_append(&svg, "%s.svg", path);
    text_append(&png, "%s.png", path);
    bool ok = write_svg(drawing, svg.text, error) && write_png(drawing, png.text, error);
    text_free(&svg);
    text_free(&png);
    return ok;
}
