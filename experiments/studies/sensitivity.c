// NONE, section 8.7, Fig. 8 and 9: how the defense depends on the learning rate of the training that
// follows the reset, and on the share r1 of each layer's neurons that is reset. BA and ASR against
// the epochs of that training; epoch 0 is the classifier right after the reset. The undefended
// classifier is one and the same, and each value is a cell of NONE (defenses/none.c) of its own.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "experiments/cell.h"
#include "experiments/cell_files.h"
#include "experiments/curves.h"
#include "experiments/figure.h"
#include "experiments/plot/plot.h"

enum { MOST_VALUES = 6, OWN_SETTINGS = 2 };

typedef struct Variation {
    const char *setting, *title;
    int count;
    const char *texts[MOST_VALUES], *names[MOST_VALUES]; // as --set takes them; in the legend
} Variation;

static const Variation learning_rates = {
    "none.learning_rate=",
    "BA and ASR during NONE's training, at several learning rates",
    4,
    {"none.learning_rate=0.01", "none.learning_rate=0.001", "none.learning_rate=0.0001",
     "none.learning_rate=0.00001"},
    {".01", ".001", ".0001", ".00001"}};

static const Variation shares = {
    "none.reset=",
    "BA and ASR during NONE's training, with several shares r1 of the neurons reset",
    6,
    {"none.reset=0.005", "none.reset=0.01", "none.reset=0.03", "none.reset=0.05", "none.reset=0.1",
     "none.reset=0.15"},
    {".5 %", "1 %", "3 %", "5 %", "10 %", "15 %"}};

typedef struct Curve {
    double *epochs, *BA, *ASR; // epochs owns all three
    size_t count;
} Curve;

// ---- the cells ----

// The request's options with a measurement after each epoch, and epochs enough to see something at
// the quick scale; what the user sets goes before that, and one value of the variation before all.
static bool options_of(const FigureRequest *request, const Variation *v, Options *o, Error *error)
{
    const Overrides *theirs = &request->options.overrides;
    const char *own[] = {"none.curve_points=100000", "none.epochs=5"};
    if (request->options.scale == SCALE_PAPER) own[1] = "none.epochs=20";
    if (request->model_count != 1) return fail(error, "one model is wanted, its curves are shown");
    if (theirs->count + OWN_SETTINGS >= MAX_OVERRIDES)
        return fail(error, "--set: at most %d times here", MAX_OVERRIDES - OWN_SETTINGS - 1);
    for (int i = 0; i < theirs->count; i++)
        if (strncmp(theirs->texts[i], v->setting, strlen(v->setting)) == 0)
            return fail(error, "--set %s: the figure compares values of its own", theirs->texts[i]);
    *o = request->options;
    o->model = request->models[0];
    options_put_first(o, OWN_SETTINGS, own);
    return true;
}

// From right after the reset, which the finding tells, through each epoch.
static bool read_curve(const Json *record, const Json *curves, Curve *curve)
{
    const Json *findings = json_get(record, "findings");
    const Json *BA = curves_points(curves, "BA"), *ASR = curves_points(curves, "ASR");
    if (!findings || findings->count == 0 || !BA || !ASR || BA->count != ASR->count) return false;
    size_t count = BA->count + 1;
    curve->epochs = allocate(3 * count * sizeof(double));
    *curve = (Curve){curve->epochs, curve->epochs + count, curve->epochs + 2 * count, count};
    curve->epochs[0] = 0;
    curve->BA[0] = json_get_number(findings->items[0], "BA", 0);
    curve->ASR[0] = json_get_number(findings->items[0], "ASR", 0);
    for (size_t i = 1; i < count; i++) {
        curve->epochs[i] = BA->items[i - 1]->items[0]->number;
        curve->BA[i] = curve_value(BA->items[i - 1]);
        curve->ASR[i] = curve_value(ASR->items[i - 1]);
    }
    return true;
}

