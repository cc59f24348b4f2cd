// SGD and Adam. The update itself is a kernel of the device; here are the state, its file form, and
// Adam's corrections. State tensors are named and laid out like the parameters they belong to, in
// Parameters lists of their own.
#include "optim/optimizer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_LIMIT = 256 };

// velocity = momentum velocity + (gradient + weight_decay parameter);   parameter -= learning_rate
// velocity
static void sgd_update(Optimizer *optimizer, int i, int64_t values)
{
    const Sgd *how = &optimizer->sgd;
    Tensor *parameter = optimizer->parameters[i];
    SgdStep step = {optimizer->learning_rate * optimizer->rates[i], how->momentum,
                    optimizer->undecayed[i] ? 0 : how->weight_decay, how->nesterov};
    float *velocity = how->momentum != 0 ? optimizer->first.items[i].tensor->data : NULL;
    optimizer->kernels->sgd(&step, values, parameter->grad, velocity, parameter->data);
}

// base^exponent by squaring, because libm's pow differs from machine to machine in its last bits.
static double power(double base, uint64_t exponent)
{
    double result = 1;
    for (; exponent > 0; exponent /= 2) {
        if (exponent % 2) result *= base;
        base *= base;
    }
    return result;
}

// The moments start at zero: after t steps they carry only 1 - beta^t of their weight.
static void adam_update(Optimizer *optimizer, int i, int64_t values)
{
    const Adam *how = &optimizer->adam;
    Tensor *parameter = optimizer->parameters[i];
    uint64_t t = optimizer->steps[i];
    AdamStep step = {optimizer->learning_rate * optimizer->rates[i],
                     how->beta1,
                     how->beta2,
                     how->epsilon,
                     optimizer->undecayed[i] ? 0 : how->weight_decay,
                     .correction1 = (float)(1 - power(how->beta1, t)),
                     .correction2 = (float)sqrt(1 - power(how->beta2, t))};
    const float *gradient = parameter->grad;
    if (how->summed) {
        float *sum = optimizer->sum.items[i].tensor->data;
        optimizer->kernels->accumulate(values, 1, gradient, sum);
        gradient = sum;
    }
    optimizer->kernels->adam(&step, values, gradient, optimizer->first.items[i].tensor->data,
                             optimizer->second.items[i].tensor->data, parameter->data);
}

// A zero for each trainable value, under NAME.suffix.
static void add_state(Parameters *state, const Parameters *parameters, const char *suffix)
{
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *parameter = &parameters->items[i];
        if (!parameter->trainable) continue;
        parameters_add(state, parameter->name, suffix, (Parameter){.layout = parameter->layout},
                       parameter->tensor->rank, parameter->tensor->shape);
    }
    parameters_move(state, NULL);
}

static Optimizer *create(const Parameters *parameters, float learning_rate)
{
    Optimizer *optimizer = allocate_zeroed(sizeof *optimizer);
    optimizer->learning_rate = learning_rate;
    optimizer->kernels = cpu_kernels();
    uint64_t most = (uint64_t)parameters->count + 1;
    optimizer->parameters = allocate(most * sizeof *optimizer->parameters);
    optimizer->steps = allocate_zeroed(most * sizeof *optimizer->steps);
    optimizer->rates = allocate(most * sizeof *optimizer->rates);
    optimizer->undecayed = allocate(most * sizeof *optimizer->undecayed);
    for (int i = 0; i < parameters->count; i++) {
        const Parameter *parameter = &parameters->items[i];
        if (!parameter->trainable) continue;
        optimizer->rates[optimizer->count] = parameter->rate > 0 ? parameter->rate : 1;
        optimizer->undecayed[optimizer->count] = parameter->undecayed;
        optimizer->parameters[optimizer->count++] = parameter->tensor;
    }
    if (optimizer->count > 0)
        tensors_move(optimizer->count, optimizer->parameters, optimizer->parameters[0]->memory);
    return optimizer;
}

Optimizer *optimizer_create_sgd(const Parameters *parameters, Sgd how)
{
    Optimizer *optimizer = create(parameters, how.learning_rate);
    optimizer->update = sgd_update;
    optimizer->sgd = how;
    if (how.momentum != 0) add_state(&optimizer->first, parameters, "velocity");
    return optimizer;
}

