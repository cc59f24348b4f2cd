// What the files of the JPEG decoder share. jpeg.c reads the markers and leads; jpeg_scan.c decodes
// entropy-coded data with the tables of jpeg_huffman.c; jpeg_idct.c turns coefficients into
// samples; jpeg_colour.c brings the components to one size and to RGB.
#ifndef SIEVE_DATA_JPEG_PARTS_H
#define SIEVE_DATA_JPEG_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "core/error.h"
#include "data/picture.h"

enum {
    JPEG_BLOCK = 64, // coefficients of a block of 8 x 8 samples
    JPEG_COMPONENTS = 4,
    JPEG_TABLES = 4,
    JPEG_QUICK_BITS = 9, // codes up to this length are found by one look
    JPEG_SLACK = 32,     // bytes that may be written behind a row of samples
};

// A Huffman code (T.81, annex C: canonical, ordered by length and by place in the list).
typedef struct JpegHuffman {
    bool defined;
    uint8_t symbols[256];
    uint16_t quick[1 << JPEG_QUICK_BITS]; // length << 8 | symbol; 0 where the code is longer, or
                                          // undefined
    // For AC coefficients: value << 16 | run << 8 | bits of code and value together, where they fit
    // into JPEG_QUICK_BITS; else 0.
    int32_t whole[1 << JPEG_QUICK_BITS];
    uint32_t limit[17]; // first 16-bit word beyond the codes of this length
    int offset[17];     // from a code of this length to its place among the symbols
} JpegHuffman;

typedef struct JpegComponent {
    int id, quantisation;
    int horizontal, vertical; // sampling factors
    int width, height;        // samples
    int blocks_x, blocks_y;   // that hold them: a scan of this component alone has so many
    int stored_x, stored_y;   // with those that fill up the last units of interleaved scans
    bool scanned;
    uint16_t divisors[JPEG_BLOCK]; // quantisation, of the component's first scan, in rows
    int16_t *coefficients;         // progressive: stored_y x stored_x x 64 (in rows), quantised
    uint8_t *samples;              // stored_y * 8 rows of `stride`
    size_t stride;
} JpegComponent;

typedef struct Jpeg {
    const char *path;
    Error *error;
    const uint8_t *next, *end; // the file; next: what is not read yet
    int width, height, component_count;
    bool framed, progressive;
    bool jfif, adobe;
    int adobe_transform;
    int factor_x, factor_y;    // largest sampling factors
    int units_x, units_y;      // interleaved units (MCUs) across and down
    unsigned restart_interval; // in units; 0: none
    uint64_t visits_left;      // of blocks, over all scans
    bool quantised[JPEG_TABLES];
    uint16_t quantisation[JPEG_TABLES][JPEG_BLOCK]; // in rows
    JpegHuffman dc[JPEG_TABLES], ac[JPEG_TABLES];
    JpegComponent components[JPEG_COMPONENTS];
    uint8_t *segment; // room for the entropy-coded data of a scan
} Jpeg;

// What a scan header says.
typedef struct JpegScan {
    int count;
    JpegComponent *components[JPEG_COMPONENTS];
    const JpegHuffman *dc[JPEG_COMPONENTS], *ac[JPEG_COMPONENTS];
    int first, last; // coefficients, in zigzag order
    int high, low;   // bits: known before, known after (successive approximation)
} JpegScan;

// Places of the coefficients in rows, by zigzag order; 16 more for runs that lead too far.
extern const uint8_t jpeg_natural_order[JPEG_BLOCK + 16];

// counts[1..16] codes of each length for the symbols, 256 at most; false where that is no code.
bool jpeg_huffman_build(JpegHuffman *huffman, const uint8_t counts[17], const uint8_t *symbols,
                        int symbol_count);

// The entropy-coded data at jpeg->next, which moves behind them.
bool jpeg_decode_scan(Jpeg *jpeg, const JpegScan *scan);

// Coefficients (in rows, dequantised) to 8 x 8 samples at `to`: libjpeg's "islow", exactly. places:
// the places of all that are not zero, or-ed together; less work where they lie in one corner.
void jpeg_inverse_dct(const int16_t block[JPEG_BLOCK], unsigned places, uint8_t *to, size_t stride);

// The samples of all components as one picture, whose size is set.
void jpeg_to_picture(const Jpeg *jpeg, Picture *picture);

#endif
