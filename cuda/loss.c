// Host side of kernels/loss.cu: a warp for each row.
#include "cuda/launch.h"

static void over_rows(KernelNumber kernel, LossArguments s)
{
    const int64_t size = s.rows * s.classes;
    LAUNCH(kernel, grid_of_warps(s.rows), s, READS(s.x, size), READS(s.y, size),
           READS(s.dy, kernel == KERNEL_cross_entropy_backward ? s.rows : size),
           READS(s.labels, s.rows), WRITES(s.out, size), WRITES(s.losses, s.rows));
}

static void softmax(int64_t rows, int64_t classes, const float *x, float *y)
{
    over_rows(KERNEL_softmax,
              (LossArguments){.rows = rows, .classes = index_of(classes), .x = x, .out = y});
}

static void softmax_backward(int64_t rows, int64_t classes, const float *y, const float *dy,
                             float *dx)
{
    over_rows(
        KERNEL_softmax_backward,
        (LossArguments){.rows = rows, .classes = index_of(classes), .y = y, .dy = dy, .out = dx});
}

static void log_softmax(int64_t rows, int64_t classes, const float *x, float *y)
{
    over_rows(KERNEL_log_softmax,
              (LossArguments){.rows = rows, .classes = index_of(classes), .x = x, .out = y});
}

static void log_softmax_backward(int64_t rows, int64_t classes, const float *y, const float *dy,
                                 float *dx)
{
    over_rows(
        KERNEL_log_softmax_backward,
        (LossArguments){.rows = rows, .classes = index_of(classes), .y = y, .dy = dy, .out = dx});
}

static void cross_entropy(int64_t rows, int64_t classes, const float *logits, const int32_t *labels,
                          float *losses, float *probabilities)
{
    over_rows(KERNEL_cross_entropy, (LossArguments){.rows = rows,
                                                    .classes = index_of(classes),
                                                    .x = logits,
                                                    .labels = labels,
                                                    .out = probabilities,
                                                    .losses = losses});
}

static void cross_entropy_backward(int64_t rows, int64_t classes, const float *probabilities,
                                   const int32_t *labels, const float *dlosses, float *dlogits)
{
    over_rows(KERNEL_cross_entropy_backward, (LossArguments){.rows = rows,
                                                             .classes = index_of(classes),
                                                             .y = probabilities,
                                                             .dy = dlosses,
                                                             .labels = labels,
                                                             .out = dlogits});
}

void cuda_enter_loss(Kernels *table)
{
    table->softmax = softmax;
    table->softmax_backward = softmax_backward;
    table->log_softmax = log_softmax;
    table->log_softmax_backward = log_softmax_backward;
    table->cross_entropy = cross_entropy;
    table->cross_entropy_backward = cross_entropy_backward;
}
