// The values of the kernels, against plain double-precision formulas, libm, and random_word. (That
// every instruction set and number of threads gives the same bits is the business of
// test_kernels.c.)
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/kernels.h"
#include "tests/test.h"

static const Kernels *k;
static const RandomKey KEY = {42, 9, 1};

enum { CAPACITY = 1 << 17 };
static float x[CAPACITY], dy[CAPACITY], y[CAPACITY], dx[CAPACITY], z[CAPACITY];
static int32_t index_of[CAPACITY];

static void fill_random(void)
{
    RandomKey other = KEY;
    other.step++;
    k->normal(CAPACITY, KEY, x);
    k->normal(CAPACITY, other, dy);
}

static bool close_to(double value, double expected, double tolerance)
{
    return fabs(value - expected) <= tolerance * (1 + fabs(expected)); // false for NaN
}

// ---- elementwise.c
// -------------------------------------------------------------------------------

static double sigmoid(double v)
{
    return 1 / (1 + exp(-v));
}
static double softplus(double v)
{
    return v > 0 ? v + log1p(exp(-v)) : log1p(exp(v));
}
static double elu(double v)
{
    return v > 0 ? v : expm1(v);
}
static double tanhshrink(double v)
{
    return fabs(v) > 1e-2 ? v - tanh(v) : v * v * v * (1.0 / 3 - v * v * 2 / 15);
}

// Largest relative error over [low, high], in units of 2^-24; what is subnormal counts absolutely.
static double worst_error(UnaryOp op, double (*exact)(double), double low, double high)
{
    enum { COUNT = 100000 };
    double worst = 0;
    for (int i = 0; i < COUNT; i++) x[i] = (float)(low + (high - low) * i / (COUNT - 1));
    k->unary(op, 0, 0, COUNT, x, y);
    for (int i = 0; i < COUNT; i++) {
        double expected = exact((double)x[i]);
        double error = fabs((double)y[i] - expected) / fmax(fabs(expected), 0x1p-126) * 0x1p24;
        worst = fmax(worst, isnan(error) ? INFINITY : error);
    }
    return worst;
}

static void functions_are_accurate(void)
{
    static const struct {
        const char *name;
        UnaryOp op;
        double (*exact)(double);
        double range;
    } functions[] = {{"exp", UNARY_EXP, exp, 87},
                     {"sigmoid", UNARY_SIGMOID, sigmoid, 87},
                     {"tanh", UNARY_TANH, tanh, 20},
                     {"tanhshrink", UNARY_TANHSHRINK, tanhshrink, 20},
                     {"softplus", UNARY_SOFTPLUS, softplus, 87},
                     {"elu", UNARY_ELU, elu, 30}};
    for (int f = 0; f < 6; f++)
        for (double range = functions[f].range; range > 1e-4; range /= 5) {
            double error = worst_error(functions[f].op, functions[f].exact, -range, range);
            check(error <= (functions[f].op == UNARY_TANHSHRINK ? 8 : 4),
                  "%s on +-%g: error %g x 2^-24", functions[f].name, range, error);
        }
    for (double top = 1e-37; top < 1e38; top *= 30) {
        double error = worst_error(UNARY_LOG, log, top / 100, top);
        check(error <= 4, "log up to %g: error %g x 2^-24", top, error);
    }
    double error = worst_error(UNARY_LOG, log, 0.9, 1.1);
    check(error <= 4, "log near 1: error %g x 2^-24", error);
}

static float unary_of(UnaryOp op, float value)
{
    k->unary(op, -1, 1, 1, &value, &value);
    return value;
}

