// Plain loops, one formula each; speed does not matter here.
#include "tests/core/reference.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"

Array array_create(int rank, const int64_t *shape)
{
    Array array = {.rank = rank, .count = 1};
    for (int d = 0; d < rank; d++) {
        array.shape[d] = shape[d];
        array.count *= shape[d];
    }
    array.values = allocate_zeroed((unsigned long long)array.count * sizeof(double));
    return array;
}

void array_free(Array *array)
{
    free(array->values);
    array->values = NULL;
}

// The element at these positions.
static double *at4(const Array *array, int64_t i, int64_t j, int64_t k, int64_t l)
{
    const int64_t *s = array->shape;
    return &array->values[((i * s[1] + j) * s[2] + k) * s[3] + l];
}

// The positions of element number n.
static void unravel(const Array *array, int64_t n, int64_t *index)
{
    for (int d = array->rank - 1; d >= 0; d--) {
        index[d] = n % array->shape[d];
        n /= array->shape[d];
    }
}

static int64_t ravel(const Array *array, const int64_t *index)
{
    int64_t n = 0;
    for (int d = 0; d < array->rank; d++) n = n * array->shape[d] + index[d];
    return n;
}

// ---- Element by element ----

void reference_unary(const Array *x, const How *how, Array *y)
{
    *y = array_create(x->rank, x->shape);
    for (int64_t i = 0; i < y->count; i++) y->values[i] = how->function(x->values[i]);
}

void reference_leaky_relu(const Array *x, const How *how, Array *y)
{
    *y = array_create(x->rank, x->shape);
    for (int64_t i = 0; i < y->count; i++)
        y->values[i] = x->values[i] * (x->values[i] > 0 ? 1 : how->number[0]);
}

void reference_clamp(const Array *x, const How *how, Array *y)
{
    *y = array_create(x->rank, x->shape);
    for (int64_t i = 0; i < y->count; i++)
        y->values[i] = fmin(fmax(x->values[i], how->number[0]), how->number[1]);
}

// The element of x that meets the element of y at these positions.
static double met(const Array *x, const Array *y, const int64_t *index)
{
    int64_t own[TENSOR_MAX_RANK];
    for (int d = 0; d < x->rank; d++) own[d] = x->shape[d] == 1 ? 0 : index[y->rank - x->rank + d];
    return x->values[ravel(x, own)];
}

void reference_binary(const Array *x, const How *how, Array *y)
{
    int64_t shape[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK];
    int rank = x[0].rank > x[1].rank ? x[0].rank : x[1].rank;
    for (int d = 0; d < rank; d++) {
        shape[d] = 1;
        for (int i = 0; i < 2; i++) {
            int own = d - rank + x[i].rank;
            if (own >= 0 && x[i].shape[own] != 1) shape[d] = x[i].shape[own];
        }
    }
    *y = array_create(rank, shape);
    for (int64_t n = 0; n < y->count; n++) {
        unravel(y, n, index);
        y->values[n] = how->function2(met(&x[0], y, index), met(&x[1], y, index));
    }
}

void reference_dropout(const Array *x, const How *how, Array *y)
{
    *y = array_create(x->rank, x->shape);
    for (int64_t i = 0; i < y->count; i++) {
        uint32_t word = random_word(how->key, (uint64_t)i / 2);
        uint32_t half = i % 2 ? word >> 16 : word & 0xffff;
        if (half >= lround(65536 * how->number[0]))
            y->values[i] = x->values[i] / (1 - how->number[0]);
    }
}

void reference_add_noise(const Array *x, const How *how, Array *y)
{
    *y = array_create(x->rank, x->shape);
    for (int64_t i = 0; i < y->count; i++)
        y->values[i] =
            x[0].values[i] + x[1].values[i] * (double)random_normal(how->key, (uint64_t)i);
}

// ---- Reductions ----

void reference_sum(const Array *x, const How *how, Array *y)
{
    int64_t shape[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK];
    int rank = 0;
    for (int d = 0; d < x->rank; d++) {
        bool summed = how->dims >> d & 1;
        if (!summed || how->keep) shape[rank++] = summed ? 1 : x->shape[d];
    }
    *y = array_create(rank, shape);
    for (int64_t n = 0; n < x->count; n++) {
        int64_t to = 0;
        unravel(x, n, index);
        for (int d = 0; d < x->rank; d++)
            if (!(how->dims >> d & 1)) to = to * x->shape[d] + index[d];
        y->values[to] += x->values[n];
    }
}

