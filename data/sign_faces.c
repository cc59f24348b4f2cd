// A face is an outline (with a rim in another colour) and on it marks: lines, discs, rings,
// triangles and lettering. Each pixel takes the mean of nine points, so that only + - * / and
// comparisons are needed.
#include "data/sign_faces.h"

#include <stdbool.h>
#include <string.h>

typedef enum Colour { RED, BLUE, WHITE, YELLOW, BLACK, GREEN, GREY, COLOURS } Colour;

static const float colours[COLOURS][3] = {
    {0.78f, 0.08f, 0.12f}, {0.07f, 0.25f, 0.65f}, {0.93f, 0.93f, 0.91f}, {0.95f, 0.74f, 0.08f},
    {0.07f, 0.07f, 0.08f}, {0.05f, 0.5f, 0.28f},  {0.45f, 0.45f, 0.46f}};

typedef enum Outline { CIRCLE, TRIANGLE, DOWNWARD, OCTAGON, DIAMOND, SQUARE } Outline;

// LINE x y x y half-width; DISC x y radius; RING x y radius half-width; AREA three corners. In
// hundredths of the sign's radius, x to the right and y down.
typedef enum MarkKind { END, LINE, DISC, RING, AREA } MarkKind;

typedef struct Mark {
    MarkKind kind;
    Colour colour;
    signed char at[6];
} Mark;

enum { MOST_MARKS = 12 };

typedef struct Sign {
    Outline outline;
    Colour rim, face;
    float rim_width;
    const char *lettering; // black on white, white elsewhere
    Mark marks[MOST_MARKS];
} Sign;

#define PROHIBITION CIRCLE, RED, WHITE, 0.24f
#define WARNING TRIANGLE, RED, WHITE, 0.2f
#define ORDER CIRCLE, WHITE, BLUE, 0.06f