static void functions_have_their_limits(void)
{
    static const struct {
        UnaryOp op;
        float at, expected;
    } limits[] = {
        {UNARY_EXP, INFINITY, INFINITY},
        {UNARY_EXP, 89, INFINITY},
        {UNARY_EXP, -INFINITY, 0},
        {UNARY_EXP, -110, 0},
        {UNARY_EXP, 0, 1},
        {UNARY_LOG, 0, -INFINITY},
        {UNARY_LOG, -0.0f, -INFINITY},
        {UNARY_LOG, INFINITY, INFINITY},
        {UNARY_LOG, 1, 0},
        {UNARY_TANH, INFINITY, 1},
        {UNARY_TANH, -INFINITY, -1},
        {UNARY_TANH, -1e-30f, -1e-30f},
        {UNARY_SIGMOID, INFINITY, 1},
        {UNARY_SIGMOID, -INFINITY, 0},
        {UNARY_SOFTPLUS, INFINITY, INFINITY},
        {UNARY_SOFTPLUS, -INFINITY, 0},
        {UNARY_SOFTPLUS, 1e30f, 1e30f},
        {UNARY_TANHSHRINK, INFINITY, INFINITY},
        {UNARY_ELU, -INFINITY, -1},
        {UNARY_CLAMP, 3, 1},
        {UNARY_CLAMP, -3, -1},
        {UNARY_RELU, -INFINITY, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        float value = unary_of(limits[i].op, limits[i].at);
        check(value == limits[i].expected, "operator %d at %g: %g, not %g", (int)limits[i].op,
              (double)limits[i].at, (double)value, (double)limits[i].expected);
    }
    for (int op = 0; op < UNARY_COUNT; op++)
        check(isnan(unary_of((UnaryOp)op, NAN)), "operator %d loses NaN", op);
    check(isnan(unary_of(UNARY_LOG, -1)), "log(-1) is not NaN");
    check(unary_of(UNARY_EXP, -100) == 27 * 0x1p-149f, "exp has no subnormal numbers");
}

static void derivatives_agree_with_differences(void)
{
    static const float points[] = {-8, -2.5f, -1.25f, -0.75f, -0.3f, 0.3f, 0.75f, 1.25f, 2.5f, 8};
    for (int op = 0; op < UNARY_COUNT; op++)
        for (int i = 0; i < 10; i++) {
            float at = op == UNARY_LOG || op == UNARY_SQRT ? fabsf(points[i]) : points[i];
            float value[3] = {at - 0x1p-8f, at, at + 0x1p-8f}, gradient = 2, slope;
            k->unary((UnaryOp)op, 0.1f, 2, 3, value, y);
            k->unary_backward((UnaryOp)op, 0.1f, 2, 1, value + 1, y + 1, &gradient, &slope);
            check(close_to((double)slope, (double)(y[2] - y[0]) * 0x1p8, 2e-3),
                  "operator %d at %g: %g, difference %g", op, (double)at, (double)slope,
                  (double)(y[2] - y[0]) * 0x1p8);
        }
    static const struct {
        UnaryOp op;
        float at, slope;
    } corners[] = {{UNARY_RELU, 0, 0},  {UNARY_LEAKY_RELU, 0, -1}, {UNARY_ABS, 0, 0},
                   {UNARY_CLAMP, 1, 1}, {UNARY_CLAMP, -1, 1},      {UNARY_CLAMP, 1.001f, 0}};
    for (int i = 0; i < 6; i++) {
        float value = unary_of(corners[i].op, corners[i].at), one = 1, slope;
        k->unary_backward(corners[i].op, -1, 1, 1, &corners[i].at, &value, &one, &slope);
        check(slope == corners[i].slope, "operator %d at %g: slope %g", (int)corners[i].op,
              (double)corners[i].at, (double)slope);
    }
}

// A shape that merges nowhere, against nested loops.
static void broadcasting_and_copies(void)
{
    Broadcast shape = {.rank = 4, .shape = {3, 5, 7, 4}};
    const int64_t a_step[] = {20, 4, 0, 1}, b_step[] = {0, 7, 1, 0};
    memcpy(shape.a_step, a_step, sizeof a_step);
    memcpy(shape.b_step, b_step, sizeof b_step);
    fill_random();
    k->binary(BINARY_SUB, &shape, x, dy, y);
    StridedCopy copy = {.rank = 4, .shape = {3, 5, 7, 4}};
    const int64_t x_step[] = {140, 28, 4, 1}, y_step[] = {5, 1, 60, 15};
    memcpy(copy.x_step, x_step, sizeof x_step);
    memcpy(copy.y_step, y_step, sizeof y_step);
    k->copy(&copy, x, z);
    for (int64_t i = 0; i < 420; i++) {
        int64_t n[] = {i / 140, i / 28 % 5, i / 4 % 7, i % 4}, a = 0, b = 0, to = 0;
        for (int d = 0; d < 4; d++) {
            a += n[d] * a_step[d];
            b += n[d] * b_step[d];
            to += n[d] * y_step[d];
        }
        check(y[i] == x[a] - dy[b], "broadcast element %lld", (long long)i);
        check(z[to] == x[i], "copied element %lld", (long long)i);
    }
}

// ---- reduce.c, loss.c, norm.c
// --------------------------------------------------------------------

static void sums_and_maxima(void)
{
    static const int64_t shapes[][3] = {{2, 50000, 1}, {1, 9000, 13}, {7, 33, 300}, {3, 1, 5}};
    fill_random();
    for (int s = 0; s < 4; s++) {
        const int64_t outer = shapes[s][0], count = shapes[s][1], inner = shapes[s][2];
        k->sum(outer, count, inner, x, y);
        k->max(outer, count, inner, x, z, index_of);
        k->max_backward(outer, count, inner, index_of, y, dx);
        for (int64_t o = 0; o < outer; o++)
            for (int64_t c = 0; c < inner; c++) {
                const float *column = x + o * count * inner + c;
                const int64_t at = o * inner + c;
                double total = 0, passed = 0;
                int64_t best = 0;
                for (int64_t i = 0; i < count; i++) {
                    total += (double)column[i * inner];
                    passed += (double)dx[(o * count + i) * inner + c];
                    if (column[i * inner] > column[best * inner]) best = i;
                }
                check(close_to((double)y[at], total, 1e-5), "sum %g not %g", (double)y[at], total);
                check(z[at] == column[best * inner] && index_of[at] == best, "maximum of %lld",
                      (long long)at);
                check(passed == (double)y[at], "gradient of maximum %lld", (long long)at);
            }
    }
    memset(x, 0, 100 * sizeof(float));
    k->norm2_rows(3, 100, x, y);
    k->norm2_rows_backward(3, 100, x, y, dy, dx);
    double squares = 0;
    for (int i = 100; i < 200; i++) squares += (double)x[i] * (double)x[i];
    check(y[0] == 0 && dx[0] == 0 && dx[99] == 0, "zero row");
    check(close_to((double)y[1], sqrt(squares), 1e-6), "norm %g not %g", (double)y[1],
          sqrt(squares));
    check(close_to((double)dx[150], (double)(dy[1] * x[150]) / sqrt(squares), 1e-6),
          "norm gradient");
}

static void softmax_and_cross_entropy(void)
{
    enum { ROWS = 5, CLASSES = 43 };
    static const int32_t labels[ROWS] = {0, 42, 7, 7, 20};
    float losses[ROWS];
    fill_random();
    x[3] = 200; // e^200 is no float
    k->softmax(ROWS, CLASSES, x, y);
    k->log_softmax(ROWS, CLASSES, x, z);
    k->softmax_backward(ROWS, CLASSES, y, dy, dx);
    for (int r = 0; r < ROWS; r++) {
        const float *row = x + r * CLASSES;
        double total = 0, dot = 0;
        float most = -INFINITY;
        for (int i = 0; i < CLASSES; i++) most = row[i] > most ? row[i] : most;
        for (int i = 0; i < CLASSES; i++) {
            total += exp((double)row[i] - (double)most);
            dot += (double)y[r * CLASSES + i] * (double)dy[r * CLASSES + i];
        }
        for (int i = 0; i < CLASSES; i++) {
            const int at = r * CLASSES + i;
            double log_p = (double)row[i] - (double)most - log(total);
            check(close_to((double)z[at], log_p, 1e-6), "log_softmax %d", at);
            check(close_to((double)y[at], exp(log_p), 1e-6), "softmax %d", at);
            check(close_to((double)dx[at], exp(log_p) * ((double)dy[at] - dot), 1e-6),
                  "gradient %d", at);
        }
    }
    k->cross_entropy(ROWS, CLASSES, x, labels, losses, dx);
    check(memcmp(dx, y, ROWS * CLASSES * sizeof(float)) == 0, "probabilities are not softmax");
    for (int r = 0; r < ROWS; r++)
        check(close_to((double)losses[r], -(double)z[r * CLASSES + labels[r]], 1e-6), "loss %d", r);
    k->cross_entropy_backward(ROWS, CLASSES, y, labels, losses, dx);
    k->log_softmax_backward(ROWS, CLASSES, z, dy, x);
    for (int i = 0; i < ROWS * CLASSES; i++) {
        const int r = i / CLASSES;
        double total = 0, hit = i % CLASSES == labels[r];
        for (int j = 0; j < CLASSES; j++) total += (double)dy[r * CLASSES + j];
        check(close_to((double)dx[i], (double)losses[r] * ((double)y[i] - hit), 1e-6),
              "cross-entropy gradient %d", i);
        check(close_to((double)x[i], (double)dy[i] - (double)y[i] * total, 1e-6),
              "log-softmax gradient %d", i);
    }
}

// With an offset far larger than the deviation, which a sum of squares in float would not survive.
static void batch_norm(void)
{
    enum { ROWS = 3001, CHANNELS = 24 };
    float mean[CHANNELS], inverse[CHANNELS], scale[CHANNELS], dscale[CHANNELS], dshift[CHANNELS];
    float running_mean[CHANNELS] = {0}, running_variance[CHANNELS] = {0};
    const BatchStatistics statistics = {ROWS,  CHANNELS,     NORM_RELU_NONE,  0.25f,
                                        1e-5f, running_mean, running_variance};
    fill_random();
    for (int i = 0; i < ROWS * CHANNELS; i++)
        x[i] = x[i] * (0.5f + (float)(i % CHANNELS)) + (i % 2 ? 1000.0f : 0.0f) +
               0.01f * (float)(i / CHANNELS);
    k->batch_norm_statistics(&statistics, x, mean, inverse);
    for (int c = 0; c < CHANNELS; c++) {
        double m = 0, v = 0;
        for (int r = 0; r < ROWS; r++) m += (double)x[r * CHANNELS + c] / ROWS;
        for (int r = 0; r < ROWS; r++) v += pow((double)x[r * CHANNELS + c] - m, 2) / ROWS;
        check(close_to((double)mean[c], m, 1e-7), "mean of %d: %.9g not %.9g", c, (double)mean[c],
              m);
        check(close_to((double)inverse[c], 1 / sqrt(v + 1e-5), 1e-6),
              "inverse deviation of %d: %.9g not %.9g", c, (double)inverse[c], 1 / sqrt(v + 1e-5));
        check(close_to((double)running_mean[c], m / 4, 1e-6), "running mean of %d", c);
        check(close_to((double)running_variance[c], v / 4 * ROWS / (ROWS - 1), 1e-6),
              "running variance of %d", c);
        scale[c] = 0.5f + 0.1f * (float)c;
    }
    BatchNormShape shape = {ROWS, CHANNELS, true, NORM_RELU_NONE, mean, inverse, scale, mean};
    k->batch_norm_apply(&shape, x, y);
    k->batch_norm_backward(&shape, x, dy, NULL, dx, dscale, dshift);
    shape.training = false;
    k->batch_norm_backward(&shape, x, dy, NULL, z, dscale, dshift);
    for (int c = 0; c < CHANNELS; c++) {
        double g = 0, gz = 0, factor = (double)scale[c] * (double)inverse[c];
        for (int i = c; i < ROWS * CHANNELS; i += CHANNELS) {
            g += (double)dy[i];
            gz += (double)dy[i] * ((double)x[i] - (double)mean[c]) * (double)inverse[c];
        }
        check(close_to((double)dshift[c], g, 1e-5), "dshift of %d: %g not %g", c, (double)dshift[c],
              g);
        check(close_to((double)dscale[c], gz, 1e-5), "dscale of %d: %g not %g", c,
              (double)dscale[c], gz);
        for (int i = c; i < ROWS * CHANNELS; i += CHANNELS) {
            double n = ((double)x[i] - (double)mean[c]) * (double)inverse[c];
            check(close_to((double)y[i], n * (double)scale[c] + (double)mean[c], 1e-6), "y %d", i);
            check(
                close_to((double)dx[i], factor * ((double)dy[i] - g / ROWS - n * gz / ROWS), 1e-6),
                "dx %d", i);
            check(close_to((double)z[i], factor * (double)dy[i], 1e-6), "dx of fixed statistics %d",
                  i);
        }
    }
}

// ---- pool.c, resample.c
// --------------------------------------------------------------------------

static double dot(int64_t count, const float *a, const float *b)
{
    double total = 0;
    for (int64_t i = 0; i < count; i++) total += (double)a[i] * (double)b[i];
    return total;
}

// One image of one row of numbers, so that the answers can be read off.
static void pools_by_hand(void)
{
    const float image[] = {3, 1, 4, 1, 5, 9, 2, 6}, gradient[] = {1, 10, 100, 1000};
    PoolShape shape = {1, 1, 8, 1, 1, 4, 3, 2, 1}; // windows {-1..1}, {1..3}, {3..5}, {5..7}
    k->max_pool2d(&shape, image, y, index_of);
    check(y[0] == 3 && y[1] == 4 && y[2] == 9 && y[3] == 9, "maxima %g %g %g %g", (double)y[0],
          (double)y[1], (double)y[2], (double)y[3]);
    check(index_of[0] == 0 && index_of[1] == 2 && index_of[2] == 5 && index_of[3] == 5, "places");
    k->max_pool2d_backward(&shape, index_of, gradient, dx);
    check(dx[0] == 1 && dx[1] == 0 && dx[2] == 10 && dx[5] == 1100 && dx[7] == 0, "max gradient");
    PoolShape adaptive = {
        .batch = 1, .in_height = 1, .in_width = 8, .channels = 1, .out_height = 1, .out_width = 3};
    k->adaptive_avg_pool2d(&adaptive, image, y); // windows {0..2}, {2..5}, {5..7}
    check(close_to((double)y[0], 8.0 / 3, 1e-6) && y[1] == 4.75f &&
              close_to((double)y[2], 17.0 / 3, 1e-6),
          "adaptive averages");
    PoolShape average = {1, 2, 4, 1, 1, 2, 2, 2, 0};
    k->avg_pool2d(&average, image, y);
    check(y[0] == 4.5f && y[1] == 3.25f, "averages %g %g", (double)y[0], (double)y[1]);
}

// A linear kernel's backward pass is its transpose: <f(x), dy> = <x, f'(dy)>.
static void backward_passes_are_transposes(void)
{
    PoolShape average = {2, 9, 11, 13, 4, 5, 3, 2, 0}, adaptive = {2, 9, 11, 13, 4, 6, 0, 0, 0};
    const int64_t in = 2 * 9 * 11 * 13;
    fill_random();
    k->avg_pool2d(&average, x, y);
    k->avg_pool2d_backward(&average, dy, dx);
    check(close_to(dot(2 * 4 * 5 * 13, y, dy), dot(in, x, dx), 1e-5), "avg_pool2d");
    k->adaptive_avg_pool2d(&adaptive, x, y);
    k->adaptive_avg_pool2d_backward(&adaptive, dy, dx);
    check(close_to(dot(2 * 4 * 6 * 13, y, dy), dot(in, x, dx), 1e-5), "adaptive_avg_pool2d");
    int32_t rows[64], columns[64];
    for (int i = 0; i < 64; i++) {
        rows[i] = i * 7 % 9;
        columns[i] = i * 5 % 11;
    }
    ResampleShape resample = {2, 9, 11, 13, 14, 7, 4, rows, columns, dy + 5000, dy + 6000};
    k->resample2d(&resample, x, y);
    k->resample2d_backward(&resample, dy, dx);
    check(close_to(dot(2 * 14 * 7 * 13, y, dy), dot(in, x, dx), 1e-5), "resample2d");
    double value = 0; // output pixel (1, 2), channel 3, image 0
    for (int a = 4; a < 8; a++)
        for (int b = 8; b < 12; b++)
            value += (double)dy[5000 + a] * (double)dy[6000 + b] *
                     (double)x[(rows[a] * 11 + columns[b]) * 13 + 3];
    check(close_to((double)y[(7 + 2) * 13 + 3], value, 1e-5), "resampled pixel");
    GridShape grid = {2, 9, 11, 13, 14, 7};
    k->uniform(2 * 14 * 7 * 2, -1.3f, 1.3f, KEY, z);
    k->grid_sample(&grid, x, z, y);
    k->grid_sample_backward(&grid, x, z, dy, dx, x + CAPACITY / 2);
    check(close_to(dot(2 * 14 * 7 * 13, y, dy), dot(in, x, dx), 1e-5), "grid_sample");
}

static void grid_sample_by_hand(void)
{
    GridShape shape = {1, 2, 3, 1, 1, 4};
    const float image[] = {1, 2, 4, 10, 20, 40}, ones[] = {1, 1, 1, 1};
    const float grid[] = {-1,   -1, 0.5f, 0,
                          1.5f, 1,  5,    0}; // corner, between four, half outside, far outside
    k->grid_sample(&shape, image, grid, y);
    check(y[0] == 1 && y[1] == 16.5f && y[2] == 20 && y[3] == 0, "samples %g %g %g %g",
          (double)y[0], (double)y[1], (double)y[2], (double)y[3]);
    k->grid_sample_backward(&shape, image, grid, ones, dx, dy);
    check(dy[2] == 11 && dy[3] == 13.5f, "position gradient %g %g", (double)dy[2], (double)dy[3]);
    check(dy[4] == -40 && dy[6] == 0 && dy[7] == 0, "position gradient outside");
    check(dx[0] == 1 && dx[1] == 0.25f && dx[5] == 0.75f, "pixel gradient");
}

// ---- noise.c, optimizer.c
// ------------------------------------------------------------------------

static void noise_follows_random_word(void)
{
    enum { COUNT = 100003 };
    const double pi = 3.14159265358979323846;
    fill_random();
    k->dropout(COUNT, 0.3f, KEY, x, y);
    int64_t kept = 0, wrong = 0;
    for (int64_t i = 0; i < COUNT; i++) {
        uint32_t half = random_word(KEY, (uint64_t)i / 2) >> (16 * (i % 2)) & 0xffff;
        bool keep = half >= 19661; // round(65536 * 0.3)
        kept += keep;
        wrong += y[i] != (keep ? x[i] * (1 / (1 - 0.3f)) : 0);
    }
    check(wrong == 0, "%lld elements of dropout", (long long)wrong);
    x[0] = -0.0f; // kept or dropped, the backward pass must tell which
    k->dropout(COUNT, 0.3f, KEY, x, y);
    k->dropout_backward(COUNT, 0.3f, y, x, dy);
    for (int64_t i = 0; i < COUNT; i++) {
        uint32_t half = random_word(KEY, (uint64_t)i / 2) >> (16 * (i % 2)) & 0xffff;
        wrong += dy[i] != (half >= 19661 ? x[i] * (1 / (1 - 0.3f)) : 0);
        wrong += (half >= 19661) != !(y[i] == 0 && signbit(y[i]));
    }
    check(wrong == 0, "%lld elements of dropout's backward", (long long)wrong);
    check(close_to((double)kept / COUNT, 0.7, 5e-3), "kept %g", (double)kept / COUNT);
    k->uniform(COUNT, -1, 3, KEY, y);
    for (int64_t i = 0; i < COUNT; i++)
        wrong += y[i] != fmaf(4, (float)(random_word(KEY, (uint64_t)i) >> 8) * 0x1p-24f, -1);
    check(wrong == 0, "%lld elements of uniform", (long long)wrong);
    k->normal(COUNT, KEY, y);
    double moments[5] = {0};
    for (int64_t i = 0; i < COUNT; i++) {
        const uint64_t first = (uint64_t)i / 2 * 2;
        double u = ((random_word(KEY, first) >> 8) + 1) * 0x1p-24;
        double angle = 2 * pi * (random_word(KEY, first + 1) >> 8) * 0x1p-24;
        double expected = sqrt(-2 * log(u)) * (i % 2 ? sin(angle) : cos(angle));
        wrong += !close_to((double)y[i], expected, 5e-7);
        for (int m = 1; m < 5; m++) moments[m] += pow((double)y[i], m) / COUNT;
    }
    check(wrong == 0, "%lld elements of normal", (long long)wrong);
    check(fabs(moments[1]) < 0.015 && fabs(moments[2] - 1) < 0.02 && fabs(moments[3]) < 0.04 &&
              fabs(moments[4] - 3) < 0.15,
          "moments %g %g %g %g", moments[1], moments[2], moments[3], moments[4]);
}

// Three steps each, against PyTorch 2's formulas in double.
static void optimizers(void)
{
    const float gradients[] = {0.5f, -0.25f, 1.5f};
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        float velocity = 0, parameter = 2;
        double v = 0, p = 2;
        for (int t = 0; t < 3; t++) {
            k->sgd(&(SgdStep){0.1f, 0.9f, 0.01f, nesterov == 1}, 1, gradients + t, &velocity,
                   &parameter);
            double g = (double)gradients[t] + 0.01 * p;
            v = 0.9 * v + g;
            p -= 0.1 * (nesterov ? g + 0.9 * v : v);
            check(close_to((double)parameter, p, 1e-6), "sgd step %d: %g not %g", t,
                  (double)parameter, p);
        }
    }
    float first = 0, second = 0, parameter = 2;
    double m = 0, v = 0, p = 2;
    for (int t = 1; t <= 3; t++) {
        double correction1 = 1 - pow(0.9, t), correction2 = sqrt(1 - pow(0.999, t));
        AdamStep step = {0.1f, 0.9f, 0.999f, 1e-8f, 0.01f, (float)correction1, (float)correction2};
        k->adam(&step, 1, gradients + t - 1, &first, &second, &parameter);
        double g = (double)gradients[t - 1] + 0.01 * p;
        m = 0.9 * m + 0.1 * g;
        v = 0.999 * v + 0.001 * g * g;
        p -= 0.1 / correction1 * m / (sqrt(v) / correction2 + 1e-8);
        check(close_to((double)parameter, p, 1e-5), "adam step %d: %g not %g", t, (double)parameter,
              p);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"functions_are_accurate", functions_are_accurate},
        {"functions_have_their_limits", functions_have_their_limits},
        {"derivatives_agree_with_differences", derivatives_agree_with_differences},
        {"broadcasting_and_copies", broadcasting_and_copies},
        {"sums_and_maxima", sums_and_maxima},
        {"softmax_and_cross_entropy", softmax_and_cross_entropy},
        {"batch_norm", batch_norm},
        {"pools_by_hand", pools_by_hand},
        {"backward_passes_are_transposes", backward_passes_are_transposes},
        {"grid_sample_by_hand", grid_sample_by_hand},
        {"noise_follows_random_word", noise_follows_random_word},
        {"optimizers", optimizers},
    };
    k = cpu_kernels();
    return TESTS_RUN(tests);
}
