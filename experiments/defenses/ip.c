// Input processing (IP): the ablation of input filtering without the classifier, filtering paper,
// appendix (Table 20).
//
//   L_IP(x) = ||x° - x||_2,     x° = F(x)
//
// An autoencoder of clean images, trained without labels and without C. At run time it stands in
// front of C like the others.
#include "experiments/defenses/filter_training.h"

// clang-format off
static const Setting settings[] = {
    {"epochs", 10, 600, "passes over D_val", {1, 1e5, true}},
    FILTER_SETTINGS,
    {0}};
// clang-format on
static const char *const figures[] = {"||x° - x||", NULL};

static bool create(Defense *defense, Error *error)
{
    return filter_training_create(defense, false, error);
}

static void step(Defense *defense, const Step *step, double *values)
{
    Tensor *x = step->images;
    Tensor *xo = filter_forward(defense->filter, x, true, (RandomKey){0});
    Tensor *loss = image_distance(xo, x);
    filter_training_update(defense, step, loss);
    step_figure(step, &values[0], loss);
}

const DefenseMethod defense_ip = {.name = "ip",
                                  .title = "IP",
                                  .trains_filter = true,
                                  .settings = settings,
                                  .figures = figures,
                                  .create = create,
                                  .step = step,
                                  .store = filter_training_store,
                                  .restore = filter_training_restore,
                                  .epochs = filter_training_epochs,
                                  .free = filter_training_free};