void reference_mean(const Array *x, const How *how, Array *y)
{
    reference_sum(x, how, y);
    for (int64_t i = 0; i < y->count; i++) y->values[i] *= (double)y->count / (double)x->count;
}

void reference_max(const Array *x, const How *how, Array *y)
{
    How one = *how;
    int64_t index[TENSOR_MAX_RANK];
    one.dims = 1u << how->whole[0];
    reference_sum(x, &one, y); // for the shape
    for (int64_t i = 0; i < y->count; i++) y->values[i] = -INFINITY;
    for (int64_t n = 0; n < x->count; n++) {
        int64_t to = 0;
        unravel(x, n, index);
        for (int d = 0; d < x->rank; d++)
            if (d != how->whole[0]) to = to * x->shape[d] + index[d];
        y->values[to] = fmax(y->values[to], x->values[n]);
    }
}

void reference_norm2_rows(const Array *x, const How *how, Array *y)
{
    (void)how;
    *y = array_create(1, x->shape);
    int64_t width = x->count / y->count;
    for (int64_t n = 0; n < x->count; n++) y->values[n / width] += x->values[n] * x->values[n];
    for (int64_t i = 0; i < y->count; i++) y->values[i] = sqrt(y->values[i]);
}

// ---- Shapes ----

void reference_reshape(const Array *x, const How *how, Array *y)
{
    int64_t shape[] = {how->whole[0], how->whole[1]};
    if (shape[1] < 0) shape[1] = x->count / shape[0];
    *y = array_create(2, shape);
    memcpy(y->values, x->values, (size_t)x->count * sizeof(double));
}

void reference_permute(const Array *x, const How *how, Array *y)
{
    int64_t shape[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK], from[TENSOR_MAX_RANK];
    for (int d = 0; d < x->rank; d++) shape[d] = x->shape[how->whole[d]];
    *y = array_create(x->rank, shape);
    for (int64_t n = 0; n < y->count; n++) {
        unravel(y, n, index);
        for (int d = 0; d < x->rank; d++) from[how->whole[d]] = index[d];
        y->values[n] = x->values[ravel(x, from)];
    }
}

void reference_concat(const Array *x, const How *how, Array *y)
{
    int64_t dim = how->whole[0], start = 0, shape[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK];
    memcpy(shape, x->shape, sizeof shape);
    shape[dim] = 0;
    for (int i = 0; i < 3; i++) shape[dim] += x[i].shape[dim];
    *y = array_create(x->rank, shape);
    for (int i = 0; i < 3; i++) {
        for (int64_t n = 0; n < x[i].count; n++) {
            unravel(&x[i], n, index);
            index[dim] += start;
            y->values[ravel(y, index)] = x[i].values[n];
        }
        start += x[i].shape[dim];
    }
}

void reference_slice(const Array *x, const How *how, Array *y)
{
    int64_t dim = how->whole[0], shape[TENSOR_MAX_RANK], index[TENSOR_MAX_RANK];
    memcpy(shape, x->shape, sizeof shape);
    shape[dim] = how->whole[2] - how->whole[1];
    *y = array_create(x->rank, shape);
    for (int64_t n = 0; n < y->count; n++) {
        unravel(y, n, index);
        index[dim] += how->whole[1];
        y->values[n] = x->values[ravel(x, index)];
    }
}

void reference_pad2d(const Array *x, const How *how, Array *y)
{
    int64_t left = how->whole[0], right = how->whole[1], top = how->whole[2], index[4];
    *y = array_create(SHAPE(x->shape[0], x->shape[1] + top + how->whole[3],
                            x->shape[2] + left + right, x->shape[3]));
    for (int64_t n = 0; n < x->count; n++) {
        unravel(x, n, index);
        *at4(y, index[0], index[1] + top, index[2] + left, index[3]) = x->values[n];
    }
}

void reference_flatten(const Array *x, const How *how, Array *y)
{
    (void)how;
    int64_t index[4], pixels = x->shape[1] * x->shape[2];
    *y = array_create(SHAPE(x->shape[0], pixels * x->shape[3]));
    for (int64_t n = 0; n < x->count; n++) {
        unravel(x, n, index);
        int64_t within = index[3] * pixels + index[1] * x->shape[2] + index[2];
        y->values[index[0] * y->shape[1] + within] = x->values[n];
    }
}

void reference_unflatten(const Array *x, const How *how, Array *y)
{
    int64_t h = how->whole[0], w = how->whole[1], c = how->whole[2], index[4];
    *y = array_create(SHAPE(x->shape[0], h, w, c));
    for (int64_t n = 0; n < y->count; n++) {
        unravel(y, n, index);
        int64_t within = (index[3] * h + index[1]) * w + index[2];
        y->values[n] = x->values[index[0] * h * w * c + within];
    }
}

