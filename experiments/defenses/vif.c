// Variational input filtering (VIF), filtering paper, section 4.1.
//
//   L_VIF(x, y) = -log p_C(y | x°) + lambda1 ||x° - x||_2 + lambda2 KL(q_F(z|x) || N(0, I))  (3, 4)
//   q_F(z|x)    = N(mu(x), diag sigma(x)^2),   z = mu + sigma eps,   eps ~ N(0, I),   x° = D_F(z)
//
// The KL term bounds what z can tell about x:  E_x KL = I_q(x, z) + KL(q(z) || N(0, I))         (5)
// Little room is left for a trigger, which no clean image has. At run time z = mu.
#include "experiments/defenses/filter_training.h"

// clang-format off
static const Setting settings[] = {
    {"epochs", 10, 600, "passes over D_val", {1, 1e5, true}},
    {"lambda1", 1, 1, "weight of the distance", {0, 1e6, false}},
    {"lambda2", 0.003, 0.003, "weight of the KL term", {0, 1e6, false}},
    FILTER_SETTINGS,
    {0}};
// clang-format on
static const char *const figures[] = {"-log p_C(y|x°)", "||x° - x||", "KL", NULL};

static bool create(Defense *defense, Error *error)
{
    return filter_training_create(defense, true, error);
}

static void step(Defense *defense, const Step *step, double *values)
{
    float lambda1 = (float)setting(defense->settings, "lambda1");
    float lambda2 = (float)setting(defense->settings, "lambda2");
    Tensor *x = step->images;
    Latent z = filter_encode(defense->filter, x, true);
    Tensor *sample = latent_sample(z, true, draw_key(step, "z"));
    Tensor *xo = filter_decode(defense->filter, z, sample, true);
    Tensor *classification = classification_loss(defense->classifier, xo, step->labels);
    Tensor *distance = image_distance(xo, x);
    Tensor *divergence = kl_standard_normal(z.mean, z.log_variance);
    filter_training_update(
        defense, step, sum3(classification, scale(lambda1, distance), scale(lambda2, divergence)));
    step_figure(step, &values[0], classification);
    step_figure(step, &values[1], distance);
    step_figure(step, &values[2], divergence);
}

const DefenseMethod defense_vif = {.name = "vif",
                                   .title = "VIF",
                                   .trains_filter = true,
                                   .settings = settings,
                                   .figures = figures,
                                   .create = create,
                                   .step = step,
                                   .store = filter_training_store,
                                   .restore = filter_training_restore,
                                   .epochs = filter_training_epochs,
                                   .free = filter_training_free};
