// Adversarial input filtering (AIF), filtering paper, section 4.2: a generator G makes up triggers
// as bad as it can, the filter F learns to undo them.
//
//   rho = (m, p) = G(eps, k),   eps ~ N(0, I), k uniform over the classes                    (6, 7)
//   x~  = (1 - m') x + m' p,    m' the normalised mask                                          (1)
//   hard: m' = m (1 - ReLU(1 - delta / ||m||))                                             (11, 12)
//   soft: m' = m (1 - Softplus_tau(1 - delta / ||m|| - eps0))                              (13, 14)
//         Softplus_tau(u) = tau log(1 + e^(u / tau)),   eps0 = -tau log(1 - e^(-1 / tau))
//
//   L_gen(x, k)     = -log p_C(k | x~) + lambda0 max(||m|| - delta, 0)                          (2)
//   L_AIF-gen(x, k) = L_gen(x, k) - gen_lambda1 log p_C(k | x~°),   x~° = F(x~)                 (8)
//   L_AIF(x, y)     = L_IF(x, y) - lambda2 log p_C(y | x~°) + lambda3 ||x~° - x||           (9, 10)
//
// First G alone learns Eq. 2, then F alone learns L_IF; then they take turns, one step of G on
// Eq. 8 and one of F on Eq. 9 in each batch, with fresh noise and classes for each. C is frozen
// throughout; while G learns, F is frozen too and runs as it will at run time.
#include <math.h>
#include <stdlib.h>
#include "core/error.h"
#include "experiments/defenses/aif.h"
#include "experiments/defenses/filter_training.h"
#include "nn/generator.h"
#include "nn/initialize.h"

// clang-format off
static const Setting settings[] = {
    {"epochs", 3, 600, "adversarial passes over D_val", {1, 1e5, true}},
    {"pretrain_generator", 1, 100, "passes in which G alone learns Eq. 2", {0, 1e5, true}},
    {"pretrain_filter", 7, 100, "passes in which F alone learns L_IF", {0, 1e5, true}},
    {"normalise", 2, 2, "the mask: 0 not, 1 hard (Eq. 12), 2 soft (Eq. 14)", {0, 2, true}},
    {"delta", 0.1, 0.1, "bound of the mask's norm over sqrt(height width)", {0, 1e3, false}},
    {"tau", 0.1, 0.1, "sharpness of the soft normalisation", {1e-3, 1e3, false}},
    {"lambda0", 0.01, 0.01, "weight of the raw mask's norm above delta", {0, 1e6, false}},
    {"gen_lambda1", 1, 1, "weight of G's attack on F followed by C", {0, 1e6, false}},
    {"lambda1", 1, 1, "weight of ||x° - x||", {0, 1e6, false}},
    {"lambda2", 1, 1, "weight of -log p_C(y|x~°)", {0, 1e6, false}},
    {"lambda3", 1, 1, "weight of ||x~° - x||", {0, 1e6, false}},
    {"generator_learning_rate", 3e-4, 3e-4, "of Adam for G", {0, 1e3, false}},
    FILTER_SETTINGS,
    {0}};
// clang-format on
static const char *const figures[] = {
    "-log p_C(y|x°)", "||x° - x||",      "-log p_C(y|x~°)",  "||x~° - x||",
    "-log p_C(k|x~)", "-log p_C(k|x~°)", "||m|| (raw mask)", NULL};
enum Figure {
    CLEAN_LOSS,
    CLEAN_DISTANCE,
    TROJAN_LOSS,
    TROJAN_DISTANCE,
    ATTACK_LOSS,
    FILTERED_ATTACK_LOSS,
    MASK_NORM
};

typedef struct Adversary {
    Generator *generator;
    Optimizer *filter_optimizer, *generator_optimizer;
} Adversary;

static bool create(Defense *defense, Error *error)
{
    if (!filter_training_create(defense, false, error)) return false;
    Adversary *own = allocate_zeroed(sizeof *own);
    own->filter_optimizer = defense->own;
    defense->own = own;
    own->generator = generator_create(defense->filter->name, defense->filter->channels + 1,
                                      defense->classifier->classes, error);
    if (!own->generator) return false;
    initialize_default(&own->generator->parameters,
                       (RandomKey){defense->seed, random_purpose("generator"), 0});
    own->generator_optimizer =
        adam_of(defense, &own->generator->parameters, "generator_learning_rate");
    return true;
}

