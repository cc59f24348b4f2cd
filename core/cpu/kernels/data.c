// A batch's images from stored bytes, augmented on the way, and rows of a table. Augmentation is one
// map from a pixel of the batch image back to the place in the sample that it shows: mirror, rotate
// backwards, shift. All images take the same path, and only a rotation needs more than whole pixels.
#include <math.h>
#include <string.h>
#include "core/cpu/kernels/list.h"
#include "core/cpu/kernels/ranges.h"
#include "core/error.h"

typedef struct Images {
    const BatchShape *shape;
    const uint8_t *stored;
    const ImagePose *poses;
    float *images;
} Images;

// Pixel (y, x) of the cropped image: NULL where the crop, or the image to be rotated, has nothing
// but zeros.
static const uint8_t *cropped_pixel(const BatchShape *s, const uint8_t *sample,
                                    const ImagePose *pose, int64_t y, int64_t x)
{
    int64_t sample_y = y + pose->shift_y, sample_x = x + pose->shift_x;
    if (y < 0 || y >= s->height || x < 0 || x >= s->width) return NULL;
    if (sample_y < 0 || sample_y >= s->height || sample_x < 0 || sample_x >= s->width) return NULL;
    return sample + (sample_y * s->width + sample_x) * s->channels;
}

// pixel += weight * (y, x)
static void add_pixel(const BatchShape *s, const uint8_t *sample, const ImagePose *pose, int64_t y,
                      int64_t x, float weight, float *pixel)
{
    const uint8_t *from = cropped_pixel(s, sample, pose, y, x);
    if (from == NULL) return;
    for (int64_t c = 0; c < s->channels; c++) pixel[c] += weight * ((float)from[c] / 255);
}

// Bilinear: the four pixels around the place that the rotation brings to (y, x). A positive angle
// turns the image counter-clockwise as seen.
static void rotated_pixel(const BatchShape *s, const uint8_t *sample, const ImagePose *pose,
                          int64_t y, int64_t x, float *pixel)
{
    float centre_y = 0.5f * (float)(s->height - 1), centre_x = 0.5f * (float)(s->width - 1);
    float dy = (float)y - centre_y, dx = (float)x - centre_x;
    float from_y = centre_y + pose->cosine * dy + pose->sine * dx;
    float from_x = centre_x - pose->sine * dy + pose->cosine * dx;
    float floor_y = floorf(from_y), floor_x = floorf(from_x);
    float below = from_y - floor_y, right = from_x - floor_x;
    int64_t top = (int64_t)floor_y, left = (int64_t)floor_x;
    memset(pixel, 0, (size_t)s->channels * sizeof *pixel);
    add_pixel(s, sample, pose, top, left, (1 - below) * (1 - right), pixel);
    add_pixel(s, sample, pose, top, left + 1, (1 - below) * right, pixel);
    add_pixel(s, sample, pose, top + 1, left, below * (1 - right), pixel);
    add_pixel(s, sample, pose, top + 1, left + 1, below * right, pixel);
}

static void plain_pixel(const BatchShape *s, const uint8_t *sample, const ImagePose *pose,
                        int64_t y, int64_t x, float *pixel)
{
    const uint8_t *from = cropped_pixel(s, sample, pose, y, x);
    for (int64_t c = 0; c < s->channels; c++) pixel[c] = from ? (float)from[c] / 255 : 0;
}

static void fill_image(void *context, int64_t task, int thread)
{
    (void)thread;
    const Images *call = context;
    const BatchShape *s = call->shape;
    const ImagePose *pose = &call->poses[task];
    int64_t size = s->height * s->width * s->channels;
    const uint8_t *sample = call->stored + pose->sample * size;
    float *pixel = call->images + task * size;
    for (int64_t y = 0; y < s->height; y++)
        for (int64_t x = 0; x < s->width; x++, pixel += s->channels) {
            int64_t shown = pose->mirrored ? s->width - 1 - x : x;
            if (pose->rotated)
                rotated_pixel(s, sample, pose, y, shown, pixel);
            else
                plain_pixel(s, sample, pose, y, shown, pixel);
        }
}

static void batch_images(const BatchShape *shape, const uint8_t *stored, const ImagePose *poses,
                         float *images)
{
    Images call = {shape, stored, poses, images};
    parallel_for(shape->count, fill_image, &call);
}

typedef struct Rows {
    int64_t size, table_rows;
    const int32_t *index;
    const float *table;
    float *y;
} Rows;

static void gather_range(const void *context, int64_t begin, int64_t end, int thread)
{
    (void)thread;
    const Rows *call = context;
    for (int64_t r = begin; r < end; r++) {
        if (call->index[r] < 0 || call->index[r] >= call->table_rows)
            panic("gather_rows: row %d of %lld", call->index[r], (long long)call->table_rows);
        memcpy(call->y + r * call->size, call->table + call->index[r] * call->size,
               (size_t)call->size * sizeof(float));
    }
}

static void gather_rows(int64_t rows, int64_t size, const int32_t *index, int64_t table_rows,
                        const float *table, float *y)
{
    Rows call = {size, table_rows, index, table, y};
    parallel_ranges(rows, size, gather_range, &call);
}

void KERNEL(enter_data)(Kernels *table)
{
    table->batch_images = batch_images;
    table->gather_rows = gather_rows;
}
