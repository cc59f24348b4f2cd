// NONE, Fig. 3 and 10: images, and below them the same with BadNets' triggers. Fig. 3 has each kind of
// trigger, Fig. 10 the sizes of Table 4, the largest of which cover most of an image. The paper
// shows MNIST, GTSRB, CIFAR-10 and ImageNet-10; here the built-in digits and signs carry the same
// triggers, so that the figures need no files. (Of Fig. 10 the paper says "black patch in the upper
// left"; Table 4's trigger is the patch of its attack on CIFAR-10, at a random place.)
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/attacks/badnets.h"
#include "experiments/batches.h"
#include "experiments/figure.h"
#include "experiments/plot/plot.h"

enum { MOST_PICTURES = 8, SETTINGS = 2 }; // pictures: of a row

typedef struct Kind {
    const char *data, *settings[SETTINGS], *label;
} Kind;

static const Kind triggers[] = {{"digits", {"badnets.trigger=1", "badnets.size=1"}, "single pixel"},
                                {"signs", {"badnets.trigger=2", "badnets.size=3"}, "static patch"},
                                {"signs", {"badnets.trigger=3", "badnets.size=3"}, "dynamic patch"},
                                {"signs", {"badnets.trigger=4", "badnets.size=0"}, "watermark"}};

static const Kind sizes[] = {{"signs", {"badnets.trigger=3", "badnets.size=3"}, "3 x 3"},
                             {"signs", {"badnets.trigger=3", "badnets.size=5"}, "5 x 5"},
                             {"signs", {"badnets.trigger=3", "badnets.size=7"}, "7 x 7"},
                             {"signs", {"badnets.trigger=3", "badnets.size=9"}, "9 x 9"},
                             {"signs", {"badnets.trigger=3", "badnets.size=15"}, "15 x 15"},
                             {"signs", {"badnets.trigger=3", "badnets.size=20"}, "20 x 20"}};

// The kinds, each on so many images.
typedef struct Sheet {
    const Kind *kinds;
    int count, examples;
    const char *title;
} Sheet;

static Picture picture_of(const Tensor *images, int64_t i)
{
    Picture picture =
        picture_create((int)images->shape[2], (int)images->shape[1], (int)images->shape[3]);
    int64_t size = images->count / images->shape[0];
    for (int64_t v = 0; v < size; v++)
        picture.pixels[v] = (uint8_t)(255 * images->data[i * size + v] + .5f);
    return picture;
}

// Of one kind: its test images, then, `below` further, the same with the trigger.
static void make_examples(const FigureRequest *request, const Sheet *sheet, int kind, int below,
                          Picture *pictures)
{
    Error error = {0};
    Dataset train, test;
    const Kind *k = &sheet->kinds[kind];
    const DataSource *source = data_source_find(k->data, &error);
    // Each panel its own images of what is drawn.
    DataRequest wanted = {.seed = request->seed, .train_count = 1, .test_count = below};
    if (!source || !dataset_load(source, &wanted, &train, &test, &error))
        panic("trigger patterns: %s", error.message);
    const char *settings[SETTINGS] = {k->settings[0], k->settings[1]};
    Attack attack = badnets_on(source, request->seed, &(Overrides){SETTINGS, settings});
    uint32_t indices[MOST_PICTURES];
    for (int i = 0; i < sheet->examples; i++) indices[i] = (uint32_t)(kind * sheet->examples + i);
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    int32_t *labels = tape_tensor_int(tape, SHAPE(sheet->examples))->ints; // not looked at
    Tensor *images = sample_images(tape, &test, indices, 0, sheet->examples, labels);
    for (int i = 0; i < sheet->examples; i++) pictures[i] = picture_of(images, i);
    RandomKey key = {request->seed, random_purpose("trigger patterns"), 0};
    const Tensor *stamped = attack.method->stamp(&attack, images, (Draws){key, indices});
    for (int i = 0; i < sheet->examples; i++) pictures[below + i] = picture_of(stamped, i);
    tape_free(tape);
    attack_free(&attack);
    dataset_free(&train);
    dataset_free(&test);
}

static Drawing *draw_sheet(const FigureRequest *request, const Sheet *sheet, Text *numbers)
{
    Picture pictures[2 * MOST_PICTURES];
    const char *labels[2 * MOST_PICTURES];
    int columns = sheet->count * sheet->examples;
    Drawing *drawing = drawing_create(90. * columns, 240, sheet->title);
    for (int kind = 0; kind < sheet->count; kind++) {
        const Kind *k = &sheet->kinds[kind];
        int first = kind * sheet->examples;
        make_examples(request, sheet, kind, columns, pictures + first);
        for (int i = first; i < first + sheet->examples; i++) {
            labels[i] = k->data;
            labels[columns + i] = k->label;
        }
        text_append(numbers, "  %s: %s\n", k->label, k->data);
    }
    plot_images(drawing, (Box){10, 10, 90. * columns - 10, 236},
                &(ImageGrid){pictures, labels, 2 * columns, columns});
    for (int i = 0; i < 2 * columns; i++) picture_free(&pictures[i]);
    return drawing;
}

Drawing *figure_none_3(const FigureRequest *request, Text *numbers, Error *error)
{
    (void)error; // nothing is read
    Sheet sheet = {triggers, sizeof triggers / sizeof triggers[0], 2,
                   "Images without and with BadNets' triggers: single pixel, static patch, dynamic "
                   "patch, watermark"};
    return draw_sheet(request, &sheet, numbers);
}

Drawing *figure_none_10(const FigureRequest *request, Text *numbers, Error *error)
{
    (void)error; // nothing is read
    Sheet sheet = {sizes, sizeof sizes / sizeof sizes[0], 1,
                   "Images without and with BadNets' dynamic patch of 3 to 20 pixels on a side"};
    return draw_sheet(request, &sheet, numbers);
}
