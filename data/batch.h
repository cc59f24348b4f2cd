// Batches: samples in shuffled order as float images in [0, 1], augmented on the way. An epoch is
// one epoch_order, then a batch_fill for each run of the order; the last run may be shorter, and
// first_position tells where in the epoch a run begins.
#ifndef SIEVE_DATA_BATCH_H
#define SIEVE_DATA_BATCH_H

#include "core/kernels.h"
#include "core/random.h"
#include "data/dataset.h"

// The samples in random order, one draw per key (key.step: the epoch). samples NULL stands for
// 0..count-1.
void epoch_order(RandomKey key, const uint32_t *samples, int64_t count, uint32_t *order);

// images: count x height x width x channels; labels: count. The augmentation of image i depends on
// key (step: the epoch) and on its place first_position + i in the epoch alone, hence neither on
// threads nor on the batch size.
void batch_fill(const Dataset *dataset, const uint32_t *indices, int64_t count,
                Augmentation augmentation, RandomKey key, int64_t first_position, float *images,
                int32_t *labels);

// Its parts, for devices that hold the data set's images: what is drawn for the batch_images kernel
// (core/kernels.h), and the labels.
BatchShape batch_shape(const Dataset *dataset, int64_t count);
void batch_poses(const Dataset *dataset, const uint32_t *indices, int64_t count,
                 Augmentation augmentation, RandomKey key, int64_t first_position, ImagePose *poses,
                 int32_t *labels);

#endif
