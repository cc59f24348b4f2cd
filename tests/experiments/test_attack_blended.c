// noise-BI+ and image-BI+: the blend by hand, the pictures and who draws them.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "experiments/attacks/textures.h"
#include "tests/experiments/attack_trial.h"
#include "tests/test.h"

enum { SIDE = 8, VALUES = SIDE * SIDE * 3, DRAWS = 3000 };

static const RandomKey KEY = {7, 11, 13};

// p_n as the difference that it makes: (x~ - (1 - alpha) x) / alpha.
static double pattern_of(const float *stamped, const float *images, int64_t i, double alpha)
{
    return ((double)stamped[i] - (1 - alpha) * (double)images[i]) / alpha;
}

// How many different trigger images DRAWS draws give, and the most frequent one's count.
static int count_triggers(const Attack *attack, double alpha, int *most)
{
    static float seen[64][VALUES];
    static int counts[64];
    int found = 0;
    float *black = random_images(attack, DRAWS, 5);
    memset(black, 0, sizeof(float) * DRAWS * VALUES);
    float *stamped = stamped_images(attack, DRAWS, black, KEY);
    for (int i = 0; i < DRAWS; i++) {
        const float *image = stamped + i * VALUES;
        int n = 0;
        while (n < found && memcmp(seen[n], image, sizeof seen[n]) != 0) n++;
        if (n == found && !check(found < 64, "more than 64 triggers")) break;
        if (n == found) memcpy(seen[found++], image, sizeof seen[n]), counts[n] = 0;
        counts[n]++;
    }
    for (int v = 0; v < VALUES; v++)
        check((double)stamped[v] >= 0 && (double)stamped[v] <= alpha, "alpha times [0, 1]");
    *most = 0;
    for (int n = 0; n < found; n++) *most = counts[n] > *most ? counts[n] : *most;
    free(black);
    free(stamped);
    return found;
}

static void twenty_noise_images_and_five_pictures_are_blended_in(void)
{
    int most = 0;
    Attack noise = attack_trial("noise-bi+", SIDE, 3, 1, NULL);
    Attack image = attack_trial("image-bi+", SIDE, 3, 1, NULL);
    Attack few = attack_trial("noise-bi+", SIDE, 3, 1, "noise-bi+.images=3");
    int found = count_triggers(&noise, .1, &most); // 150 draws of each; deviation 12
    check(found == 20 && most < 200, "%d noise images, the most %d times", found, most);
    found = count_triggers(&image, .1, &most); // 600; 22
    check(found == TEXTURES && most < 690, "%d pictures, the most %d times", found, most);
    check(count_triggers(&few, .1, &most) == 3, "as many as the setting says");
    attack_free(&noise);
    attack_free(&image);
    attack_free(&few);
}

static void the_blend_is_a_tenth_of_the_trigger(void)
{
    Attack attack = attack_trial("noise-bi+", SIDE, 3, 1, "noise-bi+.images=1");
    Attack strong = attack_trial("noise-bi+", SIDE, 3, 1, "noise-bi+.alpha=0.5");
    json_set(strong.settings, "images", json_number(1));
    float *images = random_images(&attack, 4, 5);
    float *stamped = stamped_images(&attack, 4, images, KEY);
    double mean = 0, squares = 0;
    for (int i = 0; i < 4 * VALUES; i++) {
        double p = pattern_of(stamped, images, i, .1);
        double same = pattern_of(stamped, images, i % VALUES, .1);
        check(fabs(p - same) < 3e-6, "one noise image for all: %.7f and %.7f", p, same);
        check(p > -3e-6 && p < 1 + 3e-6, "%.7f is in [0, 1)", p);
        mean += p / (4 * VALUES);
        squares += p * p / (4 * VALUES);
    }
    // uniform: mean 1/2, variance 1/12; of 192 values the mean deviates by .02
    check(fabs(mean - .5) < .1 && fabs(squares - mean * mean - 1.0 / 12) < .03, "mean %.3f", mean);
    check(setting(strong.settings, "alpha") == .5, "the ratio is a setting");
    free(images);
    free(stamped);
    attack_free(&attack);
    attack_free(&strong);
}

