// NONE's ranking and reset by themselves (experiments/defenses/none.h), and the study made of them.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "core/thread.h"
#include "experiments/defenses/none.h"
#include "experiments/figure.h"
#include "tests/test.h"

enum { SAMPLES = 6, NEURONS = 5, CLASSES = 2 };

// Two layers, of 3 and 2 neurons. Samples 0 to 3 are of class 0 for sure, 4 and 5 of class 1.
static const float values[SAMPLES][NEURONS] = {{1, 0, 5, 0, 0}, {1, 0, 0, 0, 0}, {1, 0, 0, 0, 0},
                                               {1, 0, 0, 0, 0}, {1, 2, 0, 3, 0}, {1, 2, 0, 1, 0}};

static Activations activations(void)
{
    Activations a = {.samples = SAMPLES, .neurons = NEURONS, .layers = 2, .classes = CLASSES};
    static const int64_t first[] = {0, 3, NEURONS};
    a.first = allocate(sizeof first);
    memcpy(a.first, first, sizeof first);
    a.largest = allocate(sizeof values);
    memcpy(a.largest, values, sizeof values);
    a.share = allocate_zeroed(sizeof(double) * NEURONS);
    a.probability = allocate(sizeof(float) * SAMPLES * CLASSES);
    for (int i = 0; i < SAMPLES; i++) {
        a.probability[i * CLASSES] = i < 4 ? .95f : .05f;
        a.probability[i * CLASSES + 1] = i < 4 ? .05f : .95f;
    }
    return a;
}

static void gaps_are_computed_by_hand(void)
{
    Activations a = activations();
    double *gaps = confidence_gaps(&a, .1, .9, 3);
    // Neuron 2: 5 in class 0, nothing in class 1. Neuron 3: mean and deviation of class 0 are 0.
    const double expected[] = {0, 2, 5, 3, 0};
    for (int n = 0; n < NEURONS; n++)
        check(fabs(gaps[n] - expected[n]) < 1e-9, "neuron %d: %g", n, gaps[n]);
    free(gaps);
    gaps = confidence_gaps(&a, .01, .99, 3); // nobody is confident
    for (int n = 0; n < NEURONS; n++) check(gaps[n] == 0, "neuron %d: %g", n, gaps[n]);
    free(gaps);
    activations_free(&a);
}

static void the_worst_of_each_layer_are_chosen(void)
{
    Activations a = activations();
    const double suspicion[NEURONS] = {1, 7, 3, 2, 2};
    Compromised c = compromised_choose(&a, suspicion, .5, -INFINITY);
    check(c.count[0] == 2 && c.count[1] == 1, "half of 3 and 2: %d, %d", (int)c.count[0],
          (int)c.count[1]);
    check(c.neurons[0] == 1 && c.neurons[1] == 2, "the greatest first");
    check(c.neurons[c.room] == 0, "equals in their order");
    compromised_free(&c);
    c = compromised_choose(&a, suspicion, 1, 3);
    check(c.count[0] == 2 && c.count[1] == 0, "none below the least: %d, %d", (int)c.count[0],
          (int)c.count[1]);
    compromised_free(&c);
    activations_free(&a);
}

// The number behind the n-th `name` in the text, NAN where there is none.
static double number_behind(const char *text, const char *name, int n)
{
    for (; text && n >= 0; n--) {
        text = strstr(text, name);
        if (text) text += strlen(name);
    }
    return text ? strtod(text, NULL) : (double)NAN;
}

static void the_study_tells_what_the_reset_leaves(void)
{
    Error error = {0};
    Text out = {0};
    Options options;
    const char *words[] = {"--quiet", "--out", temporary_directory()};
    check(options_parse(3, (char **)words, FOR_FIGURE, &options, &error), "%s", error.message);
    threads_set(1); // a small perceptron's steps are too short to be divided
    check(figure_make(FIGURE_STUDY, "reset", &options, &out, &error), "%s", error.message);
    for (int schedule = 0; schedule < 2; schedule++) {
        double before = number_behind(out.text, ", ASR ", schedule);
        check(before > 90, "a Trojan is learned: %g", before);
    }
    for (int i = 0; i < 4; i++) { // by gap and oracle, after few and many epochs: BA, then ASR
        const char *row = out.text;
        for (int k = 0; row && k <= i; k++) row = strstr(row + 1, "\n   10.0 ");
        char *rest = NULL;
        if (!check(row != NULL, "a tenth is among the shares")) break;
        strtod(row + 9, &rest);
        double left = strtod(rest, NULL);
        check(left < 10, "%g are left of the Trojan", left);
    }
    text_free(&out);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"gaps_are_computed_by_hand", gaps_are_computed_by_hand},
        {"the_worst_of_each_layer_are_chosen", the_worst_of_each_layer_are_chosen},
        {"the_study_tells_what_the_reset_leaves", the_study_tells_what_the_reset_leaves}};
    return TESTS_RUN(tests);
}
