// data/split.c: trunc(0.7 n) of each class go to D_val, the sizes that the paper prints.
#include "data/split.h"

#include <stdlib.h>
#include <string.h>
#include "tests/test.h"

static Dataset labelled(const int32_t *labels, int64_t count, int classes)
{
    Dataset dataset = {.count = count, .height = 1, .width = 1, .channels = 1, .classes = classes};
    dataset.labels = malloc((size_t)count * sizeof *labels + 1);
    memcpy(dataset.labels, labels, (size_t)count * sizeof *labels);
    return dataset;
}

static int64_t of_class(const Dataset *dataset, const uint32_t *indices, int64_t count, int label)
{
    int64_t found = 0;
    for (int64_t i = 0; i < count; i++) found += dataset->labels[indices[i]] == label;
    return found;
}

// Both parts ascending and within the data set; together every sample once.
static void check_parts(const Dataset *dataset, const DefenseSplit *split)
{
    check(split->validation_count + split->test_count == dataset->count, "the sizes do not add up");
    uint8_t *seen = calloc((size_t)dataset->count + 1, 1);
    for (int part = 0; part < 2; part++) {
        const uint32_t *indices = part ? split->test : split->validation;
        int64_t count = part ? split->test_count : split->validation_count;
        for (int64_t i = 0; i < count; i++) {
            if (!check(indices[i] < dataset->count, "index %u", indices[i])) continue;
            check(i == 0 || indices[i] > indices[i - 1], "not ascending at %lld", (long long)i);
            check(!seen[indices[i]]++, "sample %u twice", indices[i]);
        }
    }
    free(seen);
}

// n samples of class 0 and one of class 1.
static void seven_tenths_are_truncated_in_double_arithmetic(void)
{
    static const int64_t expected[][2] = {{0, 0},    {1, 0},    {2, 1},     {3, 2},
                                          {10, 7},   {20, 14},  {30, 21},   {90, 62},
                                          {100, 70}, {110, 77}, {980, 686}, {999, 699}};
    static int32_t labels[1000];
    for (size_t k = 0; k < sizeof expected / sizeof expected[0]; k++) {
        int64_t n = expected[k][0];
        memset(labels, 0, sizeof labels);
        labels[n] = 1;
        Dataset dataset = labelled(labels, n + 1, 2);
        DefenseSplit split = defense_split(&dataset);
        check_parts(&dataset, &split);
        check(of_class(&dataset, split.validation, split.validation_count, 0) == expected[k][1],
              "%lld of %lld", (long long)split.validation_count, (long long)n);
        check(of_class(&dataset, split.test, split.test_count, 1) == 1,
              "the single one is tested on");
        defense_split_free(&split);
        check(split.validation == NULL && split.test == NULL, "freed");
        free(dataset.labels);
    }
}

static bool equal(const DefenseSplit *a, const DefenseSplit *b)
{
    return a->validation_count == b->validation_count &&
           memcmp(a->validation, b->validation, (size_t)a->validation_count * sizeof(uint32_t)) ==
               0;
}

static void it_depends_on_the_labels_alone(void)
{
    int32_t labels[500];
    for (int i = 0; i < 500; i++) labels[i] = i * i % 7;
    Dataset one = labelled(labels, 500, 10), other = labelled(labels, 500, 10);
    other.name = "another name";
    other.height = 5;
    other.mean[0] = 3;
    DefenseSplit first = defense_split(&one), again = defense_split(&one),
                 third = defense_split(&other);
    check_parts(&one, &first);
    check(equal(&first, &again), "another split in the second call");
    check(equal(&first, &third), "another split of the same labels");
    other.labels[0] ^= 1;
    DefenseSplit fourth = defense_split(&other);
    check(!equal(&first, &fourth), "the same split of other labels");
    defense_split_free(&first);
    defense_split_free(&again);
    defense_split_free(&third);
    defense_split_free(&fourth);
    free(one.labels);
    free(other.labels);
}

// Not the first or last 7 of 10: a random choice, and for classes of equal size not the same
// places.
static void the_choice_is_random_and_differs_between_classes(void)
{
    int32_t labels[2000];
    for (int i = 0; i < 2000; i++) labels[i] = i % 2;
    Dataset dataset = labelled(labels, 2000, 2);
    DefenseSplit split = defense_split(&dataset);
    check_parts(&dataset, &split);
    int early = 0, paired = 0;
    for (int64_t i = 0; i < split.test_count; i++) {
        early += split.test[i] < 1000;
        paired += i > 0 && split.test[i] % 2 == 1 && split.test[i - 1] == split.test[i] - 1;
    }
    check(split.test_count == 600, "%lld", (long long)split.test_count);
    check(early > 250 && early < 350, "%d of 600 in the first half", early);
    check(paired > 50 && paired < 140, "%d of 300 places are chosen in both classes", paired);
    defense_split_free(&split);
    free(dataset.labels);
}

static void mnist_gives_the_sizes_of_the_paper(void)
{
    if (!shared_path("data/mnist")) {
        skip("no ../shared");
        return;
    }
    DataRequest request = {.directory = shared_path("data")};
    Dataset train, test;
    Error error = {0};
    if (!check(dataset_load(data_source_find("mnist", &error), &request, &train, &test, &error),
               "%s", error.message))
        return;
    DefenseSplit split = defense_split(&test);
    check_parts(&test, &split);
    check(split.validation_count == 6996 && split.test_count == 3004, "%lld and %lld",
          (long long)split.validation_count, (long long)split.test_count);
    check(of_class(&test, split.test, split.test_count, 0) == 294, "zeros in D_test");
    defense_split_free(&split);
    dataset_free(&train);
    dataset_free(&test);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"seven_tenths_are_truncated_in_double_arithmetic",
         seven_tenths_are_truncated_in_double_arithmetic},
        {"it_depends_on_the_labels_alone", it_depends_on_the_labels_alone},
        {"the_choice_is_random_and_differs_between_classes",
         the_choice_is_random_and_differs_between_classes},
        {"mnist_gives_the_sizes_of_the_paper", mnist_gives_the_sizes_of_the_paper},
    };
    return TESTS_RUN(tests);
}
