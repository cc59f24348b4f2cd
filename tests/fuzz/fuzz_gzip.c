// libFuzzer: any bytes are refused with a reason or unpacked within the limit. The bytes are tried
// as a gzip file and as a bare deflate stream; a good stream, given a header and a right trailer,
// must then be a good gzip file of the same content, so that the checksums do not keep the fuzzer
// out.
#include <stdlib.h>
#include <string.h>
#include "data/checksum.h"
#include "data/gzip.h"
#include "data/inflate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { LIMIT = 1 << 20, HEAD = 10, TAIL = 8 };

static void check_refusal(const Bytes *output, const Error *error)
{
    if (!error->message[0]) panic("refused without a reason");
    if (output->data || output->size) panic("refused, but with output");
}

static void try_in_gzip(const uint8_t *stream, size_t used, const Bytes *content)
{
    uint8_t *file = allocate(HEAD + used + TAIL);
    memcpy(file, "\x1F\x8B\10\0\0\0\0\0\0\3", HEAD);
    memcpy(file + HEAD, stream, used);
    uint32_t trailer[2] = {crc32_of(content->data, content->size), (uint32_t)content->size};
    for (size_t i = 0; i < TAIL; i++)
        file[HEAD + used + i] = (uint8_t)(trailer[i / 4] >> (8 * (i % 4)));
    Bytes output;
    Error error = {0};
    if (!gzip_decode(file, HEAD + used + TAIL, LIMIT, "made", &output, &error))
        panic("%s", error.message);
    if (output.size != content->size || memcmp(output.data, content->data, output.size) != 0)
        panic("the content differs inside gzip");
    bytes_free(&output);
    if (gzip_decode(file, HEAD + used + TAIL - 1, LIMIT, "cut", &output, &error))
        panic("a cut trailer is accepted");
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Error error = {0};
    Bytes output;
    size_t used = 0;
    if (!gzip_decode(data, size, LIMIT, "fuzz", &output, &error)) check_refusal(&output, &error);
    if (output.size > LIMIT) panic("%zu bytes", output.size);
    bytes_free(&output);

    error = (Error){0};
    if (inflate(data, size, LIMIT, "fuzz", &output, &used, &error)) {
        if (used > size || output.size > LIMIT) panic("used %zu, made %zu", used, output.size);
        try_in_gzip(data, used, &output);
    } else {
        check_refusal(&output, &error);
    }
    bytes_free(&output);
    return 0;
}
