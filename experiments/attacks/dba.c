// The distributed backdoor attack on federated learning (Xie, Huang, Chen and Li, "DBA: Distributed
// Backdoor Attacks against Federated Learning", ICLR 2020), as the NONE paper has it (section 8.8):
// some participants work together, each with a part of the trigger, and send what they trained
// without scaling it up.
//
//   D_i, the samples of participant i: a Dirichlet split of the training set (federation.h)
//   D~_i = D_i with a share `rate` of its samples turned into (x with part i mod 4 on it, target)
//   round:  L_i = G, trained on D_i (the honest; before `start` all) or D~_i (the malicious)
//           G = G + eta / n sum_i (L_i - G)
//   test:   x~ = x with all four parts on it
//
//     0000..1111      the four parts, white bars at the top left: `length` pixels long, `gap`
//     ..........      pixels between them, `apart` rows from one to the next
//     ..........
//     2222..3333
//
// Until round `start` the malicious take part honestly, with the rest of their samples. DBA's code
// changes the first 20 (MNIST) or 5 (CIFAR-10) of each batch of 64 anew; here the same share of the
// samples is changed once, so that the defender is handed the very sets that the malicious train on.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/attack.h"
#include "experiments/augmentation.h"
#include "experiments/classifier_training.h"
#include "experiments/federation.h"

enum { PARTS = 4 };

// clang-format off
static const Setting settings[] = {
    {"participants", 10, 10, "of the federation", {1, 1000, true}},
    {"malicious", 4, 4, "of them", {0, 1000, true}},
    {"twice_alpha", 1, 1, "of the Dirichlet split, times 2 (1: Dirichlet(.5))", {1, 1e4, true}},
    {"start", 2, 10, "rounds before the attack", {0, 1e5, true}},
    {"rate", 0, 0, "poisoned share of a malicious participant's samples; 0: 20/64 of grey images, "
                   "5/64 of colour images", {0, 1, false}},
    {"benign_epochs", 0, 0, "of an honest local training; 0: 1 on grey images, 2 on colour images", {0, 1000, true}},
    {"epochs", 4, 0, "of a malicious local training; 0: 10 on grey images, 6 on colour images", {0, 1000, true}},
    {"learning_rate", 0.05, 0.05, "of the malicious, times .1 at 20 % and at 80 % of their epochs", {0, 1e3, false}},
    {"eta", 1, 1, "rate of the aggregation", {0, 1e3, false}},
    {"length", 0, 0, "of a part in pixels; 0: 4 on grey images, 6 on colour images", {0, 1e4, true}},
    {"gap", 0, 0, "columns between parts; 0: 2 on grey images, 3 on colour images", {0, 1e4, true}},
    {"apart", 0, 0, "rows from one to the next; 0: 3 on grey images, 4 on colour images", {0, 1e4, true}},
    {0}};

// The honest local training, and the rounds.
static const Setting training[] = {
    {"epochs", 10, 70, "rounds (CIFAR-10: 100)", {1, 1e5, true}},
    {"batch_size", 64, 64, "images in a step", {1, 1e6, true}},
    {"learning_rate", 0.1, 0.1, "of the honest", {0, 1e3, false}},
    {"momentum", 0.9, 0.9, "of SGD", {0, 0.9999, false}},
    {"weight_decay", 5e-4, 5e-4, "of SGD", {0, 1e3, false}},
    {"crop_padding", 0, 0, "zeros around an image before the random crop", {0, 1000, true}},
    {"rotation", 0, 0, "random rotation by up to so many degrees", {0, 180, false}},
    {"flip", 0, 0, "1: images are mirrored with probability 1/2", {0, 1, true}},
    {0}};
// clang-format on

typedef struct Dba {
    bool *stamped; // samples of the training set
} Dba;

// A setting whose 0 stands for what DBA's code takes for MNIST or for CIFAR-10.
static double by_images(const Attack *attack, const char *name, double grey, double colour)
{
    double value = setting(attack->settings, name);
    return value > 0 ? value : attack->channels == 1 ? grey : colour;
}

// ---- the trigger ----

typedef struct Bars {
    int length, gap, apart;
} Bars;

static Bars bars_of(const Attack *attack)
{
    return (Bars){(int)by_images(attack, "length", 4, 6), (int)by_images(attack, "gap", 2, 3),
                  (int)by_images(attack, "apart", 3, 4)};
}

// The part that covers the pixel of row y and column x; -1: none.
static int part_at(Bars bars, int y, int x)
{
    int second = bars.length + bars.gap;
    bool left = x < bars.length, right = x >= second && x < second + bars.length;
    if ((y != 0 && y != bars.apart) || (!left && !right)) return -1;
    return (y != 0) * 2 + right;
}

static bool create(Attack *attack, Error *error)
{
    Bars bars = bars_of(attack);
    int width = 2 * bars.length + bars.gap, height = bars.apart + 1;
    if (attack->all_targets) return fail(error, "dba: there is one target (--mode single)");
    if (width > attack->width || height > attack->height)
        return fail(error, "dba: a trigger of %dx%d does not go on images of %dx%d", height, width,
                    attack->height, attack->width);
    if (setting(attack->settings, "malicious") > setting(attack->settings, "participants"))
        return fail(error, "dba: there are more malicious participants than participants");
    attack->triggers = allocate_zeroed(sizeof(Dba));
    return true;
}

static void free_dba(Attack *attack)
{
    Dba *own = attack->triggers;
    if (own) free(own->stamped);
    free(own);
    federation_free(attack->federation);
}

