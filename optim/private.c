#include "optim/private.h"

static void add_noise_to(Tape *tape, const Parameter *parameter, float deviation, RandomKey key)
{
    Tensor *tensor = parameter->tensor;
    if (!parameter->trainable || !tensor->grad_written) return;
    float *noise = tape_allocate(tape, tensor->count * 4);
    key.purpose ^= random_purpose(parameter->name); // each tensor draws from its own stream
    tape_kernels(tape)->normal(tensor->count, key, noise);
    tape_kernels(tape)->accumulate(tensor->count, deviation, noise, tensor->grad);
}

void backward_private(Tensor *loss, const Parameters *parameters, int64_t samples,
                      PrivateGradient how, RandomKey key)
{
    backward_clipped(loss, samples, how.clip, NULL);
    float deviation = (float)(how.noise * how.clip / (double)samples);
    for (int i = 0; i < parameters->count && deviation > 0; i++)
        add_noise_to(loss->tape, &parameters->items[i], deviation, key);
}
