// The arguments of the kernels, one struct each, shared by host and device. Arrays as in
// core/kernels.h; sizes are elements. Indices are int32 where a division by a size is needed.
#ifndef SIEVE_CUDA_ARGUMENTS_H
#define SIEVE_CUDA_ARGUMENTS_H

#include <stdbool.h>
#include <stdint.h>
#include "core/image_pose.h"

enum {
    MOST_THREADS = 256, // of a block
    MOST_DIMENSIONS = 6
};

// ---- elementwise.cu ----

// Four elements a thread; `wide`: all arrays begin at a multiple of 16 bytes.
typedef struct UnaryArguments {
    int64_t count;
    bool wide;
    float a, b;
    const float *x, *y, *dy; // y, dy: backward only
    float *out;
} UnaryArguments;

// Dimensions from the innermost outwards, merged where all arrays allow it.
typedef struct Walk {
    int32_t rank, count;
    int32_t shape[MOST_DIMENSIONS], first_step[MOST_DIMENSIONS], second_step[MOST_DIMENSIONS];
} Walk;

typedef struct BinaryArguments {
    Walk walk;  // first: a, second: b; y is dense
    bool dense; // so are a and b, and wide: four elements a thread, else one
    int64_t count;
    const float *a, *b;
    float *y;
} BinaryArguments;

typedef struct AccumulateArguments {
    int64_t count;
    bool wide;
    float scale; // also the value of fill
    const float *x;
    float *y;
} AccumulateArguments;

typedef struct CopyArguments {
    Walk walk; // first: x, second: y
    const float *x;
    float *y;
} CopyArguments;

// ---- reduce.cu ----

// Sums of rows in pieces of PIECE elements: block (piece, row).
enum { PIECE = 16384 };
typedef struct RowsArguments {
    int64_t rows, count;
    int32_t pieces;
    bool root; // y = square root of the sum
    const float *a, *b;
    double *partial; // [rows][pieces]; NULL where pieces is 1: straight to y
    float *y;
} RowsArguments;

// Sums of columns of (outer, count, inner): blocks of 32 columns by 8 rows of threads, each over
// `height` rows; block (column tile, piece, outer).
enum { COLUMN_THREADS = 32, ROW_THREADS = 8 };
typedef struct ColumnsArguments {
    int64_t count, inner;
    int32_t height, pieces;
    bool wide; // `inner` in fours, x at a multiple of 16 bytes: a thread takes four columns
    const float *x;
    double *partial; // [outer][inner][pieces]
    float *y;
} ColumnsArguments;

typedef struct MaxArguments {
    int64_t results; // outer * inner; backward: all elements of dx
    int32_t count, inner;
    const float *x;
    float *y;
    int32_t *index;
    const int32_t *saved;
} MaxArguments;

typedef struct NormRowsArguments {
    int64_t count; // of a row
    int64_t size;  // all elements
    const float *x, *y, *dy;
    float *dx;
} NormRowsArguments;

// ---- loss.cu: a warp takes a row ----

typedef struct LossArguments {
    int64_t rows;
    int32_t classes;
    const float *x, *y, *dy;
    const int32_t *labels;
    float *out, *losses;
} LossArguments;

// ---- norm.cu ----

typedef struct NormArguments {
    int64_t rows;
    int32_t channels, height, pieces; // rows in pieces of `height`
    bool relu_before, relu_after, training;
    bool wide; // channels come in fours, arrays at multiples of 16 bytes, fewer than 2^32 elements
    const float *x, *dy;
    float momentum, epsilon, unbiased; // unbiased: the running variance's factor
    const float *mean, *inverse_deviation, *scale, *shift, *variance;
    double *partial; // [2][channels][pieces]
    float *slope;    // [2][channels]: dx = factor g + slope (x - mean) + offset
    float *mean_out, *inverse_out, *running_mean, *running_variance, *dscale, *dshift;
    const float *known; // NULL, or what is added to dx; may be out
    float *out;
} NormArguments;

// ---- group_norm.cu ----

typedef struct GroupNormArguments {
    int64_t batch, positions;
    int32_t channels, groups, width; // width: channels of a group
    float epsilon;
    bool wide; // width comes in fours, arrays at multiples of 16 bytes
    const float *x, *dy;
    const float *mean, *inverse_deviation; // (batch, groups)
    const float *scale, *shift;            // (channels)
    const float *dscale, *dshift;          // (batch, channels)
    double *partial;                       // [batch][2][channels]
    float *slope;                          // [batch][groups][2]: slope, offset
    float *mean_out, *inverse_out, *dscale_out, *dshift_out;
    float *out;
} GroupNormArguments;

// ---- pool.cu ----

typedef struct PoolArguments {
    int32_t in_height, in_width, channels, out_height, out_width;
    int32_t kernel, stride, padding;
    bool wide; // channels come in fours, arrays at multiples of 16 bytes
    const float *x, *dy;
    const int32_t *saved;
    float *out;
    int32_t *index;
} PoolArguments;

// ---- resample.cu ----

// Along one axis, result position p is the sum over k from start[p] to start[p + 1] of
// weight[k] times source position index[k].
typedef struct Mixture {
    const int32_t *start, *index;
    const float *weight;
} Mixture;

