// The papers' figures and studies by name: each trains what it needs, measures, and draws. One file
// for each family in experiments/studies/, one line in the table of figure.c.
#ifndef SIEVE_EXPERIMENTS_FIGURE_H
#define SIEVE_EXPERIMENTS_FIGURE_H

#include "core/file.h"
#include "experiments/options.h"
#include "experiments/plot/drawing.h"

enum { FIGURE_MODELS = 4 };

typedef struct FigureRequest {
    uint64_t seed;
    bool quiet;
    // Of figures that train classifiers of images: the user's options with the figure's attack and
    // defense, and the models to be shown.
    Options options;
    const char *models[FIGURE_MODELS];
    int model_count;
} FigureRequest;

// Draws the figure (the caller's) and appends what was measured for it as lines of text; NULL where
// a file fails.
typedef Drawing *DrawFigure(const FigureRequest *request, Text *numbers, Error *error);

typedef enum FigureKind { FIGURE_OF_PAPER, FIGURE_STUDY } FigureKind;

// Appends the names and titles of this kind, a line each.
void figure_list(FigureKind kind, Text *out);

// Whether there is one of this name (else a sentence lists the names) and it can be drawn as the
// options say: the exit status, as of request_check.
int figure_check(FigureKind kind, const char *name, const Options *options, Error *error);

// Writes OUT/figures/NAME.svg and .png ("/" in the name becomes "-"); appends the numbers and the
// paths to out.
bool figure_make(FigureKind kind, const char *name, const Options *options, Text *out,
                 Error *error);

// experiments/studies/
DrawFigure figure_none_2;                 // trojan_neurons.c
DrawFigure figure_none_3, figure_none_10; // trigger_patterns.c
DrawFigure figure_none_4, figure_none_5;  // compromised_channels.c
DrawFigure figure_none_6, figure_none_7;  // decision_regions.c
DrawFigure figure_none_8, figure_none_9;  // sensitivity.c
DrawFigure study_linearity;               // linearity.c
DrawFigure study_hyperplane;              // hyperplane.c
DrawFigure study_reset;                   // reset.c

#endif
