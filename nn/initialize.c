// Random starting weights. sqrt is correctly rounded everywhere and the random kernels give the
// same bits on every instruction set, so a seed means the same network on every machine.
#include "nn/initialize.h"

#include <math.h>

#include "core/kernels.h"

static RandomKey key_of(const Parameter *parameter, RandomKey key)
{
    key.purpose ^= random_purpose(parameter->name);
    return key;
}

static void set_constant(Tensor *tensor, float value)
{
    cpu_kernels()->fill(tensor->count, value, tensor->data);
}

static void draw_normal(const Parameter *parameter, RandomKey key, float deviation)
{
    Tensor *tensor = parameter->tensor;
    cpu_kernels()->normal(tensor->count, key_of(parameter, key), tensor->data);
    for (int64_t i = 0; i < tensor->count; i++) tensor->data[i] *= deviation;
}

void initialize_default(Parameters *parameters, RandomKey key)
{
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *parameter = &parameters->items[i];
        Tensor *tensor = parameter->tensor;
        if (parameter->kept) continue;
        if (parameter->deviation > 0) {
            draw_normal(parameter, key, parameter->deviation);
            continue;
        }
        if (parameter->fan_in == 0) {
            set_constant(tensor, parameter->start);
            continue;
        }
        float bound = (float)(1 / sqrt((double)parameter->fan_in));
        cpu_kernels()->uniform(tensor->count, -bound, bound, key_of(parameter, key), tensor->data);
    }
}

void initialize_he(Parameters *parameters, RandomKey key)
{
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *parameter = &parameters->items[i];
        Tensor *tensor = parameter->tensor;
        if (parameter->kept) continue;
        bool is_weight = parameter->fan_in > 0 && tensor->rank > 1;
        if (!is_weight) {
            set_constant(tensor, parameter->start);
            continue;
        }
        draw_normal(parameter, key, (float)sqrt(2 / (double)parameter->fan_in));
    }
}