Optimizer *optimizer_create_adam(const Parameters *parameters, Adam how)
{
    Optimizer *optimizer = create(parameters, how.learning_rate);
    optimizer->update = adam_update;
    if (how.beta1 == 0) how.beta1 = .9f;
    if (how.beta2 == 0) how.beta2 = .999f;
    if (how.epsilon == 0) how.epsilon = 1e-8f;
    optimizer->adam = how;
    add_state(&optimizer->first, parameters, "first_moment");
    add_state(&optimizer->second, parameters, "second_moment");
    if (how.summed) add_state(&optimizer->sum, parameters, "gradient_sum");
    return optimizer;
}

void optimizer_free(Optimizer *optimizer)
{
    if (!optimizer) return;
    parameters_free(&optimizer->first);
    parameters_free(&optimizer->second);
    parameters_free(&optimizer->sum);
    free(optimizer->parameters);
    free(optimizer->rates);
    free(optimizer->undecayed);
    free(optimizer->steps);
    free(optimizer);
}

void optimizer_move(Optimizer *optimizer, const Kernels *kernels)
{
    parameters_move(&optimizer->first, kernels->memory);
    parameters_move(&optimizer->second, kernels->memory);
    parameters_move(&optimizer->sum, kernels->memory);
    optimizer->kernels = kernels;
}

static bool states_side_by_side(const Parameters *state, int i)
{
    return state->count == 0 ||
           tensors_side_by_side(state->items[i].tensor, state->items[i + 1].tensor);
}

// Whether tensor i + 1 moves as tensor i does, and all their arrays are neighbours.
static bool go_together(const Optimizer *optimizer, int i)
{
    return optimizer->parameters[i + 1]->grad_written &&
           optimizer->steps[i + 1] + 1 == optimizer->steps[i] &&
           optimizer->rates[i + 1] == optimizer->rates[i] &&
           optimizer->undecayed[i + 1] == optimizer->undecayed[i] &&
           tensors_side_by_side(optimizer->parameters[i], optimizer->parameters[i + 1]) &&
           states_side_by_side(&optimizer->first, i) &&
           states_side_by_side(&optimizer->second, i) && states_side_by_side(&optimizer->sum, i);
}

// Where tensors lie side by side the zeros between them are updated too, and stay zeros.
void optimizer_step(Optimizer *optimizer)
{
    for (int i = 0; i < optimizer->count; i++) {
        if (!optimizer->parameters[i]->grad_written) continue;
        const int first = i;
        optimizer->steps[i]++;
        for (; i + 1 < optimizer->count && go_together(optimizer, i); i++)
            optimizer->steps[i + 1]++;
        const Tensor *last = optimizer->parameters[i];
        const float *end = last->data + last->count;
        optimizer->update(optimizer, first, end - optimizer->parameters[first]->data);
    }
}

void optimizer_store(const Optimizer *optimizer, const char *prefix, Safetensors *file)
{
    char name[NAME_LIMIT];
    int64_t count = optimizer->count;
    snprintf(name, sizeof name, "%ssteps", prefix);
    safetensors_add(file, name, STORED_U64, 1, &count, optimizer->steps);
    parameters_store(&optimizer->first, prefix, file);
    parameters_store(&optimizer->second, prefix, file);
    parameters_store(&optimizer->sum, prefix, file);
}

bool optimizer_restore(Optimizer *optimizer, const char *prefix, const Safetensors *file,
                       const char *path, Error *error)
{
    char name[NAME_LIMIT];
    snprintf(name, sizeof name, "%ssteps", prefix);
    const StoredTensor *steps = safetensors_find(file, name);
    if (!steps) return fail(error, "%s: has no tensor %s", path, name);
    if (steps->type != STORED_U64 || steps->rank != 1 || steps->count != optimizer->count)
        return fail(error, "%s: tensor %s is not %d step counts", path, name, optimizer->count);
    if (!parameters_fit(&optimizer->first, prefix, file, path, error) ||
        !parameters_fit(&optimizer->sum, prefix, file, path, error) ||
        !parameters_restore(&optimizer->second, prefix, file, path, error) ||
        !parameters_restore(&optimizer->first, prefix, file, path, error) ||
        !parameters_restore(&optimizer->sum, prefix, file, path, error))
        return false;
    for (int i = 0; i < optimizer->count; i++)
        optimizer->steps[i] = ((const uint64_t *)steps->data)[i];
    return true;
}
