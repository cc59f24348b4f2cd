// A data set's images as bytes where the kernels of a device reach them, and batches of them as
// tensors: what crosses to the device for a batch is which samples and how they are turned.
#ifndef SIEVE_EXPERIMENTS_BATCHES_H
#define SIEVE_EXPERIMENTS_BATCHES_H

#include "core/tape.h"
#include "data/batch.h"

typedef struct ImageStore {
    const Dataset *dataset;
    const Kernels *kernels; // of the device that holds them
    uint8_t *images;        // the data set's own on the processor
} ImageStore;

// The data set must outlive it, and stay as it is.
ImageStore image_store(const Dataset *dataset, const Kernels *kernels);
void image_store_free(ImageStore *store);

// As batch_fill (data/batch.h): images (count, height, width, channels) of the step; labels (count)
// in the program's memory.
Tensor *image_batch(const ImageStore *store, Tape *tape, const uint32_t *indices, int64_t count,
                    Augmentation augmentation, RandomKey key, int64_t first_position,
                    int32_t *labels);

// These samples as they are into images (count, height, width, channels), wherever those lie; their
// labels (count).
void batch_write(const Dataset *dataset, const uint32_t *samples, Tensor *images, int32_t *labels);

// The same from samples[first] on (samples NULL: from sample `first` on) as images of the tape.
Tensor *sample_images(Tape *tape, const Dataset *dataset, const uint32_t *samples, int64_t first,
                      int64_t count, int32_t *labels);

#endif
