#include <string.h>
#include "data/jpeg_parts.h"

// The coefficient that `size` bits stand for (T.81, table F.2): the lower half is negative.
static int extended(unsigned bits, int size)
{
    return bits >> (size - 1) ? (int)bits : (int)bits - (1 << size) + 1;
}

// An entry of `whole` for each word that begins with a short code and has its value's bits too.
static void fill_whole(JpegHuffman *huffman)
{
    for (unsigned word = 0; word < 1u << JPEG_QUICK_BITS; word++) {
        int length = huffman->quick[word] >> 8, symbol = huffman->quick[word] & 255;
        int run = symbol >> 4, size = symbol & 15, both = length + size;
        huffman->whole[word] = 0;
        if (length == 0 || size == 0 || both > JPEG_QUICK_BITS) continue;
        unsigned bits = word >> (JPEG_QUICK_BITS - both) & ((1u << size) - 1);
        huffman->whole[word] = extended(bits, size) * 65536 + run * 256 + both;
    }
}

bool jpeg_huffman_build(JpegHuffman *huffman, const uint8_t counts[17], const uint8_t *symbols,
                        int symbol_count)
{
    memset(huffman, 0, sizeof *huffman);
    if (symbol_count > 256) return false;
    memcpy(huffman->symbols, symbols, (size_t)symbol_count);
    unsigned code = 0;
    int place = 0;
    for (int length = 1; length <= 16; length++, code <<= 1) {
        huffman->offset[length] = place - (int)code;
        for (int i = 0; i < counts[length]; i++, code++, place++) {
            if (code >> length) return false; // more codes than there are words
            if (length > JPEG_QUICK_BITS) continue;
            int rest = JPEG_QUICK_BITS - length;
            for (unsigned word = code << rest; word < (code + 1) << rest; word++)
                huffman->quick[word] = (uint16_t)(length << 8 | symbols[place]);
        }
        huffman->limit[length] = code << (16 - length);
    }
    fill_whole(huffman);
    huffman->defined = true;
    return true;
}
