// libFuzzer: any bytes are refused, with a reason, or read; what was read is touched from its first
// to its last byte.
#include <stdint.h>
#include "core/safetensors.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint32_t sum_of_bytes(const uint8_t *bytes, size_t size)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < size; i++) sum += bytes[i];
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = {0};
    Safetensors *file = safetensors_parse(data, size, "fuzz", &error);
    if (!file) {
        if (!error.message[0]) panic("refused without a reason");
        return 0;
    }
    volatile uint32_t sum = 0;
    for (int i = 0; i < file->count; i++) {
        const StoredTensor *tensor = &file->tensors[i];
        int64_t count = 1;
        for (int k = 0; k < tensor->rank; k++) count *= tensor->shape[k];
        if (count != tensor->count) panic("%s: the shape and the count disagree", tensor->name);
        if (safetensors_find(file, tensor->name) != tensor) panic("%s: not found", tensor->name);
        size_t bytes = (size_t)count * (tensor->type == STORED_U64 ? 8 : 4);
        sum = sum + sum_of_bytes(tensor->data, bytes);
    }
    safetensors_free(file);
    return 0;
}