// clang-format off
static const Sign signs[SIGN_CLASSES] = {
    /* limit 20 */ {PROHIBITION, "20", {{0}}},
    /* limit 30 */ {PROHIBITION, "30", {{0}}},
    /* limit 50 */ {PROHIBITION, "50", {{0}}},
    /* limit 60 */ {PROHIBITION, "60", {{0}}},
    /* limit 70 */ {PROHIBITION, "70", {{0}}},
    /* limit 80 */ {PROHIBITION, "80", {{0}}},
    /* limit 100 */ {PROHIBITION, "100", {{0}}},
    /* limit 120 */ {PROHIBITION, "120", {{0}}},
    /* end of limits */ {CIRCLE, GREY, WHITE, 0.08f, "",
     {{LINE, BLACK, {-62, 42, 42, -62, 7}}, {LINE, BLACK, {-52, 52, 52, -52, 7}},
      {LINE, BLACK, {-42, 62, 62, -42, 7}}}},
    /* no overtaking */ {PROHIBITION, "",
     {{LINE, RED, {-48, 8, -16, 8, 15}}, {DISC, RED, {-32, -8, 13}},
      {LINE, BLACK, {16, 8, 48, 8, 15}}, {DISC, BLACK, {32, -8, 13}}}},
    /* no lorries */ {PROHIBITION, "",
     {{LINE, BLACK, {-34, -12, 8, -12, 20}}, {LINE, BLACK, {36, 0, 36, 4, 12}},
      {LINE, BLACK, {-50, 16, 46, 16, 5}}, {DISC, BLACK, {-30, 26, 11}},
      {DISC, BLACK, {32, 26, 11}}}},
    /* no vehicles */ {PROHIBITION, "", {{0}}},
    /* no entry */ {CIRCLE, WHITE, RED, 0.06f, "", {{LINE, WHITE, {-54, 0, 54, 0, 17}}}},
    /* stop */ {OCTAGON, WHITE, RED, 0.06f, "STOP", {{0}}},
    /* give way */ {DOWNWARD, RED, WHITE, 0.2f, "", {{0}}},
    /* priority */ {DIAMOND, WHITE, YELLOW, 0.18f, "", {{0}}},
    /* danger */ {WARNING, "", {{LINE, BLACK, {0, -22, 0, 14, 9}}, {DISC, BLACK, {0, 36, 10}}}},
    /* curve left */ {WARNING, "",
     {{LINE, BLACK, {16, 40, 16, 4, 7}}, {LINE, BLACK, {16, 4, -4, -8, 7}},
      {AREA, BLACK, {-30, -12, 2, -28, 0, 10}}}},
    /* curve right */ {WARNING, "",
     {{LINE, BLACK, {-16, 40, -16, 4, 7}}, {LINE, BLACK, {-16, 4, 4, -8, 7}},
      {AREA, BLACK, {30, -12, -2, -28, 0, 10}}}},
    /* double curve */ {WARNING, "",
     {{LINE, BLACK, {-12, 42, -12, 24, 7}}, {LINE, BLACK, {-12, 24, 12, 6, 7}},
      {LINE, BLACK, {12, 6, -6, -14, 7}}, {AREA, BLACK, {-20, -26, 6, -24, -12, -2}}}},
    /* bumps */ {WARNING, "",
     {{DISC, BLACK, {-22, 34, 20}}, {DISC, BLACK, {22, 34, 20}},
      {LINE, BLACK, {-46, 42, 46, 42, 8}}}},
    /* slippery */ {WARNING, "",
     {{LINE, BLACK, {-10, -14, 10, -14, 10}}, {LINE, BLACK, {-20, 8, -6, 20, 5}},
      {LINE, BLACK, {-6, 20, -22, 30, 5}}, {LINE, BLACK, {-22, 30, -10, 44, 5}},
      {LINE, BLACK, {12, 8, 26, 20, 5}}, {LINE, BLACK, {26, 20, 10, 30, 5}},
      {LINE, BLACK, {10, 30, 22, 44, 5}}}},
    /* road narrows */ {WARNING, "",
     {{LINE, BLACK, {-34, 44, -8, 8, 6}}, {LINE, BLACK, {-8, 8, -8, -20, 6}},
      {LINE, BLACK, {34, 44, 8, 8, 6}}, {LINE, BLACK, {8, 8, 8, -20, 6}}}},
    /* road works */ {WARNING, "",
     {{AREA, BLACK, {8, 46, 46, 46, 27, 16}}, {LINE, BLACK, {-34, 44, 6, 4, 5}},
      {LINE, BLACK, {-22, 4, -8, 30, 9}}, {DISC, BLACK, {-20, -10, 9}}}},
    /* traffic lights */ {WARNING, "",
     {{DISC, RED, {0, -16, 13}}, {DISC, YELLOW, {0, 12, 13}}, {DISC, GREEN, {0, 40, 13}}}},
    /* pedestrians */ {WARNING, "",
     {{DISC, BLACK, {0, -20, 9}}, {LINE, BLACK, {0, -8, 0, 18, 7}},
      {LINE, BLACK, {0, 18, -16, 44, 6}}, {LINE, BLACK, {0, 18, 16, 44, 6}},
      {LINE, BLACK, {-18, 8, 18, 0, 5}}}},
    /* children */ {WARNING, "",
     {{DISC, BLACK, {-20, 4, 9}}, {LINE, BLACK, {-20, 14, -20, 28, 8}},
      {LINE, BLACK, {-20, 28, -30, 44, 5}}, {LINE, BLACK, {-20, 28, -10, 44, 5}},
      {DISC, BLACK, {20, 4, 9}}, {LINE, BLACK, {20, 14, 20, 28, 8}},
      {LINE, BLACK, {20, 28, 10, 44, 5}}, {LINE, BLACK, {20, 28, 30, 44, 5}},
      {LINE, BLACK, {-20, 18, 20, 18, 4}}}},
    /* bicycles */ {WARNING, "",
     {{RING, BLACK, {-27, 32, 15, 4}}, {RING, BLACK, {27, 32, 15, 4}},
      {LINE, BLACK, {-27, 32, -8, 6, 4}}, {LINE, BLACK, {-8, 6, 16, 6, 4}},
      {LINE, BLACK, {16, 6, 27, 32, 4}}, {LINE, BLACK, {-8, 6, 4, 32, 4}},
      {LINE, BLACK, {4, 32, 16, 6, 4}}, {LINE, BLACK, {14, -6, 26, -8, 4}},
      {LINE, BLACK, {16, 6, 14, -6, 4}}}},
    /* snow */ {WARNING, "",
     {{LINE, BLACK, {0, -22, 0, 46, 5}}, {LINE, BLACK, {-29, -5, 29, 29, 5}},
      {LINE, BLACK, {-29, 29, 29, -5, 5}}}},
    /* animals */ {WARNING, "",
     {{LINE, BLACK, {-22, 16, 14, 8, 11}}, {LINE, BLACK, {-28, 18, -30, 46, 4}},
      {LINE, BLACK, {-16, 18, -14, 46, 4}}, {LINE, BLACK, {12, 12, 26, 40, 4}},
      {LINE, BLACK, {16, 10, 12, 42, 4}}, {LINE, BLACK, {18, 4, 20, -12, 6}},
      {LINE, BLACK, {16, -14, 2, -24, 3}}, {LINE, BLACK, {18, -14, 10, -32, 3}}}},
    /* crossing */ {WARNING, "",
     {{LINE, BLACK, {-26, -6, 26, 44, 10}}, {LINE, BLACK, {-26, 44, 26, -6, 10}}}},
    /* right of way */ {WARNING, "",
     {{LINE, BLACK, {0, 46, 0, 0, 10}}, {AREA, BLACK, {0, -30, -20, 4, 20, 4}},
      {LINE, BLACK, {-32, 22, 32, 22, 5}}}},
    /* turn right */ {ORDER, "",
     {{LINE, WHITE, {-30, 50, -30, -8, 11}}, {LINE, WHITE, {-30, -8, 20, -8, 11}},
      {AREA, WHITE, {60, -8, 16, -40, 16, 24}}}},
    /* turn left */ {ORDER, "",
     {{LINE, WHITE, {30, 50, 30, -8, 11}}, {LINE, WHITE, {30, -8, -20, -8, 11}},
      {AREA, WHITE, {-60, -8, -16, -40, -16, 24}}}},
    /* ahead */ {ORDER, "",
     {{LINE, WHITE, {0, 58, 0, -20, 11}}, {AREA, WHITE, {0, -66, -34, -14, 34, -14}}}},
    /* ahead or right */ {ORDER, "",
     {{LINE, WHITE, {-22, 60, -22, -26, 9}}, {AREA, WHITE, {-22, -66, -46, -24, 2, -24}},
      {LINE, WHITE, {-22, 22, 30, 22, 9}}, {AREA, WHITE, {66, 22, 28, -4, 28, 48}}}},
    /* ahead or left */ {ORDER, "",
     {{LINE, WHITE, {22, 60, 22, -26, 9}}, {AREA, WHITE, {22, -66, 46, -24, -2, -24}},
      {LINE, WHITE, {22, 22, -30, 22, 9}}, {AREA, WHITE, {-66, 22, -28, -4, -28, 48}}}},
    /* keep right */ {ORDER, "",
     {{LINE, WHITE, {-44, -44, 20, 20, 12}}, {AREA, WHITE, {52, 52, 46, -8, -8, 46}}}},
    /* keep left */ {ORDER, "",
     {{LINE, WHITE, {44, -44, -20, 20, 12}}, {AREA, WHITE, {-52, 52, -46, -8, 8, 46}}}},
    /* roundabout */ {ORDER, "",
     {{RING, WHITE, {0, 0, 44, 10}}, {AREA, BLUE, {0, 0, -20, -80, 30, -80}},
      {AREA, BLUE, {0, 0, 80, 20, 55, 70}}, {AREA, BLUE, {0, 0, -80, 20, -50, 75}},
      {AREA, WHITE, {-30, -62, -30, -18, 4, -42}}, {AREA, WHITE, {68, -2, 24, 0, 48, 36}},
      {AREA, WHITE, {-14, 66, -14, 22, -46, 44}}}},
    /* parking */ {SQUARE, WHITE, BLUE, 0.07f, "P", {{0}}},
    /* foot path */ {SQUARE, WHITE, BLUE, 0.07f, "",
     {{AREA, WHITE, {0, -56, -58, 50, 58, 50}}, {DISC, BLUE, {0, -14, 10}},
      {LINE, BLUE, {0, 0, 0, 20, 8}}, {LINE, BLUE, {0, 20, -14, 44, 6}},
      {LINE, BLUE, {0, 20, 14, 44, 6}}}},
    /* end of priority */ {DIAMOND, WHITE, YELLOW, 0.18f, "",
     {{LINE, BLACK, {-44, 28, 28, -44, 7}}, {LINE, BLACK, {-28, 44, 44, -28, 7}}}},
};
// clang-format on

