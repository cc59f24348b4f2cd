// libFuzzer: any bytes, taken as a batch of CIFAR-10, are refused with a reason or become images
// whose bytes are all there and labels all in range.
#include "data/cifar10.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = {0};
    Dataset dataset = {.height = 32, .width = 32, .channels = 3, .classes = 10};
    if (cifar10_append(data, size, "fuzz", &dataset, &error)) {
        volatile uint32_t sum = 0; // every value is touched
        for (int64_t i = 0; i < dataset.count * 3072; i++) sum = sum + dataset.images[i];
        for (int64_t i = 0; i < dataset.count; i++)
            if (dataset.labels[i] < 0 || dataset.labels[i] > 9) panic("label");
        if (dataset.count * 3073 != (int64_t)size) panic("%lld records", (long long)dataset.count);
    } else if (!error.message[0]) {
        panic("refused without a reason");
    }
    dataset_free(&dataset);
    return 0;
}