// Block (row of the results, part of it), a thread for one channel or four. Backward: x is dy.
typedef struct ResampleArguments {
    int32_t height, width, channels, source_height, source_width;
    bool wide; // channels come in fours, arrays at multiples of 16 bytes
    Mixture rows, columns;
    const float *x;
    float *y;
} ResampleArguments;

typedef struct GridArguments {
    int32_t in_height, in_width, channels, out_height, out_width;
    int32_t count;
    const float *x, *grid, *dy;
    float *out;
} GridArguments;

// ---- noise.cu ----

typedef struct NoiseArguments {
    int64_t count;
    bool wide;     // the arrays begin at multiples of 16 bytes
    uint64_t seed; // these three: RandomKey
    uint32_t purpose, step;
    uint32_t threshold; // dropout
    float a, b;         // dropout: scale; uniform: low and width
    const float *x, *dy;
    float *y;
} NoiseArguments;

// ---- data.cu ----

typedef struct ImagesArguments {
    int64_t count;
    int32_t height, width, channels;
    const uint8_t *stored;
    const ImagePose *poses;
    float *images;
} ImagesArguments;

typedef struct GatherArguments {
    int64_t rows, size;
    const int32_t *index;
    const float *table;
    float *y;
} GatherArguments;

// An array from the program, of which the driver takes a copy when the kernel is started: no memory
// that must stay as it is until then, no waiting, and part of a graph like any other kernel.
enum { WORDS_LIMIT = 960, SMALL_BYTES = 8 * WORDS_LIMIT * 4 };
typedef struct WordsArguments {
    uint32_t *y;
    int32_t count;
    uint32_t words[WORDS_LIMIT];
} WordsArguments;

// ---- optimizer.cu ----

typedef struct OptimizerArguments {
    int64_t count;
    bool wide, nesterov;
    float learning_rate, momentum, weight_decay;
    float beta1, beta2, epsilon, rate, correction2; // Adam; rate = learning rate / correction 1
    const float *gradient;
    float *first, *second, *parameter; // velocity or moments; NULL where there is none
} OptimizerArguments;

// ---- matrix.cu ----

// Three products, all of them convolutions (a plain matrix product is one with 1x1 images):
//   forward  c[pixel][n] = sum over taps and `inner` of a, gathered around the pixel, times b[k][n]
//   input    the same, with b's taps as [n][inner]: the gradient that arrives, back through the
//            weights; for stride s the pixels of one of s x s phases, which share their taps
//   weight   c[m][n] = sum over pixels of a, gathered at tap and channel m, times b[pixel][n]
// Pixel number p is (image, row, column) of `rows` x `columns`; at tap (ty, tx) it reads a's image
// at row * step + first_row + ty * tap_step, columns likewise, zero outside.
typedef struct MatrixArguments {
    int32_t m, n, k;                        // of the product
    int32_t inner;                          // channels of a's images
    int32_t image_height, image_width;      // of a's images
    int32_t a_stride, b_stride;             // from one pixel of a to the next, one row of b
    int32_t rows, columns, pixels;          // pixels: of all images
    int32_t images_on, rows_on, columns_on; // from a pixel to the one TILE_K further
    int32_t step, first_row, first_column;
    int32_t taps_wide, tap_step;
    int32_t kernel_width, kernel_row, kernel_column, kernel_step; // input: b's tap (ty, tx) is at
        // kernel_row + ty * kernel_step, columns likewise
    int32_t out_height, out_width, out_row, out_column, out_step; // where the pixels of c lie
    bool dense;                // c is (m, n): none of the line above matters
    int32_t splits, split_k;   // parts of k and their length; block (m tile, n tile, part)
    int32_t parts;             // groups of threads that add the splits
    bool relu;                 // c = max(0, ..) at last
    bool in_pairs;             // sums are written in pairs, with nothing after them but addend
    const float *scale;        // NULL, or the sum's factor for each n
    const float *addend;       // NULL, or what is added, in c's places (c itself, too)
    const float *a, *b, *bias; // bias: NULL or one for each n
    float *c, *partial;        // partial: NULL, or [splits][m][n] in the place of c
} MatrixArguments;

// y[tap][column][row] = x[tap][row][column]; x_stride: from one row of x to the next.
typedef struct TurnArguments {
    int32_t rows, columns, x_stride;
    const float *x;
    float *y;
} TurnArguments;

// Norms of images' weight gradients: x (images, height, width, inner), dy (images, positions,
// outer).
typedef struct GramArguments {
    int32_t positions, columns, tiles; // of an output image; tiles of positions
    int32_t inner, height, width, outer;
    int32_t taps, taps_wide, step, padding, dilation;
    const float *x, *dy;
    double *partial; // [image][pair of tiles]
} GramArguments;

// dy = 0 where y <= 0 and relu, else dy * scale[n]: what arrives at a frozen convolution.
typedef struct FrozenArguments {
    int64_t count;
    int32_t n;
    bool relu, wide;
    const float *y, *scale; // scale: NULL: 1
    float *dy;
} FrozenArguments;

#endif
