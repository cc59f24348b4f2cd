// libFuzzer: any bytes, taken as an IDX file, plain or packed, are refused with a reason or are
// exactly one array, whose values all lie inside them.
#include "data/gzip.h"
#include "data/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void parse(const uint8_t *data, size_t size)
{
    IdxArray array;
    Error error = {0};
    if (!idx_parse(data, size, "fuzz", &array, &error)) {
        if (!error.message[0]) panic("refused without a reason");
        return;
    }
    int64_t count = 1;
    if (array.rank < 1 || array.rank > IDX_MAX_RANK) panic("rank %d", array.rank);
    for (int i = 0; i < array.rank; i++) {
        if (array.shape[i] < 1) panic("dimension %d", i);
        count *= array.shape[i];
    }
    if (count != array.count) panic("the shape and the count disagree");
    if (array.values + count != data + size) panic("the values do not end where the bytes do");
    volatile uint32_t sum = 0; // every value is touched
    for (int64_t i = 0; i < count; i++) sum = sum + array.values[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    parse(data, size);
    Bytes content = {0};
    if (gzip_recognise(data, size) && gzip_decode(data, size, 1 << 20, "fuzz", &content, NULL))
        parse(content.data, content.size);
    bytes_free(&content);
    return 0;
}
