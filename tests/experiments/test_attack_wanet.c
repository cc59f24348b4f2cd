// WaNet: warped images against PyTorch's interpolate and grid_sample, the shares of a batch, and that
// the random warp is fresh where the trigger's is not.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/thread.h"
#include "tests/experiments/attack_trial.h"
#include "tests/test.h"

enum { SIDE = 28, PIXELS = SIDE * SIDE };

static const RandomKey KEY = {7, 11, 13};

typedef struct Expected {
    int image, y, x;
    double value;
} Expected;

static void compare(const char *what, const float *images, const Expected *expected, int count)
{
    for (int i = 0; i < count; i++) {
        const Expected *e = &expected[i];
        double got = (double)images[e->image * PIXELS + e->y * SIDE + e->x];
        check(fabs(got - e->value) < 5e-6, "%s, image %d at (%d, %d): %.6f, PyTorch %.6f", what,
              e->image, e->y, e->x, got, e->value);
    }
}

// Computed in float64 from the same U, R and images: interpolate(bicubic, align_corners=True), then
// grid_sample(align_corners=True).
static void warped_images_are_pytorchs(void)
{
    static const Expected warped[] = {{0, 0, 0, 0.684322},   {0, 3, 17, 0.322405},
                                      {0, 13, 13, 0.674702}, {1, 20, 2, 0.482869},
                                      {1, 27, 27, 0.705610}, {1, 5, 24, 0.419784}};
    static const Expected noisy[] = {{0, 0, 0, 0.775484},   {0, 3, 17, 0.343087},
                                     {0, 13, 13, 0.806897}, {1, 20, 2, 0.428603},
                                     {1, 27, 27, 0.537630}, {1, 5, 24, 0.241639}};
    Attack attack = attack_trial("wanet", SIDE, 1, 1, NULL);
    float *images = random_images(&attack, 2, 5);
    float *trojan = stamped_images(&attack, 2, images, KEY);
    float *noise = decoy_images(&attack, 2, images, KEY);
    compare("warped", trojan, warped, 6);
    compare("noise", noise, noisy, 6);
    free(images);
    free(trojan);
    free(noise);
    attack_free(&attack);
}

static double mean_difference(const float *a, const float *b, int count)
{
    double sum = 0;
    for (int i = 0; i < count; i++) sum += fabs((double)a[i] - (double)b[i]);
    return sum / count;
}

static void the_strength_scales_the_warp(void)
{
    Attack still = attack_trial("wanet", SIDE, 1, 1, "wanet.strength=0");
    Attack weak = attack_trial("wanet", SIDE, 1, 1, "wanet.strength=0.1");
    Attack strong = attack_trial("wanet", SIDE, 1, 1, "wanet.strength=0.5");
    float *images = random_images(&still, 1, 5);
    float *a = stamped_images(&still, 1, images, KEY), *b = stamped_images(&weak, 1, images, KEY);
    float *c = stamped_images(&strong, 1, images, KEY);
    check(mean_difference(a, images, PIXELS) < 1e-5, "strength 0 leaves the image");
    double small = mean_difference(b, images, PIXELS), large = mean_difference(c, images, PIXELS);
    check(small > 0.01 && large > 2 * small, "differences %.4f and %.4f", small, large);
    free(images), free(a), free(b), free(c);
    attack_free(&still);
    attack_free(&weak);
    attack_free(&strong);
}

static void colours_are_warped_alike(void)
{
    Attack grey = attack_trial("wanet", 32, 1, 1, NULL);
    Attack colour = attack_trial("wanet", 32, 3, 1, NULL);
    float *one = random_images(&grey, 1, 5), three[32 * 32 * 3];
    for (int i = 0; i < 32 * 32 * 3; i++) three[i] = one[i / 3];
    float *a = stamped_images(&grey, 1, one, KEY), *b = stamped_images(&colour, 1, three, KEY);
    int different = 0;
    for (int i = 0; i < 32 * 32 * 3; i++) different += a[i / 3] != b[i];
    check(different == 0, "%d values differ", different);
    free(one), free(a), free(b);
    attack_free(&grey);
    attack_free(&colour);
}

