// A scan is a row of units: of one component, its blocks row by row; of several, for each a small
// rectangle of blocks. Restart markers cut it into segments that are decoded independently. A
// segment is first copied without the zeros that are stuffed behind bytes 0xFF.
//
// Sequential scans bring whole blocks, which become samples at once. The scans of a progressive
// picture (T.81, annex G) each bring some coefficients of every block, or one more bit of them; the
// samples come from the sum of all.
#include <string.h>
#include "data/jpeg_parts.h"

const uint8_t jpeg_natural_order[JPEG_BLOCK + 16] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33,
    40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36,
    29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63, 63};

// ---- Bits

typedef struct Bits {
    uint64_t word;             // the next bits, first one highest; below them zeros, or what the
                               // next refill places again
    int count;                 // of bits in word, invented ones included
    int invented;              // zero bytes supplied behind the end
    const uint8_t *next, *end; // of the segment
} Bits;

// Written out, compilers make one load of it.
static inline uint64_t big_endian_64(const uint8_t *p)
{
    return (uint64_t)p[0] << 56 | (uint64_t)p[1] << 48 | (uint64_t)p[2] << 40 |
           (uint64_t)p[3] << 32 | (uint64_t)p[4] << 24 | (uint64_t)p[5] << 16 |
           (uint64_t)p[6] << 8 | p[7];
}

// At least 57 bits. Behind the end there are zeros: each block may be decoded without a look at
// the end, for which exhausted() asks afterwards.
static inline void refill(Bits *bits)
{
    if (bits->end - bits->next >= 8) {
        bits->word |= big_endian_64(bits->next) >> bits->count;
        bits->next += (63 - bits->count) >> 3;
        bits->count |= 56;
        return;
    }
    for (; bits->count <= 56; bits->count += 8) {
        uint8_t byte = 0;
        if (bits->next < bits->end)
            byte = *bits->next++;
        else
            bits->invented++;
        bits->word |= (uint64_t)byte << (56 - bits->count);
    }
}

static inline void skip(Bits *bits, int count)
{
    bits->word <<= count;
    bits->count -= count;
}

// Bits that the segment still has; negative after some were taken that it does not have.
static inline int bits_left(const Bits *bits)
{
    return bits->count - bits->invented * 8;
}

// 1 to 16 bits, which must be there, as a number.
static inline unsigned take(Bits *bits, int count)
{
    unsigned value = (unsigned)(bits->word >> (64 - count));
    skip(bits, count);
    return value;
}

// As extended() in jpeg_huffman.c, without a branch: where the first bit is 0, 1 - 2^size more.
static inline int take_extended(Bits *bits, int size)
{
    int low = (int)(~bits->word >> 63); // 1: negative
    return (int)take(bits, size) - low * ((1 << size) - 1);
}

// The next symbol, -1 where there is none; 16 bits must be there.
static inline int take_symbol(Bits *bits, const JpegHuffman *huffman)
{
    unsigned entry = huffman->quick[bits->word >> (64 - JPEG_QUICK_BITS)];
    if (entry) {
        skip(bits, (int)(entry >> 8));
        return (int)(entry & 255);
    }
    unsigned word = (unsigned)(bits->word >> 48);
    for (int length = JPEG_QUICK_BITS + 1; length <= 16; length++)
        if (word < huffman->limit[length]) {
            skip(bits, length);
            return huffman->symbols[(int)(word >> (16 - length)) + huffman->offset[length]];
        }
    return -1;
}

// ---- Blocks

typedef struct Decoder {
    Jpeg *jpeg;
    const JpegScan *scan;
    Bits bits;
    int prediction[JPEG_COMPONENTS]; // the DC coefficient before
    unsigned end_run;                // blocks to come whose band is at its end
} Decoder;

// The functions for blocks return false at a code that is not defined, or a run beyond the block.

static bool take_dc(Decoder *decoder, int i, int *value)
{
    refill(&decoder->bits);
    int size = take_symbol(&decoder->bits, decoder->scan->dc[i]);
    if (size < 0 || size > 15) return false;
    int difference = size ? take_extended(&decoder->bits, size) : 0;
    *value = decoder->prediction[i] = (int16_t)(decoder->prediction[i] + difference);
    return true;
}

// The coefficients behind the first one, and their places, or-ed together.
static bool take_ac(Decoder *decoder, const JpegHuffman *huffman, const uint16_t *divisors,
                    int16_t *block, unsigned *places)
{
    Bits bits = decoder->bits; // in registers
    int k = 1;
    while (k < JPEG_BLOCK) {
        if (bits.count < 32) refill(&bits);
        int32_t whole = huffman->whole[bits.word >> (64 - JPEG_QUICK_BITS)];
        int value;
        if (whole) {
            k += whole >> 8 & 15;
            value = whole >> 16;
            skip(&bits, whole & 255);
        } else {
            int symbol = take_symbol(&bits, huffman);
            if (symbol < 0) {
                k = JPEG_BLOCK + 1;
                break;
            }
            int size = symbol & 15;
            if (size == 0 && symbol != 0xF0) break; // the end of the block
            k += symbol >> 4;
            value = size ? take_extended(&bits, size) : 0;
        }
        int place = jpeg_natural_order[k++];
        block[place] = (int16_t)(value * divisors[place]);
        *places |= (unsigned)place;
    }
    decoder->bits = bits;
    return k <= JPEG_BLOCK;
}

