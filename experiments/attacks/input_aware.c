// Input-aware attack (InpAwAtk; Nguyen and Tran, NeurIPS 2020): each image has its own trigger, made
// for it by two generators, and the trigger of one image must not fire on another.
//
//   m  = M(x),  p = G(x);   x~ = (1 - m) x + m p                                                (1)
//   o(.) = tanh(.) / 2 + 1/2 ends both;  M hardens:  m = tanh(20 o - 10) / 2 + 1/2
//   d(a, b) = sqrt(mean (a - b)^2)
//
//   L_mask(x, x') = lambda_norm mean ReLU(m - density) + lambda_div d(x, x') / d(m, m')
//   L(x, x')      = mean -log p_C(y | .) + lambda_div d(x, x') / d(p, p')
//
// First M alone learns L_mask for `pretrain` epochs and is frozen. Then C and G learn L together; of
// a batch the first share `rate` are Trojan images x~ with the attacker's labels, as many after them
// are cross images, (1 - m') x + m' p' with the trigger of another image x' and their true labels,
// and the rest is clean. Cross accuracy: that of such images at test.
//
// A batch is shuffled, so that other images of the same batch serve as x'; the authors' code draws
// them from a second, independent pass over the data, and never zeroes G's gradients, so that each
// step goes along their sum since the start; here each step has its own, or with accumulate = 1 the
// sum. Adam of both generators falls along half a cosine, as the classifier's learning rate does.
#include <math.h>
#include <stdlib.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/attack.h"
#include "nn/image_generator.h"
#include "nn/initialize.h"
#include "optim/schedule.h"

// clang-format off
static const Setting settings[] = {
    {"rate", 0.2, 0.1, "poisoning rate: share of training images with a trigger", {0, 0.33, false}},
    {"pretrain", 2, 25, "passes in which M alone learns L_mask", {0, 1e5, true}},
    {"lambda_div", 1, 1, "weight of d(x, x') / d(p, p') and d(x, x') / d(m, m')", {0, 1e6, false}},
    {"lambda_norm", 100, 100, "weight of the mask's excess over its density", {0, 1e6, false}},
    {"density", 0.032, 0.032, "value of a mask that costs nothing", {0, 1, false}},
    {"learning_rate", 0.01, 0.01, "of Adam for both generators at first", {0, 1e3, false}},
    {"accumulate", 0, 0, "1: G moves along the sum of its gradients since the start", {0, 1, true}},
    {"beta1", 0.5, 0.5, "of Adam", {1e-6, 0.9999, false}},
    {"beta2", 0.9, 0.9, "of Adam", {1e-6, 0.999999, false}},
    {0}};
static const Setting classifier_values[] = {
    {"epochs", 8, 60, "two networks learn against each other", {1, 1e5, true}},
    {0}};
// clang-format on
static const char *const figures[] = {"mean ReLU(m - density)", "d(x, x') / d(m, m')",
                                      "d(x, x') / d(p, p')", NULL};
enum Figure { MASK_EXCESS, MASK_DIVERSITY, PATTERN_DIVERSITY };
enum Network { PATTERN, MASK }; // places in attack->networks

enum Constant { MEAN, DEVIATION }; // of the data set, (channels)

typedef struct Generators {
    ImageGenerator *pattern, *mask; // G, M
} Generators;

static void set_constant(Attack *attack, const float *values)
{
    Tensor *tensor = attack_constant(attack, SHAPE(attack->channels));
    for (int i = 0; i < attack->channels; i++) tensor->data[i] = values[i];
}

static AttackNetwork network_of(const Attack *attack, const char *name, bool sum,
                                ImageGenerator *generator)
{
    const Json *set = attack->settings;
    initialize_default(&generator->parameters, (RandomKey){attack->seed, random_purpose(name), 0});
    return (AttackNetwork){
        name, &generator->parameters,
        optimizer_create_adam(&generator->parameters,
                              (Adam){.summed = sum,
                                     .learning_rate = (float)setting(set, "learning_rate"),
                                     .beta1 = (float)setting(set, "beta1"),
                                     .beta2 = (float)setting(set, "beta2")})};
}

static bool create(Attack *attack, Error *error)
{
    int height = attack->height, width = attack->width, channels = attack->channels;
    Generators *own = attack->triggers = allocate_zeroed(sizeof *own);
    set_constant(attack, attack->mean);
    set_constant(attack, attack->deviation);
    own->pattern = image_generator_create(height, width, channels, channels, error);
    if (!own->pattern) return false;
    own->mask = image_generator_create(height, width, channels, 1, error);
    if (!own->mask) return false;
    attack->networks[PATTERN] =
        network_of(attack, "pattern", setting(attack->settings, "accumulate") > 0, own->pattern);
    attack->networks[MASK] = network_of(attack, "mask", false, own->mask);
    attack->network_count = 2;
    return true;
}

static void free_generators(Attack *attack)
{
    Generators *own = attack->triggers;
    if (!own) return;
    for (int i = 0; i < attack->network_count; i++) optimizer_free(attack->networks[i].optimizer);
    image_generator_free(own->pattern);
    image_generator_free(own->mask);
    free(own);
}

// ---- triggers ----

static Tensor *normalise(const Attack *attack, Tensor *images)
{
    return divide(subtract(images, attack->constants[MEAN]), attack->constants[DEVIATION]);
}

