// Operations of a whole warp (shuffles, loading tiles, the matrix instruction) and asynchronous
// copies. Each lane brings its operands and waits; the last one computes for all.
#include "cuda/emulate_machine.h"

#include <math.h>
#include <string.h>

// ---- The matrix instruction: fragments as in the PTX ISA, "Matrix Fragments for mma.m16n8k8" and
// "mma.m16n8k16". With g = lane / 4 and t = lane % 4, the lane holds
//   A: rows g and g + 8 of columns t and t + 4 (tf32); of the pairs 2t and 2t + 8 (bf16)
//   B: column g of rows t and t + 4 (tf32); of the pairs 2t and 2t + 8 (bf16)
//   C: rows g and g + 8 of columns 2t and 2t + 1

enum { TILE_M = 16, TILE_N = 8, TILE_K_MOST = 16, TILES_MOST = 8 };

static float float_of(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

// Where a lane's register r of A (or B: rows of B are columns here) goes in a dense tile of
// TILE_K_MOST columns.
static void place(WarpAction action, int lane, int r, int step, uint32_t bits, float *tile)
{
    int g = lane / 4, t = lane % 4;
    int row = step == 4 ? g + 8 * (r % 2) : g, half = step == 4 ? r / 2 : r;
    float *to = tile + row * TILE_K_MOST;
    if (action == WARP_TF32) {
        to[t + 4 * half] = float_of(bits & 0xffffe000u); // what the unit reads of a float
    } else {
        to[2 * t + 8 * half] = float_of(bits << 16);
        to[2 * t + 8 * half + 1] = float_of(bits & 0xffff0000u);
    }
}

static void multiply_tile(int depth, const float *a, const float *b, float *c)
{
    for (int m = 0; m < TILE_M; m++)
        for (int k = 0; k < depth; k++)
            for (int n = 0; n < TILE_N; n++)
                c[m * TILE_N + n] += a[m * TILE_K_MOST + k] * b[k * TILE_N + n];
}

static void multiply(WarpAction action, WarpRequest *const *lanes)
{
    static float a[TILES_MOST][TILE_M * TILE_K_MOST], b[TILE_N * TILE_K_MOST];
    static float b_turned[TILES_MOST][TILE_K_MOST * TILE_N], c[TILE_M * TILE_N];
    const int rows = lanes[0]->rows, columns = lanes[0]->columns;
    const int depth = action == WARP_TF32 ? 8 : 16;
    if (rows > TILES_MOST || columns > TILES_MOST) emulator_fault("more than 8 tiles in a row");
    for (int i = 0; i < rows; i++)
        for (int lane = 0; lane < LANES_OF_WARP; lane++)
            for (int r = 0; r < 4; r++) place(action, lane, r, 4, lanes[lane]->a[i][r], a[i]);
    for (int j = 0; j < columns; j++) {
        for (int lane = 0; lane < LANES_OF_WARP; lane++)
            for (int r = 0; r < 2; r++) place(action, lane, r, 2, lanes[lane]->b[j][r], b);
        for (int k = 0; k < depth; k++)
            for (int n = 0; n < TILE_N; n++) b_turned[j][k * TILE_N + n] = b[n * TILE_K_MOST + k];
    }
    for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) {
            for (int lane = 0; lane < LANES_OF_WARP; lane++) {
                const float *own = lanes[lane]->c[i * columns + j];
                float *at = c + lane / 4 * TILE_N + lane % 4 * 2;
                memcpy(at, own, 2 * sizeof *own);
                memcpy(at + 8 * TILE_N, own + 2, 2 * sizeof *own);
            }
            multiply_tile(depth, a[i], b_turned[j], c);
            for (int lane = 0; lane < LANES_OF_WARP; lane++) {
                float *own = lanes[lane]->c[i * columns + j];
                const float *at = c + lane / 4 * TILE_N + lane % 4 * 2;
                memcpy(own, at, 2 * sizeof *own);
                memcpy(own + 2, at + 8 * TILE_N, 2 * sizeof *own);
            }
        }
}

// ---- ldmatrix: four tiles of 8 rows of 4 floats ----

static void distribute_tiles(WarpRequest *const *lanes)
{
    for (int lane = 0; lane < LANES_OF_WARP; lane++)
        for (int tile = 0; tile < 4; tile++)
            lanes[lane]->values[tile] = lanes[8 * tile + lane / 4]->row[lane % 4];
}

// ---- All lanes together ----

static void perform(WarpRequest *const *lanes)
{
    const WarpRequest *first = lanes[0];
    for (int i = 1; i < LANES_OF_WARP; i++)
        if (lanes[i]->action != first->action || lanes[i]->distance != first->distance ||
            lanes[i]->rows != first->rows || lanes[i]->columns != first->columns)
            emulator_fault("lanes 0 and %d of a warp are at different operations", i);
    if (first->action == WARP_TF32 || first->action == WARP_BF16)
        multiply(first->action, lanes);
    else if (first->action == WARP_LOAD_TILES)
        distribute_tiles(lanes);
    else
        for (int i = 0; i < LANES_OF_WARP; i++)
            lanes[i]->result = lanes[(i ^ first->distance) % LANES_OF_WARP]->value;
}

