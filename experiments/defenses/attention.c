#include "experiments/defenses/attention.h"

void attention_see(void *context, const Tensor *weight, Tensor *result)
{
    AttentionMaps *seen = context;
    if (weight || result->rank != 4) return; // not a map
    if (seen->count == ATTENTION_MAPS) {
        for (int i = 0; i + 1 < ATTENTION_MAPS; i++) seen->maps[i] = seen->maps[i + 1];
        seen->count--;
    }
    seen->maps[seen->count++] = result;
}

Tensor *attention_map(Tensor *x)
{
    Tensor *s = sum(square(x), 1u << 3, false);
    Tensor *norm = affine(1, norm2_rows(s), 1e-6f);
    return divide(s, reshape(norm, SHAPE(x->shape[0], 1, 1)));
}
