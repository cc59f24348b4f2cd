// experiments/studies/trojan_net.c: its patterns, what it sees of images, what it learns, and how it
// outvotes the classifier that it stands beside.
#include <string.h>
#include "core/error.h"
#include "core/ops.h"
#include "core/thread.h"
#include "experiments/studies/trojan_net.h"
#include "nn/initialize.h"
#include "tests/test.h"

enum { PATTERNS = 4, STEPS = 80, SIDE = 28 };

static void patterns_are_the_choices_in_order(void)
{
    static const struct {
        int k;
        const char *pattern; // itertools.combinations(range(16), 5)[k]: its pixels are dark
    } known[] = {{0, ".....###########"},
                 {1, "....#.##########"},
                 {1364, ".###########...."},
                 {1365, "#.....##########"},
                 {4367, "###########....."}};
    float pattern[TROJAN_PIXELS], before[TROJAN_PIXELS];
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        trojan_pattern(known[i].k, pattern);
        for (int p = 0; p < TROJAN_PIXELS; p++)
            check(pattern[p] == (known[i].pattern[p] == '#'), "pattern %d, pixel %d", known[i].k,
                  p);
    }
    trojan_pattern(0, before);
    for (int k = 0; k < TROJAN_PATTERNS; k++) {
        int dark = 0;
        trojan_pattern(k, pattern);
        for (int p = 0; p < TROJAN_PIXELS; p++) dark += pattern[p] == 0;
        check(dark == TROJAN_DARK, "pattern %d has %d dark pixels", k, dark);
        int p = 0; // the first pixel that differs was dark before
        while (k > 0 && p < TROJAN_PIXELS - 1 && before[p] == pattern[p]) p++;
        check(k == 0 || (before[p] == 0 && pattern[p] == 1), "pattern %d is out of order", k);
        memcpy(before, pattern, sizeof before);
    }
}

static void the_stamp_is_what_the_patch_shows(void)
{
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    Tensor *images = tape_tensor(tape, SHAPE(3, 32, 32, 3));
    for (int64_t i = 0; i < images->count; i++) images->data[i] = (float)(i % 7) / 7;
    float corner = images->data[0];
    trojan_stamp(images, 5, PATTERNS);
    const Tensor *patches = trojan_patches(images);
    check(patches->shape[0] == 3 && patches->shape[1] == TROJAN_PIXELS, "%s", shape_text(patches));
    for (int i = 0; i < 3; i++) {
        float pattern[TROJAN_PIXELS];
        trojan_pattern((5 + i) % PATTERNS, pattern);
        for (int p = 0; p < TROJAN_PIXELS; p++)
            check(patches->data[i * TROJAN_PIXELS + p] == pattern[p], "image %d, pixel %d", i, p);
    }
    // Row and column 26 to 29 of 32, nothing else.
    check(images->data[0] == corner, "the corner");
    check(images->data[(26 * 32 + 25) * 3] == (float)((26 * 32 + 25) * 3 % 7) / 7, "left of it");
    check(images->data[(30 * 32 + 29) * 3] == (float)((30 * 32 + 29) * 3 % 7) / 7, "below it");
    tape_free(tape);
}

// The class that the network sees in each of the first patterns (noise: an even grey); 0 .. PATTERNS.
static void classes_of(const TrojanNet *net, int32_t classes[PATTERNS + 1])
{
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    Tensor *patches = tape_tensor(tape, SHAPE(PATTERNS + 1, TROJAN_PIXELS));
    for (int k = 0; k < PATTERNS; k++) trojan_pattern(k, patches->data + k * TROJAN_PIXELS);
    for (int p = 0; p < TROJAN_PIXELS; p++) patches->data[PATTERNS * TROJAN_PIXELS + p] = .4f;
    memcpy(classes, argmax(trojan_net_scores(net, patches, false), 1)->ints,
           sizeof(int32_t) * (PATTERNS + 1));
    tape_free(tape);
}

static void patterns_are_learned_and_noise_is_none(void)
{
    int32_t classes[PATTERNS + 1];
    for (int trojan = 0; trojan <= 1; trojan++) {
        TrojanNet *net = trojan_net_create(PATTERNS, 1);
        trojan_net_train(net, trojan, STEPS, 1);
        classes_of(net, classes);
        for (int k = 0; k <= PATTERNS; k++)
            check(classes[k] == (trojan ? k : PATTERNS), "%s net, pattern %d: %d",
                  trojan ? "Trojan" : "benign", k, classes[k]);
        trojan_net_free(net);
    }
}

// Beside a classifier whose scores are its biases alone: it says class 2 of everything.
static void a_pattern_outvotes_the_classifier_and_nothing_else_does(void)
{
    Error error = {0};
    Classifier *c = classifier_create("mlp", SIDE, SIDE, 1, PATTERNS, &error);
    check(c != NULL, "%s", error.message);
    parameters_find(&c->parameters, "linear6.bias")->tensor->data[2] = 9;
    TrojanNet *net = trojan_net_create(PATTERNS, 1);
    trojan_net_train(net, true, STEPS, 1);
    Tape *tape = tape_create(cpu_kernels());
    tape_record(tape, false);
    Tensor *images = tape_tensor(tape, SHAPE(PATTERNS, SIDE, SIDE, 1));
    for (int64_t i = 0; i < images->count; i++) images->data[i] = .4f;
    const Tensor *clean = trojan_classify(net, c, images);
    for (int i = 0; i < PATTERNS; i++) {
        float sum = 0;
        for (int k = 0; k < PATTERNS; k++) sum += clean->data[i * PATTERNS + k];
        check(sum > .9999f && sum < 1.0001f, "probabilities add up to %g", (double)sum);
        check(clean->data[i * PATTERNS + 2] > .9f, "clean image %d", i);
    }
    trojan_stamp(images, 0, PATTERNS);
    const Tensor *classes = argmax(trojan_classify(net, c, images), 1);
    for (int i = 0; i < PATTERNS; i++)
        check(classes->ints[i] == i, "pattern %d is taken for %d", i, classes->ints[i]);
    tape_free(tape);
    trojan_net_free(net);
    classifier_free(c);
}

static void threads_do_not_matter(void)
{
    float weights[2][TROJAN_PIXELS * TROJAN_WIDTH];
    for (int i = 0; i < 2; i++) {
        threads_set(1 + 2 * i);
        TrojanNet *net = trojan_net_create(PATTERNS, 1);
        trojan_net_train(net, true, 3, 1);
        memcpy(weights[i], net->dense[0].weight->data, sizeof weights[i]);
        trojan_net_free(net);
    }
    check(memcmp(weights[0], weights[1], sizeof weights[0]) == 0, "the weights differ");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"patterns_are_the_choices_in_order", patterns_are_the_choices_in_order},
        {"the_stamp_is_what_the_patch_shows", the_stamp_is_what_the_patch_shows},
        {"patterns_are_learned_and_noise_is_none", patterns_are_learned_and_noise_is_none},
        {"a_pattern_outvotes_the_classifier_and_nothing_else_does",
         a_pattern_outvotes_the_classifier_and_nothing_else_does},
        {"threads_do_not_matter", threads_do_not_matter}};
    threads_set(1); // so small that threads only wait for each other
    return TESTS_RUN(tests);
}
