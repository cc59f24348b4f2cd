// Input filtering (IF), filtering paper, section 4.1: the first two terms of Eq. 3.
//
//   L_IF(x, y) = -log p_C(y | x°) + lambda1 ||x° - x||_2,     x° = F(x)
//
// F learns to rebuild clean images so that C still recognises them. A trigger is no part of what
// clean images need, so at run time F drops it from a Trojan image before C sees it. C is frozen.
#include "experiments/defenses/filter_training.h"

// clang-format off
static const Setting settings[] = {
    {"epochs", 10, 600, "passes over D_val", {1, 1e5, true}},
    {"lambda1", 1, 1, "weight of the distance", {0, 1e6, false}},
    FILTER_SETTINGS,
    {0}};
// clang-format on
static const char *const figures[] = {"-log p_C(y|x°)", "||x° - x||", NULL};

static bool create(Defense *defense, Error *error)
{
    return filter_training_create(defense, false, error);
}

static void step(Defense *defense, const Step *step, double *values)
{
    float lambda1 = (float)setting(defense->settings, "lambda1");
    Tensor *x = step->images;
    Tensor *xo = filter_forward(defense->filter, x, true, (RandomKey){0});
    Tensor *classification = classification_loss(defense->classifier, xo, step->labels);
    Tensor *distance = image_distance(xo, x);
    filter_training_update(defense, step, add(classification, scale(lambda1, distance)));
    step_figure(step, &values[0], classification);
    step_figure(step, &values[1], distance);
}

const DefenseMethod defense_if = {.name = "if",
                                  .title = "IF",
                                  .trains_filter = true,
                                  .settings = settings,
                                  .figures = figures,
                                  .create = create,
                                  .step = step,
                                  .store = filter_training_store,
                                  .restore = filter_training_restore,
                                  .epochs = filter_training_epochs,
                                  .free = filter_training_free};
