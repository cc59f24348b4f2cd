// From the components' samples to rows of pixels: components with fewer samples are brought to the
// picture's size, then colours are computed. Sizes and roundings are libjpeg's (jdsample.c,
// jdcolor.c).
#include <stdlib.h>
#include <string.h>
#include "data/jpeg_parts.h"
#include "data/jpeg_vector.h"

typedef uint8_t Bytes8 __attribute__((vector_size(8)));
typedef uint16_t Shorts __attribute__((vector_size(16)));
typedef int32_t Words8 __attribute__((vector_size(32)));
typedef float Floats8 __attribute__((vector_size(32)));

// ---- To one size

// Two samples beside each other in memory, as one number.
BODY Shorts pair(Shorts first, Shorts second)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return first << 8 | second;
#else
    return first | second << 8;
#endif
}

BODY Shorts load_bytes(const uint8_t *from)
{
    Bytes8 bytes;
    memcpy(&bytes, from, sizeof bytes);
    return __builtin_convertvector(bytes, Shorts);
}

BODY Shorts load_shorts(const uint16_t *from)
{
    Shorts shorts;
    memcpy(&shorts, from, sizeof shorts);
    return shorts;
}

// sums[1..count] = near * near + far * far, weighted; the ends are repeated on either side.
static void add_rows(const uint8_t *near, unsigned near_weight, const uint8_t *far,
                     unsigned far_weight, int count, uint16_t *sums)
{
    for (int x = 0; x < count; x += 8) {
        Shorts sum = load_bytes(near + x) * (uint16_t)near_weight +
                     load_bytes(far + x) * (uint16_t)far_weight;
        memcpy(sums + 1 + x, &sum, sizeof sum);
    }
    sums[0] = sums[1];
    sums[count + 1] = sums[count];
}

// Doubles a row: each sample becomes two, 3/4 of itself and 1/4 of its neighbour on that side.
static void spread(const uint16_t *sums, int count, int shift, unsigned left_bias,
                   unsigned right_bias, uint8_t *to)
{
    for (int x = 0; x < count; x += 8) {
        Shorts here = load_shorts(sums + 1 + x) * 3;
        Shorts left = (here + load_shorts(sums + x) + (uint16_t)left_bias) >> shift;
        Shorts right = (here + load_shorts(sums + 2 + x) + (uint16_t)right_bias) >> shift;
        Shorts both = pair(left, right);
        memcpy(to + 2 * x, &both, sizeof both);
    }
}

typedef struct Upsampler {
    const JpegComponent *component;
    int factor_x, factor_y; // the largest of the picture
    uint16_t *sums;
    uint8_t *row;
} Upsampler;

static const uint8_t *samples_row(const JpegComponent *component, int y)
{
    int last = component->height - 1;
    int row = y < 0 ? 0 : y > last ? last : y;
    return component->samples + (size_t)row * component->stride;
}

// Half as many rows: 3/4 of the nearer row, 1/4 of the farther one.
static void average_down(const uint8_t *near, const uint8_t *far, int count, unsigned bias,
                         uint8_t *to)
{
    for (int x = 0; x < count; x++) to[x] = (uint8_t)((near[x] * 3u + far[x] + bias) >> 2);
}

// Any other ratio: the sample that lies there, repeated.
static void repeat(const Upsampler *up, int y, int width)
{
    const JpegComponent *component = up->component;
    const uint8_t *from = samples_row(component, y * component->vertical / up->factor_y);
    for (int x = 0; x < width; x++) up->row[x] = from[x * component->horizontal / up->factor_x];
}

// Row y of the component at the picture's size.
static const uint8_t *upsampled_row(const Upsampler *up, int y, int width)
{
    const JpegComponent *component = up->component;
    bool same_x = component->horizontal == up->factor_x,
         same_y = component->vertical == up->factor_y;
    bool half_x = 2 * component->horizontal == up->factor_x && component->width > 2;
    bool half_y = 2 * component->vertical == up->factor_y;
    const uint8_t *near = samples_row(component, half_y ? y / 2 : y);
    const uint8_t *far = samples_row(component, y % 2 ? y / 2 + 1 : y / 2 - 1);
    if (same_x && same_y) return near;
    if (half_x && same_y) {
        add_rows(near, 1, near, 0, component->width, up->sums);
        spread(up->sums, component->width, 2, 1, 2, up->row);
    } else if (half_x && half_y) {
        add_rows(near, 3, far, 1, component->width, up->sums);
        spread(up->sums, component->width, 4, 8, 7, up->row);
    } else if (same_x && half_y) {
        average_down(near, far, width, y % 2 ? 2 : 1, up->row);
    } else {
        repeat(up, y, width);
    }
    return up->row;
}

// ---- Colours

// These take their vectors by address: by value, 32 bytes are passed differently by AVX2 and others.

BODY void load_words(const uint8_t *from, Words8 *words)
{
    *words = __builtin_convertvector(load_bytes(from), Words8);
}

// Adds value / 2^16, rounded down, and brings the sum into 0 to 255.
BODY void add_high(const Floats8 *value, Words8 *sample)
{
    Words8 sum = *sample + (__builtin_convertvector(*value, Words8) >> 16);
    sum &= ~(sum >> 31);
    *sample = (sum | (255 - sum) >> 31) & 255;
}

