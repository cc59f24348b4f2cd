// data/batch.c: epochs visit every sample once; each augmentation does what its name says, to whole
// pixels where no rotation is asked for; nothing depends on batch size or threads.
#include "data/batch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include "core/thread.h"
#include "tests/test.h"

enum { COUNT = 23, HEIGHT = 5, WIDTH = 6, CHANNELS = 3, SIZE = HEIGHT * WIDTH * CHANNELS };

static uint8_t pixels[COUNT * SIZE];
static int32_t labels_of_samples[COUNT];
static Dataset dataset = {
    .count = COUNT,
    .height = HEIGHT,
    .width = WIDTH,
    .channels = CHANNELS,
    .classes = COUNT,
    .images = pixels,
    .labels = labels_of_samples,
};
static const RandomKey key = {.seed = 9, .purpose = 77, .step = 2};

// Noise without zeros, which stand for "outside".
static void fill_dataset(void)
{
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(1 + random_word(key, i) % 255);
    for (int i = 0; i < COUNT; i++) labels_of_samples[i] = COUNT - 1 - i;
}

// Sample `index` at (y, x); 0 outside.
static float sample_at(uint32_t index, int y, int x, int channel)
{
    if (y < 0 || y >= HEIGHT || x < 0 || x >= WIDTH) return 0;
    return (float)pixels[((int)index * HEIGHT + y) * WIDTH * CHANNELS + x * CHANNELS + channel] /
           255;
}

// Whether the image is the sample, its corner at (shift_y, shift_x), mirrored or not, bit by bit.
static bool shows(const float *image, uint32_t index, int shift_y, int shift_x, bool mirrored)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int c = 0; c < CHANNELS; c++) {
                int from = mirrored ? WIDTH - 1 - x : x;
                float expected = sample_at(index, y + shift_y, from + shift_x, c);
                if (image[(y * WIDTH + x) * CHANNELS + c] != expected) return false;
            }
    return true;
}

static void an_epoch_visits_every_sample_once(void)
{
    uint32_t order[COUNT], other[COUNT], samples[COUNT];
    RandomKey next = key;
    next.step++;
    for (int i = 0; i < COUNT; i++) samples[i] = 100 + 3 * (uint32_t)i;
    epoch_order(key, NULL, COUNT, order);
    epoch_order(next, NULL, COUNT, other);
    check(memcmp(order, other, sizeof order) != 0, "two epochs in the same order");
    uint32_t seen = 0;
    for (int i = 0; i < COUNT; i++) seen |= order[i] < COUNT ? 1u << order[i] : 0;
    check(seen == (1u << COUNT) - 1, "seen %08x", seen);
    epoch_order(key, samples, COUNT, other);
    for (int i = 0; i < COUNT; i++) check(other[i] == samples[order[i]], "sample %d", i);
    epoch_order(key, NULL, COUNT, other);
    check(memcmp(order, other, sizeof order) == 0, "another order for the same key");
}

static void batches_without_augmentation_are_the_samples(void)
{
    uint32_t order[COUNT];
    float images[8 * SIZE + 1];
    int32_t labels[9];
    int seen = 0;
    epoch_order(key, NULL, COUNT, order);
    for (int64_t first = 0; first < COUNT; first += 8) {
        int64_t count = COUNT - first < 8 ? COUNT - first : 8; // the last batch has 7
        images[count * SIZE] = -1;
        labels[count] = -1;
        batch_fill(&dataset, order + first, count, (Augmentation){0}, key, first, images, labels);
        for (int64_t i = 0; i < count; i++, seen++) {
            check(shows(images + i * SIZE, order[first + i], 0, 0, false), "image %d", seen);
            check(labels[i] == labels_of_samples[order[first + i]], "label %d", seen);
        }
        check(images[count * SIZE] == -1 && labels[count] == -1, "written beyond the batch");
    }
    check(seen == COUNT, "%d samples", seen);
}

