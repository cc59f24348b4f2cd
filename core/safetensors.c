// The safetensors format: u64 header length, JSON header, data; all little-endian. Numbers are put
// together from their bytes, so the machine's own order does not matter. The reader believes
// nothing: each tensor's shape must fill exactly its place between its data_offsets, and the places
// together must cover the data without a gap or an overlap.
#include "core/safetensors.h"

#include <stdlib.h>
#include <string.h>

#define MAX_HEADER (16ull << 20)
#define MAX_FILE (16ull << 30)
#define MAX_COUNT (1ull << 60) // so that bytes and strides of any shape fit int64_t

static uint64_t little_endian(const uint8_t *bytes, int count)
{
    uint64_t value = 0;
    for (int i = count; i-- > 0;) value = value << 8 | bytes[i];
    return value;
}

static void put_little_endian(uint64_t value, uint8_t *bytes, int count)
{
    for (int i = 0; i < count; i++) bytes[i] = (uint8_t)(value >> 8 * i);
}

// A half has 1 sign bit, 5 exponent bits (bias 15) and 10 of fraction; a float 1, 8 (bias 127)
// and 23. Every half is a float.
static uint32_t float_bits_of_half(uint32_t half)
{
    uint32_t sign = (half & 0x8000) << 16, exponent = half >> 10 & 31, fraction = half & 0x3FF;
    if (exponent == 31) return sign | 0x7F800000 | fraction << 13; // infinity, NaN
    if (exponent > 0) return sign | (exponent + 112) << 23 | fraction << 13;
    if (fraction == 0) return sign;
    // Subnormal: fraction * 2^-24. Its highest set bit, at position p, becomes the hidden one.
    uint32_t p = 31 - (uint32_t)__builtin_clz(fraction);
    return sign | (p + 103) << 23 | (fraction << (23 - p) & 0x7FFFFF);
}

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void decode_f32(const uint8_t *from, void *to, int64_t count)
{
    float *values = to;
    for (int64_t i = 0; i < count; i++) {
        values[i] = float_of_bits((uint32_t)little_endian(from + 4 * i, 4));
    }
}

static void decode_f16(const uint8_t *from, void *to, int64_t count)
{
    float *values = to;
    for (int64_t i = 0; i < count; i++) {
        values[i] = float_of_bits(float_bits_of_half((uint32_t)little_endian(from + 2 * i, 2)));
    }
}

// The upper half of a float.
static void decode_bf16(const uint8_t *from, void *to, int64_t count)
{
    float *values = to;
    for (int64_t i = 0; i < count; i++) {
        values[i] = float_of_bits((uint32_t)little_endian(from + 2 * i, 2) << 16);
    }
}

static void decode_i32(const uint8_t *from, void *to, int64_t count)
{
    int32_t *values = to;
    for (int64_t i = 0; i < count; i++) values[i] = (int32_t)little_endian(from + 4 * i, 4);
}

static void decode_u64(const uint8_t *from, void *to, int64_t count)
{
    uint64_t *values = to;
    for (int64_t i = 0; i < count; i++) values[i] = little_endian(from + 8 * i, 8);
}

static void encode_f32(const void *from, uint8_t *to, int64_t count)
{
    const float *values = from;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &values[i], sizeof bits);
        put_little_endian(bits, to + 4 * i, 4);
    }
}

static void encode_i32(const void *from, uint8_t *to, int64_t count)
{
    const int32_t *values = from;
    for (int64_t i = 0; i < count; i++) put_little_endian((uint32_t)values[i], to + 4 * i, 4);
}

static void encode_u64(const void *from, uint8_t *to, int64_t count)
{
    const uint64_t *values = from;
    for (int64_t i = 0; i < count; i++) put_little_endian(values[i], to + 8 * i, 8);
}

// The types of the file. The first three are those of StoredType, in its order: they are written.
typedef struct Format {
    const char *dtype;
    int bytes; // of one element in the file
    StoredType type;
    void (*decode)(const uint8_t *from, void *to, int64_t count);
    void (*encode)(const void *from, uint8_t *to, int64_t count);
} Format;

static const Format formats[] = {
    {"F32", 4, STORED_F32, decode_f32, encode_f32}, {"I32", 4, STORED_I32, decode_i32, encode_i32},
    {"U64", 8, STORED_U64, decode_u64, encode_u64}, {"I64", 8, STORED_U64, decode_u64, NULL},
    {"F16", 2, STORED_F32, decode_f16, NULL},       {"BF16", 2, STORED_F32, decode_bf16, NULL}};

