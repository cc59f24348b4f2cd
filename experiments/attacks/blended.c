#include "experiments/attacks/blended.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"

Blended *blended_create(Attack *attack, int count)
{
    size_t size = (size_t)attack->height * (size_t)attack->width * (size_t)attack->channels;
    Blended *blended = allocate(sizeof *blended);
    blended->count = count;
    blended->images = allocate(sizeof(float) * size * (size_t)count);
    attack->triggers = blended;
    return blended;
}

void blended_free(Attack *attack)
{
    Blended *blended = attack->triggers;
    if (!blended) return;
    free(blended->images);
    free(blended);
}

Trigger blended_trigger(const Attack *attack, Tensor *images, Draws draws)
{
    const Blended *blended = attack->triggers;
    float alpha = (float)setting(attack->settings, "alpha");
    int64_t n = images->shape[0], size = images->count / n;
    Trigger rho = {tape_tensor(images->tape, SHAPE(n, attack->height, attack->width, 1)),
                   tape_tensor(images->tape, 4, images->shape)};
    for (int64_t i = 0; i < rho.mask->count; i++) rho.mask->data[i] = alpha;
    RandomKey choice = draws.key;
    choice.purpose ^= random_purpose("blended choice");
    for (int64_t i = 0; i < n; i++) {
        int64_t k = random_below(choice, draws.indices[i], (uint32_t)blended->count);
        memcpy(rho.pattern->data + i * size, blended->images + k * size,
               sizeof(float) * (size_t)size);
    }
    return rho;
}

Tensor *blended_stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return inject(images, blended_trigger(attack, images, draws));
}
