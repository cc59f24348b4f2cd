// The table of filters, the latent's sampling, ownership.
#include "nn/filter.h"

#include <stdlib.h>
#include <string.h>

#include "core/file.h"
#include "nn/models/models.h"

typedef struct Model {
    const char *name;
    int height, width, channels;
    float momentum; // of its batch norms
    void (*build)(Filter *filter);
} Model;

// The first of a size is the paper's choice for it.
static const Model models[] = {
    {"filter-mnist", 28, 28, 1, .01f, filter_mnist_build},
    {"filter-c", 32, 32, 3, .01f, filter_c_build},
    {"filter-a", 32, 32, 3, .1f, filter_a_build},
    {"filter-b", 32, 32, 3, .05f, filter_b_build},
    {"filter-d", 32, 32, 3, .01f, filter_d_build},
    {"filter-celeba", 64, 64, 3, .01f, filter_celeba_build},
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

const char *filter_for(const char *name, int height, int width, int channels, Error *error)
{
    const Model *named = name ? find_model(name, error) : NULL;
    if (name && !named) return NULL;
    for (int i = 0; i < MODELS; i++) {
        const Model *m = named ? named : &models[i];
        if (m->height == height && m->width == width && m->channels == channels) return m->name;
    }
    if (named)
        fail(error, "%s takes images of %dx%dx%d, not %dx%dx%d", name, named->height, named->width,
             named->channels, height, width, channels);
    else
        fail(error, "there is no filter for images of %dx%dx%d", height, width, channels);
    return NULL;
}

Filter *filter_create(const char *name, FilterOptions options, Error *error)
{
    const Model *model = find_model(name, error);
    if (!model) return NULL;
    Filter *filter = allocate_zeroed(sizeof *filter);
    filter->name = model->name;
    filter->variational = options.variational;
    filter->momentum = options.momentum > 0 ? options.momentum : model->momentum;
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

Tensor *filter_decode(const Filter *filter, Latent latent, Tensor *z, bool training)
{
    return filter->decode(filter, latent, z, training);
}

Latent latent_split(Tensor *both)
{
    int last = both->rank - 1;
    int64_t size = both->shape[last] / 2;
    return (Latent){.mean = slice(both, last, 0, size),
                    .log_variance = clamp(slice(both, last, size, 2 * size), -10, 10)};
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
    return filter_decode(filter, latent, latent_sample(latent, training, key), training);
}
