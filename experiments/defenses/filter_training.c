#include "experiments/defenses/filter_training.h"

#include "nn/initialize.h"
#include "optim/schedule.h"

Optimizer *adam_of(const Defense *defense, Parameters *parameters, const char *learning_rate)
{
    const Json *set = defense->settings;
    const Kernels *kernels = classifier_kernels(defense->classifier);
    Optimizer *optimizer = optimizer_create_adam(
        parameters, (Adam){.learning_rate = (float)setting(set, learning_rate),
                           .beta1 = (float)setting(set, "beta1"),
                           .beta2 = (float)setting(set, "beta2")});
    parameters_move(parameters, kernels->memory);
    optimizer_move(optimizer, kernels);
    return optimizer;
}

bool filter_training_create(Defense *defense, bool variational, Error *error)
{
    FilterOptions options = {.variational = variational,
                             .momentum = (float)setting(defense->settings, "norm_momentum")};
    const Classifier *c = defense->classifier;
    const char *name = filter_for(defense->filter_name, c->height, c->width, c->channels, error);
    defense->filter = name ? filter_create(name, options, error) : NULL;
    if (!defense->filter) return false;
    initialize_default(&defense->filter->parameters,
                       (RandomKey){defense->seed, random_purpose("filter"), 0});
    defense->own = adam_of(defense, &defense->filter->parameters, "learning_rate");
    return true;
}

void filter_training_store(const Defense *defense, Safetensors *file)
{
    parameters_store(&defense->filter->parameters, "filter.", file);
    optimizer_store(defense->own, "optimizer.", file);
}

bool filter_training_restore(Defense *defense, const Safetensors *file, const char *path,
                             Error *error)
{
    Parameters *parameters = &defense->filter->parameters;
    return parameters_fit(parameters, "filter.", file, path, error) &&
           optimizer_restore(defense->own, "optimizer.", file, path, error) &&
           parameters_restore(parameters, "filter.", file, path, error);
}

int filter_training_epochs(const Defense *defense)
{
    return (int)setting(defense->settings, "epochs");
}

void filter_training_free(Defense *defense)
{
    optimizer_free(defense->own);
}

float learning_rate_of(const Json *settings, const char *name, const Step *step)
{
    Schedule schedule = {.kind =
                             setting(settings, "cosine") > 0 ? SCHEDULE_COSINE : SCHEDULE_CONSTANT,
                         .learning_rate = setting(settings, name),
                         .period = step->total};
    return learning_rate_at(&schedule, step->number);
}

void filter_training_update(Defense *defense, const Step *step, Tensor *loss)
{
    Optimizer *optimizer = defense->own;
    optimizer->learning_rate = learning_rate_of(defense->settings, "learning_rate", step);
    backward(loss);
    optimizer_step(optimizer);
}

Tensor *classification_loss(const Classifier *classifier, Tensor *images, Tensor *labels)
{
    return cross_entropy(classify(classifier, images, (Mode){0}), labels);
}

Tensor *image_distance(Tensor *a, Tensor *b)
{
    return mean(norm2_rows(subtract(a, b)), ALL_DIMENSIONS, false);
}

RandomKey draw_key(const Step *step, const char *name)
{
    RandomKey key = step->key;
    key.purpose ^= random_purpose(name);
    return key;
}