static uint8_t *samples_of(const JpegComponent *component, int x, int y)
{
    return component->samples + (size_t)y * 8 * component->stride + (size_t)x * 8;
}

static bool sequential_block(Decoder *decoder, int i, int x, int y)
{
    const JpegComponent *component = decoder->scan->components[i];
    int16_t block[JPEG_BLOCK] = {0};
    int dc;
    unsigned places = 0;
    if (!take_dc(decoder, i, &dc)) return false;
    block[0] = (int16_t)(dc * component->divisors[0]);
    if (!take_ac(decoder, decoder->scan->ac[i], component->divisors, block, &places)) return false;
    jpeg_inverse_dct(block, places, samples_of(component, x, y), component->stride);
    return true;
}

static int16_t *block_of(const Decoder *decoder, int i, int x, int y)
{
    const JpegComponent *component = decoder->scan->components[i];
    return component->coefficients +
           ((size_t)y * (size_t)component->stored_x + (size_t)x) * JPEG_BLOCK;
}

// G.1.2.1: the DC coefficient without its lowest bits, then these one by one.
static bool first_dc_block(Decoder *decoder, int i, int x, int y)
{
    int dc;
    if (!take_dc(decoder, i, &dc)) return false;
    *block_of(decoder, i, x, y) = (int16_t)(dc * (1 << decoder->scan->low));
    return true;
}

static bool next_dc_block(Decoder *decoder, int i, int x, int y)
{
    if (decoder->bits.count < 1) refill(&decoder->bits);
    if (take(&decoder->bits, 1)) *block_of(decoder, i, x, y) |= (int16_t)(1 << decoder->scan->low);
    return true;
}

// "The band ends here, and in as many blocks more": 2^size and `size` more bits of them in all.
static void take_end_run(Decoder *decoder, int size)
{
    decoder->end_run = (1u << size) + (size ? take(&decoder->bits, size) : 0);
}

// G.1.2.2: a band of AC coefficients without their lowest bits.
static bool first_ac_block(Decoder *decoder, int i, int x, int y)
{
    if (decoder->end_run > 0) {
        decoder->end_run--;
        return true;
    }
    const JpegScan *scan = decoder->scan;
    Bits *bits = &decoder->bits;
    int16_t *block = block_of(decoder, i, x, y);
    for (int k = scan->first; k <= scan->last; k++) {
        refill(bits);
        int symbol = take_symbol(bits, scan->ac[i]);
        if (symbol < 0) return false;
        int run = symbol >> 4, size = symbol & 15;
        if (size == 0 && run < 15) {
            take_end_run(decoder, run);
            decoder->end_run--; // this block
            break;
        }
        k += run;
        if (size == 0) continue; // 15 zeros and one more
        if (k > scan->last) return false;
        block[jpeg_natural_order[k]] = (int16_t)(take_extended(bits, size) * (1 << scan->low));
    }
    return true;
}

// One more bit, where it is 1, for a coefficient that is not zero.
static void refine(Bits *bits, int16_t *coefficient, int bit)
{
    if (bits->count < 1) refill(bits);
    if (!take(bits, 1) || (*coefficient & bit)) return;
    *coefficient = (int16_t)(*coefficient + (*coefficient < 0 ? -bit : bit));
}

// Passes `run` coefficients that are zero and stay so, from the k-th on; refines those between.
// Gives the place of the zero behind them, or scan->last + 1.
static int refine_over(Decoder *decoder, int16_t *block, int k, int run, int bit)
{
    for (; k <= decoder->scan->last; k++) {
        int16_t *coefficient = &block[jpeg_natural_order[k]];
        if (*coefficient)
            refine(&decoder->bits, coefficient, bit);
        else if (run-- == 0)
            break;
    }
    return k;
}

// G.1.2.3: one more bit of a band: of the coefficients known not to be zero, and the sign of those
// that begin here.
static bool next_ac_block(Decoder *decoder, int i, int x, int y)
{
    const JpegScan *scan = decoder->scan;
    Bits *bits = &decoder->bits;
    int16_t *block = block_of(decoder, i, x, y);
    int k = scan->first, bit = 1 << scan->low;
    while (decoder->end_run == 0 && k <= scan->last) {
        refill(bits);
        int symbol = take_symbol(bits, scan->ac[i]);
        if (symbol < 0) return false;
        int run = symbol >> 4, size = symbol & 15, value = 0;
        if (size == 0 && run < 15) {
            take_end_run(decoder, run);
            break;
        }
        if (size > 0) value = take(bits, 1) ? bit : -bit; // size is 1
        k = refine_over(decoder, block, k, run, bit);
        if (value) block[jpeg_natural_order[k]] = (int16_t)value; // too far at the end: as libjpeg
        if (value && k > scan->last) return false;
        k++;
    }
    if (decoder->end_run > 0) {
        refine_over(decoder, block, k, JPEG_BLOCK, bit);
        decoder->end_run--;
    }
    return true;
}