static const Format *format_named(const char *dtype)
{
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        if (strcmp(formats[i].dtype, dtype) == 0) return &formats[i];
    }
    return NULL;
}

static uint64_t stored_bytes(const StoredTensor *tensor)
{
    return (uint64_t)tensor->count * (uint64_t)formats[tensor->type].bytes;
}

// Where a tensor's data lie, counted from the end of the header.
typedef struct Range {
    uint64_t begin, end;
    const char *name;
} Range;

// One file while it is read.
typedef struct Source {
    const char *what;    // for messages
    const uint8_t *data; // behind the header
    uint64_t size;       // of data
    Range *ranges;       // of each tensor
    Error *error;
} Source;

// A whole number that a double holds exactly.
static bool read_whole(const Json *json, uint64_t *value)
{
    if (json->kind != JSON_NUMBER || !(json->number >= 0 && json->number < 0x1p53)) return false;
    *value = (uint64_t)json->number;
    return (double)*value == json->number;
}

static bool read_shape(const Source *source, const Json *shape, StoredTensor *tensor)
{
    const char *what = source->what, *name = tensor->name;
    if (!shape || shape->kind != JSON_ARRAY || shape->count > SAFETENSORS_MAX_RANK) {
        return fail(source->error, "%s: tensor %.200s: shape is not a list of at most %d sizes",
                    what, name, SAFETENSORS_MAX_RANK);
    }
    tensor->rank = (int)shape->count;
    unsigned long long product =
        1; // of the sizes other than 0, so that no partial product overflows later
    bool empty = false;
    for (size_t i = 0; i < shape->count; i++) {
        uint64_t size;
        if (!read_whole(shape->items[i], &size)) {
            return fail(source->error, "%s: tensor %.200s: a size is not a whole number", what,
                        name);
        }
        if (!checked_multiply(product, size ? size : 1, MAX_COUNT, &product)) {
            return fail(source->error, "%s: tensor %.200s: the shape is too large", what, name);
        }
        empty |= size == 0;
        tensor->shape[i] = (int64_t)size;
    }
    tensor->count = empty ? 0 : (int64_t)product;
    return true;
}

static bool read_offsets(const Source *source, const Json *offsets, const char *name, Range *range)
{
    *range = (Range){.name = name};
    if (!offsets || offsets->kind != JSON_ARRAY || offsets->count != 2 ||
        !read_whole(offsets->items[0], &range->begin) ||
        !read_whole(offsets->items[1], &range->end)) {
        return fail(source->error, "%s: tensor %.200s: data_offsets are not two whole numbers",
                    source->what, name);
    }
    if (range->begin > range->end || range->end > source->size) {
        return fail(
            source->error,
            "%s: tensor %.200s: data_offsets %llu to %llu are not within the %llu bytes of data",
            source->what, name, (unsigned long long)range->begin, (unsigned long long)range->end,
            (unsigned long long)source->size);
    }
    return true;
}

static bool read_tensor(const Source *source, const char *name, const Json *entry,
                        StoredTensor *tensor, Range *range)
{
    tensor->name = copy_string(name);
    const char *dtype = json_get_string(entry, "dtype", NULL);
    if (!dtype || entry->count != 3) {
        return fail(source->error,
                    "%s: tensor %.200s: not an object of dtype, shape and data_offsets",
                    source->what, name);
    }
    const Format *format = format_named(dtype);
    if (!format) {
        return fail(source->error,
                    "%s: tensor %.200s: dtype %.20s is none of F32, F16, BF16, I32, I64, U64",
                    source->what, name, dtype);
    }
    if (!read_shape(source, json_get(entry, "shape"), tensor)) return false;
    if (!read_offsets(source, json_get(entry, "data_offsets"), tensor->name, range)) return false;
    uint64_t bytes = (uint64_t)tensor->count * (uint64_t)format->bytes;
    if (bytes != range->end - range->begin) {
        return fail(source->error,
                    "%s: tensor %.200s: the shape takes %llu bytes, the data_offsets give it %llu",
                    source->what, name, (unsigned long long)bytes,
                    (unsigned long long)(range->end - range->begin));
    }
    tensor->type = format->type;
    tensor->data = allocate(stored_bytes(tensor));
    format->decode(source->data + range->begin, tensor->data, tensor->count);
    return true;
}

