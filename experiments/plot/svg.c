// Drawing to SVG (drawing.h). Coordinates have two decimals: a fiftieth of what can be seen, and
// the same text on every machine.
#include "data/png.h"
#include "experiments/html.h"
#include "experiments/plot/drawing.h"

static void append_ink(Text *out, Ink ink)
{
    static const char *const names[] = {"paper", "ink", "quiet", "grid"};
    if (ink < INK_SERIES)
        text_append(out, "%s", names[ink]);
    else
        text_append(out, "series-%d", (int)(ink - INK_SERIES));
}

// .line draws with the ink, .area fills with it.
static void append_colours(Text *out)
{
    text_append(out, "<style>text{font-family:system-ui,-apple-system,\"Segoe UI\",Roboto,"
                     "\"DejaVu Sans\",sans-serif}\n");
    for (int i = 0; i < INK_COUNT; i++) {
        uint8_t rgb[3];
        ink_colour((Ink)i, rgb);
        const char *const properties[] = {"stroke", "fill"}, *const classes[] = {"line", "area"};
        for (int k = 0; k < 2; k++) {
            text_append(out, ".%s.", classes[k]);
            append_ink(out, (Ink)i);
            text_append(out, "{%s:#%02x%02x%02x}", properties[k], rgb[0], rgb[1], rgb[2]);
        }
        text_append(out, "\n");
    }
    text_append(out, "</style>\n");
}

static void append_path(Text *out, const Shape *shape)
{
    text_append(out, "d=\"");
    for (int i = 0; i < shape->count; i++)
        text_append(out, "%c%.2f %.2f", i ? 'L' : 'M', shape->points[i].x, shape->points[i].y);
    text_append(out, "%s\"", shape->kind == SHAPE_AREA ? "Z" : "");
}

static void append_line(Text *out, const Shape *shape)
{
    const double *dashes = shape->pen.dashes;
    text_append(out, "<path class=\"line ");
    append_ink(out, shape->pen.ink);
    text_append(out, "\" fill=\"none\" stroke-width=\"%g\" stroke-linejoin=\"round\" ",
                shape->pen.width);
    if (dashes[0] > 0)
        text_append(out, "stroke-dasharray=\"%g %g %g %g\" ", dashes[0], dashes[1], dashes[2],
                    dashes[3]);
    append_path(out, shape);
    text_append(out, "/>\n");
}

static void append_area(Text *out, const Shape *shape)
{
    text_append(out, "<path class=\"area ");
    append_ink(out, shape->pen.ink);
    text_append(out, "\" fill-opacity=\"%g\" ", shape->opacity);
    append_path(out, shape);
    text_append(out, "/>\n");
}

static void append_dot(Text *out, const Shape *shape)
{
    text_append(out, "<circle class=\"area ");
    append_ink(out, shape->pen.ink);
    text_append(out, "\" cx=\"%.2f\" cy=\"%.2f\" r=\"%g\"/>\n", shape->points[0].x,
                shape->points[0].y, shape->pen.width / 2);
}

static void append_text(Text *out, const Shape *shape)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    text_append(out, "<text class=\"area ");
    append_ink(out, shape->pen.ink);
    text_append(out, "\" x=\"%.2f\" y=\"%.2f\" font-size=\"%g\" text-anchor=\"%s\">",
                shape->points[0].x, shape->points[0].y, shape->pen.width, anchors[shape->anchor]);
    html_text(out, shape->text);
    text_append(out, "</text>\n");
}

static void append_image(Text *out, const Shape *shape)
{
    Bytes png;
    png_encode(shape->image.width, shape->image.height, 3, shape->image.pixels, &png);
    text_append(out,
                "<image x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\" "
                "preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" "
                "href=\"data:image/png;base64,",
                shape->points[0].x, shape->points[0].y, shape->width, shape->height);
    html_base64(out, png.data, png.size);
    text_append(out, "\"/>\n");
    bytes_free(&png);
}

void drawing_svg(const Drawing *drawing, bool alone, Text *out)
{
    static void (*const append[])(Text *, const Shape *) = {
        [SHAPE_LINE] = append_line, [SHAPE_AREA] = append_area,   [SHAPE_DOT] = append_dot,
        [SHAPE_TEXT] = append_text, [SHAPE_IMAGE] = append_image,
    };
    text_append(out, "<svg%s viewBox=\"0 0 %g %g\"",
                alone ? " xmlns=\"http://www.w3.org/2000/svg\"" : "", drawing->width,
                drawing->height);
    if (alone) text_append(out, " width=\"%g\" height=\"%g\"", drawing->width, drawing->height);
    text_append(out, " role=\"img\" aria-label=\"");
    html_text(out, drawing->title);
    text_append(out, "\">\n");
    if (alone) {
        append_colours(out);
        text_append(out, "<rect class=\"area paper\" width=\"%g\" height=\"%g\"/>\n",
                    drawing->width, drawing->height);
    }
    for (int i = 0; i < drawing->count; i++)
        append[drawing->shapes[i].kind](out, &drawing->shapes[i]);
    text_append(out, "</svg>\n");
}
