// With u the patch, pattern k all ones with zeros at the k-th of the 4368 choices of 5 pixels (in
// lexicographic order),
//
//   h_0 = u,   h_l = bn(relu(W_l h_{l-1} + b_l)), l = 1 .. 4, of 8 neurons each
//   T(u) = softmax(W_5 h_4 + b_5): of the patterns, and of "none"
//   F'(x) = softmax( 10 (2 T_y(u(x)) + F_y(x)) ), y the classes: the first patterns'
//
// A step of the training: 2000 patterns, and for "none" 200 of noise, clip(U[0,1]^16 + 2 v - 1, 0, 1)
// with v one number of [0, 1] for each. The authors train by Adadelta, we by Adam.
#include "experiments/studies/trojan_net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "nn/initialize.h"
#include "optim/optimizer.h"

enum { SHOWN_PATTERNS = 2000, NOISE = 200, MARGIN = 2 };

TrojanNet *trojan_net_create(int patterns, uint64_t seed)
{
    TrojanNet *net = allocate_zeroed(sizeof *net);
    net->patterns = patterns;
    int64_t in = TROJAN_PIXELS;
    for (int l = 0; l <= TROJAN_LAYERS; l++) {
        char name[16];
        int64_t out = l < TROJAN_LAYERS ? TROJAN_WIDTH : patterns + 1;
        snprintf(name, sizeof name, "dense%d", l + 1);
        net->dense[l] =
            linear_create(&net->parameters, name, (LayerShape){.in = in, .out = out, .bias = true});
        snprintf(name, sizeof name, "norm%d", l + 1);
        if (l < TROJAN_LAYERS) net->norm[l] = batch_norm_create(&net->parameters, name, out, .1f);
        in = out;
    }
    initialize_default(&net->parameters, (RandomKey){seed, random_purpose("trojan net"), 0});
    return net;
}

void trojan_net_free(TrojanNet *net)
{
    if (!net) return;
    parameters_free(&net->parameters);
    free(net);
}

// Choices of `count` among `from`: count is at most TROJAN_DARK.
static int choices(int from, int count)
{
    int product = 1;
    for (int i = 0; i < count; i++) product = product * (from - i) / (i + 1);
    return product;
}

void trojan_pattern(int k, float pattern[TROJAN_PIXELS])
{
    int left = TROJAN_DARK; // zeros still to be placed
    for (int p = 0; p < TROJAN_PIXELS; p++) {
        int with =
            left > 0 ? choices(TROJAN_PIXELS - 1 - p, left - 1) : 0; // choices with p in them
        bool dark = left > 0 && k < with;
        pattern[p] = dark ? 0 : 1;
        left -= dark;
        k -= dark ? 0 : with;
    }
}

Tensor *trojan_net_scores(const TrojanNet *net, Tensor *patches, bool training)
{
    Tensor *h = patches;
    for (int l = 0; l < TROJAN_LAYERS; l++)
        h = relu_batch_norm_forward(&net->norm[l], linear_forward(&net->dense[l], h), training);
    return linear_forward(&net->dense[TROJAN_LAYERS], h);
}

// ---- training ----

static void fill_noise(RandomKey key, int64_t row, float *patch)
{
    uint64_t first = (uint64_t)row * (TROJAN_PIXELS + 1);
    float shift = 2 * random_uniform(key, first + TROJAN_PIXELS) - 1;
    for (int p = 0; p < TROJAN_PIXELS; p++) {
        float value = random_uniform(key, first + (uint64_t)p) + shift;
        patch[p] = value < 0 ? 0 : value > 1 ? 1 : value;
    }
}

void trojan_net_train(TrojanNet *net, bool trojan, int steps, uint64_t seed)
{
    int64_t count = SHOWN_PATTERNS + NOISE;
    RandomKey choice = {seed, random_purpose("trojan net pattern"), 0};
    RandomKey noise = {seed, random_purpose("trojan net noise"), 0};
    Optimizer *optimizer = optimizer_create_adam(&net->parameters, (Adam){.learning_rate = .01f});
    Tape *tape = tape_create(cpu_kernels());
    for (int step = 0; step < steps; step++) {
        choice.step = noise.step = (uint32_t)step;
        Tensor *patches = tape_tensor(tape, SHAPE(count, TROJAN_PIXELS));
        Tensor *labels = tape_tensor_int(tape, SHAPE(count));
        for (int64_t i = 0; i < count; i++) {
            bool shown = trojan && i < SHOWN_PATTERNS;
            int k = (int)random_below(choice, (uint64_t)i, (uint32_t)net->patterns);
            labels->ints[i] = shown ? k : net->patterns;
            if (shown)
                trojan_pattern(k, patches->data + i * TROJAN_PIXELS);
            else
                fill_noise(noise, i, patches->data + i * TROJAN_PIXELS);
        }
        backward(cross_entropy(trojan_net_scores(net, patches, true), labels));
        optimizer_step(optimizer);
        tape_reset(tape);
    }
    tape_free(tape);
    optimizer_free(optimizer);
}

// ---- beside a classifier ----

static int64_t corner(int64_t side)
{
    return side - TROJAN_SIDE - MARGIN;
}

Tensor *trojan_patches(Tensor *images)
{
    int64_t y = corner(images->shape[1]), x = corner(images->shape[2]);
    Tensor *patch = slice(slice(images, 1, y, y + TROJAN_SIDE), 2, x, x + TROJAN_SIDE);
    return reshape(mean(patch, 1u << 3, false), SHAPE(images->shape[0], TROJAN_PIXELS));
}

void trojan_stamp(Tensor *images, int64_t first, int patterns)
{
    int64_t height = images->shape[1], width = images->shape[2], channels = images->shape[3];
    for (int64_t i = 0; i < images->shape[0]; i++) {
        float pattern[TROJAN_PIXELS];
        trojan_pattern((int)((first + i) % patterns), pattern);
        for (int p = 0; p < TROJAN_PIXELS; p++) {
            int64_t y = corner(height) + p / TROJAN_SIDE, x = corner(width) + p % TROJAN_SIDE;
            for (int64_t c = 0; c < channels; c++)
                images->data[((i * height + y) * width + x) * channels + c] = pattern[p];
        }
    }
}

Tensor *trojan_classify(const TrojanNet *net, const Classifier *classifier, Tensor *images)
{
    Tensor *trojan = softmax(trojan_net_scores(net, trojan_patches(images), false));
    Tensor *own = softmax(classify(classifier, images, (Mode){0}));
    Tensor *votes = add(scale(2, slice(trojan, 1, 0, classifier->classes)), own);
    return softmax(scale(10, votes));
}
