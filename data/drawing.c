#include "data/drawing.h"

#include <stdlib.h>
#include "core/file.h"
#include "core/thread.h"

enum { CHUNK = 250 /* images a task draws */, COUNT_LIMIT = 10000000, MOST_CLASSES = 100 };

double between(Draws *draws, double low, double high)
{
    return low + (high - low) * (double)random_uniform(draws->key, draws->next++);
}

typedef struct Drawing {
    Dataset *dataset;
    DrawImage *draw;
    const void *context;
    uint64_t seed;
    uint32_t shape_purpose, label_purpose;
} Drawing;

static void draw_chunk(void *context, int64_t task, int thread)
{
    (void)thread;
    const Drawing *drawing = context;
    Dataset *d = drawing->dataset;
    int64_t end = (task + 1) * CHUNK < d->count ? (task + 1) * CHUNK : d->count;
    size_t size = (size_t)d->height * (size_t)d->width * (size_t)d->channels;
    for (int64_t i = task * CHUNK; i < end; i++) {
        RandomKey labels = {drawing->seed, drawing->label_purpose, (uint32_t)(i / d->classes)};
        RandomKey shape = {drawing->seed, drawing->shape_purpose, (uint32_t)i};
        uint32_t order[MOST_CLASSES]; // of the classes among this run of samples
        random_permutation(labels, (uint32_t)d->classes, order);
        d->labels[i] = (int32_t)order[i % d->classes];
        drawing->draw(drawing->context, shape, d->labels[i], d->images + (size_t)i * size);
    }
}

// The purpose of a kind of random numbers: "digits: shape".
static uint32_t purpose_of(const Dataset *dataset, const char *half, const char *kind)
{
    Text text = {0};
    text_append(&text, "%s: %s", dataset->name, kind);
    uint32_t purpose = random_purpose(half) ^ random_purpose(text.text);
    text_free(&text);
    return purpose;
}

bool draw_half(Dataset *dataset, const char *half, int64_t count, uint64_t seed, DrawImage *draw,
               const void *context, Error *error)
{
    if (count < 0 || count > COUNT_LIMIT)
        return fail(error, "%s: %lld %s images are not possible (1 to %d are)", dataset->name,
                    (long long)count, half, COUNT_LIMIT);
    if (dataset->classes > MOST_CLASSES) panic("draw_half: %d classes", dataset->classes);
    unsigned long long size = (unsigned long long)dataset->height *
                              (unsigned long long)dataset->width *
                              (unsigned long long)dataset->channels;
    dataset->count = count;
    dataset->images = allocate((unsigned long long)count * size);
    dataset->labels = allocate((unsigned long long)count * sizeof *dataset->labels);
    Drawing drawing = {.dataset = dataset,
                       .draw = draw,
                       .context = context,
                       .seed = seed,
                       .shape_purpose = purpose_of(dataset, half, "shape"),
                       .label_purpose = purpose_of(dataset, half, "label")};
    parallel_for((count + CHUNK - 1) / CHUNK, draw_chunk, &drawing);
    return true;
}

bool draw_halves(const DataRequest *request, Dataset *train, Dataset *test, DrawImage *draw,
                 const void *context, Error *error)
{
    int64_t train_count = request->train_count ? request->train_count : 60000;
    int64_t test_count = request->test_count ? request->test_count : 10000;
    return draw_half(train, "train", train_count, request->seed, draw, context, error) &&
           draw_half(test, "test", test_count, request->seed, draw, context, error);
}
