// Header: 0, 0, type, rank, then rank sizes of four bytes, most significant first.
#include "data/idx.h"

#include <stdlib.h>
#include "data/gzip.h"

enum { UNSIGNED_BYTE = 8, FILE_LIMIT = 1 << 29 }; // MNIST's largest file has 47 million bytes

static uint32_t big_endian_32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

bool idx_parse(const uint8_t *data, size_t size, const char *what, IdxArray *array, Error *error)
{
    if (size < 4) return fail(error, "%s: too short for an IDX file (%zu bytes)", what, size);
    if (data[0] != 0 || data[1] != 0)
        return fail(error, "%s: not an IDX file (it begins with 0x%08x)", what,
                    (unsigned)big_endian_32(data));
    if (data[2] != UNSIGNED_BYTE)
        return fail(error, "%s: holds IDX values of type 0x%02x; only bytes (0x08) are read", what,
                    data[2]);
    int rank = data[3];
    if (rank < 1 || rank > IDX_MAX_RANK)
        return fail(error, "%s: an IDX array of %d dimensions; 1 to 3 are read", what, rank);
    size_t header = 4 + 4 * (size_t)rank;
    if (size < header) return fail(error, "%s: the IDX header ends early", what);

    *array = (IdxArray){.rank = rank, .values = data + header};
    unsigned long long count = 1;
    for (int i = 0; i < rank; i++) {
        uint32_t length = big_endian_32(data + 4 + 4 * i);
        if (length == 0) return fail(error, "%s: dimension %d of the IDX array is 0", what, i + 1);
        if (!checked_multiply(count, length, FILE_LIMIT, &count))
            return fail(error, "%s: dimension %d of the IDX array, %u, makes it too large", what,
                        i + 1, (unsigned)length);
        array->shape[i] = length;
    }
    array->count = (int64_t)count;
    if (size - header != count)
        return fail(error, "%s: %s (%zu bytes of values where its header tells of %llu)", what,
                    size - header < count ? "the file ends early" : "bytes follow the IDX array",
                    size - header, count);
    return true;
}

// Replaces the bytes of a gzip file by its content.
static bool unpack(Bytes *bytes, const char *path, Error *error)
{
    Bytes packed = *bytes;
    bool ok = gzip_decode(packed.data, packed.size, FILE_LIMIT, path, bytes, error);
    bytes_free(&packed);
    return ok;
}

// Whether a file is gzip is told by its first bytes, as some copies of MNIST are unpacked but keep
// the ending.
bool idx_read(const char *directory, const char *name, Bytes *bytes, IdxArray *array, Error *error)
{
    Text packed_name = {0};
    text_append(&packed_name, "%s.gz", name);
    char *plain = path_join(directory, name), *packed = path_join(directory, packed_name.text);
    const char *path = file_exists(plain) ? plain : packed;
    *bytes = (Bytes){0};
    bool ok = file_exists(path) ? file_read(path, FILE_LIMIT, bytes, error)
                                : fail(error, "%s: no such file (nor %s)", packed, plain);
    if (ok && gzip_recognise(bytes->data, bytes->size)) ok = unpack(bytes, path, error);
    ok = ok && idx_parse(bytes->data, bytes->size, path, array, error);
    if (!ok) bytes_free(bytes);
    free(plain);
    free(packed);
    text_free(&packed_name);
    return ok;
}