// Computes NONE's cell with one more setting, or reads it where it is finished.
static bool measure(const Subject *s, Options *o, const char *text, Curve *curve, Error *error)
{
    o->sets[o->overrides.count++] = text;
    Json *record = cell_run(s, "none", error), *curves = NULL;
    o->overrides.count--;
    if (!record) return false;
    char *directory =
        make_directory(s, "cells", "none", json_get_string(record, "config_hash", ""), error);
    if (directory) curves = cell_read_json(directory, "curves.json", error);
    bool ok = curves && curves_check(curves, directory, error) &&
              (read_curve(record, curves, curve) ||
               fail(error, "%s: its results have no curves of BA and ASR", directory));
    free(directory);
    json_free(curves);
    json_free(record);
    return ok;
}

// ---- the figure ----

static void append_table(const Variation *v, const Curve *curves, Text *numbers)
{
    text_append(numbers, "  epoch   BA");
    for (int i = 0; i < v->count; i++) text_append(numbers, "%8s", v->names[i]);
    text_append(numbers, "    ASR");
    for (int i = 0; i < v->count; i++) text_append(numbers, "%8s", v->names[i]);
    text_append(numbers, "\n");
    for (size_t e = 0; e < curves[0].count; e++) {
        text_append(numbers, "  %5g     ", curves[0].epochs[e]);
        for (int i = 0; i < v->count; i++) text_append(numbers, "%8.2f", curves[i].BA[e]);
        text_append(numbers, "       ");
        for (int i = 0; i < v->count; i++) text_append(numbers, "%8.2f", curves[i].ASR[e]);
        text_append(numbers, "\n");
    }
}

static Drawing *draw(const Variation *v, const Curve *curves)
{
    static const char *const titles[] = {"BA", "ASR"};
    Drawing *drawing = drawing_create(760, 340, v->title);
    Series series[MOST_VALUES];
    plot_legend(drawing, (Point){PLOT_LEFT, 16}, v->count, v->names);
    for (int panel = 0; panel < 2; panel++) {
        Box box = plot_panel(drawing, 24, 2, 1, panel, 0);
        for (int i = 0; i < v->count; i++)
            series[i] = (Series){v->names[i], curves[i].epochs,
                                 panel == 0 ? curves[i].BA : curves[i].ASR, curves[i].count};
        plot_lines(drawing, box,
                   &(LineChart){"epochs of training after the reset", "%", series, v->count});
        plot_title(drawing, box, titles[panel]);
    }
    return drawing;
}

static Drawing *follow(const FigureRequest *request, const Variation *v, Text *numbers,
                       Error *error)
{
    Options options;
    Subject subject;
    Curve curves[MOST_VALUES] = {0};
    if (!options_of(request, v, &options, error) || !subject_create(&options, &subject, error))
        return NULL;
    bool ok = true;
    for (int i = 0; ok && i < v->count; i++)
        ok = measure(&subject, &options, v->texts[i], &curves[i], error) &&
             (curves[i].count == curves[0].count ||
              fail(error, "--set %s: its curves have %zu points, not %zu", v->texts[i],
                   curves[i].count, curves[0].count));
    Drawing *drawing = NULL;
    if (ok) {
        text_append(numbers, "  %s, %s: undefended BA %.2f %%, ASR %.2f %%\n", subject.source->name,
                    subject.classifier->name, json_get_number(subject.result, "clean_accuracy", 0),
                    json_get_number(subject.result, "ASR", 0));
        append_table(v, curves, numbers);
        drawing = draw(v, curves);
    }
    for (int i = 0; i < v->count; i++) free(curves[i].epochs);
    subject_free(&subject);
    return drawing;
}

Drawing *figure_none_8(const FigureRequest *request, Text *numbers, Error *error)
{
    return follow(request, &learning_rates, numbers, error);
}

Drawing *figure_none_9(const FigureRequest *request, Text *numbers, Error *error)
{
    return follow(request, &shares, numbers, error);
}