// ---- Segments

static bool is_restart(uint8_t marker)
{
    return marker >= 0xD0 && marker <= 0xD7;
}

// Copies from jpeg->next up to the next marker (or the end), to which jpeg->next moves.
static void load_segment(Decoder *decoder)
{
    Jpeg *jpeg = decoder->jpeg;
    const uint8_t *from = jpeg->next;
    uint8_t *to = jpeg->segment;
    while (from < jpeg->end) {
        size_t left = (size_t)(jpeg->end - from);
        const uint8_t *mark = memchr(from, 0xFF, left);
        size_t plain = mark ? (size_t)(mark - from) : left;
        memcpy(to, from, plain);
        to += plain;
        from += plain;
        if (!mark) break;
        const uint8_t *behind = mark + 1;
        while (behind < jpeg->end && *behind == 0xFF) behind++; // fill bytes
        if (behind < jpeg->end && *behind != 0) break;          // a marker
        if (behind < jpeg->end) *to++ = 0xFF;
        from = behind < jpeg->end ? behind + 1 : jpeg->end;
    }
    jpeg->next = from;
    decoder->bits = (Bits){.next = jpeg->segment, .end = to};
    memset(decoder->prediction, 0, sizeof decoder->prediction);
    decoder->end_run = 0;
}

// The segment behind the restart marker at which jpeg->next must stand.
static bool next_segment(Decoder *decoder)
{
    Jpeg *jpeg = decoder->jpeg;
    const uint8_t *at = jpeg->next;
    while (at < jpeg->end && *at == 0xFF) at++;
    if (at == jpeg->end || !is_restart(*at)) return false;
    jpeg->next = at + 1;
    load_segment(decoder);
    return true;
}

// ---- Units

typedef bool (*VisitBlock)(Decoder *decoder, int i, int x, int y);

static bool visit_unit(Decoder *decoder, VisitBlock visit, int unit_x, int unit_y)
{
    const JpegScan *scan = decoder->scan;
    if (scan->count == 1) return visit(decoder, 0, unit_x, unit_y);
    for (int i = 0; i < scan->count; i++) {
        int across = scan->components[i]->horizontal, down = scan->components[i]->vertical;
        for (int y = 0; y < down; y++)
            for (int x = 0; x < across; x++)
                if (!visit(decoder, i, unit_x * across + x, unit_y * down + y)) return false;
    }
    return true;
}

static VisitBlock kind_of(const Jpeg *jpeg, const JpegScan *scan)
{
    if (!jpeg->progressive) return sequential_block;
    if (scan->first == 0) return scan->high == 0 ? first_dc_block : next_dc_block;
    return scan->high == 0 ? first_ac_block : next_ac_block;
}

// A scan costs time for each of its blocks, however few its bytes are (a run of ends is short); all
// scans together may cost so much and no more.
static bool pay(Jpeg *jpeg, const JpegScan *scan)
{
    uint64_t visits = 0;
    for (int i = 0; i < scan->count; i++) {
        const JpegComponent *component = scan->components[i];
        visits += (uint64_t)component->stored_x * (uint64_t)component->stored_y;
    }
    if (visits > jpeg->visits_left)
        return fail(jpeg->error, "%s: has more scans than are decoded at most", jpeg->path);
    jpeg->visits_left -= visits;
    return true;
}

// After a unit that is not whole: where no whole code is left, the data end early, and a progressive
// picture stays what it was before.
static bool ended(const Decoder *decoder, bool here)
{
    const Jpeg *jpeg = decoder->jpeg;
    if (here && (decoder->bits.next < decoder->bits.end || bits_left(&decoder->bits) >= 16))
        return fail(jpeg->error, "%s: the picture's data are damaged (undefined code)", jpeg->path);
    return jpeg->progressive || fail(jpeg->error, "%s: the picture's data end early", jpeg->path);
}

bool jpeg_decode_scan(Jpeg *jpeg, const JpegScan *scan)
{
    if (!pay(jpeg, scan)) return false;
    Decoder decoder = {.jpeg = jpeg, .scan = scan};
    VisitBlock visit = kind_of(jpeg, scan);
    bool alone = scan->count == 1;
    int across = alone ? scan->components[0]->blocks_x : jpeg->units_x;
    int down = alone ? scan->components[0]->blocks_y : jpeg->units_y;
    unsigned until_restart = jpeg->restart_interval;
    load_segment(&decoder);
    for (int y = 0; y < down; y++)
        for (int x = 0; x < across; x++) {
            bool here = true;
            if (jpeg->restart_interval > 0 && until_restart-- == 0) {
                here = next_segment(&decoder);
                until_restart = jpeg->restart_interval - 1;
            }
            bool whole = here && visit_unit(&decoder, visit, x, y);
            if (whole && bits_left(&decoder.bits) >= 0) continue;
            return ended(&decoder, here);
        }
    return true;
}