static int compare_ranges(const void *left, const void *right)
{
    const Range *a = left, *b = right;
    if (a->begin != b->begin) return a->begin < b->begin ? -1 : 1;
    return (a->end > b->end) - (a->end < b->end);
}

// Whether the tensors' places, in order, follow each other from the first byte to the last.
static bool ranges_cover(const Source *source, int count)
{
    qsort(source->ranges, (size_t)count, sizeof *source->ranges, compare_ranges);
    uint64_t covered = 0;
    for (int i = 0; i < count; i++) {
        const Range *range = &source->ranges[i];
        if (range->begin != covered) {
            return fail(source->error, "%s: tensor %.200s: its data %s", source->what, range->name,
                        range->begin < covered ? "overlap those of another tensor"
                                               : "begin behind bytes that belong to no tensor");
        }
        covered = range->end;
    }
    if (covered == source->size) return true;
    return fail(source->error, "%s: %llu bytes follow the last tensor", source->what,
                (unsigned long long)(source->size - covered));
}

static bool read_metadata(const Source *source, const Json *entry, Safetensors *file)
{
    bool strings = entry->kind == JSON_OBJECT;
    for (size_t i = 0; i < entry->count; i++) strings &= entry->items[i]->kind == JSON_STRING;
    if (!strings)
        return fail(source->error, "%s: __metadata__ is not an object of strings", source->what);
    json_free(file->metadata);
    file->metadata = json_copy(entry);
    return true;
}

static bool read_entries(const Source *source, const Json *header, Safetensors *file)
{
    for (size_t i = 0; i < header->count; i++) {
        const char *name = header->names[i];
        const Json *entry = header->items[i];
        if (strcmp(name, "__metadata__") == 0) {
            if (!read_metadata(source, entry, file)) return false;
            continue;
        }
        StoredTensor *tensor = &file->tensors[file->count];
        if (!read_tensor(source, name, entry, tensor, &source->ranges[file->count++])) return false;
    }
    return ranges_cover(source, file->count);
}

// The header as JSON, and source's data and size set to what follows it; NULL on failure.
static Json *read_header(const uint8_t *data, uint64_t size, Source *source)
{
    if (size < 8) {
        fail(source->error, "%s: too short for a safetensors file: %llu bytes", source->what,
             (unsigned long long)size);
        return NULL;
    }
    uint64_t length = little_endian(data, 8);
    if (length > size - 8 || length > MAX_HEADER) {
        fail(source->error, "%s: the header of %llu bytes is longer than %s", source->what,
             (unsigned long long)length, length > size - 8 ? "the file" : "16 MB");
        return NULL;
    }
    source->data = data + 8 + length;
    source->size = size - 8 - length;
    if (length == 0 || data[8] != '{') {
        fail(source->error, "%s: the header does not begin with '{'", source->what);
        return NULL;
    }
    return json_parse((const char *)data + 8, (size_t)length, source->what, source->error);
}

Safetensors *safetensors_parse(const uint8_t *data, uint64_t size, const char *what, Error *error)
{
    Source source = {.what = what, .error = error};
    Json *header = read_header(data, size, &source);
    if (!header) return NULL;
    Safetensors *file = safetensors_create();
    file->tensors = allocate_zeroed(header->count * sizeof *file->tensors);
    source.ranges = allocate_zeroed(header->count * sizeof *source.ranges);
    bool done = read_entries(&source, header, file);
    free(source.ranges);
    json_free(header);
    if (done) return file;
    safetensors_free(file);
    return NULL;
}

Safetensors *safetensors_read(const char *path, Error *error)
{
    Bytes bytes;
    if (!file_read(path, (size_t)MAX_FILE, &bytes, error)) return NULL;
    Safetensors *file = safetensors_parse(bytes.data, bytes.size, path, error);
    bytes_free(&bytes);
    return file;
}

Safetensors *safetensors_create(void)
{
    Safetensors *file = allocate_zeroed(sizeof *file);
    file->metadata = json_object();
    return file;
}

