// Random starting weights. sqrt is correctly rounded everywhere and the random kernels give the
// same bits on every instruction set, so a seed means the same network on every machine.
#include "nn/initialize.h"

#include <math.h>
#include <stdlib.h>

#include "core/error.h"
#include "core/kernels.h"

static RandomKey key_of(const Parameter *parameter, RandomKey key)
{
    key.purpose ^= random_purpose(parameter->name);
    return key;
}

// Values are drawn on the processor, wherever the tensor is.
static float *values_for(const Tensor *tensor)
{
    return allocate(sizeof(float) * (size_t)tensor->count);
}

static void set_values(Tensor *tensor, float *values)
{
    tensor_write(tensor, values);
    free(values);
}

static void set_constant(Tensor *tensor, float value)
{
    float *values = values_for(tensor);
    cpu_kernels()->fill(tensor->count, value, values);
    set_values(tensor, values);
}

static void draw_normal(const Parameter *parameter, RandomKey key, float deviation)
{
    Tensor *tensor = parameter->tensor;
    float *values = values_for(tensor);
    cpu_kernels()->normal(tensor->count, key_of(parameter, key), values);
    for (int64_t i = 0; i < tensor->count; i++) values[i] *= deviation;
    set_values(tensor, values);
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
        float *values = values_for(tensor);
        cpu_kernels()->uniform(tensor->count, -bound, bound, key_of(parameter, key), values);
        set_values(tensor, values);
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
