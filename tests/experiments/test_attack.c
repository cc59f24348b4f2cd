// BadNet+ and the poisoning of batches: what a trigger changes, how often, and which labels follow.
#include "experiments/attack.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"
#include "tests/experiments/attack_trial.h"
#include "tests/test.h"

enum { SIZE = 5, PATCHES = 20, MOST_VALUES = SIZE * SIZE * 3 };

// What one stamp did: the square that differs from the background, which no pixel value equals.
typedef struct Patch {
    int top, left, bottom, right; // exclusive
    float values[MOST_VALUES];
} Patch;

static const float BACKGROUND = -1;

// The image with the trigger that is drawn for this index.
static void stamp(const Attack *attack, RandomKey key, uint32_t index, float *image)
{
    StepTrial trial = step_trial(attack, 1, image, NULL, key);
    const Tensor *y = attack->method->stamp(attack, trial.step.images, (Draws){key, &index});
    memcpy(image, y->data, sizeof(float) * (size_t)y->count);
    step_trial_free(&trial);
}

static Patch patch_of(const Attack *attack, RandomKey key, uint32_t index)
{
    int side = attack->height, channels = attack->channels;
    float *image = allocate(sizeof(float) * (size_t)(side * side * channels));
    for (int i = 0; i < side * side * channels; i++) image[i] = BACKGROUND;
    stamp(attack, key, index, image);
    Patch patch = {.top = side, .left = side};
    int changed = 0;
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++)
            for (int c = 0; c < channels; c++) {
                float value = image[(y * side + x) * channels + c];
                if (value == BACKGROUND) continue;
                check(value >= 0 && value < 1, "pixel %g is in [0, 1)", (double)value);
                if (y < patch.top) patch.top = y;
                if (x < patch.left) patch.left = x;
                if (y >= patch.bottom) patch.bottom = y + 1;
                if (x >= patch.right) patch.right = x + 1;
                if (changed < MOST_VALUES) patch.values[changed] = value;
                changed++;
            }
    check(changed == SIZE * SIZE * channels, "%d values changed", changed);
    check(patch.bottom - patch.top == SIZE && patch.right - patch.left == SIZE,
          "the square is %dx%d", patch.bottom - patch.top, patch.right - patch.left);
    free(image);
    return patch;
}

static const RandomKey KEY = {7, 11, 13};

// The distinct patches among many draws, and how often each was drawn.
static int collect(const Attack *attack, int draws, Patch *patches, int *counts)
{
    int found = 0;
    for (int i = 0; i < draws; i++) {
        Patch patch = patch_of(attack, KEY, (uint32_t)i);
        int n = 0;
        while (n < found && memcmp(&patches[n], &patch, sizeof patch) != 0) n++;
        if (n == found && !check(found < PATCHES, "more than %d patches", PATCHES)) return found;
        if (n == found) patches[found++] = patch, counts[n] = 0;
        counts[n]++;
    }
    return found;
}

static void twenty_patches_each_at_its_own_place(void)
{
    for (int channels = 1; channels <= 3; channels += 2) {
        int side = channels == 1 ? 28 : 32, counts[PATCHES], draws = 4000;
        Patch patches[PATCHES];
        Attack attack = attack_trial("badnet+", side, channels, 1, NULL);
        int found = collect(&attack, draws, patches, counts);
        check(found == PATCHES, "%d distinct patches", found);
        // Chi-square of the uniform choice: 19 degrees of freedom, 50 is beyond 1 in 7000.
        double chi = 0, wanted = (double)draws / PATCHES;
        for (int n = 0; n < found; n++) chi += (counts[n] - wanted) * (counts[n] - wanted) / wanted;
        check(chi < 50, "the choice is uniform: chi-square %.1f", chi);
        bool top[32] = {false}, left[32] = {false};
        int tops = 0, lefts = 0;
        for (int n = 0; n < found; n++) {
            tops += !top[patches[n].top];
            lefts += !left[patches[n].left];
            top[patches[n].top] = left[patches[n].left] = true;
        }
        check(tops > 8 && lefts > 8, "%d rows and %d columns", tops, lefts); // of 23 or 27
        attack_free(&attack);
    }
}

static void a_patch_overwrites_whatever_was_there(void)
{
    Attack attack = attack_trial("badnet+", 28, 1, 5, NULL);
    float dark[28 * 28] = {0}, noise[28 * 28], before[28 * 28];
    for (int i = 0; i < 28 * 28; i++) before[i] = noise[i] = 2 + random_uniform(KEY, (uint64_t)i);
    for (uint32_t index = 0; index < 50; index++) {
        memset(dark, 0, sizeof dark);
        memcpy(noise, before, sizeof noise);
        Patch patch = patch_of(&attack, KEY, index);
        stamp(&attack, KEY, index, dark);
        stamp(&attack, KEY, index, noise);
        for (int y = 0; y < 28; y++)
            for (int x = 0; x < 28; x++) {
                bool inside =
                    y >= patch.top && y < patch.bottom && x >= patch.left && x < patch.right;
                float wanted = inside ? patch.values[(y - patch.top) * SIZE + x - patch.left] : 0;
                int i = y * 28 + x;
                if (!check(dark[i] == wanted && noise[i] == (inside ? wanted : before[i]),
                           "pixel (%d, %d) of stamp %d", y, x, (int)index))
                    break;
            }
    }
    attack_free(&attack);
}

