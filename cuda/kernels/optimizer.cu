// Parameter updates, in PyTorch's formulas and the CPU kernels' operations. Limited by memory:
// four elements a thread where the arrays allow it.
#include "cuda/kernel.h"

// v = momentum v + g; the parameter moves along v, or with Nesterov along g + momentum v.
DEVICE void sgd_move(const OptimizerArguments *a, float gradient, float *velocity, float *parameter)
{
    const float g = fmaf(a->weight_decay, *parameter, gradient);
    float direction = g;
    if (a->first) {
        *velocity = fmaf(a->momentum, *velocity, g);
        direction = a->nesterov ? fmaf(a->momentum, *velocity, g) : *velocity;
    }
    *parameter = fmaf(-a->learning_rate, direction, *parameter);
}

KERNEL(sgd, OptimizerArguments)
{
    int64_t i = 4 * thread_number();
    float4 v = {0, 0, 0, 0};
    if (a.wide && i + 4 <= a.count) {
        const float4 g = load4(a.gradient + i);
        float4 p = load4(a.parameter + i);
        if (a.first) v = load4(a.first + i);
        sgd_move(&a, g.x, &v.x, &p.x);
        sgd_move(&a, g.y, &v.y, &p.y);
        sgd_move(&a, g.z, &v.z, &p.z);
        sgd_move(&a, g.w, &v.w, &p.w);
        if (a.first) store4(a.first + i, v);
        store4(a.parameter + i, p);
        return;
    }
    for (int64_t end = i + 4; i < end && i < a.count; i++)
        sgd_move(&a, a.gradient[i], a.first ? a.first + i : &v.x, a.parameter + i);
}

// m = beta1 m + (1 - beta1) g, v = beta2 v + (1 - beta2) g^2
DEVICE void adam_move(const OptimizerArguments *a, float gradient, float *m, float *v,
                      float *parameter)
{
    const float g = fmaf(a->weight_decay, *parameter, gradient);
    *m = fmaf(1 - a->beta1, g - *m, *m);
    *v = fmaf((1 - a->beta2) * g, g, a->beta2 * *v);
    const float deviation = sqrtf(*v) / a->correction2 + a->epsilon;
    *parameter = fmaf(-a->rate, *m / deviation, *parameter);
}

KERNEL(adam, OptimizerArguments)
{
    int64_t i = 4 * thread_number();
    if (a.wide && i + 4 <= a.count) {
        const float4 g = load4(a.gradient + i);
        float4 m = load4(a.first + i), v = load4(a.second + i), p = load4(a.parameter + i);
        adam_move(&a, g.x, &m.x, &v.x, &p.x);
        adam_move(&a, g.y, &m.y, &v.y, &p.y);
        adam_move(&a, g.z, &m.z, &v.z, &p.z);
        adam_move(&a, g.w, &m.w, &v.w, &p.w);
        store4(a.first + i, m);
        store4(a.second + i, v);
        store4(a.parameter + i, p);
        return;
    }
    for (int64_t end = i + 4; i < end && i < a.count; i++)
        adam_move(&a, a.gradient[i], a.first + i, a.second + i, a.parameter + i);
}