// ---- Products ----

void reference_linear(const Array *x, const How *how, Array *y)
{
    (void)how;
    int64_t m = x[0].shape[0], inner = x[0].shape[1], n = x[1].shape[1];
    *y = array_create(SHAPE(m, n));
    for (int64_t i = 0; i < m * n; i++) {
        double total = x[2].values ? x[2].values[i % n] : 0;
        for (int64_t k = 0; k < inner; k++)
            total += x[0].values[i / n * inner + k] * x[1].values[k * n + i % n];
        y->values[i] = total;
    }
}

// One window: sum over taps and input channels.
static double convolve(const Array *x, const Array *weight, const Conv2d *how, const int64_t *out)
{
    double total = 0;
    for (int64_t ky = 0; ky < weight->shape[0]; ky++)
        for (int64_t kx = 0; kx < weight->shape[1]; kx++) {
            int64_t iy = out[1] * how->stride - how->padding + ky * how->dilation;
            int64_t ix = out[2] * how->stride - how->padding + kx * how->dilation;
            if (iy < 0 || iy >= x->shape[1] || ix < 0 || ix >= x->shape[2]) continue;
            for (int64_t ci = 0; ci < x->shape[3]; ci++)
                total += *at4(x, out[0], iy, ix, ci) * *at4(weight, ky, kx, ci, out[3]);
        }
    return total;
}

void reference_conv2d(const Array *x, const How *how, Array *y)
{
    const Conv2d *c = &how->conv;
    const Array *weight = &x[1];
    int64_t size[2], index[4];
    for (int i = 0; i < 2; i++) {
        int64_t reach = c->dilation * (weight->shape[i] - 1) + 1;
        size[i] = (x->shape[1 + i] + 2 * c->padding - reach) / c->stride + 1;
    }
    *y = array_create(SHAPE(x->shape[0], size[0], size[1], weight->shape[3]));
    for (int64_t n = 0; n < y->count; n++) {
        unravel(y, n, index);
        y->values[n] = convolve(x, weight, c, index) + (x[2].values ? x[2].values[index[3]] : 0) +
                       (x[3].values ? x[3].values[n] : 0);
    }
}

// Every input pixel puts its stamp on the output; weight is (kh, kw, co, ci).
static void stamp(const Array *weight, const Conv2d *how, const int64_t *in, double value, Array *y)
{
    for (int64_t ky = 0; ky < weight->shape[0]; ky++)
        for (int64_t kx = 0; kx < weight->shape[1]; kx++) {
            int64_t oy = in[1] * how->stride - how->padding + ky * how->dilation;
            int64_t ox = in[2] * how->stride - how->padding + kx * how->dilation;
            if (oy < 0 || oy >= y->shape[1] || ox < 0 || ox >= y->shape[2]) continue;
            for (int64_t co = 0; co < y->shape[3]; co++)
                *at4(y, in[0], oy, ox, co) += value * *at4(weight, ky, kx, co, in[3]);
        }
}

void reference_conv_transpose2d(const Array *x, const How *how, Array *y)
{
    const Conv2d *c = &how->conv;
    const Array *weight = &x[1];
    int64_t size[2], index[4];
    for (int i = 0; i < 2; i++)
        size[i] = (x->shape[1 + i] - 1) * c->stride - 2 * c->padding +
                  c->dilation * (weight->shape[i] - 1) + c->output_padding + 1;
    *y = array_create(SHAPE(x->shape[0], size[0], size[1], weight->shape[2]));
    for (int64_t n = 0; x[2].values && n < y->count; n++)
        y->values[n] = x[2].values[n % y->shape[3]];
    for (int64_t n = 0; n < x->count; n++) {
        unravel(x, n, index);
        stamp(weight, c, index, x->values[n], y);
    }
}

// ---- Pooling ----