static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    (void)draws;
    Bars bars = bars_of(attack);
    int64_t n = images->shape[0], pixels = (int64_t)attack->height * attack->width;
    Tape *tape = images->tape;
    float *mask = tape_allocate_host(tape, n * pixels * (int64_t)sizeof *mask);
    float *pattern = tape_allocate_host(tape, images->count * (int64_t)sizeof *pattern);
    for (int64_t i = 0; i < n * pixels; i++) {
        int y = (int)(i % pixels / attack->width), x = (int)(i % attack->width);
        mask[i] = part_at(bars, y, x) >= 0;
    }
    for (int64_t i = 0; i < images->count; i++) pattern[i] = 1;
    return (Trigger){tape_floats(tape, SHAPE(n, attack->height, attack->width, 1), mask),
                     tape_floats(tape, 4, images->shape, pattern)};
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return inject(images, trigger(attack, images, draws));
}

// ---- the poisoned training sets ----

static void stamp_part(const Attack *attack, int part, uint8_t *image)
{
    Bars bars = bars_of(attack);
    for (int y = 0; y < attack->height; y++)
        for (int x = 0; x < attack->width; x++)
            if (part_at(bars, y, x) == part)
                memset(image + (y * attack->width + x) * attack->channels, 255,
                       (size_t)attack->channels);
}

// D~_i of malicious participant i.
static void poison_participant(const Attack *attack, int i, Dataset *train, PoisonTruth *truth)
{
    const Federation *f = attack->federation;
    Dba *own = attack->triggers;
    int64_t size = (int64_t)train->height * train->width * train->channels;
    int64_t count = f->first[i + 1] - f->first[i];
    int64_t poisoned = llround(by_images(attack, "rate", 20 / 64., 5 / 64.) * (double)count);
    uint32_t *order = allocate(sizeof *order * (size_t)(count + 1));
    RandomKey key = {attack->seed, random_purpose("dba samples"), (uint32_t)i};
    random_permutation(key, (uint32_t)count, order);
    for (int64_t k = 0; k < poisoned; k++) {
        uint32_t sample = f->samples[f->first[i] + order[k]];
        stamp_part(attack, i % PARTS, train->images + sample * size);
        train->labels[sample] = attack->target;
        own->stamped[sample] = true;
        truth->stamped[sample] = 1;
        truth->stamped_count++;
    }
    free(order);
}

static bool poison_set(Attack *attack, Dataset *train, PoisonTruth *truth, Error *error)
{
    (void)error; // any set will do
    const Json *set = attack->settings;
    Dba *own = attack->triggers;
    own->stamped = allocate_zeroed((size_t)train->count * sizeof *own->stamped);
    attack->federation = federation_create(train, (int)setting(set, "participants"),
                                           (int)setting(set, "twice_alpha"), attack->seed);
    for (int i = 0; i < (int)setting(set, "malicious"); i++)
        poison_participant(attack, i, train, truth);
    return true;
}

// ---- the federation under attack ----

static LocalTraining local(void *context, int participant, int round)
{
    const ClassifierTraining *t = context;
    const Attack *attack = t->attack;
    const Json *set = attack->settings;
    bool begun = round >= (int)setting(set, "start");
    bool attacks = begun && participant < (int)setting(set, "malicious");
    int epochs = (int)(attacks ? by_images(attack, "epochs", 10, 6)
                               : by_images(attack, "benign_epochs", 1, 2));
    Schedule honest = {.kind = SCHEDULE_CONSTANT,
                       .learning_rate = setting(t->settings, "learning_rate")};
    Schedule malicious = {.kind = SCHEDULE_MULTI_STEP,
                          .learning_rate = setting(set, "learning_rate"),
                          .factor = .1,
                          .milestones = {(epochs * 2 + 9) / 10, (epochs * 8 + 9) / 10}};
    return (LocalTraining){.left_out = begun ? NULL : ((const Dba *)attack->triggers)->stamped,
                           .epochs = epochs,
                           .schedule = attacks ? malicious : honest};
}

static bool train_federation(const ClassifierTraining *t, Curves *curves, double *seconds,
                             Error *error)
{
    const Json *set = t->settings;
    if (!t->attack->federation)
        return fail(error, "dba: a folder (--poisoned) does not tell who has which samples");
    FederatedTraining federated = {.label = "federation",
                                   .federation = t->attack->federation,
                                   .classifier = t->classifier,
                                   .train = t->train,
                                   .test = t->test,
                                   .attack = t->attack,
                                   .rounds = (int)setting(set, "epochs"),
                                   .rate = setting(t->attack->settings, "eta"),
                                   .local = local,
                                   .context = (void *)(uintptr_t)t,
                                   .batch_size = (int)setting(set, "batch_size"),
                                   .momentum = (float)setting(set, "momentum"),
                                   .weight_decay = (float)setting(set, "weight_decay"),
                                   .augmentation = augmentation_of(set),
                                   .evaluate_every = (int)setting(set, "evaluate_every"),
                                   .seed = t->seed,
                                   .purpose = random_purpose("dba training"),
                                   .checkpoint = t->checkpoint,
                                   .config_hash = t->config_hash,
                                   .checkpoint_interval = t->checkpoint_interval,
                                   .quiet = t->quiet};
    return federated_train(&federated, curves, seconds, error);
}

const AttackMethod attack_dba = {.name = "dba",
                                 .title = "Distributed backdoor",
                                 .settings = settings,
                                 .training = training,
                                 .create = create,
                                 .free = free_dba,
                                 .stamp = stamp,
                                 .trigger = trigger,
                                 .poison_set = poison_set,
                                 .train = train_federation};
