// A batch's images from stored bytes, in the CPU kernels' operations (core/cpu/kernels/data.c); rows
// of a table; and small arrays that come as a kernel's own arguments. Limited by memory.
#include "cuda/kernel.h"

// Pixel (y, x) of the cropped image, channel c; 0 where the crop, or the image, has none.
DEVICE float cropped(const ImagesArguments *a, const ImagePose *pose, int32_t y, int32_t x,
                     int32_t c)
{
    const int32_t from_y = y + pose->shift_y, from_x = x + pose->shift_x;
    if (y < 0 || y >= a->height || x < 0 || x >= a->width) return 0;
    if (from_y < 0 || from_y >= a->height || from_x < 0 || from_x >= a->width) return 0;
    const int64_t row = (int64_t)pose->sample * a->height + from_y;
    return (float)a->stored[(row * a->width + from_x) * a->channels + c] / 255;
}

// A thread for each value.
KERNEL(batch_images, ImagesArguments)
{
    const int64_t i = thread_number();
    if (i >= a.count * a.height * a.width * a.channels) return;
    const int32_t c = (int32_t)(i % a.channels), column = (int32_t)(i / a.channels % a.width);
    const int32_t y = (int32_t)(i / a.channels / a.width % a.height);
    const ImagePose pose = a.poses[i / a.channels / a.width / a.height];
    const int32_t x = pose.mirrored ? a.width - 1 - column : column;
    if (!pose.rotated) {
        a.images[i] = cropped(&a, &pose, y, x, c);
        return;
    }
    const float centre_y = 0.5f * (float)(a.height - 1), centre_x = 0.5f * (float)(a.width - 1);
    const float dy = (float)y - centre_y, dx = (float)x - centre_x;
    const float from_y = centre_y + pose.cosine * dy + pose.sine * dx;
    const float from_x = centre_x - pose.sine * dy + pose.cosine * dx;
    const float floor_y = floorf(from_y), floor_x = floorf(from_x);
    const float below = from_y - floor_y, right = from_x - floor_x;
    const int32_t top = (int32_t)floor_y, left = (int32_t)floor_x;
    float value = (1 - below) * (1 - right) * cropped(&a, &pose, top, left, c);
    value += (1 - below) * right * cropped(&a, &pose, top, left + 1, c);
    value += below * (1 - right) * cropped(&a, &pose, top + 1, left, c);
    value += below * right * cropped(&a, &pose, top + 1, left + 1, c);
    a.images[i] = value;
}

KERNEL(gather_rows, GatherArguments)
{
    const int64_t i = thread_number();
    if (i >= a.rows * a.size) return;
    a.y[i] = a.table[(int64_t)a.index[i / a.size] * a.size + i % a.size];
}

KERNEL(write_words, WordsArguments)
{
    if (threadIdx.x >= (uint32_t)a.count) return;
    for (int32_t i = (int32_t)threadIdx.x; i < a.count; i += (int32_t)blockDim.x)
        a.y[i] = a.words[i];
}
