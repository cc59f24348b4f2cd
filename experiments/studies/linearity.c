// NONE, section 3.2: a Trojan makes neurons linear. With the trigger present, the values W x + b of
// the neurons that carry it lie on one side of the activation's kink, so that relu is the identity
// for them and the layer is linear. As in Fig. 2, but for the perceptron of blobs.h, which is
// trained in seconds: the values of the tenth of the last hidden layer's neurons that the trigger
// raises most, in a benign and in a Trojaned perceptron, without and with the trigger. It turns out
// that in the plane both do so: any move to y = 0.6 drives some neurons of a benign perceptron to
// one side as well. That a Trojan does it alone is a claim about networks of images.
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "experiments/figure.h"
#include "experiments/plot/plot.h"
#include "experiments/studies/blobs.h"

enum { TRAINING_POINTS = 1000, TEST_POINTS = 200, NEURONS = 100, CHOSEN = 10, BINS = 48 };
static const double poisoning_rate = .05;

typedef struct Layer {
    const Tensor *weight; // of the layer that is looked at
    float *values;        // (points, NEURONS)
} Layer;

static void see(void *context, const Tensor *weight, Tensor *result)
{
    Layer *layer = context;
    if (weight != layer->weight) return;
    layer->values = allocate((unsigned long long)result->count * sizeof(float));
    memcpy(layer->values, result->data, (size_t)result->count * sizeof(float));
}

// The last hidden layer's values before relu for each point; the caller's.
static float *values_of(const Classifier *classifier, const PlanePoints *points)
{
    Layer layer = {.weight = parameters_find(&classifier->parameters, "linear5.weight")->tensor};
    Observer observer = {see, &layer};
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    tape_observe(tape, &observer);
    Tensor *images = tape_tensor(tape, SHAPE(points->count, 1, 1, 2));
    memcpy(images->data, points->places, (size_t)points->count * 2 * sizeof(float));
    classify(classifier, images, (Mode){0});
    tape_free(tape);
    return layer.values;
}

static double mean_of(const float *values, int64_t points, int neuron)
{
    double sum = 0;
    for (int64_t i = 0; i < points; i++) sum += (double)values[i * NEURONS + neuron];
    return sum / (double)points;
}

// The neurons whose mean the trigger raises most.
static void choose(const float *clean, const float *stamped, int64_t points, int chosen[CHOSEN])
{
    double raised[NEURONS];
    for (int n = 0; n < NEURONS; n++)
        raised[n] = mean_of(stamped, points, n) - mean_of(clean, points, n);
    for (int i = 0; i < CHOSEN; i++) {
        int best = 0;
        for (int n = 1; n < NEURONS; n++)
            if (raised[n] > raised[best]) best = n;
        chosen[i] = best;
        raised[best] = -1e30;
    }
}

// Only the chosen neurons' values, in place; returns the percentage that is at least 0.
static double keep(float *values, int64_t points, const int chosen[CHOSEN])
{
    int64_t positive = 0;
    for (int64_t i = 0; i < points; i++) {
        float row[NEURONS];
        memcpy(row, values + i * NEURONS, sizeof row);
        for (int k = 0; k < CHOSEN; k++) {
            values[i * CHOSEN + k] = row[chosen[k]];
            positive += row[chosen[k]] >= 0;
        }
    }
    return 100 * (double)positive / (double)(points * CHOSEN);
}

static void draw_model(Drawing *drawing, Box box, const FigureRequest *request, bool trojan,
                       Text *numbers)
{
    const char *name = trojan ? "Trojaned" : "benign";
    int chosen[CHOSEN];
    PlanePoints points =
        blob_points(TRAINING_POINTS, (RandomKey){request->seed, random_purpose("blobs"), 0});
    PlanePoints test =
        blob_points(TEST_POINTS, (RandomKey){request->seed, random_purpose("blob test"), 0});
    PlanePoints stamped = blob_stamped(&test, BLOB_TRIGGER);
    if (trojan)
        blob_poison(&points, poisoning_rate,
                    (RandomKey){request->seed, random_purpose("blob poison"), 0});
    PlanePoints clean = blob_others(&test);
    Classifier *classifier = blob_train(&points, (BlobTraining){.adam = true}, request->seed);
    float *without = values_of(classifier, &clean), *with = values_of(classifier, &stamped);
    choose(without, with, clean.count, chosen);
    double share_without = keep(without, clean.count, chosen);
    double share_with = keep(with, clean.count, chosen);
    int64_t count = clean.count * CHOSEN;
    plot_histogram(drawing, box,
                   &(Histogram){"W x + b", -4, 8, BINS, 2, (const float *const[]){without, with},
                                (int64_t[]){count, count}});
    plot_title(drawing, box, name);
    text_append(numbers, "  %-9s values >= 0 without the trigger %6.2f %%   with it %6.2f %%\n",
                name, share_without, share_with);
    free(without);
    free(with);
    classifier_free(classifier);
    plane_points_free(&points);
    plane_points_free(&test);
    plane_points_free(&stamped);
    plane_points_free(&clean);
}

Drawing *study_linearity(const FigureRequest *request, Text *numbers, Error *error)
{
    (void)error; // nothing is read
    Drawing *drawing = drawing_create(
        760, 320,
        "Values before relu of the neurons that the trigger raises most, in a benign and "
        "in a Trojaned perceptron, without and with the trigger");
    plot_legend(drawing, (Point){PLOT_LEFT, 16}, 2,
                (const char *const[]){"without the trigger", "with the trigger"});
    draw_model(drawing, plot_panel(drawing, 24, 2, 1, 0, 0), request, false, numbers);
    draw_model(drawing, plot_panel(drawing, 24, 2, 1, 1, 0), request, true, numbers);
    return drawing;
}
