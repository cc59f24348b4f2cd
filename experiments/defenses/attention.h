// Attention maps (Zagoruyko and Komodakis, ICLR 2017): where in an image a group of a network's
// layers is active, whatever its channels stand for.
#ifndef SIEVE_EXPERIMENTS_DEFENSES_ATTENTION_H
#define SIEVE_EXPERIMENTS_DEFENSES_ATTENTION_H

#include "core/ops.h"

// The maps (nn/layers.h, features_shown) of one forward pass, tensors of the step; to be watched by
// {attention_see, maps}. Of more than there is room for the last are kept.
enum { ATTENTION_MAPS = 3 };
typedef struct AttentionMaps {
    int count;
    Tensor *maps[ATTENTION_MAPS]; // each (n, height, width, channels)
} AttentionMaps;

void attention_see(void *maps, const Tensor *weight, Tensor *result);

// A = s / (||s||_2 + 1e-6), s = sum_c x_c^2: (n, height, width).
Tensor *attention_map(Tensor *x);

#endif
