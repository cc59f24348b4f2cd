// core/safetensors.c: files of PyTorch's making are read, ours read back, and a table of broken
// files is refused.
#include "core/safetensors.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "core/file.h"
#include "tests/test.h"

// The file with this header and data_size bytes 1, 2, 3, ...; length, where not 0, is what its
// first 8 bytes claim.
static Bytes file_of(const char *header, uint64_t data_size, uint64_t length)
{
    size_t header_size = strlen(header);
    Bytes bytes = {.size = 8 + header_size + (size_t)data_size};
    bytes.data = allocate(bytes.size);
    for (int i = 0; i < 8; i++) bytes.data[i] = (uint8_t)((length ? length : header_size) >> 8 * i);
    memcpy(bytes.data + 8, header, header_size);
    for (size_t i = 0; i < data_size; i++) bytes.data[8 + header_size + i] = (uint8_t)(i + 1);
    return bytes;
}

static Safetensors *parse(const char *header, uint64_t data_size)
{
    Bytes bytes = file_of(header, data_size, 0);
    Error error = {0};
    Safetensors *file = safetensors_parse(bytes.data, bytes.size, "file", &error);
    check(file != NULL, "%s is refused: %s", header, error.message);
    bytes_free(&bytes);
    return file;
}

static void check_refused(const char *header, uint64_t data_size, uint64_t length,
                          const char *reason)
{
    Bytes bytes = file_of(header, data_size, length);
    Error error = {0};
    Safetensors *file = safetensors_parse(bytes.data, bytes.size, "file", &error);
    check(!file, "%s is accepted", header);
    check(strncmp(error.message, "file: ", 6) == 0 && strstr(error.message, reason) != NULL,
          "%s: \"%s\", not \"%s\"", header, error.message, reason);
    safetensors_free(file);
    bytes_free(&bytes);
}

#define ENTRY(dtype, shape, begin, end) \
    "{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin "," #end "]}"

static void types_shapes_and_order_are_read(void)
{
    Safetensors *file = parse(
        "{\"z\":" ENTRY("U64", "1", 4, 12) ",\"a\":" ENTRY(
            "I32", "", 0, 4) ",\"__metadata__\":{\"op\":\"relu\"},\"e\":" ENTRY("F32", "3,0,2", 12,
                                                                                12) "}  ",
        12);
    if (!file) return;
    check(file->count == 3, "%d tensors", file->count);
    check(strcmp(file->tensors[0].name, "z") == 0 && strcmp(file->tensors[2].name, "e") == 0,
          "the header's order");
    const StoredTensor *z = safetensors_find(file, "z"), *a = safetensors_find(file, "a"),
                       *e = safetensors_find(file, "e");
    check(z->type == STORED_U64 && z->rank == 1 && z->shape[0] == 1 && z->count == 1, "z");
    check(*(uint64_t *)z->data == 0x0C0B0A0908070605, "%llx", *(unsigned long long *)z->data);
    check(a->type == STORED_I32 && a->rank == 0 && a->count == 1, "a is one value");
    check(*(int32_t *)a->data == 0x04030201, "%x", (unsigned)*(int32_t *)a->data);
    check(e->type == STORED_F32 && e->rank == 3 && e->shape[2] == 2 && e->count == 0 && e->data,
          "e is empty");
    check(safetensors_find(file, "__metadata__") == NULL && safetensors_find(file, "b") == NULL,
          "no such tensors");
    check(strcmp(json_get_string(file->metadata, "op", ""), "relu") == 0, "metadata");
    safetensors_free(file);
    file = parse("{}", 0);
    check(file && file->count == 0 && file->metadata && file->metadata->count == 0,
          "the empty file");
    safetensors_free(file);
}

