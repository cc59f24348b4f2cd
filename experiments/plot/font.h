// Letters for pictures made of pixels: each a few strokes, as for the drawn digits (data/glyphs.h).
// ASCII; every other character is an empty box.
#ifndef SIEVE_EXPERIMENTS_PLOT_FONT_H
#define SIEVE_EXPERIMENTS_PLOT_FONT_H

#include "experiments/plot/drawing.h"

// The text's strokes as lines, each a run of points: line(context, count, points). The baseline
// begins at `at`; `size` is that of SVG's font-size (letters are about 0.7 of it high).
void font_strokes(const char *text, Point at, double size,
                  void (*line)(void *context, int count, const Point *points), void *context);

// How far the text reaches to the right, the gap after its last letter left out.
double font_width(const char *text, double size);

#endif
