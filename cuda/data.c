// Host side of kernels/data.cu.
#include "cuda/launch.h"

#include <string.h>

static void batch_images(const BatchShape *shape, const uint8_t *stored, const ImagePose *poses,
                         float *images)
{
    const int64_t size = shape->height * shape->width * shape->channels;
    ImagesArguments s = {.count = shape->count,
                         .height = index_of(shape->height),
                         .width = index_of(shape->width),
                         .channels = index_of(shape->channels),
                         .stored = stored,
                         .poses = poses,
                         .images = images};
    LAUNCH(KERNEL_batch_images, grid_over(shape->count * size), s,
           READS(s.stored, shape->samples * size), READS(s.poses, shape->count),
           WRITES(s.images, shape->count * size));
}

static void gather_rows(int64_t rows, int64_t size, const int32_t *index, int64_t table_rows,
                        const float *table, float *y)
{
    GatherArguments s = {rows, size, index, table, y};
    LAUNCH(KERNEL_gather_rows, grid_over(rows * size), s, READS(s.index, rows),
           READS(s.table, table_rows * size), WRITES(s.y, rows * size));
}

bool device_write_small(int64_t bytes, const void *host, void *device)
{
    WordsArguments s;
    if (bytes % 4 != 0 || bytes > SMALL_BYTES) return false;
    for (int64_t done = 0; done < bytes; done += WORDS_LIMIT * 4) {
        const int64_t part = bytes - done < WORDS_LIMIT * 4 ? bytes - done : WORDS_LIMIT * 4;
        memset(&s, 0, sizeof s);
        s.count = (int32_t)(part / 4);
        s.y = (uint32_t *)(void *)((char *)device + done);
        memcpy(s.words, (const char *)host + done, (size_t)part);
        LAUNCH(KERNEL_write_words, ((Grid){.x = 1, .threads = MOST_THREADS}), s,
               WRITES(s.y, part / 4));
    }
    return true;
}

void cuda_enter_data(Kernels *table)
{
    table->batch_images = batch_images;
    table->gather_rows = gather_rows;
}
