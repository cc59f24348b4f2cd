#include "experiments/report/names.h"

#include <string.h>

typedef struct Name {
    const char *name, *short_name, *long_name;
} Name;

static const Name names[] = {
    // The defense NONE; that there is no attack is said in other words.
    {"none", "NONE", "resets linear neurons, drops the samples that fire them, and trains on"},
    // attacks
    {"badnets", "BadNets", "a patch in a corner"},
    {"badnet+", "BadNet+", "one of several random patches"},
    {"noise-bi+", "noise-BI+", "a noise image, blended in"},
    {"image-bi+", "image-BI+", "a real image, blended in"},
    {"input-aware", "input-aware", "a trigger that a generator makes for each image"},
    {"wanet", "WaNet", "a smooth warp"},
    {"label-consistent", "label-consistent", "poisoned images keep their true label"},
    {"hidden-trigger", "hidden trigger", "the trigger is not visible in the poisoned images"},
    {"natural", "natural", "a trigger that a network has learned from clean data"},
    {"dba", "DBA", "distributed backdoor"},
    {"adaptive", "adaptive", "an attacker who knows the defense"},
    // defenses
    {"ip", "IP", "input processing"},
    {"if", "IF", "input filtering"},
    {"vif", "VIF", "variational input filtering"},
    {"aif", "AIF", "adversarial input filtering"},
    {"neural-cleanse", "Neural Cleanse", "reconstructs a small trigger for every class"},
    {"strip", "STRIP", "superimposes other images and watches the entropy"},
    {"network-pruning", "network pruning", "prunes neurons that clean images leave idle"},
    {"nad", "NAD", "neural attention distillation"},
    {"februus", "Februus", "cuts out the most salient region and paints it over"},
    {"dp-sgd", "DP-SGD", "training with clipped and noisy gradients"},
    {"activation-clustering", "activation clustering", "removes a suspicious cluster of samples"},
    {"abl", "ABL", "anti-backdoor learning"},
    // data sets
    {"mnist", "MNIST", ""},
    {"cifar10", "CIFAR-10", ""},
    {"gtsrb", "GTSRB", ""},
    {"celeba", "CelebA", ""},
    {"imagenet10", "ImageNet-10", ""},
    {"trojai", "TrojAI", ""},
};
enum { NAMES = sizeof names / sizeof names[0] };

int name_rank(const char *name)
{
    for (int i = 0; i < NAMES; i++)
        if (strcmp(names[i].name, name) == 0) return i;
    return NAMES;
}

const char *name_short(const char *name)
{
    int i = name_rank(name);
    return i < NAMES ? names[i].short_name : name;
}

const char *name_long(const char *name)
{
    int i = name_rank(name);
    return i < NAMES ? names[i].long_name : "";
}
