// The instruction of a warpgroup (cuda/warpgroup.h): as late as it may happen, when the thread waits
// for it. Each thread computes its own sums.
#include "cuda/emulate_machine.h"
#include "cuda/warpgroup.h"

#include <string.h>

enum { DEPTH = 8, ROW_BYTES = 128, THREADS_OF_GROUP = 128 };

void emulated_warpgroup_multiply(int tiles, float (*sums)[4], const float *a, const float *b)
{
    Thread *thread = &machine.threads[machine.current];
    if (thread->product_count == PRODUCTS_LIMIT) emulator_fault("too many products under way");
    thread->products[thread->product_count++] = (Product){tiles, thread->product_group, sums, a, b};
}

void warpgroup_begin(void) {}

void warpgroup_commit(void)
{
    machine.threads[machine.current].product_group++;
}

void warpgroup_settle(int tiles, float (*sums)[4])
{
    (void)tiles, (void)sums;
}

void fence_for_unit(void)
{
    machine.threads[machine.current].fences++;
}

// Four k, `chunk` times four on from where the tile begins, of a row: where the unit looks for them.
static const float *chunk_of(const float *tile, int row, int chunk)
{
    uintptr_t place = (uintptr_t)tile - (uintptr_t)machine.shared;
    place += (uintptr_t)(row * ROW_BYTES + chunk * 16);
    place ^= (place >> 7 & 7) << 4;
    return (const float *)(const void *)(machine.shared + place);
}

static void read_row(const float *tile, int row, float *values)
{
    for (int k = 0; k < DEPTH; k++) {
        uint32_t bits;
        memcpy(&bits, chunk_of(tile, row, k / 4) + k % 4, sizeof bits);
        bits &= 0xffffe000u; // what the unit reads of a float
        memcpy(&values[k], &bits, sizeof bits);
    }
}

// The group's threads share the rows to be checked.
static void check_rows(const float *tile, int rows)
{
    for (int row = machine.current % THREADS_OF_GROUP; row < rows; row += THREADS_OF_GROUP)
        for (int chunk = 0; chunk < DEPTH / 4; chunk++)
            emulator_unit_access(chunk_of(tile, row, chunk), 4);
}

static void multiply(const Product *p)
{
    const int lane = machine.current % LANES_OF_WARP;
    const int warp = machine.current % THREADS_OF_GROUP / LANES_OF_WARP;
    float rows[2][DEPTH], column[DEPTH];
    check_rows(p->a, 64);
    check_rows(p->b, 8 * p->tiles);
    read_row(p->a, 16 * warp + lane / 4, rows[0]);
    read_row(p->a, 16 * warp + lane / 4 + 8, rows[1]);
    for (int j = 0; j < p->tiles; j++)
        for (int side = 0; side < 2; side++) {
            read_row(p->b, 8 * j + 2 * (lane % 4) + side, column);
            for (int half = 0; half < 2; half++)
                for (int k = 0; k < DEPTH; k++)
                    p->sums[j][2 * half + side] += rows[half][k] * column[k];
        }
}

void warpgroup_wait(int pending)
{
    Thread *thread = &machine.threads[machine.current];
    int kept = 0;
    for (int i = 0; i < thread->product_count; i++) {
        const Product product = thread->products[i];
        if (product.group >= thread->product_group - pending)
            thread->products[kept++] = product;
        else
            multiply(&product);
    }
    thread->product_count = kept;
}
