// NONE, Fig. 6 and 7: what a Trojaned perceptron takes the plane for. Colours are classes, dots are
// test points, the dashed line is the trigger's hyperplane y = 0.6; the target's regions are red.
#include <stdio.h>
#include <stdlib.h>
#include "experiments/figure.h"
#include "experiments/plot/plot.h"
#include "experiments/studies/blobs.h"

enum { TRAINING_POINTS = 1000, TEST_POINTS = 200, SHOWN_POINTS = 60, SIDE = 240, ABOVE = 10 };

static const Ink class_inks[BLOB_CLASSES] = {INK_SERIES, INK_SERIES + 2, INK_SERIES + 4,
                                             INK_SERIES + 1, INK_SERIES + 3};

static RandomKey key_of(const FigureRequest *request, const char *purpose)
{
    return (RandomKey){request->seed, random_purpose(purpose), 0};
}

static void draw_map(Drawing *drawing, Box box, const FigureRequest *request,
                     const int32_t *classes, const char *title)
{
    PlanePoints shown = blob_points(SHOWN_POINTS, key_of(request, "blob test"));
    plot_regions(
        drawing, box,
        &(RegionMap){"x", "y", SIDE, classes, class_inks, shown.count, shown.places, shown.labels});
    double y = box.bottom - (double)BLOB_TRIGGER * (box.bottom - box.top);
    draw_line(drawing, 2, (Point[]){{box.left, y}, {box.right, y}},
              (Pen){.ink = INK_TEXT, .width = 1, .dashes = {4, 3, 4, 3}});
    plot_title(drawing, box, title);
    plane_points_free(&shown);
}

// Trains on points of which this share is poisoned, and draws; one line of numbers.
static void draw_trained(Drawing *drawing, Box box, const FigureRequest *request, double rate,
                         BlobTraining how, const char *name, Text *numbers)
{
    char title[64];
    int32_t *classes = allocate(sizeof *classes * SIDE * SIDE);
    PlanePoints points = blob_points(TRAINING_POINTS, key_of(request, "blobs"));
    PlanePoints test = blob_points(TEST_POINTS, key_of(request, "blob test"));
    PlanePoints stamped = blob_stamped(&test, BLOB_TRIGGER);
    blob_poison(&points, rate, key_of(request, "blob poison"));
    Classifier *classifier = blob_train(&points, how, request->seed);
    double clean = blob_accuracy(classifier, &test);
    double trojan = blob_share(classifier, &stamped, BLOB_TARGET);
    blob_regions(classifier, SIDE, classes);
    snprintf(title, sizeof title, "%s: BA %.1f, ASR %.1f %%", name, clean, trojan);
    draw_map(drawing, box, request, classes, title);
    text_append(numbers, "  %-16s clean accuracy %6.2f %%   Trojan accuracy %6.2f %%\n", name,
                clean, trojan);
    classifier_free(classifier);
    plane_points_free(&points);
    plane_points_free(&test);
    plane_points_free(&stamped);
    free(classes);
}

Drawing *figure_none_6(const FigureRequest *request, Text *numbers, Error *error)
{
    (void)error; // nothing is read
    static const double rates[] = {.0002, .001, .05};
    Drawing *drawing = drawing_create(640, 690,
                                      "Decision regions of Trojaned perceptrons: the ideal "
                                      "Trojan, and 0.02, 0.1 and 5 % of the data poisoned");
    int32_t *classes = allocate(sizeof *classes * SIDE * SIDE);
    blob_ideal_regions(SIDE, .02f, classes);
    draw_map(drawing, plot_panel(drawing, ABOVE, 2, 2, 0, 0), request, classes,
             "complete and accurate");
    for (int i = 0; i < 3; i++) {
        char name[32];
        snprintf(name, sizeof name, "%g %% poisoned", 100 * rates[i]);
        draw_trained(drawing, plot_panel(drawing, ABOVE, 2, 2, (i + 1) % 2, (i + 1) / 2), request,
                     rates[i], (BlobTraining){.adam = true}, name, numbers);
    }
    free(classes);
    return drawing;
}

// The paper's C = 1, z = .5, and far more noise: what that takes to undo this Trojan.
Drawing *figure_none_7(const FigureRequest *request, Text *numbers, Error *error)
{
    (void)error; // nothing is read
    static const struct {
        const char *name;
        BlobTraining how;
    } panels[] = {{"SGD", {0}},
                  {"DP-SGD, z 0.5", {.private = {.clip = 1, .noise = .5}}},
                  {"DP-SGD, z 16", {.private = {.clip = 1, .noise = 16}}}};
    Drawing *drawing =
        drawing_create(900, 340,
                       "Decision regions of Trojaned perceptrons trained by SGD and by "
                       "DP-SGD with C = 1, 5 % of the data poisoned");
    for (int i = 0; i < 3; i++)
        draw_trained(drawing, plot_panel(drawing, ABOVE, 3, 1, i, 0), request, .05, panels[i].how,
                     panels[i].name, numbers);
    return drawing;
}
