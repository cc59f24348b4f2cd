// How far a learned Trojan is the ideal one (NONE, section 3.1). The complete and accurate Trojan's
// region T is the hyperplane {A x - b = 0}, here the line y = 0.6 (blobs.h); the learned one's is T'.
// For perceptrons at growing poisoning rates, means over SEEDS seeds of
//   ASR       P(M(T(x, m, t)) = l), x from the data: Eq. 8 says it stays below 1
//   overlap   alpha = |T' n T| / |T|: the share of the line that is taken for the target
//   triggers  the (m', t') of Eq. 7: the length of the interval of t' around 0.6 with
//             P(M(T(x, m, t')) = l) > lambda = 0.9
//   height    of T' above and below the line, on average over the line: 0 for an accurate Trojan
// Without a Trojan the target's own blob still claims a part of the line: rate 0 says how much.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include "experiments/figure.h"
#include "experiments/plot/plot.h"
#include "experiments/studies/blobs.h"

enum { SEEDS = 3, TRAINING_POINTS = 1000, TEST_POINTS = 200, PLACES = 1000, STEPS = 200 };
static const double lambda = 90; // percent
static const double rates[] = {0, .0002, .0004, .001, .002, .01, .05, .2};
enum { RATES = sizeof rates / sizeof rates[0] };

typedef struct Measured {
    double clean, trojan, overlap, triggers, height;
} Measured;

// Classes along the line y = `height`, at the middles of PLACES equal parts of 0 .. 1.
static void classes_on_line(const Classifier *classifier, double height, int32_t *classes)
{
    float places[2 * PLACES];
    for (int i = 0; i < PLACES; i++) {
        places[2 * i] = ((float)i + .5f) / PLACES;
        places[2 * i + 1] = (float)height;
    }
    blob_predict(classifier, PLACES, places, classes);
}

// How far from the line, in steps of 1 / STEPS up (direction 1) or down (-1), the trigger still works.
static int working_triggers(const Classifier *classifier, const PlanePoints *test, int direction)
{
    for (int step = 0;; step++) {
        double trigger = (double)BLOB_TRIGGER + direction * (double)step / STEPS;
        if (trigger < 0 || trigger > 1) return step;
        PlanePoints stamped = blob_stamped(test, (float)trigger);
        double share = blob_share(classifier, &stamped, BLOB_TARGET);
        plane_points_free(&stamped);
        if (!(share > lambda)) return step;
    }
}

// The height of T' over the line: from each place of the line in T', up and down to its border.
static double region_height(const Classifier *classifier, const int32_t *on_line)
{
    int32_t classes[PLACES];
    double height = 0;
    int inside = 0;
    for (int i = 0; i < PLACES; i++) inside += on_line[i] == BLOB_TARGET;
    for (int direction = -1; direction <= 1; direction += 2) {
        bool connected[PLACES];
        for (int i = 0; i < PLACES; i++) connected[i] = on_line[i] == BLOB_TARGET;
        for (int step = 1; step <= STEPS; step++) {
            double y = (double)BLOB_TRIGGER + direction * (double)step / STEPS;
            if (y < 0 || y > 1) break;
            classes_on_line(classifier, y, classes);
            for (int i = 0; i < PLACES; i++) {
                connected[i] = connected[i] && classes[i] == BLOB_TARGET;
                height += connected[i];
            }
        }
    }
    return inside > 0 ? height / (STEPS * (double)inside) : 0;
}

static Measured measure(double rate, uint64_t seed)
{
    int32_t on_line[PLACES];
    PlanePoints points =
        blob_points(TRAINING_POINTS, (RandomKey){seed, random_purpose("blobs"), 0});
    PlanePoints test = blob_points(TEST_POINTS, (RandomKey){seed, random_purpose("blob test"), 0});
    PlanePoints stamped = blob_stamped(&test, BLOB_TRIGGER);
    blob_poison(&points, rate, (RandomKey){seed, random_purpose("blob poison"), 0});
    Classifier *classifier = blob_train(&points, (BlobTraining){.adam = true}, seed);
    Measured m = {.clean = blob_accuracy(classifier, &test),
                  .trojan = blob_share(classifier, &stamped, BLOB_TARGET)};
    classes_on_line(classifier, (double)BLOB_TRIGGER, on_line);
    for (int i = 0; i < PLACES; i++) m.overlap += 100. / PLACES * (on_line[i] == BLOB_TARGET);
    int up = working_triggers(classifier, &test, 1), down = working_triggers(classifier, &test, -1);
    m.triggers = up > 0 ? (double)(up + down - 1) / STEPS : 0; // both count the line itself
    m.height = region_height(classifier, on_line);
    classifier_free(classifier);
    plane_points_free(&points);
    plane_points_free(&test);
    plane_points_free(&stamped);
    return m;
}

static Measured mean_over_seeds(double rate, const FigureRequest *request, double *least)
{
    Measured sum = {0};
    *least = 100;
    for (uint64_t i = 0; i < SEEDS; i++) {
        Measured m = measure(rate, request->seed + i);
        sum.clean += m.clean / SEEDS;
        sum.trojan += m.trojan / SEEDS;
        sum.overlap += m.overlap / SEEDS;
        sum.triggers += m.triggers / SEEDS;
        sum.height += m.height / SEEDS;
        *least = fmin(*least, m.overlap);
    }
    if (!request->quiet) fprintf(stderr, "poisoned %.2f %%: done\n", 100 * rate);
    return sum;
}

Drawing *study_hyperplane(const FigureRequest *request, Text *numbers, Error *error)
{
    (void)error; // nothing is read
    char labels[RATES][16];
    const char *names[RATES];
    double values[2 * RATES];
    text_append(numbers, "seeds %llu to %llu, means; overlap also the least of the seeds\n\n",
                (unsigned long long)request->seed, (unsigned long long)request->seed + SEEDS - 1);
    text_append(numbers, "  poisoned %%    clean     ASR  overlap  (least)  triggers  height\n");
    for (int i = 0; i < RATES; i++) {
        double least;
        Measured m = mean_over_seeds(rates[i], request, &least);
        text_append(numbers, "  %10.2f   %6.2f  %6.2f  %7.2f  %7.2f  %8.3f  %6.3f\n",
                    100 * rates[i], m.clean, m.trojan, m.overlap, least, m.triggers, m.height);
        snprintf(labels[i], sizeof labels[i], "%g", 100 * rates[i]);
        names[i] = labels[i];
        values[i] = m.overlap;
        values[RATES + i] = m.trojan;
    }
    Drawing *drawing = drawing_create(
        600, 340, "Overlap of the Trojan region with the hyperplane, and Trojan accuracy");
    plot_legend(drawing, (Point){PLOT_LEFT, 16}, 2,
                (const char *const[]){"overlap with the hyperplane", "Trojan accuracy (ASR)"});
    plot_bars(drawing, plot_panel(drawing, 20, 1, 1, 0, 0),
              &(BarChart){"poisoned, % of the training points", "%", names, values, RATES, 2});
    return drawing;
}
