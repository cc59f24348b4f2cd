// A deflate stream is a row of blocks; a block is stored as it is, or is a row of Huffman codes
// that stand for a literal byte or for "copy `length` bytes from `distance` back". Codes of up to
// FAST_BITS bits, nearly all of them, are found by one look into a table indexed by the next bits;
// longer ones are counted out bit by bit as in zlib's puff. Away from the ends of input and output a
// short loop (quick_symbols) does nearly all the work.
#include "data/inflate.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_BITS = 15,
    FAST_BITS = 10,
    MAX_LITERALS = 288,
    MAX_DISTANCES = 32,
    END_OF_BLOCK = 256,
    FAST_MASK = (1 << FAST_BITS) - 1,
    LENGTHS = 29, // symbols behind END_OF_BLOCK that have a meaning
    DISTANCES = 30,
    MAX_LENGTH = 258,
};

typedef struct Huffman {
    uint16_t fast[1 << FAST_BITS]; // symbol << 4 | bits of its code; 0 where the code is longer, or
                                   // undefined
    uint16_t count[MAX_BITS + 1];  // codes of each length
    uint16_t symbols[MAX_LITERALS]; // in order of their codes
    bool incomplete; // no code at all, or a single one of one bit: the other bit is an error
} Huffman;

typedef enum Fault { FAULT_NONE, FAULT_EARLY_END, FAULT_DAMAGE, FAULT_TOO_LARGE } Fault;

typedef struct Stream {
    const uint8_t *next, *end;
    uint64_t bits; // the next bits, first one lowest; past the end of input they are zeros
    int bit_count; // how many of them are real
    uint8_t *output;
    size_t size, capacity, limit;
    Fault fault;
    const char *reason; // of FAULT_DAMAGE
    Huffman literals, distances, fixed_literals, fixed_distances;
    bool fixed_built;
} Stream;

static bool set_fault(Stream *stream, Fault fault, const char *reason)
{
    stream->fault = fault;
    stream->reason = reason;
    return false;
}

static bool damaged(Stream *stream, const char *reason)
{
    return set_fault(stream, FAULT_DAMAGE, reason);
}

// ---- Bits

