// A picture as a list of shapes: lines, areas, dots, text, images, in units of its own with y
// downwards. The same list becomes an SVG or pixels. Colours are named inks, so that a page which
// shows the SVG can have its own values for them (a dark theme).
#ifndef SIEVE_EXPERIMENTS_PLOT_DRAWING_H
#define SIEVE_EXPERIMENTS_PLOT_DRAWING_H

#include <stdbool.h>
#include <stdint.h>
#include "core/file.h"
#include "data/picture.h"

enum { SERIES_INKS = 7, DASHES = 4 };

typedef enum Ink {
    INK_PAPER,
    INK_TEXT,
    INK_QUIET,  // axes and their labels
    INK_GRID,   // lines behind the data
    INK_SERIES, // INK_SERIES + i, i below SERIES_INKS: told apart by the colour-blind too
    INK_COUNT = INK_SERIES + SERIES_INKS
} Ink;

typedef struct Point {
    double x, y;
} Point;

typedef struct Pen {
    Ink ink;
    double width;
    double
        dashes[DASHES]; // lengths of dash, gap, dash, gap, all above 0; or all 0: one unbroken line
} Pen;

typedef enum Anchor { ANCHOR_START, ANCHOR_MIDDLE, ANCHOR_END } Anchor;

typedef enum ShapeKind { SHAPE_LINE, SHAPE_AREA, SHAPE_DOT, SHAPE_TEXT, SHAPE_IMAGE } ShapeKind;

typedef struct Shape {
    ShapeKind kind;
    Point *points; // of a line or an area; else the centre, the baseline's anchor, the upper left
    int count;
    Pen pen; // its ink is that of every shape; its width also a dot's diameter and a text's size
    double opacity;       // of an area
    Anchor anchor;        // of a text
    char *text;           // UTF-8
    Picture image;        // RGB
    double width, height; // of an image
} Shape;

typedef struct Drawing {
    double width, height;
    char *title; // for those who cannot see it
    Shape *shapes;
    int count, capacity;
} Drawing;

Drawing *drawing_create(double width, double height, const char *title);
void drawing_free(Drawing *drawing); // NULL is allowed

// What is drawn later lies above. Points, texts and pictures are copied.
void draw_line(Drawing *drawing, int count, const Point *points, Pen pen);
void draw_area(Drawing *drawing, int count, const Point *corners, Ink ink, double opacity);
void draw_dot(Drawing *drawing, Point centre, double diameter, Ink ink);
void draw_text(Drawing *drawing, Point at, Anchor anchor, double size, Ink ink, const char *text);
// Each pixel becomes a rectangle; grey spreads to all colours.
void draw_image(Drawing *drawing, Point corner, double width, double height, const Picture *image);

// The ink's colour on white paper.
void ink_colour(Ink ink, uint8_t rgb[3]);
// A mixture of the ink with white: 1 is the ink itself.
void ink_tint(Ink ink, double strength, uint8_t rgb[3]);

// The <svg> element. Alone it carries its colours; in a page (alone false) the page's style sheet
// gives them: the variables --ink, --quiet, --line, --paper, --series-0 ...
void drawing_svg(const Drawing *drawing, bool alone, Text *out);

// `scale` pixels for a unit, RGB, on white. The same bits on every machine.
Picture drawing_picture(const Drawing *drawing, double scale);

// PATH.svg and PATH.png (two pixels for a unit).
bool drawing_write(const Drawing *drawing, const char *path, Error *error);

#endif