void safetensors_add(Safetensors *file, const char *name, StoredType type, int rank,
                     const int64_t *shape, const void *data)
{
    if (rank < 0 || rank > SAFETENSORS_MAX_RANK)
        panic("safetensors_add: %s has rank %d", name, rank);
    if (safetensors_find(file, name) || strcmp(name, "__metadata__") == 0) {
        panic("safetensors_add: the name %s is taken", name);
    }
    StoredTensor tensor = {.name = copy_string(name), .type = type, .rank = rank, .count = 1};
    for (int i = 0; i < rank; i++) {
        tensor.shape[i] = shape[i];
        tensor.count *= shape[i];
    }
    uint64_t bytes = stored_bytes(&tensor);
    tensor.data = allocate(bytes);
    if (bytes > 0) memcpy(tensor.data, data, (size_t)bytes);
    file->tensors = reallocate(file->tensors, (size_t)(file->count + 1) * sizeof tensor);
    file->tensors[file->count++] = tensor;
}

void safetensors_set_metadata(Safetensors *file, const char *name, const char *value)
{
    json_set(file->metadata, name, json_string(value));
}

const StoredTensor *safetensors_find(const Safetensors *file, const char *name)
{
    for (int i = 0; i < file->count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    }
    return NULL;
}

static void append_quoted(Text *out, const char *string)
{
    json_print(&(Json){.kind = JSON_STRING, .string = (char *)string}, out);
}

static void append_metadata(Text *header, const Json *metadata)
{
    text_append(header, "\"__metadata__\":{");
    for (size_t i = 0; i < metadata->count; i++) {
        if (i > 0) text_append(header, ",");
        append_quoted(header, metadata->names[i]);
        text_append(header, ":");
        append_quoted(header, metadata->items[i]->string);
    }
    text_append(header, "}");
}

static void append_tensor(Text *header, const StoredTensor *tensor, uint64_t begin)
{
    append_quoted(header, tensor->name);
    text_append(header, ":{\"dtype\":\"%s\",\"shape\":[", formats[tensor->type].dtype);
    for (int i = 0; i < tensor->rank; i++) {
        text_append(header, i > 0 ? ",%lld" : "%lld", (long long)tensor->shape[i]);
    }
    text_append(header, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)begin,
                (unsigned long long)(begin + stored_bytes(tensor)));
}

// Gives each tensor its place behind the header and returns the size of all. Those of 8-byte
// elements go first, so that every tensor is aligned to its elements and a reader may use the
// mapped file as it is (PyTorch's does).
static uint64_t place(const Safetensors *file, uint64_t *begins)
{
    uint64_t size = 0;
    for (int bytes = 8; bytes >= 4; bytes -= 4) {
        for (int i = 0; i < file->count; i++) {
            if (formats[file->tensors[i].type].bytes != bytes) continue;
            begins[i] = size;
            size += stored_bytes(&file->tensors[i]);
        }
    }
    return size;
}

static void append_header(Text *header, const Safetensors *file, const uint64_t *begins)
{
    text_append(header, "{");
    if (file->metadata->count > 0) append_metadata(header, file->metadata);
    for (int i = 0; i < file->count; i++) {
        if (i > 0 || file->metadata->count > 0) text_append(header, ",");
        append_tensor(header, &file->tensors[i], begins[i]);
    }
    text_append(header, "}");
    while (header->length % 8 != 0) text_append(header, " ");
}

bool safetensors_write(const char *path, const Safetensors *file, Error *error)
{
    uint64_t *begins = allocate((uint64_t)file->count * sizeof *begins);
    uint64_t data_size = place(file, begins);
    Text header = {0};
    append_header(&header, file, begins);
    uint64_t size = 8 + header.length + data_size;
    uint8_t *bytes = allocate(size);
    put_little_endian(header.length, bytes, 8);
    memcpy(bytes + 8, header.text, header.length);
    for (int i = 0; i < file->count; i++) {
        const StoredTensor *tensor = &file->tensors[i];
        formats[tensor->type].encode(tensor->data, bytes + 8 + header.length + begins[i],
                                     tensor->count);
    }
    bool done = file_write(path, bytes, (size_t)size, error);
    free(bytes);
    free(begins);
    text_free(&header);
    return done;
}

void safetensors_free(Safetensors *file)
{
    if (!file) return;
    for (int i = 0; i < file->count; i++) {
        free(file->tensors[i].name);
        free(file->tensors[i].data);
    }
    free(file->tensors);
    json_free(file->metadata);
    free(file);
}
