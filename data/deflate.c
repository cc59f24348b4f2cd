// One block of fixed Huffman codes. Repeats are found by LZ77: every position is chained to the one
// before it whose next three bytes have the same hash, and the first few of that chain are
// compared; the longest match becomes a copy.
#include "data/deflate.h"

#include <stdlib.h>
#include <string.h>
#include "core/error.h"

enum {
    WINDOW = 32768, // the furthest that a copy may reach back
    HASHES = 32768,
    MAX_CHAIN = 32, // candidates compared: speed against size
    MIN_MATCH = 3,
    MAX_MATCH = 258,
    END_OF_BLOCK = 256,
    FLUSH_BYTES = 4096,
};

typedef struct Packer {
    const uint8_t *data;
    size_t size;
    int64_t head[HASHES], previous[WINDOW]; // positions; -1: none
    uint64_t bits;                          // not yet written, first one lowest
    int bit_count;
    uint8_t pending[FLUSH_BYTES]; // written, not yet appended to out
    size_t pending_count;
    Text *out;
} Packer;

static void flush(Packer *packer)
{
    text_append_bytes(packer->out, packer->pending, packer->pending_count);
    packer->pending_count = 0;
}

static void put_bits(Packer *packer, unsigned value, int count)
{
    packer->bits |= (uint64_t)value << packer->bit_count;
    for (packer->bit_count += count; packer->bit_count >= 8; packer->bit_count -= 8) {
        if (packer->pending_count == FLUSH_BYTES) flush(packer);
        packer->pending[packer->pending_count++] = (uint8_t)packer->bits;
        packer->bits >>= 8;
    }
}

// Huffman codes, unlike all other numbers, are written from their highest bit.
static void put_code(Packer *packer, unsigned code, int count)
{
    unsigned reversed = 0;
    for (int bit = 0; bit < count; bit++) reversed |= (code >> bit & 1) << (count - 1 - bit);
    put_bits(packer, reversed, count);
}

// The fixed code of RFC 1951, 3.2.6, for literals, the end of the block and lengths.
static void put_symbol(Packer *packer, unsigned symbol)
{
    if (symbol < 144)
        put_code(packer, 0x30 + symbol, 8);
    else if (symbol < 256)
        put_code(packer, 0x190 + (symbol - 144), 9);
    else if (symbol < 280)
        put_code(packer, symbol - 256, 7);
    else
        put_code(packer, 0xC0 + (symbol - 280), 8);
}

static int highest_bit(unsigned value)
{
    int bit = 0;
    while (value >>= 1) bit++;
    return bit;
}

// Symbol and extra bits follow from the number itself: beyond the first few, each power of two is
// divided into 4 ranges (lengths) or 2 (distances).
static void put_copy(Packer *packer, size_t length, size_t distance)
{
    unsigned rest = (unsigned)length - MIN_MATCH;
    if (length == MAX_MATCH) {
        put_symbol(packer, 285);
    } else {
        int extra = rest < 8 ? 0 : highest_bit(rest) - 2;
        put_symbol(packer, 257 + 4 * (unsigned)extra + (rest >> extra));
        put_bits(packer, rest & ((1u << extra) - 1), extra);
    }
    rest = (unsigned)distance - 1;
    int extra = rest < 4 ? 0 : highest_bit(rest) - 1;
    put_code(packer, 2 * (unsigned)extra + (rest >> extra), 5);
    put_bits(packer, rest & ((1u << extra) - 1), extra);
}

static unsigned hash_at(const Packer *packer, size_t position)
{
    const uint8_t *p = packer->data + position;
    uint32_t three = p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
    return three * 0x9E3779B1u >> 17; // 15 bits: HASHES
}

static void remember(Packer *packer, size_t position)
{
    if (packer->size - position < MIN_MATCH) return;
    int64_t *head = &packer->head[hash_at(packer, position)];
    packer->previous[position % WINDOW] = *head;
    *head = (int64_t)position;
}

static size_t match_length(const uint8_t *a, const uint8_t *b, size_t most)
{
    size_t length = 0;
    while (length < most && a[length] == b[length]) length++;
    return length;
}

// The longest match of what begins at position; 0 where there is none.
static size_t find_match(const Packer *packer, size_t position, size_t *distance)
{
    size_t left = packer->size - position, most = left < MAX_MATCH ? left : MAX_MATCH, best = 0;
    if (most < MIN_MATCH) return 0;
    int64_t candidate = packer->head[hash_at(packer, position)];
    for (int i = 0; i < MAX_CHAIN && candidate >= 0; i++) {
        size_t back = position - (size_t)candidate;
        if (back > WINDOW) break;
        size_t length = match_length(packer->data + candidate, packer->data + position, most);
        if (length > best) {
            best = length;
            *distance = back;
        }
        if (best == most) break;
        candidate = packer->previous[candidate % WINDOW];
    }
    return best >= MIN_MATCH ? best : 0;
}

void deflate(const uint8_t *data, size_t size, Text *out)
{
    Packer *packer = allocate(sizeof *packer);
    packer->data = data;
    packer->size = size;
    packer->bits = 0;
    packer->bit_count = 0;
    packer->pending_count = 0;
    packer->out = out;
    memset(packer->head, 0xFF, sizeof packer->head);
    put_bits(packer, 3, 3); // last block, fixed codes
    for (size_t position = 0; position < size;) {
        size_t distance = 0, length = find_match(packer, position, &distance);
        if (length > 0)
            put_copy(packer, length, distance);
        else
            put_symbol(packer, data[position]);
        size_t end = position + (length > 0 ? length : 1);
        while (position < end) remember(packer, position++);
    }
    put_symbol(packer, END_OF_BLOCK);
    put_bits(packer, 0, 7); // completes the last byte
    flush(packer);
    free(packer);
}