const char *const sign_classes[SIGN_CLASSES] = {
    "limit 20",       "limit 30",      "limit 50",       "limit 60",      "limit 70",
    "limit 80",       "limit 100",     "limit 120",      "end of limits", "no overtaking",
    "no lorries",     "no vehicles",   "no entry",       "stop",          "give way",
    "priority",       "danger",        "curve left",     "curve right",   "double curve",
    "bumps",          "slippery",      "road narrows",   "road works",    "traffic lights",
    "pedestrians",    "children",      "bicycles",       "snow",          "animals",
    "crossing",       "right of way",  "turn right",     "turn left",     "ahead",
    "ahead or right", "ahead or left", "keep right",     "keep left",     "roundabout",
    "parking",        "foot path",     "end of priority"};

// ---- Lettering: the strokes of a character on a grid of 3 x 5 points; each two digits are a
// point.

typedef struct Letter {
    char name;
    const char *strokes;
} Letter;

static const Letter letters[] = {
    {'0', "0020240400"},   {'1', "1014"},         {'2', "0020210424"}, {'3', "002012222404"},
    {'5', "200002222404"}, {'6', "200204242202"}, {'7', "002014"},     {'8', "0020240400 0222"},
    {'S', "200002222404"}, {'T', "0020 1014"},    {'O', "0020240400"}, {'P', "0400202202"},
};