Tensor *normalise_mask(Normalisation kind, float tau, Tensor *m, Tensor *norm, float delta)
{
    if (kind == NORMALISE_NOT) return m;
    Tensor *inverse = exponential(scale(-1, logarithm(affine(1, norm, 1e-12f)))); // 1 / ||m||
    Tensor *excess = affine(-delta, inverse, 1); // 1 - delta / ||m||
    Tensor *cut;
    if (kind == NORMALISE_HARD) {
        cut = relu(excess);
    } else {
        float epsilon0 = (float)(-(double)tau * log1p(-exp(-1 / (double)tau)));
        cut = scale(tau, softplus(affine(1 / tau, excess, -epsilon0 / tau)));
    }
    return multiply(m, reshape(affine(-1, cut, 1), 4, (int64_t[]){m->shape[0], 1, 1, 1}));
}

typedef struct SyntheticTrojan {
    Tensor *images;    // x~
    Tensor *classes;   // k
    Tensor *mask_norm; // ||m|| of the raw masks (n)
} SyntheticTrojan;

// x~ = T(x, G(eps, k)) with fresh eps and k of this key.
static SyntheticTrojan synthesise(const Defense *defense, Tensor *x, RandomKey key, bool training)
{
    const Generator *generator = ((const Adversary *)defense->own)->generator;
    Tape *tape = x->tape;
    int64_t n = x->shape[0], channels = x->shape[3];
    Tensor *noise = tape_tensor(tape, SHAPE(n, GENERATOR_NOISE));
    tape_kernels(tape)->normal(noise->count, key, noise->data);
    int32_t *drawn = tape_allocate_host(tape, n * (int64_t)sizeof *drawn);
    key.purpose ^= random_purpose("class");
    for (int64_t i = 0; i < n; i++)
        drawn[i] = (int32_t)random_below(key, (uint64_t)i, (uint32_t)generator->classes);
    Tensor *classes = tape_ints(tape, n, drawn);
    Tensor *rho = generate(generator, noise, classes, training);
    Tensor *p = slice(rho, 3, 0, channels), *m = slice(rho, 3, channels, channels + 1);
    Tensor *norm = norm2_rows(m);
    float delta =
        (float)(setting(defense->settings, "delta") * sqrt((double)(x->shape[1] * x->shape[2])));
    Tensor *bounded = normalise_mask((Normalisation)setting(defense->settings, "normalise"),
                                     (float)setting(defense->settings, "tau"), m, norm, delta);
    Tensor *images = add(x, multiply(bounded, subtract(p, x))); // (1 - m) x + m p
    return (SyntheticTrojan){images, classes, norm};
}

// Eq. 2.
static Tensor *generator_loss(const Defense *defense, const Step *step, SyntheticTrojan trojan,
                              double *values)
{
    const Tensor *x = trojan.images;
    float delta =
        (float)(setting(defense->settings, "delta") * sqrt((double)(x->shape[1] * x->shape[2])));
    float lambda0 = (float)setting(defense->settings, "lambda0");
    Tensor *attack = classification_loss(defense->classifier, trojan.images, trojan.classes);
    Tensor *excess = mean(relu(affine(1, trojan.mask_norm, -delta)), ALL_DIMENSIONS, false);
    step_figure(step, &values[ATTACK_LOSS], attack);
    step_figure(step, &values[MASK_NORM], mean(trojan.mask_norm, ALL_DIMENSIONS, false));
    return add(attack, scale(lambda0, excess));
}

// One step of G: on Eq. 2 alone, or on Eq. 8 against the filter.
static void generator_step(Defense *defense, const Step *step, bool against_filter, double *values)
{
    Adversary *own = defense->own;
    parameters_require_gradient(&defense->filter->parameters, false); // till after the backward
    SyntheticTrojan trojan = synthesise(defense, step->images, draw_key(step, "G step"), true);
    Tensor *loss = generator_loss(defense, step, trojan, values);
    if (against_filter) {
        float lambda1 = (float)setting(defense->settings, "gen_lambda1");
        Tensor *restored = filter_forward(defense->filter, trojan.images, false, (RandomKey){0});
        Tensor *second = classification_loss(defense->classifier, restored, trojan.classes);
        step_figure(step, &values[FILTERED_ATTACK_LOSS], second);
        loss = add(loss, scale(lambda1, second));
    }
    own->generator_optimizer->learning_rate =
        learning_rate_of(defense->settings, "generator_learning_rate", step);
    backward(loss);
    parameters_require_gradient(&defense->filter->parameters, true);
    optimizer_step(own->generator_optimizer);
}

// L_IF(x, y).
static Tensor *clean_loss(const Defense *defense, const Step *step, Tensor *xo, double *values)
{
    float lambda1 = (float)setting(defense->settings, "lambda1");
    Tensor *classification = classification_loss(defense->classifier, xo, step->labels);
    Tensor *distance = image_distance(xo, step->images);
    step_figure(step, &values[CLEAN_LOSS], classification);
    step_figure(step, &values[CLEAN_DISTANCE], distance);
    return add(classification, scale(lambda1, distance));
}