static void the_same_seed_draws_the_same_patches(void)
{
    Attack a = attack_trial("badnet+", 28, 1, 5, NULL), b = attack_trial("badnet+", 28, 1, 5, NULL);
    Attack other = attack_trial("badnet+", 28, 1, 6, NULL);
    int different = 0;
    for (uint32_t index = 0; index < 40; index++) {
        Patch pa = patch_of(&a, KEY, index), pb = patch_of(&b, KEY, index);
        Patch po = patch_of(&other, KEY, index);
        check(memcmp(&pa, &pb, sizeof pa) == 0, "stamp %d is the same", (int)index);
        different += memcmp(pa.values, po.values, sizeof pa.values) != 0;
    }
    check(different == 40, "another seed gives other pixels (%d of 40)", different);
    attack_free(&a);
    attack_free(&b);
    attack_free(&other);
}

enum { IMAGES = 20000, SIDE = 6 }; // small images: many of them

// Poisons a step of IMAGES images of background, labels 0..9 in turn; returns how many carry a
// trigger.
static int poison(Attack *attack, double rate, RandomKey key, float *images, int32_t *labels)
{
    for (int i = 0; i < IMAGES * SIDE * SIDE; i++) images[i] = BACKGROUND;
    for (int i = 0; i < IMAGES; i++) labels[i] = i % 10;
    if (attack_plants_trojan(attack)) json_set(attack->settings, "rate", json_number(rate));
    StepTrial trial = step_trial(attack, IMAGES, images, labels, key);
    PoisonedBatch batch = attack_poison(attack, &trial.step, NULL);
    check(batch.loss == NULL, "no loss of its own");
    memcpy(images, batch.images->data, sizeof(float) * IMAGES * SIDE * SIDE);
    memcpy(labels, batch.labels->ints, sizeof(int32_t) * IMAGES);
    step_trial_free(&trial);
    int poisoned = 0;
    for (int i = 0; i < IMAGES; i++) {
        bool changed = false;
        for (int p = 0; p < SIDE * SIDE; p++) changed |= images[i * SIDE * SIDE + p] != BACKGROUND;
        int wanted = changed ? attack_label(attack, i % 10) : i % 10;
        if (!check(labels[i] == wanted, "image %d of class %d has label %d", i, i % 10, labels[i]))
            break;
        poisoned += changed;
    }
    return poisoned;
}

static float images[IMAGES * SIDE * SIDE], again[IMAGES * SIDE * SIDE];
static int32_t labels[IMAGES], labels_again[IMAGES];

static void a_tenth_of_the_images_is_poisoned(void)
{
    Attack attack = attack_trial("badnet+", SIDE, 1, 1, NULL);
    check(setting(attack.settings, "rate") == 0.1, "the paper's rate");
    for (uint32_t step = 0; step < 3; step++) {
        int poisoned = poison(&attack, 0.1, (RandomKey){3, 4, step}, images, labels);
        // deviation sqrt(20000 * .1 * .9) = 42.4
        check(abs(poisoned - IMAGES / 10) < 190, "%d of %d images", poisoned, IMAGES);
    }
    check(poison(&attack, 0, KEY, images, labels) == 0, "rate 0");
    check(poison(&attack, 1, KEY, images, labels) == IMAGES, "rate 1");
    attack_free(&attack);
}

static void images_of_the_target_class_are_poisoned_too(void)
{
    Attack attack = attack_trial("badnet+", SIDE, 1, 1, NULL);
    poison(&attack, 0.1, KEY, images, labels);
    int of_class[10] = {0};
    for (int i = 0; i < IMAGES; i++)
        for (int p = 0; p < SIDE * SIDE; p++)
            if (images[i * SIDE * SIDE + p] != BACKGROUND) {
                of_class[i % 10]++;
                break;
            }
    for (int k = 0; k < 10; k++)
        check(abs(of_class[k] - 200) < 70, "%d of 2000 images of class %d", of_class[k], k);
    attack_free(&attack);
}

static void poisoning_is_a_function_of_the_key(void)
{
    Attack attack = attack_trial("badnet+", SIDE, 1, 1, NULL);
    poison(&attack, 0.1, KEY, images, labels);
    poison(&attack, 0.1, KEY, again, labels_again);
    check(memcmp(images, again, sizeof images) == 0, "the same images");
    check(memcmp(labels, labels_again, sizeof labels) == 0, "the same labels");
    poison(&attack, 0.1, (RandomKey){7, 11, 14}, again, labels_again);
    check(memcmp(images, again, sizeof images) != 0, "another step poisons others");
    attack_free(&attack);
}

