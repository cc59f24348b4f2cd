// data/signs.c: the drawn signs are balanced, a function of (seed, half, place) alone, the same
// bits on every machine (their digest stands here), and no two faces look alike.
#include "data/signs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/thread.h"
#include "data/sign_faces.h"
#include "tests/test.h"

enum { SIZE = 32 * 32 * 3 };

static void draw(uint64_t seed, int64_t count, Dataset *train, Dataset *test)
{
    Error error = {0};
    DataRequest request = {.seed = seed, .train_count = count, .test_count = 43};
    check(dataset_load(data_source_find("signs", &error), &request, train, test, &error), "%s",
          error.message);
}

// The same by GCC 12 and clang 14 on x86-64; a compiler or machine that rounds otherwise, or any
// change of the drawing, shows here.
static void the_bits_are_the_same_on_every_machine(void)
{
    Dataset train, test;
    char hex[65];
    draw(0, 860, &train, &test);
    dataset_digest(&train, &test, hex);
    check(strcmp(hex, "0d1b889457e7719e9696792024474d7d5e555c2dbfc6fd1e0dfa3797941ccb42") == 0,
          "labels and images: %s", hex);
    dataset_free(&train);
    dataset_free(&test);
}

static void every_43_in_a_row_hold_each_sign_once(void)
{
    Dataset train, test;
    draw(1, 100, &train, &test);
    uint64_t seen = 0;
    for (int i = 43; i < 86; i++) seen |= UINT64_C(1) << train.labels[i];
    check(seen == (UINT64_C(1) << 43) - 1, "signs are missing");
    dataset_free(&train);
    dataset_free(&test);
}

static void neither_threads_nor_counts_matter_but_seed_and_half_do(void)
{
    Dataset few, many, other, test, test_again, test_other;
    threads_set(1);
    draw(2, 50, &few, &test);
    threads_set(3);
    draw(2, 700, &many, &test_again);
    draw(3, 50, &other, &test_other);
    check(memcmp(few.images, many.images, 50 * SIZE) == 0, "threads or counts matter");
    check(memcmp(test.images, test_again.images, 43 * SIZE) == 0, "the test half differs");
    check(memcmp(few.images, other.images, SIZE) != 0, "another seed gives the same");
    check(memcmp(few.images, test.images, SIZE) != 0, "both halves are the same");
    Dataset *all[] = {&few, &many, &other, &test, &test_again, &test_other};
    for (int i = 0; i < 6; i++) dataset_free(all[i]);
}

// Mean absolute difference of colour and alpha over all pixels of two faces.
static double difference(const SignFace *a, const SignFace *b)
{
    double sum = 0;
    const float *from = a->pixels[0][0], *with = b->pixels[0][0];
    for (int i = 0; i < FACE_SIDE * FACE_SIDE * 4; i++) sum += fabs((double)(from[i] - with[i]));
    return sum / (FACE_SIDE * FACE_SIDE * 4);
}

static void no_two_faces_look_alike(void)
{
    SignFace *faces = malloc(SIGN_CLASSES * sizeof *faces);
    for (int i = 0; i < SIGN_CLASSES; i++) sign_face_paint(i, &faces[i]);
    for (int i = 0; i < SIGN_CLASSES; i++)
        for (int k = 0; k < i; k++) {
            double distance = difference(&faces[i], &faces[k]);
            check(distance > 0.005, "%s and %s differ by %.4f", sign_classes[i], sign_classes[k],
                  distance);
        }
    free(faces);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_bits_are_the_same_on_every_machine", the_bits_are_the_same_on_every_machine},
        {"every_43_in_a_row_hold_each_sign_once", every_43_in_a_row_hold_each_sign_once},
        {"neither_threads_nor_counts_matter_but_seed_and_half_do",
         neither_threads_nor_counts_matter_but_seed_and_half_do},
        {"no_two_faces_look_alike", no_two_faces_look_alike},
    };
    return TESTS_RUN(tests);
}
