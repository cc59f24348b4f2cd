#include "experiments/figure.h"

#include <stdlib.h>
#include <string.h>

typedef struct Figure {
    const char *name, *title;
    FigureKind kind;
    DrawFigure *draw;
} Figure;

static const Figure figures[] = {
    {"none/3", "images with BadNets' triggers", FIGURE_OF_PAPER, figure_none_3},
    {"none/6", "decision regions of Trojaned perceptrons at growing poisoning rates",
     FIGURE_OF_PAPER, figure_none_6},
    {"none/7", "decision regions learned by SGD and by DP-SGD", FIGURE_OF_PAPER, figure_none_7},
    {"hyperplane",
     "overlap of the Trojan region with the hyperplane (NONE, Eq. 7 and 8) at growing poisoning "
     "rates",
     FIGURE_STUDY, study_hyperplane},
    {"linearity", "values before relu with and without the trigger (NONE, section 3.2)",
     FIGURE_STUDY, study_linearity},
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

bool figure_check(FigureKind kind, const char *name, Error *error)
{
    return find(kind, name, error) != NULL;
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

bool figure_make(FigureKind kind, const char *name, const char *directory,
                 const FigureRequest *request, Text *out, Error *error)
{
    const Figure *figure = find(kind, name, error);
    char *path =
        figure ? path_of(name, directory, error) : NULL; // known before the work, not after
    if (!path) return false;
    text_append(out, "%s: %s\n", figure->name, figure->title);
    Drawing *drawing = figure->draw(request, out);
    bool ok = drawing_write(drawing, path, error);
    if (ok) text_append(out, "\n%s.svg\n%s.png\n", path, path);
    drawing_free(drawing);
    free(path);
    return ok;
}