// Eight pixels, red in the lowest byte of each word; writes 28 bytes, of which the last 4 are none.
BODY void put_pixels(uint8_t *to, const Words8 *pixels)
{
    Bytes16 halves[2];
    memcpy(halves, pixels, sizeof halves);
    for (int i = 0; i < 2; i++) {
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        Bytes16 packed =
            SHUFFLE(halves[i], halves[i], 3, 2, 1, 7, 6, 5, 11, 10, 9, 15, 14, 13, 0, 4, 8, 12);
#else
        Bytes16 packed =
            SHUFFLE(halves[i], halves[i], 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 3, 7, 11, 15);
#endif
        memcpy(to + 12 * i, &packed, sizeof packed);
    }
}

// JFIF: R = Y + 1.402 Cr, G = Y - 0.34414 Cb - 0.71414 Cr, B = Y + 1.772 Cb, with Cb and Cr around
// 128; the factors are in 1/2^16, rounded. The products are whole numbers below 2^24: exact as
// floats, which any machine multiplies quickly.
BODY void ycc_body(const uint8_t *const rows[3], int width, uint8_t *to)
{
    for (int x = 0; x < width; x += 8) {
        Words8 red, green, blue, blueness, redness;
        load_words(rows[0] + x, &red);
        load_words(rows[1] + x, &blueness);
        load_words(rows[2] + x, &redness);
        green = blue = red;
        Floats8 cb = __builtin_convertvector(blueness - 128, Floats8);
        Floats8 cr = __builtin_convertvector(redness - 128, Floats8);
        Floats8 more_red = cr * 91881.0f + 32768.0f, more_blue = cb * 116130.0f + 32768.0f;
        Floats8 more_green = cb * -22554.0f + cr * -46802.0f + 32768.0f;
        add_high(&more_red, &red);
        add_high(&more_green, &green);
        add_high(&more_blue, &blue);
        Words8 pixels = red | green << 8 | blue << 16;
        put_pixels(to + 3 * x, &pixels);
    }
}

FOR_AVX2 static void ycc_avx2(const uint8_t *const rows[3], int width, uint8_t *to)
{
    ycc_body(rows, width, to);
}

// Writes up to JPEG_SLACK bytes behind the row.
static void ycc_to_rgb(const uint8_t *const rows[3], int width, uint8_t *to)
{
    if (HAS_AVX2)
        ycc_avx2(rows, width, to);
    else
        ycc_body(rows, width, to);
}

static void interleave(const uint8_t *const rows[3], int width, uint8_t *to)
{
    for (int x = 0; x < width; x++)
        for (int colour = 0; colour < 3; colour++) to[3 * x + colour] = rows[colour][x];
}

// rgb holds the light that cyan, magenta and yellow leave; black leaves a part of that.
static void darken(uint8_t *rgb, const uint8_t *black, int width)
{
    for (int x = 0; x < width; x++)
        for (int colour = 0; colour < 3; colour++)
            rgb[3 * x + colour] = (uint8_t)((rgb[3 * x + colour] * black[x] + 127) / 255);
}

static void invert(uint8_t *samples, int count)
{
    for (int i = 0; i < count; i++) samples[i] = (uint8_t)(255 - samples[i]);
}

// What the three first components are, by JFIF's and Adobe's markers, else by their names (as
// libjpeg's default_decompress_parms).
static bool is_ycc(const Jpeg *jpeg)
{
    const JpegComponent *c = jpeg->components;
    if (jpeg->component_count == 4) return jpeg->adobe && jpeg->adobe_transform == 2;
    if (jpeg->jfif) return true;
    if (jpeg->adobe) return jpeg->adobe_transform != 0;
    return !(c[0].id == 'R' && c[1].id == 'G' && c[2].id == 'B');
}

static void convert_row(const Jpeg *jpeg, const uint8_t *const rows[], bool ycc, uint8_t *to)
{
    int width = jpeg->width;
    (ycc ? ycc_to_rgb : interleave)(rows, width, to);
    if (jpeg->component_count < 4) return;
    if (ycc) invert(to, 3 * width); // the transform gives the inks, stored inverted: light again
    darken(to, rows[3], width);
}

void jpeg_to_picture(const Jpeg *jpeg, Picture *picture)
{
    size_t width = (size_t)picture->width, row_bytes = width * (size_t)picture->channels;
    Upsampler ups[JPEG_COMPONENTS];
    for (int i = 0; i < jpeg->component_count; i++)
        ups[i] = (Upsampler){&jpeg->components[i], jpeg->factor_x, jpeg->factor_y,
                             allocate(2 * (width + JPEG_SLACK)), allocate(width + JPEG_SLACK)};
    uint8_t *pixels = allocate(row_bytes + JPEG_SLACK);
    bool ycc = is_ycc(jpeg);
    for (int y = 0; y < picture->height; y++) {
        const uint8_t *rows[JPEG_COMPONENTS];
        for (int i = 0; i < jpeg->component_count; i++)
            rows[i] = upsampled_row(&ups[i], y, picture->width);
        uint8_t *to = picture->pixels + (size_t)y * row_bytes;
        if (jpeg->component_count == 1) {
            memcpy(to, rows[0], row_bytes);
            continue;
        }
        convert_row(jpeg, rows, ycc, pixels);
        memcpy(to, pixels, row_bytes);
    }
    free(pixels);
    for (int i = 0; i < jpeg->component_count; i++) {
        free(ups[i].sums);
        free(ups[i].row);
    }
}