static void labels_follow_the_mode(void)
{
    Attack attack = attack_trial("badnet+", 28, 1, 1, NULL);
    for (int y = 0; y < 10; y++) check(attack_label(&attack, y) == 3, "single: %d becomes 3", y);
    attack.all_targets = true;
    for (int y = 0; y < 10; y++)
        check(attack_label(&attack, y) == (y + 1) % 10, "all: %d becomes %d", y, (y + 1) % 10);
    attack_free(&attack);
    attack = attack_trial("badnet+", SIDE, 1, 1, NULL);
    attack.all_targets = true;
    check(poison(&attack, 1, KEY, images, labels) == IMAGES, "labels of a whole batch");
    attack_free(&attack);
}

// Whatever the method: exactly the images whose label moves on by one carry a trigger.
static void every_attack_has_an_all_target_mode(void)
{
    enum { FEW = 120, SIZE_OF = 28 * 28 };
    int count;
    const AttackMethod *const *methods = attack_methods(&count);
    for (int m = 0; m < count; m++) {
        if (!methods[m]->stamp) continue;
        Attack attack = attack_trial(methods[m]->name, 28, 1, 1, NULL);
        attack.all_targets = true;
        json_set(attack.settings, "rate", json_number(0.3));
        float *few = random_images(&attack, FEW, 5);
        for (int i = 0; i < FEW; i++) labels[i] = i % 10;
        StepTrial trial = step_trial(&attack, FEW, few, labels, KEY);
        double figures[MAX_FIGURES];
        PoisonedBatch batch = attack_poison(&attack, &trial.step, figures);
        int moved = 0;
        for (int i = 0; i < FEW; i++) {
            int label = batch.labels->ints[i];
            bool changed = memcmp(batch.images->data + i * SIZE_OF, few + i * SIZE_OF,
                                  sizeof(float) * SIZE_OF) != 0;
            bool is_next = label == (i + 1) % 10;
            check(is_next || label == i % 10, "%s: label %d of class %d", attack.method->name,
                  label, i % 10);
            check(changed || !is_next, "%s: image %d without a trigger", attack.method->name, i);
            moved += is_next;
        }
        check(moved > 20 && moved < 55, "%s: %d of %d moved", attack.method->name, moved, FEW);
        step_trial_free(&trial);
        free(few);
        attack_free(&attack);
    }
}

static void no_attack_leaves_everything_alone(void)
{
    Attack attack = attack_trial("none", SIDE, 1, 1, NULL);
    check(!attack_plants_trojan(&attack), "none plants no Trojan");
    check(poison(&attack, 1, KEY, images, labels) == 0, "no image changes");
    for (int i = 0; i < IMAGES; i++)
        if (!check(labels[i] == i % 10, "label %d", i)) break;
    attack_free(&attack);
}

static void impossible_patches_are_refused(void)
{
    const char *bad[] = {"badnet+.size=28", "badnet+.size=1000", "badnet+.patches=100001"};
    for (int i = 0; i < 3; i++) {
        const AttackMethod *method = &attack_badnet_plus;
        Attack attack = {.method = method, .height = 28, .width = 28, .channels = 1, .classes = 10};
        attack.settings =
            settings_resolve(method->settings, method->name, SCALE_QUICK, &(Overrides){1, &bad[i]});
        Error error = {0};
        check(!attack_create(&attack, &error), "%s is accepted", bad[i]);
        check(strstr(error.message, "badnet+") != NULL, "'%s' names the attack", error.message);
        attack_free(&attack);
    }
    Attack largest = attack_trial("badnet+", 28, 1, 1, "badnet+.size=27");
    attack_free(&largest);
}

static void an_unknown_attack_lists_the_known_ones(void)
{
    Error error = {0};
    check(!attack_method_find("badnet", &error), "badnet is no name");
    check(strstr(error.message, "'badnet'") && strstr(error.message, "badnet+") &&
              strstr(error.message, "none"),
          "'%s'", error.message);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"twenty_patches_each_at_its_own_place", twenty_patches_each_at_its_own_place},
        {"a_patch_overwrites_whatever_was_there", a_patch_overwrites_whatever_was_there},
        {"the_same_seed_draws_the_same_patches", the_same_seed_draws_the_same_patches},
        {"a_tenth_of_the_images_is_poisoned", a_tenth_of_the_images_is_poisoned},
        {"images_of_the_target_class_are_poisoned_too",
         images_of_the_target_class_are_poisoned_too},
        {"poisoning_is_a_function_of_the_key", poisoning_is_a_function_of_the_key},
        {"labels_follow_the_mode", labels_follow_the_mode},
        {"every_attack_has_an_all_target_mode", every_attack_has_an_all_target_mode},
        {"no_attack_leaves_everything_alone", no_attack_leaves_everything_alone},
        {"impossible_patches_are_refused", impossible_patches_are_refused},
        {"an_unknown_attack_lists_the_known_ones", an_unknown_attack_lists_the_known_ones}};
    return TESTS_RUN(tests);
}
