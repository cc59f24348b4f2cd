// What is random about a batch: the order of the samples, and each image's pose, which the kernels
// put into effect (core/cpu/kernels/data.c).
#include "data/batch.h"

#include "core/angle.h"
#include "core/error.h"

BatchShape batch_shape(const Dataset *dataset, int64_t count)
{
    return (BatchShape){count, dataset->count, dataset->height, dataset->width, dataset->channels};
}

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

static ImagePose draw_pose(Augmentation augmentation, RandomKey key, int64_t position)
{
    uint32_t words[4];
    key.purpose ^= random_purpose("augmentation");
    random_block(key, (uint64_t)position, words);
    double degrees = augmentation.rotation_degrees * (2 * (words[2] * 0x1p-32) - 1);
    uint32_t angle = turn_of_degrees(degrees);
    return (ImagePose){
        .shift_y = draw_shift(words[0], augmentation.crop_padding),
        .shift_x = draw_shift(words[1], augmentation.crop_padding),
        .cosine = (float)turn_cosine(angle),
        .sine = (float)turn_sine(angle),
        .rotated = augmentation.rotation_degrees > 0,
        .mirrored = augmentation.flip && words[3] >> 31,
    };
}

void batch_poses(const Dataset *dataset, const uint32_t *indices, int64_t count,
                 Augmentation augmentation, RandomKey key, int64_t first_position, ImagePose *poses,
                 int32_t *labels)
{
    for (int64_t i = 0; i < count; i++) {
        if (indices[i] >= dataset->count)
            panic("a batch with sample %u of %lld", indices[i], (long long)dataset->count);
        poses[i] = draw_pose(augmentation, key, first_position + i);
        poses[i].sample = (int32_t)indices[i];
        labels[i] = dataset->labels[indices[i]];
    }
}

void batch_fill(const Dataset *dataset, const uint32_t *indices, int64_t count,
                Augmentation augmentation, RandomKey key, int64_t first_position, float *images,
                int32_t *labels)
{
    enum { AT_ONCE = 256 };
    ImagePose poses[AT_ONCE];
    BatchShape shape = batch_shape(dataset, AT_ONCE);
    int64_t size = shape.height * shape.width * shape.channels;
    for (int64_t first = 0; first < count; first += AT_ONCE) {
        if (shape.count > count - first) shape.count = count - first;
        batch_poses(dataset, indices + first, shape.count, augmentation, key,
                    first_position + first, poses, labels + first);
        cpu_kernels()->batch_images(&shape, dataset->images, poses, images + first * size);
    }
}