static void textures_are_colourful_and_all_different(void)
{
    enum { LARGE = 32, BYTES = LARGE * LARGE * 3 };
    Picture textures[TEXTURES];
    for (int n = 0; n < TEXTURES; n++) {
        textures[n] = texture_draw(n, LARGE, LARGE);
        double low = 255, high = 0, colour = 0;
        for (int i = 0; i < BYTES; i += 3) {
            const uint8_t *pixel = textures[n].pixels + i;
            low = fmin(low, pixel[1]);
            high = fmax(high, pixel[1]);
            colour += abs(pixel[0] - pixel[2]) * 3.0 / BYTES;
        }
        check(high - low > 150, "texture %d: contrast %.0f", n, high - low);
        check(colour > 15, "texture %d: red and blue differ by %.1f", n, colour);
        for (int k = 0; k < n; k++)
            check(memcmp(textures[k].pixels, textures[n].pixels, BYTES) != 0, "%d is not %d", n, k);
    }
    Picture again = texture_draw(2, LARGE, LARGE);
    check(memcmp(again.pixels, textures[2].pixels, BYTES) == 0, "the same bytes again");
    picture_free(&again);
    for (int n = 0; n < TEXTURES; n++) picture_free(&textures[n]);
}

// A picture of one colour.
static Picture plain(int channels, uint8_t red, uint8_t green, uint8_t blue)
{
    Picture picture = picture_create(SIDE, SIDE, channels);
    const uint8_t colours[3] = {red, green, blue};
    for (int i = 0; i < SIDE * SIDE * channels; i++) picture.pixels[i] = colours[i % channels];
    return picture;
}

static void the_users_pictures_take_the_place_of_the_drawn_ones(void)
{
    Picture pictures[] = {plain(3, 255, 0, 51), plain(1, 102, 0, 0)};
    for (int channels = 1; channels <= 3; channels += 2) {
        Attack attack = attack_trial("image-bi+", SIDE, channels, 1, NULL);
        attack_clear(&attack);
        attack.pictures = pictures;
        attack.picture_count = 2;
        Error error = {0};
        check(attack_create(&attack, &error), "%s", error.message);
        float *black = random_images(&attack, 40, 5);
        memset(black, 0, sizeof(float) * 40 * (size_t)(SIDE * SIDE * channels));
        float *stamped = stamped_images(&attack, 40, black, KEY);
        int first = 0;
        for (int i = 0; i < 40; i++) {
            const float *pixel = stamped + i * SIDE * SIDE * channels;
            double luminance = 82 / 255.0; // of the red one: .299 255 + .114 51, rounded
            bool red = fabs((double)pixel[0] - (channels == 3 ? .1 : .1 * luminance)) < 1e-6;
            first += red;
            if (channels == 3 && red)
                check(pixel[1] == 0 && fabs((double)pixel[2] - .02) < 1e-6, "red, no green, blue");
            if (!red) check(fabs((double)pixel[0] - .04) < 1e-6, "grey %g", (double)pixel[0]);
        }
        check(first > 8 && first < 32, "both are drawn: %d of 40", first);
        free(black);
        free(stamped);
        attack_free(&attack);
    }
    pictures[1].width = SIDE - 1;
    Attack attack = attack_trial("image-bi+", SIDE, 3, 1, NULL);
    attack_clear(&attack);
    attack.pictures = pictures;
    attack.picture_count = 2;
    Error error = {0};
    check(!attack_create(&attack, &error) && strstr(error.message, "7x8"), "'%s'", error.message);
    attack_free(&attack);
    picture_free(&pictures[0]);
    picture_free(&pictures[1]);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"twenty_noise_images_and_five_pictures_are_blended_in",
         twenty_noise_images_and_five_pictures_are_blended_in},
        {"the_blend_is_a_tenth_of_the_trigger", the_blend_is_a_tenth_of_the_trigger},
        {"textures_are_colourful_and_all_different", textures_are_colourful_and_all_different},
        {"the_users_pictures_take_the_place_of_the_drawn_ones",
         the_users_pictures_take_the_place_of_the_drawn_ones}};
    return TESTS_RUN(tests);
}