static void broken_files_are_refused_with_their_reason(void)
{
    static const struct {
        const char *header;
        uint64_t data_size, length;
        const char *reason;
    } cases[] = {
        {"{}", 0, 3, "longer than the file"},
        {"{}", 0, ~0ull, "longer than the file"},
        {"{}", 1, 0, "1 bytes follow the last tensor"},
        {"", 0, 0, "does not begin with '{'"},
        {"[]", 0, 0, "does not begin with '{'"},
        {" {}", 0, 0, "does not begin with '{'"},
        {"{\"a\":1}", 0, 0, "tensor a: not an object of dtype, shape and data_offsets"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[]}}", 0, 0, "not an object of dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"offsets\":[0,4]}}", 4, 0,
         "data_offsets are not two"},
        {"{\"a\":{\"dtype\":1,\"shape\":[],\"data_offsets\":[0,4]}}", 4, 0,
         "not an object of dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":1,\"data_offsets\":[0,4]}}", 4, 0,
         "shape is not a list"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[4]}}", 4, 0,
         "data_offsets are not two"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,\"4\"]}}", 4, 0,
         "data_offsets are not two"},
        {"{\"a\":" ENTRY("F64", "", 0, 8) "}", 8, 0, "dtype F64 is none of"},
        {"{\"a\":" ENTRY("f32", "", 0, 4) "}", 4, 0, "dtype f32 is none of"},
        {"{\"a\":" ENTRY("F32", "1,1,1,1,1,1,1,1,1", 0, 4) "}", 4, 0, "at most 8 sizes"},
        {"{\"a\":" ENTRY("F32", "-1", 0, 4) "}", 4, 0, "not a whole number"},
        {"{\"a\":" ENTRY("F32", "1.5", 0, 6) "}", 6, 0, "not a whole number"},
        {"{\"a\":" ENTRY("F32", "\"1\"", 0, 4) "}", 4, 0, "not a whole number"},
        {"{\"a\":" ENTRY("F32", "1e300", 0, 4) "}", 4, 0, "not a whole number"},
        {"{\"a\":" ENTRY("F32", "4294967296,4294967296", 0, 0) "}", 0, 0, "too large"},
        {"{\"a\":" ENTRY("F32", "4294967296,4294967296,0", 0, 0) "}", 0, 0, "too large"},
        {"{\"a\":" ENTRY("F32", "0,4294967296,4294967296", 0, 0) "}", 0, 0, "too large"},
        {"{\"a\":" ENTRY("F32", "2147483648,2147483648,4", 0, 0) "}", 0, 0, "too large"},
        {"{\"a\":" ENTRY("F32", "2", 0, 4) "}", 4, 0, "takes 8 bytes, the data_offsets give it 4"},
        {"{\"a\":" ENTRY("F16", "2", 0, 8) "}", 8, 0, "takes 4 bytes"},
        {"{\"a\":" ENTRY("F32", "1", 0, 4) "}", 3, 0, "not within the 3 bytes"},
        {"{\"a\":" ENTRY("F32", "1", 4, 0) "}", 4, 0, "not within"},
        {"{\"a\":" ENTRY("F32", "1", -4, 0) "}", 4, 0, "data_offsets are not two"},
        {"{\"a\":" ENTRY("F32", "1", 9223372036854775807, 9223372036854775811) "}", 4, 0,
         "data_offsets are not two"},
        {"{\"a\":" ENTRY("F32", "1", 4, 8) "}", 8, 0,
         "begin behind bytes that belong to no tensor"},
        {"{\"a\":" ENTRY("F32", "1", 0, 4) "}", 8, 0, "4 bytes follow the last tensor"},
        {"{\"a\":" ENTRY("F32", "1", 0, 4) ",\"b\":" ENTRY("F32", "1", 8, 12) "}", 12, 0,
         "tensor b: its data begin behind"},
        {"{\"a\":" ENTRY("F32", "2", 0, 8) ",\"b\":" ENTRY("F32", "1", 4, 8) "}", 8, 0, "overlap"},
        {"{\"a\":" ENTRY("F32", "1", 0, 4) ",\"b\":" ENTRY("F32", "1", 0, 4) "}", 4, 0, "overlap"},
        {"{\"a\":" ENTRY("F32", "2", 0, 8) ",\"b\":" ENTRY("F32", "0", 4, 4) "}", 8, 0, "overlap"},
        {"{\"a\":" ENTRY("F32", "1", 0, 4) ",\"a\":" ENTRY("F32", "1", 4, 8) "}", 8, 0,
         "stands twice"},
        {"{\"__metadata__\":1}", 0, 0, "__metadata__ is not an object of strings"},
        {"{\"__metadata__\":[\"a\"]}", 0, 0, "__metadata__ is not an object of strings"},
        {"{\"__metadata__\":{\"a\":1}}", 0, 0, "__metadata__ is not an object of strings"},
        {"{\"a\":", 0, 0, "a value must stand here"},
        {"{}x", 0, 0, "follows the end"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_refused(cases[i].header, cases[i].data_size, cases[i].length, cases[i].reason);
    }
    check_refused("{}", 17 << 20, 16777217, "longer than 16 MB");
    Error error = {0};
    for (uint64_t size = 0; size < 8; size++) {
        check(!safetensors_parse((const uint8_t *)"\0\0\0\0\0\0\0", size, "file", &error),
              "%d bytes", (int)size);
        check(strstr(error.message, "too short") != NULL, "%s", error.message);
    }
}

