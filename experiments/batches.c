#include "experiments/batches.h"

#include <stdlib.h>
#include "core/error.h"

ImageStore image_store(const Dataset *dataset, const Kernels *kernels)
{
    ImageStore store = {dataset, kernels, dataset->images};
    if (!kernels->memory) return store;
    const int64_t bytes = dataset->count * dataset->height * dataset->width * dataset->channels;
    store.images = kernels->memory->allocate(bytes);
    kernels->memory->to_device(bytes, dataset->images, store.images);
    return store;
}

void image_store_free(ImageStore *store)
{
    if (store->kernels->memory) store->kernels->memory->release(store->images);
    *store = (ImageStore){0};
}

Tensor *image_batch(const ImageStore *store, Tape *tape, const uint32_t *indices, int64_t count,
                    Augmentation augmentation, RandomKey key, int64_t first_position,
                    int32_t *labels)
{
    const Dataset *d = store->dataset;
    const DeviceMemory *memory = store->kernels->memory;
    const BatchShape shape = batch_shape(d, count);
    const int64_t bytes = count * (int64_t)sizeof(ImagePose);
    ImagePose *drawn = tape_allocate_host(tape, bytes), *poses = drawn;
    batch_poses(d, indices, count, augmentation, key, first_position, drawn, labels);
    if (memory) {
        poses = tape_allocate(tape, bytes);
        memory->to_device(bytes, drawn, poses);
    }
    Tensor *images = tape_tensor(tape, SHAPE(count, d->height, d->width, d->channels));
    tape_kernels(tape)->batch_images(&shape, store->images, poses, images->data);
    return images;
}

void batch_write(const Dataset *d, const uint32_t *samples, Tensor *images, int32_t *labels)
{
    float *pixels = allocate(sizeof *pixels * (size_t)images->count);
    batch_fill(d, samples, images->shape[0], (Augmentation){0}, (RandomKey){0}, 0, pixels, labels);
    tensor_write(images, pixels);
    free(pixels);
}

Tensor *sample_images(Tape *tape, const Dataset *d, const uint32_t *samples, int64_t first,
                      int64_t count, int32_t *labels)
{
    uint32_t *indices = tape_allocate_host(tape, count * (int64_t)sizeof *indices);
    for (int64_t i = 0; i < count; i++)
        indices[i] = samples ? samples[first + i] : (uint32_t)(first + i);
    Tensor *images = tape_tensor(tape, SHAPE(count, d->height, d->width, d->channels));
    batch_write(d, indices, images, labels);
    return images;
}