static void pool(const Array *x, const Pool2d *how, bool average, Array *y)
{
    int64_t height = (x->shape[1] + 2 * how->padding - how->kernel) / how->stride + 1;
    int64_t width = (x->shape[2] + 2 * how->padding - how->kernel) / how->stride + 1, index[4];
    *y = array_create(SHAPE(x->shape[0], height, width, x->shape[3]));
    for (int64_t n = 0; n < y->count; n++) {
        double total = 0, largest = -INFINITY;
        unravel(y, n, index);
        for (int64_t k = 0; k < how->kernel * how->kernel; k++) {
            int64_t iy = index[1] * how->stride - how->padding + k / how->kernel;
            int64_t ix = index[2] * how->stride - how->padding + k % how->kernel;
            if (iy < 0 || iy >= x->shape[1] || ix < 0 || ix >= x->shape[2]) continue;
            double value = *at4(x, index[0], iy, ix, index[3]);
            total += value;
            largest = fmax(largest, value);
        }
        y->values[n] = average ? total / (double)(how->kernel * how->kernel) : largest;
    }
}

void reference_max_pool2d(const Array *x, const How *how, Array *y)
{
    pool(x, &how->pool, false, y);
}

void reference_avg_pool2d(const Array *x, const How *how, Array *y)
{
    pool(x, &how->pool, true, y);
}

void reference_adaptive_avg_pool2d(const Array *x, const How *how, Array *y)
{
    int64_t out[] = {how->whole[0], how->whole[1]}, index[4], begin[2], end[2];
    *y = array_create(SHAPE(x->shape[0], out[0], out[1], x->shape[3]));
    for (int64_t n = 0; n < y->count; n++) {
        unravel(y, n, index);
        for (int i = 0; i < 2; i++) {
            double step = (double)x->shape[1 + i] / (double)out[i];
            begin[i] = (int64_t)floor((double)index[1 + i] * step + 1e-9);
            end[i] = (int64_t)ceil((double)(index[1 + i] + 1) * step - 1e-9);
        }
        double total = 0;
        for (int64_t iy = begin[0]; iy < end[0]; iy++)
            for (int64_t ix = begin[1]; ix < end[1]; ix++)
                total += *at4(x, index[0], iy, ix, index[3]);
        y->values[n] = total / (double)((end[0] - begin[0]) * (end[1] - begin[1]));
    }
}

// ---- Batch normalisation: how->number[1] is epsilon ----

void reference_batch_norm(const Array *x, const How *how, Array *y)
{
    int64_t channels = x->shape[x->rank - 1], rows = x->count / channels;
    *y = array_create(x->rank, x->shape);
    for (int64_t c = 0; c < channels; c++) {
        double center = x[3].values[c], variance = x[4].values[c];
        if (how->training) {
            center = variance = 0;
            for (int64_t r = 0; r < rows; r++) center += x->values[r * channels + c];
            center /= (double)rows;
            for (int64_t r = 0; r < rows; r++)
                variance += pow(x->values[r * channels + c] - center, 2);
            variance /= (double)rows;
        }
        for (int64_t i = c; i < x->count; i += channels)
            y->values[i] =
                (x->values[i] - center) / sqrt(variance + how->number[1]) * x[1].values[c] +
                x[2].values[c];
    }
}

// how->whole[0] groups, each from its own sample's values.
void reference_group_norm(const Array *x, const How *how, Array *y)
{
    int64_t channels = x->shape[x->rank - 1], groups = how->whole[0], width = channels / groups;
    int64_t positions = x->count / (x->shape[0] * channels);
    *y = array_create(x->rank, x->shape);
    for (int64_t part = 0; part < x->shape[0] * groups; part++) {
        int64_t start = part / groups * positions * channels + part % groups * width;
        double center = 0, variance = 0, count = (double)(positions * width);
        for (int64_t i = 0; i < positions * width; i++)
            center += x->values[start + i / width * channels + i % width] / count;
        for (int64_t i = 0; i < positions * width; i++)
            variance +=
                pow(x->values[start + i / width * channels + i % width] - center, 2) / count;
        for (int64_t i = 0; i < positions * width; i++) {
            int64_t at = start + i / width * channels + i % width, c = at % channels;
            y->values[at] = (x->values[at] - center) / sqrt(variance + how->number[1]) *
                                x[1].values[c] +
                            x[2].values[c];
        }
    }
}

// ---- Resampling ----

// The weight of input i in output o.
static double tap_weight(const How *how, int64_t o, int64_t i, int64_t in, int64_t out)
{
    double step =
        how->align_corners ? (double)(in - 1) / (double)(out - 1) : (double)in / (double)out;
    double p = how->align_corners ? (double)o * step : ((double)o + 0.5) * step - 0.5;
    if (how->mode == RESAMPLE_NEAREST) return i == o * in / out;
    if (how->mode == RESAMPLE_BILINEAR) {
        p = fmin(fmax(p, 0), (double)(in - 1));
        return fmax(0, 1 - fabs(p - (double)i));
    }
    double total = 0, A = -0.75; // the border pixel stands for all pixels beyond it
    for (int64_t j = (int64_t)floor(p) - 1; j <= (int64_t)floor(p) + 2; j++) {
        int64_t pixel = j < 0 ? 0 : j >= in ? in - 1 : j;
        double d = fabs(p - (double)j);
        if (pixel == i)
            total += d < 1   ? (A + 2) * d * d * d - (A + 3) * d * d + 1
                     : d < 2 ? A * d * d * d - 5 * A * d * d + 8 * A * d - 4 * A
                             : 0;
    }
    return total;
}

