// Parameter updates, in PyTorch's formulas and the CPU kernels' operations. Limited by memory.
#include "cuda/kernel.h"

// v = momentum v + g; the parameter moves along v, or with Nesterov along g + momentum v.
KERNEL(sgd, OptimizerArguments)
{
    const int64_t i = thread_number();
    if (i >= a.count) return;
    const float g = fmaf(a.weight_decay, a.parameter[i], a.gradient[i]);
    float direction = g;
    if (a.first) {
        const float v = fmaf(a.momentum, a.first[i], g);
        a.first[i] = v;
        direction = a.nesterov ? fmaf(a.momentum, v, g) : v;
    }
    a.parameter[i] = fmaf(-a.learning_rate, direction, a.parameter[i]);
}

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2
KERNEL(adam, OptimizerArguments)
{
    const int64_t i = thread_number();
    if (i >= a.count) return;
    const float g = fmaf(a.weight_decay, a.parameter[i], a.gradient[i]);
    const float m = fmaf(1 - a.beta1, g - a.first[i], a.first[i]);
    const float v = fmaf((1 - a.beta2) * g, g, a.beta2 * a.second[i]);
    const float deviation = sqrtf(v) / a.correction2 + a.epsilon;
    a.first[i] = m;
    a.second[i] = v;
    a.parameter[i] = fmaf(-a.rate, m / deviation, a.parameter[i]);
}