// All 65536 halves, against arithmetic on their sign, exponent and fraction.
static void every_f16_and_bf16_is_exact(void)
{
    static const char *const dtypes[2] = {"F16", "BF16"};
    for (int kind = 0; kind < 2; kind++) {
        int exponent_bits = kind ? 8 : 5, fraction_bits = 15 - exponent_bits,
            bias = (1 << (exponent_bits - 1)) - 1;
        char header[200];
        snprintf(header, sizeof header,
                 "{\"h\":{\"dtype\":\"%s\",\"shape\":[65536],\"data_offsets\":[0,131072]}}",
                 dtypes[kind]);
        Bytes bytes = file_of(header, 131072, 0);
        for (size_t i = 0; i < 65536; i++) {
            bytes.data[bytes.size - 131072 + 2 * i] = (uint8_t)i;
            bytes.data[bytes.size - 131072 + 2 * i + 1] = (uint8_t)(i >> 8);
        }
        Error error = {0};
        Safetensors *file = safetensors_parse(bytes.data, bytes.size, "halves", &error);
        bytes_free(&bytes);
        if (!check(file != NULL, "%s", error.message)) return;
        const float *values = file->tensors[0].data;
        for (int i = 0; i < 65536; i++) {
            int exponent = i >> fraction_bits & ((1 << exponent_bits) - 1),
                fraction = i & ((1 << fraction_bits) - 1);
            double magnitude = exponent == 0 ? ldexp(fraction, 1 - bias - fraction_bits)
                                             : ldexp(fraction + (1 << fraction_bits),
                                                     exponent - bias - fraction_bits);
            if (exponent == (1 << exponent_bits) - 1) magnitude = fraction ? NAN : INFINITY;
            check(isnan(magnitude) ? isnan(values[i]) : fabs((double)values[i]) == magnitude,
                  "%s %04x: %g, not %g", dtypes[kind], (unsigned)i, (double)values[i], magnitude);
            check(!signbit(values[i]) == !(i & 0x8000), "%s %04x: sign", dtypes[kind], (unsigned)i);
        }
        safetensors_free(file);
    }
}

static Safetensors *example(void)
{
    static const int64_t shape[] = {2, 3}, empty[] = {0, 5}, five[] = {5};
    Safetensors *file = safetensors_create();
    safetensors_add(file, "w", STORED_F32, 2, shape,
                    (const float[]){1, -0.0f, 0x1p-149f, INFINITY, -3.5f, 0.1f});
    safetensors_add(file, "step", STORED_U64, 0, NULL, &(uint64_t){0xFEDCBA9876543210});
    safetensors_add(file, "none", STORED_F32, 2, empty, NULL);
    safetensors_add(file, "labels", STORED_I32, 1, five,
                    (const int32_t[]){-1, 0, 1, INT32_MIN, INT32_MAX});
    safetensors_set_metadata(file, "a \"quoted\" name", "line\nline \xE2\x82\xAC");
    safetensors_set_metadata(file, "seed", "1");
    safetensors_set_metadata(file, "seed", "2");
    return file;
}

static void what_is_written_reads_back(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s/a.safetensors", temporary_directory());
    Safetensors *file = example();
    Error error = {0};
    check(safetensors_write(path, file, &error), "%s", error.message);
    Safetensors *again = safetensors_read(path, &error);
    if (check(again && again->count == file->count, "%s", error.message)) {
        for (int i = 0; i < file->count; i++) {
            const StoredTensor *a = &file->tensors[i], *b = &again->tensors[i];
            size_t bytes = (size_t)a->count * (a->type == STORED_U64 ? 8 : 4);
            check(strcmp(a->name, b->name) == 0 && a->type == b->type && a->rank == b->rank,
                  "tensor %d: %s", i, b->name);
            check(memcmp(a->shape, b->shape, sizeof a->shape) == 0, "%s: shape", a->name);
            check(memcmp(a->data, b->data, bytes) == 0, "%s: data", a->name);
        }
        check(again->metadata->count == 2, "%zu metadata", again->metadata->count);
        check(strcmp(json_get_string(again->metadata, "seed", ""), "2") == 0, "seed");
        check(strcmp(json_get_string(again->metadata, "a \"quoted\" name", ""),
                     "line\nline \xE2\x82\xAC") == 0,
              "quotes");
    }
    safetensors_free(again);
    safetensors_free(file);
}