void reference_resample2d(const Array *x, const How *how, Array *y)
{
    int64_t height = how->whole[0], width = how->whole[1], index[4];
    *y = array_create(SHAPE(x->shape[0], height, width, x->shape[3]));
    for (int64_t n = 0; n < y->count; n++) {
        unravel(y, n, index);
        for (int64_t iy = 0; iy < x->shape[1]; iy++)
            for (int64_t ix = 0; ix < x->shape[2]; ix++)
                y->values[n] += tap_weight(how, index[1], iy, x->shape[1], height) *
                                tap_weight(how, index[2], ix, x->shape[2], width) *
                                *at4(x, index[0], iy, ix, index[3]);
    }
}

void reference_grid_sample(const Array *x, const How *how, Array *y)
{
    (void)how;
    const Array *grid = &x[1];
    int64_t index[4];
    *y = array_create(SHAPE(x->shape[0], grid->shape[1], grid->shape[2], x->shape[3]));
    for (int64_t n = 0; n < y->count; n++) {
        unravel(y, n, index);
        double px =
            (*at4(grid, index[0], index[1], index[2], 0) + 1) / 2 * (double)(x->shape[2] - 1);
        double py =
            (*at4(grid, index[0], index[1], index[2], 1) + 1) / 2 * (double)(x->shape[1] - 1);
        for (int64_t iy = 0; iy < x->shape[1]; iy++)
            for (int64_t ix = 0; ix < x->shape[2]; ix++)
                y->values[n] += fmax(0, 1 - fabs(py - (double)iy)) *
                                fmax(0, 1 - fabs(px - (double)ix)) *
                                *at4(x, index[0], iy, ix, index[3]);
    }
}

// ---- Losses ----

void reference_log_softmax(const Array *x, const How *how, Array *y)
{
    (void)how;
    int64_t classes = x->shape[1];
    *y = array_create(2, x->shape);
    for (int64_t r = 0; r < x->shape[0]; r++) {
        double largest = -INFINITY, total = 0;
        for (int64_t c = 0; c < classes; c++) largest = fmax(largest, x->values[r * classes + c]);
        for (int64_t c = 0; c < classes; c++) total += exp(x->values[r * classes + c] - largest);
        for (int64_t c = 0; c < classes; c++)
            y->values[r * classes + c] = x->values[r * classes + c] - largest - log(total);
    }
}

void reference_softmax(const Array *x, const How *how, Array *y)
{
    reference_log_softmax(x, how, y);
    for (int64_t i = 0; i < y->count; i++) y->values[i] = exp(y->values[i]);
}

void reference_cross_entropy(const Array *x, const How *how, Array *y)
{
    Array logarithms;
    reference_log_softmax(x, how, &logarithms);
    *y = array_create(0, NULL);
    for (int64_t r = 0; r < x->shape[0]; r++)
        y->values[0] -= logarithms.values[r * x->shape[1] + how->labels[r]] / (double)x->shape[0];
    array_free(&logarithms);
}

void reference_mse_loss(const Array *x, const How *how, Array *y)
{
    (void)how;
    *y = array_create(0, NULL);
    for (int64_t i = 0; i < x->count; i++)
        y->values[0] += pow(x[0].values[i] - x[1].values[i], 2) / (double)x->count;
}

void reference_l1_loss(const Array *x, const How *how, Array *y)
{
    (void)how;
    *y = array_create(0, NULL);
    for (int64_t i = 0; i < x->count; i++)
        y->values[0] += fabs(x[0].values[i] - x[1].values[i]) / (double)x->count;
}

void reference_kl_standard_normal(const Array *x, const How *how, Array *y)
{
    (void)how;
    *y = array_create(0, NULL);
    for (int64_t i = 0; i < x->count; i++) {
        double m = x[0].values[i], v = x[1].values[i];
        y->values[0] += 0.5 * (m * m + exp(v) - 1 - v) / (double)x->shape[0];
    }
}
