// libFuzzer: any bytes are refused with a reason or become a picture: PNM, JPEG and PNG by what is
// in them. A picture, written as PNM and PNG, must come back the same.
#include <stdlib.h>
#include <string.h>
#include "data/picture_file.h"
#include "data/png.h"
#include "data/pnm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must_be(const Picture *picture, Bytes *file)
{
    Picture back;
    Error error = {0};
    if (!picture_decode(file->data, file->size, "made", &back, &error)) panic("%s", error.message);
    size_t bytes = (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels;
    if (back.width != picture->width || back.height != picture->height ||
        back.channels != picture->channels || memcmp(back.pixels, picture->pixels, bytes) != 0)
        panic("another picture comes back");
    picture_free(&back);
    bytes_free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Picture picture;
    Error error = {0};
    if (!picture_decode(data, size, "fuzz", &picture, &error)) {
        if (!error.message[0]) panic("refused without a reason");
        if (picture.pixels || picture.width) panic("refused, but with a picture");
        return 0;
    }
    if (!picture.pixels || picture.width < 1 || picture.height < 1) panic("no picture");
    if ((size_t)picture.width * (size_t)picture.height < 1 << 14) { // larger ones cost only time
        Bytes file;
        png_encode(picture.width, picture.height, picture.channels, picture.pixels, &file);
        must_be(&picture, &file);
        if (picture.channels % 2 == 1) {
            pnm_encode(&picture, &file);
            must_be(&picture, &file);
        }
    }
    picture_free(&picture);
    return 0;
}