static void the_written_bytes_are_the_format(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s/b.safetensors", temporary_directory());
    Safetensors *file = safetensors_create();
    safetensors_add(file, "b", STORED_F32, 0, NULL, &(float){1.5f});
    safetensors_add(file, "a", STORED_U64, 1, (const int64_t[]){1},
                    &(uint64_t){0x0102030405060708});
    Error error = {0};
    check(safetensors_write(path, file, &error), "%s", error.message);
    safetensors_free(file);
    static const char expected[] =
        "\x70\0\0\0\0\0\0\0{\"b\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[8,12]},"
        "\"a\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[0,8]}}     "
        "\x08\x07\x06\x05\x04\x03\x02\x01\0\0\xC0\x3F";
    Bytes bytes;
    if (!check(file_read(path, 1000, &bytes, &error), "%s", error.message)) return;
    check(bytes.size == sizeof expected - 1 && memcmp(bytes.data, expected, bytes.size) == 0,
          "%zu bytes: %s", bytes.size, (const char *)bytes.data + 8);
    bytes_free(&bytes);
}

// A file cut anywhere, or with any one byte of its header changed, is refused or read, but nothing
// else happens.
static void cut_and_changed_files_do_no_harm(void)
{
    char path[600];
    snprintf(path, sizeof path, "%s/c.safetensors", temporary_directory());
    Safetensors *file = example();
    Bytes bytes = {0};
    Error error = {0};
    check(safetensors_write(path, file, &error) && file_read(path, 100000, &bytes, &error), "%s",
          error.message);
    safetensors_free(file);
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *cut = memcpy(allocate(size), bytes.data,
                              size); // of its own, so that the sanitizer sees its end
        check(!safetensors_parse(cut, size, "cut", NULL), "%zu of %zu bytes are accepted", size,
              bytes.size);
        free(cut);
    }
    for (size_t i = 0; i < bytes.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            bytes.data[i] ^= (uint8_t)(1 << bit);
            safetensors_free(safetensors_parse(bytes.data, bytes.size, "changed", NULL));
            bytes.data[i] ^= (uint8_t)(1 << bit);
        }
    }
    bytes_free(&bytes);
}

// Reads every golden file of one directory; returns how many.
static int read_golden(const char *directory)
{
    int count = 0;
    DIR *stream = opendir(directory);
    if (!check(stream != NULL, "cannot list %s", directory)) return 0;
    for (struct dirent *entry; (entry = readdir(stream));) {
        if (!strstr(entry->d_name, ".safetensors")) continue;
        char *path = path_join(directory, entry->d_name);
        Error error = {0};
        Safetensors *file = safetensors_read(path, &error);
        check(file && file->count > 0, "%s", error.message);
        safetensors_free(file);
        free(path);
        count++;
    }
    closedir(stream);
    return count;
}

static void the_golden_files_are_read(void)
{
    const char *ops = shared_path("golden/ops"), *models = shared_path("golden/models");
    if (!ops || !models) {
        skip("no ../shared/golden");
        return;
    }
    int count = read_golden(ops), networks = read_golden(models);
    check(count >= 100 && networks >= 1, "%d cases, %d networks", count, networks);
}

// The mean of the case's input is its expected output: values, not only sizes, arrive.
static void a_golden_case_holds_its_values(void)
{
    const char *path = shared_path("golden/ops/mean-044.safetensors");
    if (!path) {
        skip("no ../shared/golden");
        return;
    }
    Error error = {0};
    Safetensors *file = safetensors_read(path, &error);
    if (!check(file != NULL, "%s", error.message)) return;
    const StoredTensor *x = safetensors_find(file, "x0"), *y = safetensors_find(file, "y0");
    check(strcmp(json_get_string(file->metadata, "op", ""), "mean") == 0, "not the operator mean");
    if (check(x && y && x->type == STORED_F32 && x->count > 1 && y->count == 1, "x0 and y0")) {
        double mean = 0;
        for (int64_t i = 0; i < x->count; i++)
            mean += (double)((const float *)x->data)[i] / (double)x->count;
        double expected = (double)*(const float *)y->data;
        check(fabs(mean - expected) < 1e-6, "mean %g, not %g", mean, expected);
    }
    safetensors_free(file);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"types_shapes_and_order_are_read", types_shapes_and_order_are_read},
        {"broken_files_are_refused_with_their_reason", broken_files_are_refused_with_their_reason},
        {"every_f16_and_bf16_is_exact", every_f16_and_bf16_is_exact},
        {"what_is_written_reads_back", what_is_written_reads_back},
        {"the_written_bytes_are_the_format", the_written_bytes_are_the_format},
        {"cut_and_changed_files_do_no_harm", cut_and_changed_files_do_no_harm},
        {"the_golden_files_are_read", the_golden_files_are_read},
        {"a_golden_case_holds_its_values", a_golden_case_holds_its_values},
    };
    return TESTS_RUN(tests);
}
