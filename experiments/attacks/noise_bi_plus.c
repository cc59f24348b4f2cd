// noise-BI+, filtering paper, appendix C.1: blended injection (Chen et al. 2017) with many triggers,
// images of noise.
//
//   x~ = (1 - alpha) x + alpha p_n,   p_n ~ uniform[0, 1] for each pixel and channel
//
// drawn once, when the attack is made; blended.h has the rest.
#include "experiments/attacks/blended.h"

// clang-format off
static const Setting settings[] = {
    {"rate", 0.2, 0.1, "poisoning rate: share of training images with a trigger", {0, 1, false}},
    {"images", 20, 20, "N, number of trigger images", {1, 1e4, true}},
    {"alpha", 0.1, 0.1, "blending ratio", {0, 1, false}},
    {0}};
static const Setting classifier_values[] = {
    {"epochs", 10, 30, "a faint trigger is learned late", {1, 1e5, true}},
    {0}};
// clang-format on

static bool create(Attack *attack, Error *error)
{
    (void)error; // any size will do
    Tensor *images = blended_create(attack, (int)setting(attack->settings, "images"));
    RandomKey key = {attack->seed, random_purpose("noise-bi+ images"), 0};
    for (int64_t i = 0; i < images->count; i++) images->data[i] = random_uniform(key, (uint64_t)i);
    return true;
}

const AttackMethod attack_noise_bi_plus = {.name = "noise-bi+",
                                           .title = "noise-BI+",
                                           .settings = settings,
                                           .training = classifier_values,
                                           .create = create,
                                           .stamp = blended_stamp,
                                           .trigger = blended_trigger};
