// Softmax, its logarithm, and cross-entropy over rows of class scores. The row's maximum is taken
// off first, so that nothing overflows; sums run in Sum16's order.
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/ranges.h"
#include "core/cpu/kernels/rows.h"
#include "core/cpu/vmath.h"

typedef struct LossCall {
    int64_t classes;
    const float *x, *y, *dy; // scores, what the forward pass made of them, incoming gradient
    const int32_t *labels;
    float *out, *losses;
} LossCall;

// The comparison order does not matter: equal values are the same (+0 and -0 up to a sign that exp
// does not see), and a NaN anywhere in the row makes the sum of exponentials NaN whichever maximum
// is found.
static float row_max(int64_t count, const float *x)
{
    float most = -INFINITY;
    for (int64_t i = 0; i < count; i++) most = most < x[i] ? x[i] : most;
    return most;
}

// y = e^(x - shift); returns the sum.
static float row_exp(int64_t count, const float *x, float shift, float *y)
{
    int64_t i = 0;
    for (; i + LANES <= count; i += LANES) store(y + i, exp_vector(load(x + i) - splat(shift)));
    if (i < count)
        store_part(y + i, exp_vector(load_part(x + i, count - i) - splat(shift)), count - i);
    return row_sum(count, y);
}

static float log_of(float x)
{
    return first_lane(log_vector(splat(x)));
}

static void softmax_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const LossCall *call = context;
    const int64_t classes = call->classes;
    for (int64_t r = begin; r < end; r++) {
        const float *x = call->x + r * classes;
        float *y = call->out + r * classes;
        float most = row_max(classes, x), total = row_exp(classes, x, most, y);
        for (int64_t i = 0; i < classes; i++) y[i] /= total;
        if (call->losses) call->losses[r] = (most - x[call->labels[r]]) + log_of(total);
    }
}

static void softmax(int64_t rows, int64_t classes, const float *x, float *y)
{
    LossCall call = {.classes = classes, .x = x, .out = y};
    parallel_ranges(rows, classes, softmax_rows, &call);
}

static void cross_entropy(int64_t rows, int64_t classes, const float *logits, const int32_t *labels,
                          float *losses, float *probabilities)
{
    LossCall call = {classes, logits, NULL, NULL, labels, probabilities, losses};
    parallel_ranges(rows, classes, softmax_rows, &call);
}

// dx = y (dy - sum(y dy))
static void softmax_backward_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const LossCall *call = context;
    const int64_t classes = call->classes;
    for (int64_t r = begin; r < end; r++) {
        const float *y = call->y + r * classes, *dy = call->dy + r * classes;
        float *restrict dx = call->out + r * classes;
        const float total = row_dot(classes, y, dy);
        for (int64_t i = 0; i < classes; i++) dx[i] = y[i] * (dy[i] - total);
    }
}

static void softmax_backward(int64_t rows, int64_t classes, const float *y, const float *dy,
                             float *dx)
{
    LossCall call = {.classes = classes, .y = y, .dy = dy, .out = dx};
    parallel_ranges(rows, classes, softmax_backward_rows, &call);
}

// y = x - max - log(sum(e^(x - max)))
static void log_softmax_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const LossCall *call = context;
    const int64_t classes = call->classes;
    for (int64_t r = begin; r < end; r++) {
        const float *x = call->x + r * classes;
        float *restrict y = call->out + r * classes;
        const float most = row_max(classes, x);
        const float log_total = log_of(row_exp(classes, x, most, y));
        for (int64_t i = 0; i < classes; i++) y[i] = (x[i] - most) - log_total;
    }
}

static void log_softmax(int64_t rows, int64_t classes, const float *x, float *y)
{
    LossCall call = {.classes = classes, .x = x, .out = y};
    parallel_ranges(rows, classes, log_softmax_rows, &call);
}

// dx = dy - e^y sum(dy)
static void log_softmax_backward_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const LossCall *call = context;
    const int64_t classes = call->classes;
    for (int64_t r = begin; r < end; r++) {
        const float *dy = call->dy + r * classes;
        float *restrict dx = call->out + r * classes;
        const float total = row_sum(classes, dy);
        row_exp(classes, call->y + r * classes, 0, dx);
        for (int64_t i = 0; i < classes; i++) dx[i] = multiply_add(-total, dx[i], dy[i]);
    }
}

static void log_softmax_backward(int64_t rows, int64_t classes, const float *y, const float *dy,
                                 float *dx)
{
    LossCall call = {.classes = classes, .y = y, .dy = dy, .out = dx};
    parallel_ranges(rows, classes, log_softmax_backward_rows, &call);
}

// dlogits = dloss (p - [label])
static void cross_entropy_backward_rows(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const LossCall *call = context;
    const int64_t classes = call->classes;
    for (int64_t r = begin; r < end; r++) {
        const float *p = call->y + r * classes;
        float *restrict dx = call->out + r * classes;
        for (int64_t i = 0; i < classes; i++) dx[i] = call->dy[r] * p[i];
        int32_t label = call->labels[r];
        dx[label] = call->dy[r] * (p[label] - 1);
    }
}

static void cross_entropy_backward(int64_t rows, int64_t classes, const float *probabilities,
                                   const int32_t *labels, const float *dlosses, float *dlogits)
{
    LossCall call = {classes, NULL, probabilities, dlosses, labels, dlogits, NULL};
    parallel_ranges(rows, classes, cross_entropy_backward_rows, &call);
}

void KERNEL(enter_loss)(Kernels *table)
{
    table->softmax = softmax;
    table->softmax_backward = softmax_backward;
    table->log_softmax = log_softmax;
    table->log_softmax_backward = log_softmax_backward;
    table->cross_entropy = cross_entropy;
    table->cross_entropy_backward = cross_entropy_backward;
}
