// The table of filters, the latent's sampling, ownership.
#include "nn/filter.h"

#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "nn/models/models.h"

typedef struct Model {
    const char *name;
    int height, width, channels;
    void (*build)(Filter *filter);
} Model;

static const Model models[] = {
    {"filter-mnist", 28, 28, 1, filter_mnist_build},
    {"filter-c", 32, 32, 3, filter_c_build},
};
enum { MODELS = sizeof models / sizeof models[0] };

static const Model *find_model(const char *name, Error *error)
{
    for (int i = 0; i < MODELS; i++)
        if (strcmp(models[i].name, name) == 0) return &models[i];
    Text known = {0};
    for (int i = 0; i < MODELS; i++) text_append(&known, " %s", models[i].name);
    fail(error, "unknown filter %s; the filters are%s", name, known.text);
    text_free(&known);
    return NULL;
}

Filter *filter_create(const char *name, FilterOptions options, Error *error)
{
    const Model *model = find_model(name, error);
    if (!model) return NULL;
    Filter *filter = allocate_zeroed(sizeof *filter);
    filter->name = model->name;
    filter->variational = options.variational;
    filter->momentum = options.momentum > 0 ? options.momentum : .01f;
    filter->height = model->height;
    filter->width = model->width;
    filter->channels = model->channels;
    model->build(filter);
    return filter;
}

void filter_free(Filter *filter)
{
    if (!filter) return;
    parameters_free(&filter->parameters);
    free(filter->network);
    free(filter);
}

Latent filter_encode(const Filter *filter, Tensor *images, bool training)
{
    if (images->rank != 4 || images->shape[1] != filter->height ||
        images->shape[2] != filter->width || images->shape[3] != filter->channels)
        panic("%s takes images of %dx%dx%d, not %s", filter->name, filter->height, filter->width,
              filter->channels, shape_text(images));
    return filter->encode(filter, images, training);
}

Tensor *filter_decode(const Filter *filter, Tensor *z, bool training)
{
    return filter->decode(filter, z, training);
}

// z = mean + deviation * noise,   deviation = exp(log_variance / 2)
Tensor *latent_sample(Latent latent, bool training, RandomKey key)
{
    if (!training || !latent.log_variance) return latent.mean;
    return add_noise(latent.mean, exponential(scale(.5f, latent.log_variance)), key);
}

Tensor *filter_forward(const Filter *filter, Tensor *images, bool training, RandomKey key)
{
    Latent latent = filter_encode(filter, images, training);
    return filter_decode(filter, latent_sample(latent, training, key), training);
}