// L'_IF(x~, y): the filtered Trojan image is to look like x and to be recognised as y.
static Tensor *trojan_loss(const Defense *defense, const Step *step, Tensor *restored,
                           double *values)
{
    float lambda2 = (float)setting(defense->settings, "lambda2");
    float lambda3 = (float)setting(defense->settings, "lambda3");
    Tensor *classification = classification_loss(defense->classifier, restored, step->labels);
    Tensor *distance = image_distance(restored, step->images);
    step_figure(step, &values[TROJAN_LOSS], classification);
    step_figure(step, &values[TROJAN_DISTANCE], distance);
    return add(scale(lambda2, classification), scale(lambda3, distance));
}

// One step of F: on L_IF alone, or on Eq. 9. F takes the clean and the Trojan images as one batch,
// so that the statistics of its batch norm, which it keeps for run time, are those of both.
static void filter_step(Defense *defense, const Step *step, bool against_generator, double *values)
{
    Adversary *own = defense->own;
    Tensor *x = step->images, *loss;
    int64_t n = x->shape[0];
    if (against_generator) {
        tape_record(step->tape, false);
        Tensor *trojan = synthesise(defense, x, draw_key(step, "F step"), true).images;
        tape_record(step->tape, true);
        Tensor *both = concat(2, (Tensor *[]){x, trojan}, 0);
        Tensor *filtered = filter_forward(defense->filter, both, true, (RandomKey){0});
        loss = add(clean_loss(defense, step, slice(filtered, 0, 0, n), values),
                   trojan_loss(defense, step, slice(filtered, 0, n, 2 * n), values));
    } else {
        loss = clean_loss(defense, step, filter_forward(defense->filter, x, true, (RandomKey){0}),
                          values);
    }
    own->filter_optimizer->learning_rate =
        learning_rate_of(defense->settings, "learning_rate", step);
    backward(loss);
    optimizer_step(own->filter_optimizer);
}

static void step(Defense *defense, const Step *step, double *values)
{
    int generator_epochs = (int)setting(defense->settings, "pretrain_generator");
    int filter_epochs = (int)setting(defense->settings, "pretrain_filter");
    bool generator_alone = step->epoch < generator_epochs;
    bool filter_alone = !generator_alone && step->epoch < generator_epochs + filter_epochs;
    if (!filter_alone) generator_step(defense, step, !generator_alone, values);
    if (!generator_alone) filter_step(defense, step, !filter_alone, values);
}

static int epochs(const Defense *defense)
{
    return (int)(setting(defense->settings, "pretrain_generator") +
                 setting(defense->settings, "pretrain_filter") +
                 setting(defense->settings, "epochs"));
}

static void store(const Defense *defense, Safetensors *file)
{
    const Adversary *own = defense->own;
    parameters_store(&defense->filter->parameters, "filter.", file);
    parameters_store(&own->generator->parameters, "generator.", file);
    optimizer_store(own->filter_optimizer, "filter_optimizer.", file);
    optimizer_store(own->generator_optimizer, "generator_optimizer.", file);
}

static bool restore(Defense *defense, const Safetensors *file, const char *path, Error *error)
{
    Adversary *own = defense->own;
    Parameters *filter = &defense->filter->parameters, *generator = &own->generator->parameters;
    return parameters_fit(filter, "filter.", file, path, error) &&
           parameters_fit(generator, "generator.", file, path, error) &&
           optimizer_restore(own->filter_optimizer, "filter_optimizer.", file, path, error) &&
           optimizer_restore(own->generator_optimizer, "generator_optimizer.", file, path, error) &&
           parameters_restore(filter, "filter.", file, path, error) &&
           parameters_restore(generator, "generator.", file, path, error);
}

static void free_adversary(Defense *defense)
{
    Adversary *own = defense->own;
    optimizer_free(own->filter_optimizer);
    optimizer_free(own->generator_optimizer);
    generator_free(own->generator);
    free(own);
}

static Tensor *show(const Defense *defense, Tensor *images)
{
    RandomKey key = {defense->seed, random_purpose("show"), 0};
    return synthesise(defense, images, key, false).images;
}

const DefenseMethod defense_aif = {.name = "aif",
                                   .title = "AIF",
                                   .trains_filter = true,
                                   .settings = settings,
                                   .figures = figures,
                                   .create = create,
                                   .step = step,
                                   .store = store,
                                   .restore = restore,
                                   .epochs = epochs,
                                   .free = free_adversary,
                                   .show = show};