typedef struct Lettering {
    float width, height, gap, thickness; // of a character, between two, half the stroke's
} Lettering;

static const Lettering sizes[] = {{0},
                                  {0.5f, 1, 0, 0.13f},
                                  {0.36f, 0.64f, 0.24f, 0.085f},
                                  {0.24f, 0.58f, 0.2f, 0.075f},
                                  {0.22f, 0.48f, 0.17f, 0.06f}};

// ---- Geometry, in units of the sign's radius

static bool near_line(float x, float y, float ax, float ay, float bx, float by, float reach)
{
    float dx = bx - ax, dy = by - ay, px = x - ax, py = y - ay;
    float square = dx * dx + dy * dy, t = square > 0 ? (px * dx + py * dy) / square : 0;
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    float ex = px - t * dx, ey = py - t * dy;
    return ex * ex + ey * ey <= reach * reach;
}

static float side_of(float x, float y, const float *a, const float *b)
{
    return (b[0] - a[0]) * (y - a[1]) - (b[1] - a[1]) * (x - a[0]);
}

static bool in_area(float x, float y, const float corners[6])
{
    float first = side_of(x, y, corners, corners + 2);
    float second = side_of(x, y, corners + 2, corners + 4);
    float third = side_of(x, y, corners + 4, corners);
    return (first >= 0 && second >= 0 && third >= 0) || (first <= 0 && second <= 0 && third <= 0);
}

static float larger(float a, float b)
{
    return a > b ? a : b;
}