static Tensor *mask_of(const Attack *attack, Tensor *images, bool training)
{
    const Generators *own = attack->triggers;
    Tensor *o = image_generate(own->mask, normalise(attack, images), training);
    return affine(1 / (2 + 1e-7f), hyperbolic_tangent(affine(20, o, -10)), .5f);
}

static Tensor *pattern_of(const Attack *attack, Tensor *images, bool training)
{
    const Generators *own = attack->triggers;
    return image_generate(own->pattern, normalise(attack, images), training);
}

static Trigger trigger(const Attack *attack, Tensor *images, Draws draws)
{
    (void)draws;
    return (Trigger){mask_of(attack, images, false), pattern_of(attack, images, false)};
}

static Tensor *stamp(const Attack *attack, Tensor *images, Draws draws)
{
    return inject(images, trigger(attack, images, draws));
}

static Tensor *cross(const Attack *attack, Tensor *images, Tensor *others, Draws draws)
{
    return inject(images, trigger(attack, others, draws));
}

// ---- training ----

// d(a_i, b_i) of each pair, (n).
static Tensor *distances(Tensor *a, Tensor *b)
{
    float size = (float)(a->count / a->shape[0]);
    return scale(1 / sqrtf(size), norm2_rows(subtract(a, b)));
}

// mean d(x, x') / (d(t, t') + 1e-7): small where unlike images have unlike triggers.
static Tensor *diversity(const Attack *attack, Tensor *x, Tensor *other_x, Tensor *t,
                         Tensor *other_t)
{
    Tensor *unlike = distances(normalise(attack, x), normalise(attack, other_x));
    return mean(divide(unlike, affine(1, distances(t, other_t), 1e-7f)), ALL_DIMENSIONS, false);
}

// Each image of a batch replaced by the next one, the last by the first.
static Tensor *next_ones(Tensor *x)
{
    int64_t n = x->shape[0];
    return concat(2, (Tensor *[]){slice(x, 0, 1, n), slice(x, 0, 0, 1)}, 0);
}

static void move(Attack *attack, enum Network network, const Step *step)
{
    Optimizer *optimizer = attack->networks[network].optimizer;
    Schedule schedule = {.kind = SCHEDULE_COSINE,
                         .learning_rate = setting(attack->settings, "learning_rate"),
                         .period = step->total};
    optimizer->learning_rate = learning_rate_at(&schedule, step->number);
    optimizer_step(optimizer);
}

static void pretrain(Attack *attack, const Step *step, double *values)
{
    const Json *set = attack->settings;
    if (step->images->shape[0] < 2) return; // no pair
    parameters_require_gradient(attack->networks[MASK].parameters, true);
    Tensor *x = step->images, *m = mask_of(attack, x, true);
    Tensor *excess =
        mean(relu(affine(1, m, -(float)setting(set, "density"))), ALL_DIMENSIONS, false);
    Tensor *unlike = diversity(attack, x, next_ones(x), m, next_ones(m));
    step_figure(step, &values[MASK_EXCESS], excess);
    step_figure(step, &values[MASK_DIVERSITY], unlike);
    backward(add(scale((float)setting(set, "lambda_norm"), excess),
                 scale((float)setting(set, "lambda_div"), unlike)));
    move(attack, MASK, step);
}

static PoisonedBatch poison(Attack *attack, const Step *step, double *values)
{
    Tensor *x = step->images;
    int64_t n = x->shape[0], k = (int64_t)(setting(attack->settings, "rate") * (double)n);
    if (k == 0) return (PoisonedBatch){x, step->labels, NULL};
    parameters_require_gradient(attack->networks[MASK].parameters, false);
    Tensor *own = slice(x, 0, 0, k), *crossed = slice(x, 0, k, 2 * k);
    Tensor *others = slice(x, 0, 2 * k, 3 * k);
    Trigger rho = {mask_of(attack, own, false), pattern_of(attack, own, true)};
    Trigger other = {mask_of(attack, others, false), pattern_of(attack, others, true)};
    Tensor *unlike = diversity(attack, own, others, normalise(attack, rho.pattern),
                               normalise(attack, other.pattern));
    step_figure(step, &values[PATTERN_DIVERSITY], unlike);
    int32_t *classes = tape_allocate_host(step->tape, n * (int64_t)sizeof *classes);
    for (int64_t i = 0; i < n; i++)
        classes[i] = i < k ? attack_label(attack, step->classes[i]) : step->classes[i];
    Tensor *parts[] = {inject(own, rho), inject(crossed, other), slice(x, 0, 2 * k, n)};
    return (PoisonedBatch){concat(3, parts, 0), tape_ints(step->tape, n, classes),
                           scale((float)setting(attack->settings, "lambda_div"), unlike)};
}

static void learn(Attack *attack, const Step *step)
{
    move(attack, PATTERN, step);
}

const AttackMethod attack_input_aware = {.name = "input-aware",
                                         .title = "InpAwAtk",
                                         .settings = settings,
                                         .training = classifier_values,
                                         .create = create,
                                         .free = free_generators,
                                         .stamp = stamp,
                                         .trigger = trigger,
                                         .decoy = cross,
                                         .decoy_name = "cross",
                                         .figures = figures,
                                         .pretrain = pretrain,
                                         .poison = poison,
                                         .learn = learn};