static void warp_operation(WarpRequest *request)
{
    int warp = machine.current / LANES_OF_WARP;
    Thread *lanes = machine.threads + warp * LANES_OF_WARP;
    machine.threads[machine.current].request = request;
    if (++machine.arrived[warp] < LANES_OF_WARP) {
        emulator_yield(STATE_WARP);
        return;
    }
    WarpRequest *requests[LANES_OF_WARP];
    for (int i = 0; i < LANES_OF_WARP; i++) requests[i] = lanes[i].request;
    perform(requests);
    machine.arrived[warp] = 0;
    for (int i = 0; i < LANES_OF_WARP; i++) lanes[i].state = STATE_READY;
}

float emulated_shuffle_float(float value, int distance)
{
    WarpRequest request = {
        .action = WARP_SHUFFLE_FLOAT, .distance = distance, .value = (double)value};
    warp_operation(&request);
    return (float)request.result;
}

double emulated_shuffle_double(double value, int distance)
{
    WarpRequest request = {.action = WARP_SHUFFLE_DOUBLE, .distance = distance, .value = value};
    warp_operation(&request);
    return request.result;
}

// The row counts as read by the lane that brings its place.
void load_tiles(const float *row, float *values)
{
    WarpRequest request = {.action = WARP_LOAD_TILES, .row = row, .values = values};
    uintptr_t offset = (uintptr_t)row - (uintptr_t)machine.shared;
    if (offset >= machine.shared_bytes || offset % 16 != 0)
        emulator_fault("a row of a tile at byte %ld of shared memory", (long)offset);
    emulator_access((uintptr_t)row, 16, false);
    warp_operation(&request);
}

void multiply_tiles_tf32(int rows, int columns, float (*c)[4], uint32_t (*a)[4], uint32_t (*b)[2])
{
    WarpRequest request = {
        .action = WARP_TF32, .rows = rows, .columns = columns, .c = c, .a = a, .b = b};
    warp_operation(&request);
}

void multiply_tiles_bf16(int rows, int columns, float (*c)[4], uint32_t (*a)[4], uint32_t (*b)[2])
{
    WarpRequest request = {
        .action = WARP_BF16, .rows = rows, .columns = columns, .c = c, .a = a, .b = b};
    warp_operation(&request);
}

// cvt.rna.tf32.f32: 13 bits fewer, ties away from zero; cvt.rn.bf16x2.f32: ties to even.
uint32_t to_tf32(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return isfinite(x) ? (bits + 0x1000u) & 0xffffe000u : bits;
}

static uint32_t to_bf16(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (isnan(x)) return 0x7fffu;
    return (bits + 0x7fffu + (bits >> 16 & 1)) >> 16;
}

uint32_t to_bf16_pair(float low, float high)
{
    return to_bf16(low) | to_bf16(high) << 16;
}

// ---- cp.async: as late as it may happen, when the thread waits for it ----

static uintptr_t shared_offset(const float *shared, int bytes)
{
    uintptr_t offset = (uintptr_t)shared - (uintptr_t)machine.shared;
    if (offset >= machine.shared_bytes || offset % (unsigned)bytes != 0)
        emulator_fault("an asynchronous copy of %d bytes to byte %ld of shared memory", bytes,
                       (long)offset);
    return offset;
}

void emulated_copy_async(float *shared, const float *global, int bytes, bool inside)
{
    Thread *thread = &machine.threads[machine.current];
    uintptr_t offset = shared_offset(shared, bytes);
    if (thread->copy_count == COPIES_LIMIT) emulator_fault("too many asynchronous copies");
    if (inside && (uintptr_t)global % (unsigned)bytes != 0)
        emulator_fault("an asynchronous copy of %d bytes from an address that is not aligned",
                       bytes);
    if (inside) emulator_access((uintptr_t)global, (uintptr_t)bytes, false);
    emulator_access((uintptr_t)shared, (uintptr_t)bytes, true);
    for (uintptr_t i = 0; i < (uintptr_t)bytes / 4; i++)
        machine.shared_words[offset / 4 + i].in_flight = true;
    thread->copies[thread->copy_count++] =
        (Copy){shared, inside ? global : NULL, bytes, thread->group};
}

void copy_async_commit(void)
{
    machine.threads[machine.current].group++;
}

void copy_async_wait(int pending)
{
    Thread *thread = &machine.threads[machine.current];
    int kept = 0;
    for (int i = 0; i < thread->copy_count; i++) {
        const Copy copy = thread->copies[i];
        if (copy.group >= thread->group - pending) {
            thread->copies[kept++] = copy;
            continue;
        }
        if (copy.from)
            memcpy(copy.to, copy.from, (size_t)copy.bytes);
        else
            memset(copy.to, 0, (size_t)copy.bytes);
        emulator_access((uintptr_t)copy.to, (uintptr_t)copy.bytes, true);
    }
    thread->copy_count = kept;
}