// Each image of a long run is the sample at one of the 7 x 7 places, each of which comes up.
static void crops_keep_pixels_at_every_offset(void)
{
    enum { PADDING = 3, PLACES = 2 * PADDING + 1, RUN = 1000 };
    int seen[PLACES][PLACES] = {0}, unknown = 0;
    for (int position = 0; position < RUN; position++) {
        uint32_t index = (uint32_t)position % COUNT;
        float image[SIZE];
        int32_t label;
        batch_fill(&dataset, &index, 1, (Augmentation){.crop_padding = PADDING}, key, position,
                   image, &label);
        int found = 0;
        for (int y = -PADDING; y <= PADDING; y++)
            for (int x = -PADDING; x <= PADDING; x++)
                if (shows(image, index, y, x, false)) found++, seen[y + PADDING][x + PADDING]++;
        unknown += found != 1;
    }
    check(unknown == 0, "%d images are no crop of their sample", unknown);
    for (int i = 0; i < PLACES * PLACES; i++) {
        int times = seen[i / PLACES][i % PLACES]; // 20.4 expected, standard deviation 4.5
        check(times >= 4 && times <= 40, "offset %d comes up %d times", i, times);
    }
}

static void half_of_the_images_are_mirrored(void)
{
    int mirrored = 0, plain = 0;
    for (int position = 0; position < 1000; position++) {
        uint32_t index = (uint32_t)position % COUNT;
        float image[SIZE];
        int32_t label;
        batch_fill(&dataset, &index, 1, (Augmentation){.flip = true}, key, position, image, &label);
        mirrored += shows(image, index, 0, 0, true);
        plain += shows(image, index, 0, 0, false);
    }
    check(mirrored + plain == 1000, "%d images are neither", 1000 - mirrored - plain);
    check(mirrored > 430 && mirrored < 570, "%d of 1000 mirrored", mirrored);
}

// So small an angle is 0 of 2^32 parts of a turn: the general path, and nothing may change.
static void rotation_by_nothing_is_the_identity(void)
{
    uint32_t indices[COUNT];
    float images[COUNT * SIZE];
    int32_t labels[COUNT];
    epoch_order(key, NULL, COUNT, indices);
    batch_fill(&dataset, indices, COUNT, (Augmentation){.rotation_degrees = 1e-9f}, key, 0, images,
               labels);
    for (int i = 0; i < COUNT; i++)
        check(shows(images + i * SIZE, indices[i], 0, 0, false), "image %d", i);
}

// One bright pixel right of the centre of a 21 x 21 image: rotated by a it lies at angle a,
// counter- clockwise, at the same distance, and keeps its light.
static void rotation_turns_about_the_centre_within_its_bounds(void)
{
    enum { SIDE = 21, CENTRE = 10, RADIUS = 7, RUN = 400 };
    uint8_t image[SIDE * SIDE] = {[CENTRE * SIDE + CENTRE + RADIUS] = 255};
    int32_t label = 0;
    Dataset one = {.count = 1, .height = SIDE, .width = SIDE, .channels = 1, .classes = 1};
    one.images = image;
    one.labels = &label;
    double least = 360, most = -360;
    for (int position = 0; position < RUN; position++) {
        uint32_t index = 0;
        float rotated[SIDE * SIDE];
        double light = 0, right = 0, up = 0;
        batch_fill(&one, &index, 1, (Augmentation){.rotation_degrees = 40}, key, position, rotated,
                   &label);
        for (int p = 0; p < SIDE * SIDE; p++) {
            light += rotated[p];
            right += (double)rotated[p] * (p % SIDE - CENTRE);
            up += (double)rotated[p] * (CENTRE - p / SIDE);
        }
        double degrees = atan2(up, right) * 57.29577951308232, radius = hypot(right, up) / light;
        check(fabs(radius - RADIUS) < 0.5 && light > 0.6 && light < 1.5, "radius %.2f light %.2f",
              radius, light);
        least = degrees < least ? degrees : least;
        most = degrees > most ? degrees : most;
    }
    check(least > -43 && least < -36 && most > 36 && most < 43, "from %.1f to %.1f", least, most);
}

