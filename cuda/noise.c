// Host side of kernels/noise.cu.
#include "cuda/launch.h"

static NoiseArguments with_key(int64_t count, RandomKey key)
{
    return (NoiseArguments){
        .count = count, .seed = key.seed, .purpose = key.purpose, .step = key.step};
}

static void dropout(int64_t count, float probability, RandomKey key, const float *x, float *y)
{
    NoiseArguments s = with_key(count, key);
    s.threshold = (uint32_t)((double)probability * 65536 + 0.5);
    s.a = 1 / (1 - probability);
    s.wide = at_16_bytes(x, y, NULL);
    s.x = x;
    s.y = y;
    LAUNCH(KERNEL_dropout, grid_over((count + 7) / 8), s, READS(s.x, count), WRITES(s.y, count));
}

static void dropout_backward(int64_t count, float probability, const float *y, const float *dy,
                             float *dx)
{
    NoiseArguments s = {.count = count, .a = 1 / (1 - probability), .x = y, .dy = dy, .y = dx};
    s.wide = at_16_bytes(y, dy, dx);
    LAUNCH(KERNEL_dropout_backward, grid_over((count + 3) / 4), s, READS(s.x, count),
           READS(s.dy, count), WRITES(s.y, count));
}

static void uniform(int64_t count, float low, float high, RandomKey key, float *y)
{
    NoiseArguments s = with_key(count, key);
    s.a = low;
    s.b = high - low;
    s.wide = at_16_bytes(y, NULL, NULL);
    s.y = y;
    LAUNCH(KERNEL_uniform, grid_over((count + 3) / 4), s, WRITES(s.y, count));
}

static void normal(int64_t count, RandomKey key, float *y)
{
    NoiseArguments s = with_key(count, key);
    s.wide = at_16_bytes(y, NULL, NULL);
    s.y = y;
    LAUNCH(KERNEL_normal, grid_over((count + 3) / 4), s, WRITES(s.y, count));
}

void cuda_enter_noise(Kernels *table)
{
    table->dropout = dropout;
    table->dropout_backward = dropout_backward;
    table->uniform = uniform;
    table->normal = normal;
}
