// The table of generators; the class enters as a one-hot vector behind the noise.
#include "nn/generator.h"

#include <stdlib.h>
#include <string.h>

#include "nn/models/models.h"

typedef struct Model {
    const char *name;
    int height, width;
    void (*build)(Generator *generator);
} Model;

static const Model models[] = {
    {"filter-mnist", 28, 28, filter_mnist_generator_build},
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
    generator->height = model->height;
    generator->width = model->width;
    generator->channels = channels;
    generator->classes = classes;
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

// (n, classes): 1 in each row's class, 0 elsewhere.
static Tensor *one_hot(Tape *tape, const Tensor *labels, int classes)
{
    int64_t rows = labels->shape[0];
    Tensor *y = tape_tensor(tape, SHAPE(rows, classes));
    memset(y->data, 0, (size_t)y->count * sizeof(float));
    for (int64_t row = 0; row < rows; row++) {
        int32_t label = labels->ints[row];
        if (label < 0 || label >= classes) panic("class %d is not in 0..%d", label, classes - 1);
        y->data[row * classes + label] = 1;
    }
    return y;
}

Tensor *generate(const Generator *generator, Tensor *noise, const Tensor *classes, bool training)
{
    if (noise->rank != 2 || noise->shape[1] != GENERATOR_NOISE || classes->type != TENSOR_INT ||
        classes->rank != 1 || classes->shape[0] != noise->shape[0])
        panic("%s takes noise (n, %d) and n classes, not %s and %s", generator->name,
              GENERATOR_NOISE, shape_text(noise), shape_text(classes));
    Tensor *labels = one_hot(tape_of(1, &noise), classes, generator->classes);
    return generator->forward(generator, concat(2, (Tensor *[]){noise, labels}, 1), training);
}
