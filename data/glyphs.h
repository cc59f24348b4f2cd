// How digits are written: each style of each digit as a few strokes, smooth curves through given
// points.
#ifndef SIEVE_DATA_GLYPHS_H
#define SIEVE_DATA_GLYPHS_H

enum { GLYPH_MAX_STROKES = 4, STROKE_MAX_POINTS = 14, STYLES_PER_DIGIT = 4 };

// Points in hundredths of a box that is as high as the digit: x to the right, y down. A stroke that
// ends where it begins is a closed curve. Strokes that meet in a point share it exactly, and so
// stay joined under any deformation of the plane.
typedef struct Stroke {
    int count; // 0: the glyph has no more strokes
    signed char points[STROKE_MAX_POINTS][2];
} Stroke;

typedef struct Glyph {
    Stroke strokes[GLYPH_MAX_STROKES];
} Glyph;

extern const Glyph glyphs[10][STYLES_PER_DIGIT];

#endif