// Whether a point is in the outline, shrunk by `inset` from every side.
static bool in_outline(Outline outline, float x, float y, float inset)
{
    float across = x < 0 ? -x : x, along = y < 0 ? -y : y;
    switch (outline) {
    case CIRCLE:
        return x * x + y * y <= (1 - inset) * (1 - inset);
    case DOWNWARD:
        y = -y; // as the next
        // fall through
    case TRIANGLE: // corners (0, -0.95), (-1, 0.75), (1, 0.75)
        return y <= 0.75f - inset * 0.7f &&
               across <= (y + 0.95f) * (1 / 1.7f) - inset * 0.7f * 1.16f;
    case OCTAGON:
        return larger(larger(across, along), (across + along) * 0.70710678f) <= 0.93f - inset;
    case DIAMOND:
        return across + along <= 1.08f - inset * 1.4f;
    case SQUARE:
        return larger(across, along) <= 0.85f - inset;
    }
    return false;
}

static bool in_mark(const Mark *mark, float x, float y)
{
    float at[6];
    for (int i = 0; i < 6; i++) at[i] = (float)mark->at[i] * 0.01f;
    float dx = x - at[0], dy = y - at[1], square = dx * dx + dy * dy;
    switch (mark->kind) {
    case LINE:
        return near_line(x, y, at[0], at[1], at[2], at[3], at[4]);
    case DISC:
        return square <= at[2] * at[2];
    case RING:
        return square <= (at[2] + at[3]) * (at[2] + at[3]) &&
               square >= (at[2] - at[3]) * (at[2] - at[3]);
    case AREA:
        return in_area(x, y, at);
    case END:
        break;
    }
    return false;
}

// Whether the point is on a stroke of the character whose left upper corner is (left, top).
static bool in_letter(char name, const Lettering *size, float left, float top, float x, float y)
{
    const char *strokes = NULL;
    for (size_t i = 0; i < sizeof letters / sizeof letters[0]; i++)
        if (letters[i].name == name) strokes = letters[i].strokes;
    for (const char *p = strokes; p && p[0]; p += 2) {
        if (p[0] == ' ') p++;
        if (!p[2] || p[2] == ' ') continue; // a stroke's last point
        float ax = left + (float)(p[0] - '0') * size->width / 2;
        float ay = top + (float)(p[1] - '0') * size->height / 4;
        float bx = left + (float)(p[2] - '0') * size->width / 2;
        float by = top + (float)(p[3] - '0') * size->height / 4;
        if (near_line(x, y, ax, ay, bx, by, size->thickness)) return true;
    }
    return false;
}

static bool in_lettering(const char *text, float x, float y)
{
    size_t count = strlen(text);
    if (count == 0) return false;
    const Lettering *size = &sizes[count];
    float left = -0.5f * ((float)count * size->width + (float)(count - 1) * size->gap);
    for (size_t i = 0; i < count; i++, left += size->width + size->gap)
        if (in_letter(text[i], size, left, -0.5f * size->height, x, y)) return true;
    return false;
}

// The colour at a point; NULL outside.
static const float *colour_at(const Sign *sign, float x, float y)
{
    if (!in_outline(sign->outline, x, y, 0)) return NULL;
    Colour colour = in_outline(sign->outline, x, y, sign->rim_width) ? sign->face : sign->rim;
    for (int i = 0; i < MOST_MARKS && sign->marks[i].kind != END; i++)
        if (in_mark(&sign->marks[i], x, y)) colour = sign->marks[i].colour;
    if (in_lettering(sign->lettering, x, y)) colour = sign->face == WHITE ? BLACK : WHITE;
    return colours[colour];
}

void sign_face_paint(int label, SignFace *face)
{
    enum { POINTS = 3 };
    const Sign *sign = &signs[label];
    const float step = 2.2f / (FACE_SIDE * POINTS);
    memset(face, 0, sizeof *face);
    for (int row = 0; row < FACE_SIDE * POINTS; row++)
        for (int column = 0; column < FACE_SIDE * POINTS; column++) {
            float x = ((float)column + 0.5f) * step - 1.1f, y = ((float)row + 0.5f) * step - 1.1f;
            const float *colour = colour_at(sign, x, y);
            float *pixel = face->pixels[row / POINTS][column / POINTS];
            for (int c = 0; colour && c < 4; c++)
                pixel[c] += (c < 3 ? colour[c] : 1) * (1.0f / (POINTS * POINTS));
        }
}
