// Host side of kernels/optimizer.cu.
#include "cuda/launch.h"

// Four elements a thread.
static Grid grid_over_quads(int64_t count)
{
    return grid_over((count + 3) / 4);
}

static bool wide(const OptimizerArguments *s)
{
    return (((uintptr_t)s->gradient | (uintptr_t)s->first | (uintptr_t)s->second |
             (uintptr_t)s->parameter) &
            15) == 0;
}

static void sgd(const SgdStep *step, int64_t count, const float *gradient, float *velocity,
                float *parameter)
{
    OptimizerArguments s = {.count = count,
                            .nesterov = step->nesterov,
                            .learning_rate = step->learning_rate,
                            .momentum = step->momentum,
                            .weight_decay = step->weight_decay,
                            .gradient = gradient,
                            .first = velocity,
                            .parameter = parameter};
    s.wide = wide(&s);
    LAUNCH(KERNEL_sgd, grid_over_quads(count), s, READS(s.gradient, count), WRITES(s.first, count),
           WRITES(s.parameter, count));
}

static void adam(const AdamStep *step, int64_t count, const float *gradient, float *first_moment,
                 float *second_moment, float *parameter)
{
    OptimizerArguments s = {.count = count,
                            .weight_decay = step->weight_decay,
                            .beta1 = step->beta1,
                            .beta2 = step->beta2,
                            .epsilon = step->epsilon,
                            .rate = step->learning_rate / step->correction1,
                            .correction2 = step->correction2,
                            .gradient = gradient,
                            .first = first_moment,
                            .second = second_moment,
                            .parameter = parameter};
    s.wide = wide(&s);
    LAUNCH(KERNEL_adam, grid_over_quads(count), s, READS(s.gradient, count), WRITES(s.first, count),
           WRITES(s.second, count), WRITES(s.parameter, count));
}

void cuda_enter_optimizer(Kernels *table)
{
    table->sgd = sgd;
    table->adam = adam;
}
