// Parameter updates, in PyTorch's formulas. Plain C loops with named multiply-adds: the compiler
// makes vectors of them, which changes no bit.
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/ranges.h"
#include "core/cpu/vmath.h"

typedef struct SgdCall {
    const SgdStep *step;
    const float *gradient;
    float *velocity, *parameter;
} SgdCall;

static void sgd_plain_range(const void *context, int64_t i, int64_t end, int thread)
{
    (void)thread;
    const SgdCall *call = context;
    const SgdStep step = *call->step;
    const float *restrict gradient = call->gradient;
    float *restrict parameter = call->parameter;
    for (; i < end; i++) {
        float g = multiply_add(step.weight_decay, parameter[i], gradient[i]);
        parameter[i] = multiply_add(-step.learning_rate, g, parameter[i]);
    }
}

// v = momentum v + g; the parameter moves along v, or with Nesterov along g + momentum v.
static void sgd_momentum_range(const void *context, int64_t i, int64_t end, int thread)
{
    (void)thread;
    const SgdCall *call = context;
    const SgdStep step = *call->step;
    const float *restrict gradient = call->gradient;
    float *restrict velocity = call->velocity, *restrict parameter = call->parameter;
    for (; i < end; i++) {
        float g = multiply_add(step.weight_decay, parameter[i], gradient[i]);
        float v = multiply_add(step.momentum, velocity[i], g);
        float direction = step.nesterov ? multiply_add(step.momentum, v, g) : v;
        velocity[i] = v;
        parameter[i] = multiply_add(-step.learning_rate, direction, parameter[i]);
    }
}

static void sgd(const SgdStep *step, int64_t count, const float *gradient, float *velocity,
                float *parameter)
{
    SgdCall call = {step, gradient, velocity, parameter};
    parallel_ranges(count, 1, velocity ? sgd_momentum_range : sgd_plain_range, &call);
}

typedef struct AdamCall {
    const AdamStep *step;
    const float *gradient;
    float *first_moment, *second_moment, *parameter;
} AdamCall;

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2; the parameter moves along (m /
// correction1) / (sqrt(v) / correction2 + epsilon).
static void adam_range(const void *context, int64_t i, int64_t end, int thread)
{
    (void)thread;
    const AdamCall *call = context;
    const AdamStep step = *call->step;
    const float rate = step.learning_rate / step.correction1;
    const float *restrict gradient = call->gradient;
    float *restrict first_moment = call->first_moment;
    float *restrict second_moment = call->second_moment, *restrict parameter = call->parameter;
    for (; i < end; i++) {
        float g = multiply_add(step.weight_decay, parameter[i], gradient[i]);
        float m = multiply_add(1 - step.beta1, g - first_moment[i], first_moment[i]);
        float v = multiply_add((1 - step.beta2) * g, g, step.beta2 * second_moment[i]);
        float deviation = sqrtf(v) / step.correction2 + step.epsilon;
        first_moment[i] = m;
        second_moment[i] = v;
        parameter[i] = multiply_add(-rate, m / deviation, parameter[i]);
    }
}

static void adam(const AdamStep *step, int64_t count, const float *gradient, float *first_moment,
                 float *second_moment, float *parameter)
{
    AdamCall call = {step, gradient, first_moment, second_moment, parameter};
    parallel_ranges(count, 1, adam_range, &call);
}

void KERNEL(enter_optimizer)(Kernels *table)
{
    table->sgd = sgd;
    table->adam = adam;
}
