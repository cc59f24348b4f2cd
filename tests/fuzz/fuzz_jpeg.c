// libFuzzer: any bytes are refused with a reason or become a picture, the same one each time (no
// sample comes from memory that nobody wrote).
#include <stdlib.h>
#include <string.h>
#include "data/jpeg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Picture picture, again;
    Error error = {0};
    if (!jpeg_decode(data, size, "fuzz", &picture, &error)) {
        if (!error.message[0]) panic("refused without a reason");
        if (picture.pixels || picture.width) panic("refused, but with a picture");
        return 0;
    }
    if (!jpeg_decode(data, size, "fuzz", &again, &error)) panic("refused the second time");
    size_t bytes = (size_t)picture.width * (size_t)picture.height * (size_t)picture.channels;
    if (memcmp(picture.pixels, again.pixels, bytes) != 0) panic("another picture");
    picture_free(&picture);
    picture_free(&again);
    return 0;
}