// Written out, compilers make one load of it.
static inline uint64_t little_endian_64(const uint8_t *p)
{
    return p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

// Fills up to at least 56 bits, or to all that is left. The quick way may place bits above
// bit_count: they are those of *next, which the following refill places again.
static void refill(Stream *stream)
{
    if (stream->end - stream->next >= 8) {
        stream->bits |= little_endian_64(stream->next) << stream->bit_count;
        stream->next += (63 - stream->bit_count) >> 3;
        stream->bit_count |= 56;
        return;
    }
    while (stream->bit_count <= 56 && stream->next < stream->end) {
        stream->bits |= (uint64_t)*stream->next++ << stream->bit_count;
        stream->bit_count += 8;
    }
}

static void consume(Stream *stream, int count)
{
    stream->bits >>= count;
    stream->bit_count -= count;
}

static bool read_bits(Stream *stream, int count, unsigned *value)
{
    refill(stream);
    if (stream->bit_count < count) return set_fault(stream, FAULT_EARLY_END, NULL);
    *value = (unsigned)(stream->bits & ((1u << count) - 1));
    consume(stream, count);
    return true;
}

// ---- Huffman codes

// Canonical codes: ordered by length, then by symbol. fast is indexed by the code as it arrives,
// first bit lowest, followed by any other bits.
static void fill_fast(Huffman *huffman, const uint8_t *lengths, int count)
{
    unsigned next[MAX_BITS + 1] = {0};
    for (int length = 1; length < MAX_BITS; length++)
        next[length + 1] = (next[length] + huffman->count[length]) << 1;
    memset(huffman->fast, 0, sizeof huffman->fast);
    for (int symbol = 0; symbol < count; symbol++) {
        int length = lengths[symbol];
        if (length == 0 || length > FAST_BITS) continue;
        unsigned code = next[length]++, reversed = 0;
        for (int bit = 0; bit < length; bit++) reversed |= (code >> bit & 1) << (length - 1 - bit);
        for (unsigned i = reversed; i < 1u << FAST_BITS; i += 1u << length)
            huffman->fast[i] = (uint16_t)(symbol << 4 | length);
    }
}

// False where the lengths describe no prefix code. A code with unused words is refused as zlib
// does, but for the one that RFC 1951 allows: a single code, of one bit.
static bool build(Huffman *huffman, const uint8_t *lengths, int count)
{
    memset(huffman->count, 0, sizeof huffman->count);
    for (int symbol = 0; symbol < count; symbol++) huffman->count[lengths[symbol]]++;
    int used = count - huffman->count[0];
    huffman->count[0] = 0;
    int left = 1; // unused code words of this length
    for (int length = 1; length <= MAX_BITS; length++) {
        left = 2 * left - huffman->count[length];
        if (left < 0) return false;
    }
    huffman->incomplete = left > 0;
    if (left > 0 && used > 0 && !(used == 1 && huffman->count[1] == 1)) return false;

    uint16_t offsets[MAX_BITS + 2] = {0};
    for (int length = 1; length <= MAX_BITS; length++)
        offsets[length + 1] = (uint16_t)(offsets[length] + huffman->count[length]);
    for (int symbol = 0; symbol < count; symbol++)
        if (lengths[symbol]) huffman->symbols[offsets[lengths[symbol]]++] = (uint16_t)symbol;
    fill_fast(huffman, lengths, count);
    return true;
}

// The codes of one length are consecutive numbers: `first` is the first of them, `index` its place
// among the symbols.
static int decode_long(Stream *stream, const Huffman *huffman)
{
    int code = 0, first = 0, index = 0;
    for (int length = 1; length <= MAX_BITS; length++) {
        if (length > stream->bit_count) return set_fault(stream, FAULT_EARLY_END, NULL), -1;
        if (huffman->incomplete) break;
        code |= (int)(stream->bits >> (length - 1) & 1);
        int count = huffman->count[length];
        if (code - count < first) {
            consume(stream, length);
            return huffman->symbols[index + (code - first)];
        }
        index += count;
        first = (first + count) << 1;
        code <<= 1;
    }
    return damaged(stream, "undefined code"), -1;
}

// The next symbol; -1 and a fault where there is none.
static int decode(Stream *stream, const Huffman *huffman)
{
    refill(stream);
    unsigned entry = huffman->fast[stream->bits & FAST_MASK];
    int length = (int)(entry & 15);
    if (entry == 0) return decode_long(stream, huffman);
    if (length > stream->bit_count) return set_fault(stream, FAULT_EARLY_END, NULL), -1;
    consume(stream, length);
    return (int)(entry >> 4);
}

// ---- Output

static bool make_room(Stream *stream, size_t extra)
{
    if (extra <= stream->capacity - stream->size) return true;
    if (extra > stream->limit - stream->size) return set_fault(stream, FAULT_TOO_LARGE, NULL);
    size_t wanted = stream->size + extra;
    size_t doubled = stream->capacity <= stream->limit / 2 ? stream->capacity * 2 : stream->limit;
    stream->capacity = doubled > wanted ? doubled : wanted;
    stream->output = reallocate(stream->output, stream->capacity);
    return true;
}

static bool copy_back(Stream *stream, size_t distance, size_t length)
{
    if (distance > stream->size) return damaged(stream, "copy from before the beginning");
    if (!make_room(stream, length)) return false;
    uint8_t *to = stream->output + stream->size;
    const uint8_t *from = to - distance;
    if (distance >= length)
        memcpy(to, from, length);
    else // the copy feeds itself: byte by byte, in order
        for (size_t i = 0; i < length; i++) to[i] = from[i];
    stream->size += length;
    return true;
}

// ---- Blocks

static bool stored_block(Stream *stream)
{
    consume(stream, stream->bit_count % 8);
    stream->next -= stream->bit_count / 8; // whole bytes that were loaded ahead
    stream->bits = 0;
    stream->bit_count = 0;
    if (stream->end - stream->next < 4) return set_fault(stream, FAULT_EARLY_END, NULL);
    unsigned length = stream->next[0] | (unsigned)stream->next[1] << 8;
    unsigned complement = stream->next[2] | (unsigned)stream->next[3] << 8;
    if ((length ^ complement) != 0xFFFF) return damaged(stream, "length of a stored block");
    stream->next += 4;
    if ((size_t)(stream->end - stream->next) < length)
        return set_fault(stream, FAULT_EARLY_END, NULL);
    if (!make_room(stream, length)) return false;
    if (length > 0) memcpy(stream->output + stream->size, stream->next, length);
    stream->size += length;
    stream->next += length;
    return true;
}

static const uint16_t length_base[LENGTHS] = {3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                              15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                              67, 83, 99, 115, 131, 163, 195, 227, 258};
static const uint8_t length_extra[LENGTHS] = {0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                              2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
static const uint16_t distance_base[DISTANCES] = {
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
    193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};

static int distance_extra(int symbol)
{
    return symbol < 2 ? 0 : symbol / 2 - 1;
}

static bool copy_symbol(Stream *stream, int symbol, const Huffman *distances)
{
    int row = symbol - END_OF_BLOCK - 1;
    if (row >= LENGTHS) return damaged(stream, "undefined length");
    unsigned extra;
    if (!read_bits(stream, length_extra[row], &extra)) return false;
    size_t length = length_base[row] + extra;

    int column = decode(stream, distances);
    if (column < 0) return false;
    if (column >= DISTANCES) return damaged(stream, "undefined distance");
    if (!read_bits(stream, distance_extra(column), &extra)) return false;
    return copy_back(stream, distance_base[column] + extra, length);
}

// Takes `count` bits off `bits`.
static inline unsigned cut(uint64_t *bits, int count)
{
    unsigned value = (unsigned)(*bits & ((UINT64_C(1) << count) - 1));
    *bits >>= count;
    return value;
}

// Eight bytes at a time, which may write seven beyond the end; closer than eight bytes the copy
// feeds itself.
static inline void copy_quickly(uint8_t *to, size_t distance, size_t length)
{
    const uint8_t *from = to - distance, *end = to + length;
    if (distance >= 8)
        for (; to < end; to += 8, from += 8) memcpy(to, from, 8);
    else
        while (to < end) *to++ = *from++;
}

// Nearly all of a block: symbols with short codes, while neither input nor room for output is
// scarce. Whatever else comes (a long code, the end of the block, damage) it leaves untouched.
static void quick_symbols(Stream *stream, const Huffman *literals, const Huffman *distances)
{
    uint8_t *output = stream->output;
    size_t size = stream->size;
    while (stream->end - stream->next >= 8 && stream->capacity - size >= MAX_LENGTH + 8) {
        refill(stream); // 56 bits: enough for a length and a distance
        uint64_t bits = stream->bits;
        unsigned entry = literals->fast[bits & FAST_MASK];
        int symbol = (int)(entry >> 4);
        if (entry == 0 || symbol == END_OF_BLOCK) break;
        if (symbol < END_OF_BLOCK) {
            output[size++] = (uint8_t)symbol;
            consume(stream, (int)(entry & 15));
            continue;
        }
        int row = symbol - END_OF_BLOCK - 1;
        if (row >= LENGTHS) break;
        int taken = (int)(entry & 15);
        bits >>= taken;
        size_t length = length_base[row] + cut(&bits, length_extra[row]);

        entry = distances->fast[bits & FAST_MASK];
        int column = (int)(entry >> 4);
        if (entry == 0 || column >= DISTANCES) break;
        bits >>= entry & 15;
        size_t distance = distance_base[column] + cut(&bits, distance_extra(column));
        if (distance > size) break;
        copy_quickly(output + size, distance, length);
        size += length;
        taken += length_extra[row] + (int)(entry & 15) + distance_extra(column);
        stream->bits = bits;
        stream->bit_count -= taken;
    }
    stream->size = size;
}

static bool coded_block(Stream *stream, const Huffman *literals, const Huffman *distances)
{
    for (;;) {
        quick_symbols(stream, literals, distances);
        int symbol = decode(stream, literals);
        if (symbol < 0) return false;
        if (symbol == END_OF_BLOCK) return true;
        if (symbol > END_OF_BLOCK) {
            if (!copy_symbol(stream, symbol, distances)) return false;
            continue;
        }
        if (!make_room(stream, 1)) return false;
        stream->output[stream->size++] = (uint8_t)symbol;
    }
}

static bool fixed_block(Stream *stream)
{
    if (!stream->fixed_built) {
        uint8_t lengths[MAX_LITERALS];
        for (int i = 0; i < MAX_LITERALS; i++)
            lengths[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
        build(&stream->fixed_literals, lengths, MAX_LITERALS);
        memset(lengths, 5, MAX_DISTANCES);
        build(&stream->fixed_distances, lengths, MAX_DISTANCES);
        stream->fixed_built = true;
    }
    return coded_block(stream, &stream->fixed_literals, &stream->fixed_distances);
}

// The code lengths of both alphabets in one row, run-length coded: 16 repeats the length before, 17
// and 18 give zeros.
static bool read_lengths(Stream *stream, const Huffman *code, int count, uint8_t *lengths)
{
    static const struct {
        int bits;
        unsigned base;
    } repeats[3] = {{2, 3}, {3, 3}, {7, 11}};
    int done = 0;
    while (done < count) {
        int symbol = decode(stream, code);
        if (symbol < 0) return false;
        if (symbol < 16) {
            lengths[done++] = (uint8_t)symbol;
            continue;
        }
        unsigned extra;
        if (!read_bits(stream, repeats[symbol - 16].bits, &extra)) return false;
        int run = (int)(repeats[symbol - 16].base + extra);
        if (symbol == 16 && done == 0) return damaged(stream, "repeat of nothing");
        if (run > count - done) return damaged(stream, "too many code lengths");
        memset(lengths + done, symbol == 16 ? lengths[done - 1] : 0, (size_t)run);
        done += run;
    }
    return true;
}

static bool dynamic_block(Stream *stream)
{
    static const uint8_t order[19] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                      11, 4,  12, 3, 13, 2, 14, 1, 15};
    unsigned header, length;
    if (!read_bits(stream, 14, &header)) return false;
    int literals = (int)(header & 31) + 257, distances = (int)(header >> 5 & 31) + 1;
    int lengths_count = (int)(header >> 10) + 4;
    if (literals > 286 || distances > 30) return damaged(stream, "too many symbols");

    uint8_t lengths[MAX_LITERALS + MAX_DISTANCES] = {0};
    for (int i = 0; i < lengths_count; i++) {
        if (!read_bits(stream, 3, &length)) return false;
        lengths[order[i]] = (uint8_t)length;
    }
    Huffman *code = &stream->literals; // not needed for the literals yet
    if (!build(code, lengths, 19) || code->incomplete)
        return damaged(stream, "code of the code lengths");
    if (!read_lengths(stream, code, literals + distances, lengths)) return false;
    if (lengths[END_OF_BLOCK] == 0) return damaged(stream, "block without an end");
    if (!build(&stream->distances, lengths + literals, distances))
        return damaged(stream, "code of the distances");
    if (!build(&stream->literals, lengths, literals))
        return damaged(stream, "code of the literals");
    return coded_block(stream, &stream->literals, &stream->distances);
}

static bool all_blocks(Stream *stream)
{
    static bool (*const blocks[3])(Stream *) = {stored_block, fixed_block, dynamic_block};
    unsigned header;
    do {
        if (!read_bits(stream, 3, &header)) return false;
        if (header >> 1 == 3) return damaged(stream, "undefined kind of block");
        if (!blocks[header >> 1](stream)) return false;
    } while (!(header & 1));
    return true;
}

static bool report(const Stream *stream, const char *what, Error *error)
{
    if (stream->fault == FAULT_EARLY_END)
        return fail(error, "%s: the compressed data end early", what);
    if (stream->fault == FAULT_TOO_LARGE)
        return fail(error, "%s: unpacks to more than the limit of %zu bytes", what, stream->limit);
    return fail(error, "%s: the compressed data are damaged (%s)", what, stream->reason);
}

bool inflate(const uint8_t *input, size_t size, size_t limit, const char *what, Bytes *output,
             size_t *used, Error *error)
{
    Stream *stream = allocate(sizeof *stream);
    memset(stream, 0, offsetof(Stream, literals));
    stream->fixed_built = false;
    stream->next = input;
    stream->end = input + size;
    stream->limit = limit;
    stream->capacity = size < limit / 4 ? 4 * size : limit;
    stream->output = allocate(stream->capacity + 1);
    *output = (Bytes){0};
    *used = 0;
    bool done = all_blocks(stream);
    if (done) {
        *used = (size_t)(stream->next - input) - (size_t)(stream->bit_count / 8);
        *output = (Bytes){.data = stream->output, .size = stream->size};
    } else {
        report(stream, what, error);
        free(stream->output);
    }
    free(stream);
    return done;
}
