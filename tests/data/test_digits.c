// data/digits.c: the built-in digits are balanced, a function of (seed, half, place) alone, and the
// same bits on every machine: their digests stand here.
#include "data/digits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/angle.h"
#include "core/sha256.h"
#include "core/thread.h"
#include "tests/test.h"

enum { PIXELS = 28 * 28 };

typedef struct Halves {
    Dataset train, test;
} Halves;

static Halves drawn(uint64_t seed, int64_t train_count, int64_t test_count)
{
    Halves halves;
    Error error = {0};
    DataRequest request = {.seed = seed, .train_count = train_count, .test_count = test_count};
    check(dataset_load(data_source_find("digits", &error), &request, &halves.train, &halves.test,
                       &error),
          "%s", error.message);
    return halves;
}

static void release(Halves *halves)
{
    dataset_free(&halves->train);
    dataset_free(&halves->test);
}

static bool same(const Dataset *a, const Dataset *b, int64_t count)
{
    return memcmp(a->images, b->images, (size_t)count * PIXELS) == 0 &&
           memcmp(a->labels, b->labels, (size_t)count * sizeof(int32_t)) == 0;
}

static void check_digest(const void *data, size_t size, const char *expected, const char *what)
{
    char hex[65];
    sha256_hex(data, size, hex);
    check(strcmp(hex, expected) == 0, "%s: %s", what, hex);
}

// The same by GCC 12 and clang 14 on x86-64 and GCC 12 on aarch64, at -O0 and -O3; a compiler or
// machine that rounds otherwise, or any change of the drawing, shows here.
static void the_bits_are_the_same_on_every_machine(void)
{
    Halves halves = drawn(0, 1000, 1000);
    check_digest(halves.train.images, 1000 * PIXELS,
                 "8a93f44e7e2eb14ce8f5e80705feb5fbfa3bf6ff72459751e0570cefbbb1598e",
                 "training images");
    check_digest(halves.test.images, 1000 * PIXELS,
                 "8e113d5d8f15c5839d6418b2c0928a190a707956452e412177ebd0787bc32445", "test images");
    uint8_t labels[1000];
    for (int i = 0; i < 1000; i++) labels[i] = (uint8_t)halves.train.labels[i];
    check_digest(labels, sizeof labels,
                 "689ab0c05cf2cdb294828da28d07217bc82cbb4b340f4d320b776126310e6ba9",
                 "training labels");
    release(&halves);
}

static void every_ten_in_a_row_hold_each_digit_once(void)
{
    Halves halves = drawn(1, 995, 400);
    check(halves.train.count == 995 && halves.test.count == 400, "counts");
    bool shuffled = false;
    for (int64_t first = 0; first + 10 <= 995; first += 10) {
        int seen = 0;
        for (int64_t i = first; i < first + 10; i++) {
            seen |= 1 << halves.train.labels[i];
            shuffled |= halves.train.labels[i] != i - first;
        }
        check(seen == 1023, "samples %lld to %lld", (long long)first, (long long)first + 9);
    }
    check(shuffled, "the digits come in a fixed order");
    release(&halves);
}

static void a_sample_depends_on_seed_half_and_place_alone(void)
{
    Halves first = drawn(3, 600, 600), again = drawn(3, 257, 31), other = drawn(4, 100, 100);
    check(same(&first.train, &again.train, 257), "training images depend on their number");
    check(same(&first.test, &again.test, 31), "test images depend on their number");
    check(!same(&first.train, &other.train, 1), "another seed gives the same images");
    for (int64_t i = 0; i < 100; i++) {
        const uint8_t *image = first.train.images + i * PIXELS;
        check(memcmp(image, first.test.images + i * PIXELS, PIXELS) != 0, "train = test, %lld",
              (long long)i);
        check(memcmp(image, other.train.images + i * PIXELS, PIXELS) != 0, "seeds, %lld",
              (long long)i);
    }
    release(&first);
    release(&again);
    release(&other);
}

static void the_number_of_threads_does_not_matter(void)
{
    int before = threads_count();
    threads_set(1);
    Halves one = drawn(5, 1100, 10);
    threads_set(3);
    Halves three = drawn(5, 1100, 10);
    threads_set(before);
    check(same(&one.train, &three.train, 1100), "threads change the images");
    release(&one);
    release(&three);
}

// Ink on every image, little of it on the rim: the digits are drawn, and inside.
static void images_look_like_digits(void)
{
    Halves halves = drawn(6, 2000, 10);
    double ink = 0, rim = 0;
    for (int64_t i = 0; i < 2000; i++) {
        const uint8_t *image = halves.train.images + i * PIXELS;
        int dark = 0;
        for (int p = 0; p < PIXELS; p++) {
            bool border = p / 28 == 0 || p / 28 == 27 || p % 28 == 0 || p % 28 == 27;
            dark += image[p] > 127;
            ink += image[p];
            rim += border ? image[p] : 0;
        }
        check(dark > 15 && dark < 350, "image %lld has %d inked pixels", (long long)i, dark);
    }
    check(rim < 0.02 * ink, "%.3f of the ink is on the rim", rim / ink);
    release(&halves);
}

static void impossible_counts_are_refused(void)
{
    static const int64_t counts[] = {-1, 10000001, INT64_MAX, INT64_MIN};
    for (int i = 0; i < 4; i++) {
        Dataset train, test;
        Error error = {0};
        DataRequest request = {.train_count = 10, .test_count = counts[i]};
        check(!dataset_load(data_source_find("digits", &error), &request, &train, &test, &error),
              "accepted");
        check(strstr(error.message, "test images are not possible") != NULL, "%s", error.message);
        check(train.images == NULL && test.images == NULL, "images are left");
    }
}

// core/angle.c, which the deformations are made with.
static void angles_agree_with_the_library(void)
{
    const double turn = 6.283185307179586476925286766559;
    for (uint64_t n = 0; n < UINT64_C(1) << 32; n += 104729) {
        double angle = turn * (double)n / 4294967296.0;
        double cosine = fabs(turn_cosine((uint32_t)n) - cos(angle));
        double sine = fabs(turn_sine((uint32_t)n) - sin(angle));
        if (!check(cosine < 1e-12 && sine < 1e-12, "at %llu", (unsigned long long)n)) return;
    }
    for (uint32_t quarter = 0; quarter < 4; quarter++) {
        check(turn_cosine(quarter << 30) == (const double[]){1, 0, -1, 0}[quarter],
              "quarter turns");
        check(turn_sine(quarter << 30) == (const double[]){0, 1, 0, -1}[quarter], "quarter turns");
    }
    check(turn_of_degrees(90) == 1u << 30 && turn_of_degrees(-90) == 3u << 30, "degrees");
    check(turn_of_degrees(180) == 1u << 31 && turn_of_degrees(-180) == 1u << 31, "half a turn");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"the_bits_are_the_same_on_every_machine", the_bits_are_the_same_on_every_machine},
        {"every_ten_in_a_row_hold_each_digit_once", every_ten_in_a_row_hold_each_digit_once},
        {"a_sample_depends_on_seed_half_and_place_alone",
         a_sample_depends_on_seed_half_and_place_alone},
        {"the_number_of_threads_does_not_matter", the_number_of_threads_does_not_matter},
        {"images_look_like_digits", images_look_like_digits},
        {"impossible_counts_are_refused", impossible_counts_are_refused},
        {"angles_agree_with_the_library", angles_agree_with_the_library},
    };
    return TESTS_RUN(tests);
}