static void the_trigger_is_one_warp_and_the_noise_a_fresh_one(void)
{
    Attack attack = attack_trial("wanet", SIDE, 1, 1, NULL);
    float *one = random_images(&attack, 1, 5), both[2 * PIXELS];
    memcpy(both, one, sizeof(float) * PIXELS);
    memcpy(both + PIXELS, one, sizeof(float) * PIXELS);
    float *trojan = stamped_images(&attack, 2, both, KEY);
    float *noise = decoy_images(&attack, 2, both, KEY);
    check(memcmp(trojan, trojan + PIXELS, sizeof(float) * PIXELS) == 0, "the same warp");
    check(mean_difference(noise, noise + PIXELS, PIXELS) > 0.01, "two random warps");
    Attack other = attack_trial("wanet", SIDE, 1, 2, NULL);
    float *another = stamped_images(&other, 2, both, KEY);
    check(mean_difference(trojan, another, PIXELS) > 0.01, "another seed, another warp");
    free(one), free(trojan), free(noise), free(another);
    attack_free(&attack);
    attack_free(&other);
}

enum { IMAGES = 6000 };

static void a_batch_has_its_shares(void)
{
    Attack attack = attack_trial("wanet", 8, 1, 1, NULL);
    static int32_t labels[IMAGES];
    for (int i = 0; i < IMAGES; i++) labels[i] = i % 10;
    float *images = random_images(&attack, IMAGES, 5);
    float *trojan = stamped_images(&attack, IMAGES, images, KEY);
    float *noise = decoy_images(&attack, IMAGES, images, KEY);
    StepTrial trial = step_trial(&attack, IMAGES, images, labels, KEY);
    PoisonedBatch batch = attack_poison(&attack, &trial.step, NULL);
    int trojans = 0, decoys = 0, clean = 0;
    for (int i = 0; i < IMAGES; i++) {
        const float *image = batch.images->data + i * 64;
        bool is_trojan = memcmp(image, trojan + i * 64, 256) == 0;
        bool is_decoy = memcmp(image, noise + i * 64, 256) == 0;
        bool is_clean = memcmp(image, images + i * 64, 256) == 0;
        check(is_trojan + is_decoy + is_clean == 1, "image %d is one of the three", i);
        check(batch.labels->ints[i] == (is_trojan ? 3 : i % 10), "label of image %d", i);
        trojans += is_trojan;
        decoys += is_decoy;
        clean += is_clean;
    }
    // deviations sqrt(6000 p (1 - p)): 23 and 31
    check(abs(trojans - 600) < 100 && abs(decoys - 1200) < 130, "%d Trojan, %d noise, %d clean",
          trojans, decoys, clean);
    step_trial_free(&trial);
    free(images), free(trojan), free(noise);
    attack_free(&attack);
}

static void threads_change_no_bit(void)
{
    Attack attack = attack_trial("wanet", SIDE, 1, 1, NULL);
    float *images = random_images(&attack, 50, 5), *results[2];
    for (int i = 0; i < 2; i++) {
        threads_set(i == 0 ? 1 : 3);
        results[i] = decoy_images(&attack, 50, images, KEY);
    }
    check(memcmp(results[0], results[1], sizeof(float) * 50 * PIXELS) == 0, "the same bits");
    free(images), free(results[0]), free(results[1]);
    attack_free(&attack);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {{"warped_images_are_pytorchs", warped_images_are_pytorchs},
                                 {"the_strength_scales_the_warp", the_strength_scales_the_warp},
                                 {"colours_are_warped_alike", colours_are_warped_alike},
                                 {"the_trigger_is_one_warp_and_the_noise_a_fresh_one",
                                  the_trigger_is_one_warp_and_the_noise_a_fresh_one},
                                 {"a_batch_has_its_shares", a_batch_has_its_shares},
                                 {"threads_change_no_bit", threads_change_no_bit}};
    return TESTS_RUN(tests);
}
