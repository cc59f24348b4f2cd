// A stroke is a run of pairs: x as a digit, y as a letter: a the top of capitals, d of small
// letters, i the baseline, k the end of descenders. Strokes are straight from point to point; after
// ~ they are a smooth curve (Catmull and Rom's spline) through the points. A stroke of one point is
// a dot.
#include "experiments/plot/font.h"

#include <string.h>

enum { BASELINE = 'i' - 'a', GAP = 2, SPACE = 3, CURVE_STEPS = 8, MOST_POINTS = 16 };

// clang-format off
static const char *const letters[] = { // from ' ' on
    "", "0a0f 0i", "0a0c 2a2c", "2a1i 5a4i 0d6d 0f6f", "~5b3a0c3e5g3i0h 3a3i",
    "6a0i ~1a2b1c0b1a ~5g6h5i4h5g", "~6i2d2b3a4b3d0g2i4i6f", "0a0c", "~2a0d0g2j", "~0a2d2g0j",
    "2b2f 0c4e 4c0e", "2c2g 0e4e", "1i0k", "0e3e", "0i", "4a0i",
    "~2a4c4g2i0g0c2a", "0c2a2i0i4i", "~0c2a4c3e0i 0i4i", "~0b2a4c1e ~1e4g2i0h", "3i3a0f4f",
    "4a0a0e ~0e2d4f4g2i0h", "~4b2a0d0g2i4g2e0f", "0a4a1i", "~2e0c2a4c2e0g2i4g2e", "~0h2i4f4c2a0c2e4d",
    "0d 0i", "1d 1i0k", "4b0e4h", "0d4d 0g4g", "0b4e0h", "~0c2a4b3d2f 2i",
    "~5g3g3d5d5g7f6b3a0c0g3i6i", "0i3a6i 1f5f", "0i0a3a ~3a5b5d3e 0e3e ~3e5f5h3i 3i0i", "~6b3a0d0f3i6h",
    "0i0a2a ~2a5b6e5h2i 2i0i", "5a0a0i5i 0e4e", "5a0a0i 0e4e", "~6b3a0d0f3i6h 6h6e4e", "0a0i 6a6i 0e6e",
    "0a0i", "3a3g ~3g2i0h", "0a0i 5a0e 1d5i", "0a0i4i", "0i0a3f6a6i", "0i0a5i5a", "~3a6d6f3i0f0d3a",
    "0i0a3a ~3a5b5d3e 3e0e", "~3a6d6f3i0f0d3a 4g6i", "0i0a3a ~3a5b5d3e 3e0e 3e5i", "~5b3a0c3e5g3i0h",
    "0a6a 3a3i", "0a0f ~0f1h3i5h6f 6f6a", "0a3i6a", "0a2i4b6i8a", "0a5i 5a0i", "0a3e6a 3e3i",
    "0a5a0i5i", "2a0a0j2j", "0a4i", "0a2a2j0j", "0c2a4c", "0j5j",
    "0a1b", "4d4i ~4e2d0f0g2i4h", "0a0i ~0e2d4f4g2i0h", "~4e2d0f0g2i4h", "4a4i ~4e2d0f0g2i4h",
    "0f4f ~4f4e2d0f0g2i4h", "~3a2a1b1c 1c1i 0d3d", "4d4i ~4i3k1k0j ~4e2d0f0g2i4h", "0a0i ~0e2d3d4f 4f4i",
    "0d0i 0b", "1d1i ~1i1j0k 1b", "0a0i 4d0g 1f4i", "0a0i", "0d0i ~0e1d2d3f 3f3i ~3e4d5d6f 6f6i",
    "0d0i ~0e2d3d4f 4f4i", "~2d4f4g2i0g0f2d", "0d0k ~0e2d4f4g2i0h", "4d4k ~4e2d0f0g2i4h", "0d0i ~0f1d3d",
    "~4e2d0e2f4g2i0h", "1b1g ~1g1h2i3i 0d3d", "0d0g ~0g1i2i4h 4d4i", "0d2i4d", "0d2i3e4i6d", "0d4i 4d0i",
    "0d2i 4d1k", "0d4d0i4i", "~2a1b1d0e ~0e1f1i2j", "0a0k", "~0a1b1d2e ~2e1f1i0j", "~0f1e3f4e",
};
// clang-format on

static const char *const box = "0a4a4i0i0a";

// The strokes of the character that *text begins with; *text moves behind it.
static const char *next_letter(const char **text)
{
    unsigned char c = (unsigned char)**text;
    size_t length = utf8_length(*text, strlen(*text));
    *text += length > 0 ? length : 1;
    return c >= ' ' && c <= '~' ? letters[c - ' '] : box;
}

static int letter_width(const char *strokes)
{
    int width = *strokes ? 0 : SPACE;
    for (; *strokes; strokes++)
        if (*strokes >= '0' && *strokes <= '9' && *strokes - '0' > width) width = *strokes - '0';
    return width;
}

static Point spline(Point before, Point from, Point to, Point after, double t)
{
    double a = -.5 * t + t * t - .5 * t * t * t, b = 1 - 2.5 * t * t + 1.5 * t * t * t;
    double c = .5 * t + 2 * t * t - 1.5 * t * t * t, d = -.5 * t * t + .5 * t * t * t;
    return (Point){a * before.x + b * from.x + c * to.x + d * after.x,
                   a * before.y + b * from.y + c * to.y + d * after.y};
}

// The curve through the points; one that ends where it begins is closed smoothly. Returns how many
// points it has.
static int curve(int count, const Point *points, Point *out)
{
    int made = 0, last = count - 1;
    bool closed = points[0].x == points[last].x && points[0].y == points[last].y;
    for (int i = 0; i < last; i++) {
        Point before = points[i > 0 ? i - 1 : closed ? last - 1 : 0];
        Point after = points[i + 2 <= last ? i + 2 : closed ? 1 : last];
        for (int step = 0; step < CURVE_STEPS; step++)
            out[made++] =
                spline(before, points[i], points[i + 1], after, (double)step / CURVE_STEPS);
    }
    out[made++] = points[last];
    return made;
}

static double unit(double size)
{
    return size * .72 / BASELINE;
}

void font_strokes(const char *text, Point at, double size,
                  void (*line)(void *context, int count, const Point *points), void *context)
{
    Point points[MOST_POINTS], smooth[MOST_POINTS * CURVE_STEPS];
    while (*text) {
        const char *strokes = next_letter(&text);
        int width = letter_width(strokes);
        while (*strokes) {
            bool curved = *strokes == '~';
            int count = 0;
            for (strokes += curved; *strokes && *strokes != ' '; strokes += 2)
                points[count++] = (Point){at.x + (strokes[0] - '0') * unit(size),
                                          at.y + (strokes[1] - 'i') * unit(size)};
            strokes += *strokes == ' ';
            if (curved)
                line(context, curve(count, points, smooth), smooth);
            else
                line(context, count, points);
        }
        at.x += (width + GAP) * unit(size);
    }
}

double font_width(const char *text, double size)
{
    int width = 0;
    while (*text) width += letter_width(next_letter(&text)) + GAP;
    return width > 0 ? (width - GAP) * unit(size) : 0;
}
