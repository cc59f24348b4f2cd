// NONE, Fig. 3: images of each kind, and below them the same with their triggers. The paper shows
// MNIST, GTSRB, CIFAR-10 and ImageNet-10; here the built-in digits and signs carry the same
// triggers, so that the figure needs no files.
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/attack.h"
#include "experiments/figure.h"
#include "experiments/plot/plot.h"

enum { KINDS = 4, EXAMPLES = 2, COLUMNS = KINDS * EXAMPLES };

static const struct {
    const char *data, *setting, *label;
} kinds[KINDS] = {{"digits", "badnets.trigger=1", "single pixel"},
                  {"signs", "badnets.trigger=2", "static patch"},
                  {"signs", "badnets.trigger=3", "dynamic patch"},
                  {"signs", "badnets.trigger=4", "watermark"}};

static Picture picture_of(const Tensor *images, int64_t i)
{
    Picture picture =
        picture_create((int)images->shape[2], (int)images->shape[1], (int)images->shape[3]);
    int64_t size = images->count / images->shape[0];
    for (int64_t v = 0; v < size; v++)
        picture.pixels[v] = (uint8_t)(255 * images->data[i * size + v] + .5f);
    return picture;
}

static Attack attack_with(const DataSource *source, const char *setting, uint64_t seed)
{
    Error error = {0};
    const AttackMethod *method = attack_method_find("badnets", &error);
    Overrides overrides = {1, &setting};
    Attack attack = {.method = method,
                     .height = source->height,
                     .width = source->width,
                     .channels = source->channels,
                     .classes = source->classes,
                     .seed = seed,
                     .settings =
                         settings_resolve(method->settings, "badnets", SCALE_PAPER, &overrides)};
    if (!attack_create(&attack, &error)) panic("trigger patterns: %s", error.message);
    return attack;
}

// Of one kind: EXAMPLES test images, then the same with the trigger, COLUMNS further.
static void make_examples(const FigureRequest *request, int kind, Picture *pictures)
{
    Error error = {0};
    Dataset train, test;
    const DataSource *source = data_source_find(kinds[kind].data, &error);
    // Each panel its own images of what is drawn.
    DataRequest wanted = {.seed = request->seed, .train_count = 1, .test_count = COLUMNS};
    if (!source || !dataset_load(source, &wanted, &train, &test, &error))
        panic("trigger patterns: %s", error.message);
    Attack attack = attack_with(source, kinds[kind].setting, request->seed);
    uint32_t indices[EXAMPLES];
    for (uint32_t i = 0; i < EXAMPLES; i++) indices[i] = (uint32_t)(kind * EXAMPLES) + i;
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    Tensor *images =
        tape_tensor(tape, SHAPE(EXAMPLES, source->height, source->width, source->channels));
    batch_fill(&test, indices, EXAMPLES, (Augmentation){0}, (RandomKey){0}, 0, images->data,
               tape_tensor_int(tape, SHAPE(EXAMPLES))->ints);
    for (int i = 0; i < EXAMPLES; i++) pictures[i] = picture_of(images, i);
    RandomKey key = {request->seed, random_purpose("trigger patterns"), 0};
    const Tensor *stamped = attack.method->stamp(&attack, images, (Draws){key, indices});
    for (int i = 0; i < EXAMPLES; i++) pictures[COLUMNS + i] = picture_of(stamped, i);
    tape_free(tape);
    attack_free(&attack);
    dataset_free(&train);
    dataset_free(&test);
}

Drawing *figure_none_3(const FigureRequest *request, Text *numbers, Error *error)
{
    (void)error; // nothing is read
    Picture pictures[2 * COLUMNS];
    const char *labels[2 * COLUMNS];
    Drawing *drawing = drawing_create(720, 240,
                                      "Images without and with BadNets' triggers: single "
                                      "pixel, static patch, dynamic patch, watermark");
    for (int kind = 0; kind < KINDS; kind++) {
        make_examples(request, kind, pictures + kind * EXAMPLES);
        for (int i = 0; i < EXAMPLES; i++) {
            labels[kind * EXAMPLES + i] = kinds[kind].data;
            labels[COLUMNS + kind * EXAMPLES + i] = kinds[kind].label;
        }
        text_append(numbers, "  %s: %s\n", kinds[kind].label, kinds[kind].data);
    }
    plot_images(drawing, (Box){10, 10, 710, 236},
                &(ImageGrid){pictures, labels, 2 * COLUMNS, COLUMNS});
    for (int i = 0; i < 2 * COLUMNS; i++) picture_free(&pictures[i]);
    return drawing;
}
