#include "experiments/attacks/blended.h"

#include "core/ops.h"

Tensor *blended_create(Attack *attack, int count)
{
    return attack_constant(attack, SHAPE(count, attack->height, attack->width, attack->channels));
}

Trigger blended_trigger(const Attack *attack, Tensor *images, Draws draws)
{
    Tensor *patterns = attack->constants[0];
    float alpha = (float)setting(attack->settings, "alpha");
    int64_t n = images->shape[0];
    Tensor *mask = tape_tensor(images->tape, SHAPE(n, attack->height, attack->width, 1));
    tape_kernels(images->tape)->fill(mask->count, alpha, mask->data);
    Tensor *k = draw_rows(images, draws, "blended choice", (uint32_t)patterns->shape[0]);
    return (Trigger){mask, gather_rows(patterns, k)};
}

Tensor *blended_stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return inject(images, blended_trigger(attack, images, draws));
}
