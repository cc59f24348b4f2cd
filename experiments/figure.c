#include "experiments/figure.h"

#include <stdlib.h>
#include <string.h>
#include "experiments/request.h"

// What a figure of images is made of; models with commas.
typedef struct FigureSubject {
    const char *attack, *defense; // the defense may be NULL: none
    const char *quick, *paper;    // models at each scale, where the user names none
} FigureSubject;

// Settings for the quick scale on built-in data: a trigger that a short training picks up. The
// user's own come after them.
static const char *const quick_settings[] = {"badnets.trigger=2", "badnets.size=5",
                                             "badnets.rate=0.1"};
enum { QUICK_SETTINGS = sizeof quick_settings / sizeof quick_settings[0] };

typedef struct Figure {
    const char *name, *title;
    FigureKind kind;
    DrawFigure *draw;
    FigureSubject subject; // attack NULL: it needs no classifier of images
} Figure;

static const Figure figures[] = {
    {"none/2",
     "values before relu of Trojan neurons, benign and Trojan model",
     FIGURE_OF_PAPER,
     figure_none_2,
     {"none", NULL, "mnist-ia", "resnet18"}},
    {"none/3", "images with BadNets' triggers", FIGURE_OF_PAPER, figure_none_3, {0}},
    {"none/4",
     "values of compromised channels with and without the trigger, by network",
     FIGURE_OF_PAPER,
     figure_none_4,
     {"badnets", "none", "mnist-ia", "nin,vgg16"}},
    {"none/5",
     "the same by layer: a network's last four",
     FIGURE_OF_PAPER,
     figure_none_5,
     {"badnets", "none", "mnist-ia", "resnet18"}},
    {"none/6",
     "decision regions of Trojaned perceptrons at growing poisoning rates",
     FIGURE_OF_PAPER,
     figure_none_6,
     {0}},
    {"none/7",
     "decision regions learned by SGD and by DP-SGD",
     FIGURE_OF_PAPER,
     figure_none_7,
     {0}},
    {"none/8",
     "BA and ASR during NONE's training, at several learning rates",
     FIGURE_OF_PAPER,
     figure_none_8,
     {"badnets", "none", "mnist-ia", "resnet18"}},
    {"none/9",
     "the same with several shares of the neurons reset",
     FIGURE_OF_PAPER,
     figure_none_9,
     {"badnets", "none", "mnist-ia", "resnet18"}},
    {"none/10", "images with patches of 3 to 20 pixels", FIGURE_OF_PAPER, figure_none_10, {0}},
    {"hyperplane",
     "overlap of the Trojan region with the hyperplane (NONE, Eq. 7 and 8) at growing poisoning "
     "rates",
     FIGURE_STUDY,
     study_hyperplane,
     {0}},
    {"linearity",
     "values before relu with and without the trigger (NONE, section 3.2)",
     FIGURE_STUDY,
     study_linearity,
     {0}},
    {"reset",
     "BA and ASR after NONE's reset of a share r1, by its ranking and by an oracle's",
     FIGURE_STUDY,
     study_reset,
     {0}},
};
enum { FIGURES = sizeof figures / sizeof figures[0] };

void figure_list(FigureKind kind, Text *out)
{
    for (int i = 0; i < FIGURES; i++)
        if (figures[i].kind == kind)
            text_append(out, "%-12s %s\n", figures[i].name, figures[i].title);
}

static const Figure *find(FigureKind kind, const char *name, Error *error)
{
    Text names = {0};
    for (int i = 0; i < FIGURES; i++) {
        if (figures[i].kind != kind) continue;
        if (strcmp(figures[i].name, name) == 0) {
            text_free(&names);
            return &figures[i];
        }
        text_append(&names, "%s%s", names.length ? ", " : "", figures[i].name);
    }
    fail(error, "unknown %s '%s'; known: %s", kind == FIGURE_STUDY ? "study" : "figure", name,
         names.text);
    text_free(&names);
    return NULL;
}

static void add_quick_settings(FigureRequest *request)
{
    Options *o = &request->options;
    const DataSource *source = data_source_find(o->data, NULL);
    bool wanted = strcmp(o->attack, "badnets") == 0 && o->scale == SCALE_QUICK && source &&
                  source->built_in && o->overrides.count + QUICK_SETTINGS <= MAX_OVERRIDES;
    options_put_first(o, wanted ? QUICK_SETTINGS : 0, quick_settings);
}

// Returns the memory of the models' names, the caller's to free.
static char *request_fill(const Figure *figure, const Options *options, FigureRequest *request)
{
    const FigureSubject *subject = &figure->subject;
    *request = (FigureRequest){
        .seed = (uint64_t)options->seed, .quiet = options->quiet, .options = *options};
    if (!subject->attack) return NULL;
    request->options.attack = subject->attack;
    request->options.defense = subject->defense;
    add_quick_settings(request);
    char *rest = NULL;
    char *models = copy_string(options->model                  ? options->model
                               : options->scale == SCALE_PAPER ? subject->paper
                                                               : subject->quick);
    for (char *name = strtok_r(models, ",", &rest); name && request->model_count < FIGURE_MODELS;
         name = strtok_r(NULL, ",", &rest))
        request->models[request->model_count++] = name;
    return models;
}

// Options that a figure has no use for are not passed over in silence.
static int check_unused(const Figure *figure, const Options *o, Error *error)
{
    if (!o->model && !o->train_images && !o->test_images && !o->overrides.count && !o->image_size &&
        strcmp(o->data, "digits") == 0 && o->scale == SCALE_QUICK)
        return 0;
    fail(error, "%s draws its own data: --data, --model, --scale, --set and the like have no part",
         figure->name);
    return 2;
}

int figure_check(FigureKind kind, const char *name, const Options *options, Error *error)
{
    const Figure *figure = find(kind, name, error);
    FigureRequest request;
    if (!figure) return 2;
    if (!figure->subject.attack) return check_unused(figure, options, error);
    char *models = request_fill(figure, options, &request);
    int status = request.model_count > 0 ? 0 : 2;
    if (status) fail(error, "--model %s: at least one name is wanted", options->model);
    for (int i = 0; status == 0 && i < request.model_count; i++) {
        request.options.model = request.models[i];
        status = request_check(&request.options, error);
    }
    free(models);
    return status;
}

// DIRECTORY/figures/none-6, whose directory is made.
static char *path_of(const char *name, const char *directory, Error *error)
{
    char *folder = path_join(directory, "figures"), *path = NULL;
    if (directory_create(folder, error)) {
        path = path_join(folder, name);
        for (char *c = path + strlen(folder) + 1; *c; c++)
            if (*c == '/') *c = '-';
    }
    free(folder);
    return path;
}

bool figure_make(FigureKind kind, const char *name, const Options *options, Text *out, Error *error)
{
    const Figure *figure = find(kind, name, error);
    // known before the work, not after
    char *path = figure ? path_of(name, options->out, error) : NULL;
    if (!path) return false;
    FigureRequest request;
    char *models = request_fill(figure, options, &request);
    text_append(out, "%s: %s\n", figure->name, figure->title);
    Drawing *drawing = figure->draw(&request, out, error);
    bool ok = drawing && drawing_write(drawing, path, error);
    if (ok) text_append(out, "\n%s.svg\n%s.png\n", path, path);
    drawing_free(drawing);
    free(models);
    free(path);
    return ok;
}