// Straight from the definition: the place in the crop that a rotation brings to each pixel.
static void rotation_interpolates_between_four_pixels(void)
{
    uint32_t index = 4;
    float image[SIZE], best = 1;
    int32_t label;
    batch_fill(&dataset, &index, 1, (Augmentation){.rotation_degrees = 30}, key, 11, image, &label);
    for (int step = -3000; step <= 3000; step++) { // the angle that was drawn is looked for
        double angle = step * 0.01 / 57.29577951308232, worst = 0;
        for (int p = 0; p < SIZE; p++) {
            double dy = p / (WIDTH * CHANNELS) - (HEIGHT - 1) / 2.0;
            double dx = p / CHANNELS % WIDTH - (WIDTH - 1) / 2.0;
            double y = (HEIGHT - 1) / 2.0 + cos(angle) * dy + sin(angle) * dx;
            double x = (WIDTH - 1) / 2.0 - sin(angle) * dy + cos(angle) * dx, sum = 0;
            for (int corner = 0; corner < 4; corner++) {
                int row = (int)floor(y) + corner / 2, column = (int)floor(x) + corner % 2;
                sum += (1 - fabs(y - row)) * (1 - fabs(x - column)) *
                       (double)sample_at(index, row, column, p % CHANNELS);
            }
            worst = fmax(worst, fabs(sum - (double)image[p]));
        }
        best = fminf(best, (float)worst);
    }
    check(best < 1e-3f, "no angle fits: %g", (double)best);
}

static void nothing_depends_on_batch_size_or_threads(void)
{
    Augmentation all = {.crop_padding = 2, .rotation_degrees = 15, .flip = true};
    uint32_t order[COUNT];
    static float whole[COUNT * SIZE], parts[COUNT * SIZE], other[COUNT * SIZE];
    int32_t labels[COUNT], part_labels[COUNT];
    int before = threads_count();
    epoch_order(key, NULL, COUNT, order);
    threads_set(1);
    batch_fill(&dataset, order, COUNT, all, key, 0, whole, labels);
    threads_set(3);
    for (int64_t first = 0; first < COUNT; first += 4) {
        int64_t count = COUNT - first < 4 ? COUNT - first : 4;
        batch_fill(&dataset, order + first, count, all, key, first, parts + first * SIZE,
                   part_labels + first);
    }
    threads_set(before);
    check(memcmp(whole, parts, sizeof whole) == 0, "images");
    check(memcmp(labels, part_labels, sizeof labels) == 0, "labels");
    RandomKey next = key;
    next.step++;
    batch_fill(&dataset, order, COUNT, all, next, 0, other, labels);
    check(memcmp(whole, other, sizeof whole) != 0, "two epochs have the same augmentation");
    batch_fill(&dataset, order, COUNT, all, key, 1, other, labels);
    check(memcmp(whole, other, sizeof whole) != 0, "the place in the epoch has no effect");
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"an_epoch_visits_every_sample_once", an_epoch_visits_every_sample_once},
        {"batches_without_augmentation_are_the_samples",
         batches_without_augmentation_are_the_samples},
        {"crops_keep_pixels_at_every_offset", crops_keep_pixels_at_every_offset},
        {"half_of_the_images_are_mirrored", half_of_the_images_are_mirrored},
        {"rotation_by_nothing_is_the_identity", rotation_by_nothing_is_the_identity},
        {"rotation_turns_about_the_centre_within_its_bounds",
         rotation_turns_about_the_centre_within_its_bounds},
        {"rotation_interpolates_between_four_pixels", rotation_interpolates_between_four_pixels},
        {"nothing_depends_on_batch_size_or_threads", nothing_depends_on_batch_size_or_threads},
    };
    fill_dataset();
    return TESTS_RUN(tests);
}
