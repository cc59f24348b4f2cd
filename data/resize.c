// Each output pixel is a weighted mean of the input pixels under a triangle, which is one input
// pixel wide to each side when a picture grows and one output pixel when it shrinks, so that every
// input pixel counts. Rows and columns are two passes. Weights are whole numbers of 2^-22 and each
// pass rounds to a byte, as in Pillow (Resample.c), so that the results are the same.
#include "data/resize.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"

enum { WEIGHT_BITS = 22 };

// The weights of one pass: output i is the sum over k < counts[i] of weights[i * most + k] *
// input firsts[i] + k.
typedef struct Weights {
    int *firsts, *counts, most;
    int32_t *weights;
} Weights;

static double triangle(double x)
{
    double distance = fabs(x);
    return distance < 1 ? 1 - distance : 0;
}

// Output pixel i of `to` pixels made from `from`. values: room for the weights before rounding.
static void weigh(Weights *w, int i, int from, int to, double *values)
{
    double scale = (double)from / to, reach = scale < 1 ? 1 : scale;
    double centre = (i + 0.5) * scale, total = 0;
    int first = (int)(centre - reach + 0.5), end = (int)(centre + reach + 0.5);
    if (first < 0) first = 0;
    if (end > from) end = from;
    for (int k = first; k < end; k++) {
        values[k - first] = triangle((k - centre + 0.5) * (1 / reach));
        total += values[k - first];
    }
    w->firsts[i] = first;
    w->counts[i] = end - first;
    for (int k = 0; k < end - first; k++)
        w->weights[(size_t)i * (size_t)w->most + (size_t)k] =
            (int32_t)(0.5 + values[k] / total * (1 << WEIGHT_BITS));
}

static Weights weights_create(int from, int to)
{
    int reach = from <= to ? 1 : (from + to - 1) / to;
    Weights w = {.most = 2 * reach + 1};
    unsigned long long outputs = (unsigned long long)to, most = (unsigned long long)w.most;
    w.firsts = allocate(outputs * sizeof *w.firsts);
    w.counts = allocate(outputs * sizeof *w.counts);
    w.weights = allocate(outputs * most * sizeof *w.weights);
    double *values = allocate(most * sizeof *values);
    for (int i = 0; i < to; i++) weigh(&w, i, from, to, values);
    free(values);
    return w;
}

static void weights_free(Weights *w)
{
    free(w->firsts);
    free(w->counts);
    free(w->weights);
}

// The sum over k of weights[k] * values[k * step], rounded to a byte.
static uint8_t weighted_mean(const int32_t *weights, int count, const uint8_t *values, size_t step)
{
    int32_t sum = 1 << (WEIGHT_BITS - 1);
    for (int k = 0; k < count; k++) sum += weights[k] * values[(size_t)k * step];
    sum >>= WEIGHT_BITS;
    return (uint8_t)(sum > 255 ? 255 : sum);
}

static Picture resize_rows(const Picture *picture, int width)
{
    Weights w = weights_create(picture->width, width);
    Picture result = picture_create(width, picture->height, picture->channels);
    size_t channels = (size_t)picture->channels, row = (size_t)picture->width * channels;
    uint8_t *to = result.pixels;
    for (int y = 0; y < picture->height; y++) {
        const uint8_t *from = picture->pixels + (size_t)y * row;
        for (int x = 0; x < width; x++) {
            const int32_t *weights = w.weights + (size_t)x * (size_t)w.most;
            const uint8_t *first = from + (size_t)w.firsts[x] * channels;
            for (size_t c = 0; c < channels; c++)
                *to++ = weighted_mean(weights, w.counts[x], first + c, channels);
        }
    }
    weights_free(&w);
    return result;
}

static Picture resize_columns(const Picture *picture, int height)
{
    Weights w = weights_create(picture->height, height);
    Picture result = picture_create(picture->width, height, picture->channels);
    size_t row = (size_t)picture->width * (size_t)picture->channels;
    uint8_t *to = result.pixels;
    for (int y = 0; y < height; y++) {
        const int32_t *weights = w.weights + (size_t)y * (size_t)w.most;
        const uint8_t *first = picture->pixels + (size_t)w.firsts[y] * row;
        for (size_t x = 0; x < row; x++)
            *to++ = weighted_mean(weights, w.counts[y], first + x, row);
    }
    weights_free(&w);
    return result;
}

Picture picture_resize(const Picture *picture, int width, int height)
{
    Picture rows = resize_rows(picture, width);
    Picture result = resize_columns(&rows, height);
    picture_free(&rows);
    return result;
}

Picture picture_centre(const Picture *picture, int width, int height)
{
    if (width > picture->width || height > picture->height)
        panic("picture_centre: %dx%d of %dx%d pixels", width, height, picture->width,
              picture->height);
    Picture result = picture_create(width, height, picture->channels);
    size_t channels = (size_t)picture->channels, row = (size_t)width * channels;
    size_t left = (size_t)((picture->width - width) / 2);
    size_t top = (size_t)((picture->height - height) / 2);
    for (size_t y = 0; y < (size_t)height; y++)
        memcpy(result.pixels + y * row,
               picture->pixels + ((top + y) * (size_t)picture->width + left) * channels, row);
    return result;
}
