// experiments/studies/blobs.c and the figures made of it: points and triggers are as they should
// be, a Trojan is learned from them, and all of it is the same bits for any number of threads.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/thread.h"
#include "experiments/figure.h"
#include "experiments/studies/blobs.h"
#include "tests/test.h"

static const RandomKey key = {1, 2, 0};

static void points_lie_around_their_centres(void)
{
    enum { EACH = 400 };
    PlanePoints points = blob_points(EACH, key);
    check(points.count == BLOB_CLASSES * EACH, "%lld points", (long long)points.count);
    for (int c = 0; c < BLOB_CLASSES; c++) {
        double sum[2] = {0}, squares[2] = {0};
        for (int i = 0; i < EACH; i++) {
            int64_t n = (int64_t)c * EACH + i;
            check(points.labels[n] == c, "label %d", points.labels[n]);
            for (int k = 0; k < 2; k++) {
                double value = (double)points.places[2 * n + k];
                sum[k] += value / EACH;
                squares[k] += value * value / EACH;
            }
        }
        for (int k = 0; k < 2; k++) {
            double deviation = sqrt(squares[k] - sum[k] * sum[k]);
            check(fabs(deviation - .05) < .006, "class %d: deviation %g", c, deviation);
        }
        check(fabs(sum[1] - (double)BLOB_TRIGGER) > .2, "class %d lies at y = %g", c, sum[1]);
    }
    plane_points_free(&points);
}

static void poison_and_stamps_set_one_coordinate(void)
{
    PlanePoints clean = blob_points(40, key), points = blob_points(40, key);
    blob_poison(&points, .1, (RandomKey){1, 3, 0});
    int poisoned = 0;
    for (int64_t i = 0; i < points.count; i++) {
        check(points.places[2 * i] == clean.places[2 * i], "x of point %lld moved", (long long)i);
        if (points.places[2 * i + 1] == clean.places[2 * i + 1]) continue;
        poisoned++;
        check(points.places[2 * i + 1] == BLOB_TRIGGER && points.labels[i] == BLOB_TARGET,
              "point %lld: y %g, label %d", (long long)i, (double)points.places[2 * i + 1],
              points.labels[i]);
    }
    check(poisoned == 20, "%d of 200 points are poisoned", poisoned);
    PlanePoints stamped = blob_stamped(&clean, .25f);
    check(stamped.count == 160, "%lld points are stamped", (long long)stamped.count);
    for (int64_t i = 0; i < stamped.count; i++)
        check(stamped.places[2 * i + 1] == .25f && stamped.labels[i] != BLOB_TARGET,
              "stamped point %lld: y %g, label %d", (long long)i, (double)stamped.places[2 * i + 1],
              stamped.labels[i]);
    plane_points_free(&clean);
    plane_points_free(&points);
    plane_points_free(&stamped);
}

static void the_ideal_trojan_is_the_line(void)
{
    enum { SIDE = 100 };
    static int32_t classes[SIDE * SIDE];
    blob_ideal_regions(SIDE, .02f, classes);
    for (int x = 0; x < SIDE; x++) {
        check(classes[39 * SIDE + x] == BLOB_TARGET && classes[40 * SIDE + x] == BLOB_TARGET,
              "the line is not the target's at column %d", x);
        check(classes[43 * SIDE + x] != BLOB_TARGET, "below the line column %d is the target's", x);
    }
}

static void a_trojan_is_learned(void)
{
    PlanePoints points = blob_points(80, key), test = blob_points(40, (RandomKey){1, 9, 0});
    PlanePoints stamped = blob_stamped(&test, BLOB_TRIGGER);
    for (int poisoned = 0; poisoned < 2; poisoned++) {
        if (poisoned) blob_poison(&points, .2, (RandomKey){1, 3, 0});
        Classifier *classifier = blob_train(&points, (BlobTraining){.adam = true}, 1);
        double clean = blob_accuracy(classifier, &test);
        double trojan = blob_share(classifier, &stamped, BLOB_TARGET);
        check(clean > 97, "clean accuracy %g", clean);
        check(poisoned ? trojan > 95 : trojan < 60, "Trojan accuracy %g with%s poison", trojan,
              poisoned ? "" : "out");
        classifier_free(classifier);
    }
    plane_points_free(&points);
    plane_points_free(&test);
    plane_points_free(&stamped);
}

// The weights after a training on a few points; the caller's.
static float *weights_after(BlobTraining how, int threads, int64_t *count)
{
    threads_set(threads);
    PlanePoints points = blob_points(20, key);
    Classifier *classifier = blob_train(&points, how, 7);
    const Tensor *weight = parameters_find(&classifier->parameters, "linear3.weight")->tensor;
    *count = weight->count;
    float *copy = malloc((size_t)weight->count * sizeof *copy);
    memcpy(copy, weight->data, (size_t)weight->count * sizeof *copy);
    plane_points_free(&points);
    classifier_free(classifier);
    return copy;
}

static void training_is_the_same_bits_for_any_number_of_threads(void)
{
    static const BlobTraining trainings[] = {
        {.adam = true}, {0}, {.private = {.clip = 1, .noise = .5}}};
    for (int i = 0; i < 3; i++) {
        int64_t count;
        float *one = weights_after(trainings[i], 1, &count);
        float *three = weights_after(trainings[i], 3, &count);
        check(memcmp(one, three, (size_t)count * sizeof *one) == 0, "training %d: other bits", i);
        free(one);
        free(three);
    }
}

static void figures_are_listed_and_unknown_names_are_a_sentence(void)
{
    Text list = {0};
    Error error = {0};
    figure_list(FIGURE_OF_PAPER, &list);
    check(strstr(list.text, "none/6 ") && strstr(list.text, "none/7 "), "%s", list.text);
    check(!strstr(list.text, "hyperplane"), "%s", list.text);
    Options options;
    check(options_parse(0, NULL, FOR_FIGURE, &options, &error), "%s", error.message);
    check(figure_check(FIGURE_STUDY, "hyperplane", &options, &error) == 0, "%s", error.message);
    check(figure_check(FIGURE_OF_PAPER, "none/66", &options, &error) == 2, "none/66 is known");
    check(strcmp(error.message, "unknown figure 'none/66'; known: none/2, none/3, none/4, none/5, "
                                "none/6, none/7, none/8, none/9, none/10") == 0,
          "%s", error.message);
    check(figure_check(FIGURE_OF_PAPER, "none/4", &options, &error) == 0, "%s", error.message);
    options.model = "mnist-ia,lenet";
    check(figure_check(FIGURE_OF_PAPER, "none/4", &options, &error) == 2 &&
              strstr(error.message, "lenet"),
          "%s", error.message);
    check(figure_check(FIGURE_OF_PAPER, "none/6", &options, &error) == 2 &&
              strstr(error.message, "none/6 draws its own data"),
          "%s", error.message);
    text_free(&list);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"points_lie_around_their_centres", points_lie_around_their_centres},
        {"poison_and_stamps_set_one_coordinate", poison_and_stamps_set_one_coordinate},
        {"the_ideal_trojan_is_the_line", the_ideal_trojan_is_the_line},
        {"a_trojan_is_learned", a_trojan_is_learned},
        {"training_is_the_same_bits_for_any_number_of_threads",
         training_is_the_same_bits_for_any_number_of_threads},
        {"figures_are_listed_and_unknown_names_are_a_sentence",
         figures_are_listed_and_unknown_names_are_a_sentence},
    };
    return TESTS_RUN(tests);
}
