// The table of generators; noise and the class as a one-hot vector behind it become a latent z, the
// decoder makes images of that.
#include "nn/generator.h"

#include <stdlib.h>
#include <string.h>

#include "nn/models/models.h"

static const float INPUT_MOMENTUM = .01f; // of its batch norm

typedef struct Model {
    const char *name;
    int latent_height, latent_width, latent_channels;
    void (*build)(Generator *generator);
} Model;

static const Model models[] = {
    {"filter-mnist", 0, 0, 256, filter_mnist_generator_build},
    {"filter-c", 8, 8, 128, filter_c_generator_build},
    {"filter-a", 0, 0, 256, filter_a_generator_build},
    {"filter-b", 4, 4, 128, filter_b_generator_build},
    {"filter-d", 8, 8, 128, filter_c_generator_build}, // C's: D's needs an encoder
    {"filter-celeba", 4, 4, 512, filter_celeba_generator_build},
};
enum { MODELS = sizeof models / sizeof models[0] };

static const Model *find_model(const char *name)
{
    for (int i = 0; i < MODELS; i++)
        if (strcmp(models[i].name, name) == 0) return &models[i];
    return NULL;
}

Generator *generator_create(const char *name, int channels, int classes, Error *error)
{
    const Model *model = find_model(name);
    if (!model) {
        fail(error, "there is no generator for the filter %s", name);
        return NULL;
    }
    Generator *generator = allocate_zeroed(sizeof *generator);
    generator->name = model->name;
    generator->latent_height = model->latent_height;
    generator->latent_width = model->latent_width;
    generator->latent_channels = model->latent_channels;
    generator->channels = channels;
    generator->classes = classes;
    int64_t places = model->latent_height ? model->latent_height * model->latent_width : 1;
    generator->input =
        linear_block_create(&generator->parameters, "input", GENERATOR_NOISE + classes,
                            places * model->latent_channels, INPUT_MOMENTUM);
    model->build(generator);
    return generator;
}

void generator_free(Generator *generator)
{
    if (!generator) return;
    parameters_free(&generator->parameters);
    free(generator->network);
    free(generator);
}

// (n, classes): 1 in each row's class, 0 elsewhere, which is the gradient of a maximum that was
// found there.
static Tensor *one_hot(Tape *tape, const Tensor *labels, int classes)
{
    const Kernels *kernels = tape_kernels(tape);
    int64_t rows = labels->shape[0];
    for (int64_t row = 0; !labels->memory && row < rows; row++)
        if (labels->ints[row] < 0 || labels->ints[row] >= classes)
            panic("class %d is not in 0..%d", labels->ints[row], classes - 1);
    Tensor *y = tape_tensor(tape, SHAPE(rows, classes));
    float *ones = tape_allocate(tape, rows * 4);
    kernels->fill(rows, 1, ones);
    kernels->max_backward(rows, classes, 1, labels->ints, ones, y->data);
    return y;
}

Tensor *generate(const Generator *generator, Tensor *noise, const Tensor *classes, bool training)
{
    if (noise->rank != 2 || noise->shape[1] != GENERATOR_NOISE || classes->type != TENSOR_INT ||
        classes->rank != 1 || classes->shape[0] != noise->shape[0])
        panic("%s takes noise (n, %d) and n classes, not %s and %s", generator->name,
              GENERATOR_NOISE, shape_text(noise), shape_text(classes));
    Tensor *labels = one_hot(tape_of(1, &noise), classes, generator->classes);
    Tensor *z = concat(2, (Tensor *[]){noise, labels}, 1);
    z = linear_block_forward(&generator->input, z, training);
    if (generator->latent_height)
        z = unflatten_channels_first(z, generator->latent_height, generator->latent_width,
                                     generator->latent_channels);
    return sigmoid(generator->decode(generator, z, training));
}
