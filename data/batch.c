// Augmentation is one map from a pixel of the batch image back to the place in the sample that it
// shows: mirror, rotate backwards, shift. All images take the same path, and only a rotation that
// is wanted needs more than whole pixels.
#include "data/batch.h"

#include <math.h>
#include <string.h>
#include "core/angle.h"
#include "core/error.h"
#include "core/thread.h"

// What was drawn for one image.
typedef struct Pose {
    int shift_y, shift_x; // the crop's corner in the sample: -padding..padding
    float cosine, sine;   // of the rotation
    bool rotated, mirrored;
} Pose;

typedef struct Batch {
    const Dataset *dataset;
    const uint32_t *indices;
    Augmentation augmentation;
    RandomKey key;
    int64_t first_position;
    float *images;
    int32_t *labels;
} Batch;

void epoch_order(RandomKey key, const uint32_t *samples, int64_t count, uint32_t *order)
{
    key.purpose ^= random_purpose("epoch order"); // apart from the draws of batch_fill
    random_permutation(key, (uint32_t)count, order);
    if (samples == NULL) return;
    for (int64_t i = 0; i < count; i++) order[i] = samples[order[i]];
}

static int draw_shift(uint32_t word, int padding)
{
    return (int)(((uint64_t)word * (2 * (uint64_t)padding + 1)) >> 32) - padding;
}

static Pose draw_pose(Augmentation augmentation, RandomKey key, int64_t position)
{
    uint32_t words[4];
    key.purpose ^= random_purpose("augmentation");
    random_block(key, (uint64_t)position, words);
    double degrees = augmentation.rotation_degrees * (2 * (words[2] * 0x1p-32) - 1);
    uint32_t angle = turn_of_degrees(degrees);
    return (Pose){
        .shift_y = draw_shift(words[0], augmentation.crop_padding),
        .shift_x = draw_shift(words[1], augmentation.crop_padding),
        .cosine = (float)turn_cosine(angle),
        .sine = (float)turn_sine(angle),
        .rotated = augmentation.rotation_degrees > 0,
        .mirrored = augmentation.flip && words[3] >> 31,
    };
}

// Pixel (y, x) of the cropped image: NULL where the crop, or the image to be rotated, has nothing
// but zeros.
static const uint8_t *cropped_pixel(const Dataset *dataset, const uint8_t *sample, const Pose *pose,
                                    int y, int x)
{
    int height = dataset->height, width = dataset->width;
    int sample_y = y + pose->shift_y, sample_x = x + pose->shift_x;
    if (y < 0 || y >= height || x < 0 || x >= width) return NULL;
    if (sample_y < 0 || sample_y >= height || sample_x < 0 || sample_x >= width) return NULL;
    return sample + (sample_y * width + sample_x) * dataset->channels;
}

// pixel += weight * (y, x)
static void add_pixel(const Dataset *dataset, const uint8_t *sample, const Pose *pose, int y, int x,
                      float weight, float *pixel)
{
    const uint8_t *from = cropped_pixel(dataset, sample, pose, y, x);
    if (from == NULL) return;
    for (int channel = 0; channel < dataset->channels; channel++)
        pixel[channel] += weight * ((float)from[channel] / 255);
}

// Bilinear: the four pixels around the place that the rotation brings to (y, x). A positive angle
// turns the image counter-clockwise as seen.
static void rotated_pixel(const Dataset *dataset, const uint8_t *sample, const Pose *pose, int y,
                          int x, float *pixel)
{
    float centre_y = 0.5f * (float)(dataset->height - 1);
    float centre_x = 0.5f * (float)(dataset->width - 1);
    float dy = (float)y - centre_y, dx = (float)x - centre_x;
    float from_y = centre_y + pose->cosine * dy + pose->sine * dx;
    float from_x = centre_x - pose->sine * dy + pose->cosine * dx;
    float floor_y = floorf(from_y), floor_x = floorf(from_x);
    float below = from_y - floor_y, right = from_x - floor_x;
    int top = (int)floor_y, left = (int)floor_x;
    memset(pixel, 0, (size_t)dataset->channels * sizeof *pixel);
    add_pixel(dataset, sample, pose, top, left, (1 - below) * (1 - right), pixel);
    add_pixel(dataset, sample, pose, top, left + 1, (1 - below) * right, pixel);
    add_pixel(dataset, sample, pose, top + 1, left, below * (1 - right), pixel);
    add_pixel(dataset, sample, pose, top + 1, left + 1, below * right, pixel);
}

static void plain_pixel(const Dataset *dataset, const uint8_t *sample, const Pose *pose, int y,
                        int x, float *pixel)
{
    const uint8_t *from = cropped_pixel(dataset, sample, pose, y, x);
    for (int channel = 0; channel < dataset->channels; channel++)
        pixel[channel] = from ? (float)from[channel] / 255 : 0;
}

static void fill_image(void *context, int64_t task, int thread)
{
    (void)thread;
    const Batch *batch = context;
    const Dataset *dataset = batch->dataset;
    int height = dataset->height, width = dataset->width, channels = dataset->channels;
    int64_t size = (int64_t)height * width * channels, index = batch->indices[task];
    if (index >= dataset->count)
        panic("batch_fill: sample %lld of %lld", (long long)index, (long long)dataset->count);
    const uint8_t *sample = dataset->images + index * size;
    float *image = batch->images + task * size;
    Pose pose = draw_pose(batch->augmentation, batch->key, batch->first_position + task);
    batch->labels[task] = dataset->labels[index];
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            int shown = pose.mirrored ? width - 1 - x : x;
            float *pixel = image + ((int64_t)y * width + x) * channels;
            if (pose.rotated)
                rotated_pixel(dataset, sample, &pose, y, shown, pixel);
            else
                plain_pixel(dataset, sample, &pose, y, shown, pixel);
        }
}

void batch_fill(const Dataset *dataset, const uint32_t *indices, int64_t count,
                Augmentation augmentation, RandomKey key, int64_t first_position, float *images,
                int32_t *labels)
{
    Batch batch = {dataset, indices, augmentation, key, first_position, images, labels};
    parallel_for(count, fill_image, &batch);
}
