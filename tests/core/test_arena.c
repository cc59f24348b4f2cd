// core/arena.c: what it takes of a device's memory, which does not grow by use as a program's does.
#include "core/arena.h"

#include <stdlib.h>
#include "core/error.h"
#include "core/kernels.h"
#include "tests/test.h"

static int64_t held, most; // bytes allocated now, at most
static int64_t sizes[64];
static void *blocks[64]; // addresses that nobody touches

static void *take(int64_t bytes)
{
    int i = 0;
    while (blocks[i]) i++;
    blocks[i] = allocate(256);
    sizes[i] = bytes;
    held += bytes;
    if (held > most) most = held;
    return blocks[i];
}

static void give_back(void *memory)
{
    int i = 0;
    if (!memory) return;
    while (blocks[i] != memory) i++;
    free(memory);
    held -= sizes[i];
    blocks[i] = NULL;
}

static const DeviceMemory counted = {take, give_back, NULL, NULL};

// A step's tensors: 64 of so many bytes.
static void step(Arena *arena, int64_t bytes)
{
    for (int i = 0; i < 64; i++) arena_allocate(arena, bytes);
    arena_reset(arena);
}

static void a_step_takes_little_more_than_it_needs(void)
{
    const int64_t wanted[] = {1000, 100000, 3 << 20, INT64_C(700) << 20};
    for (int i = 0; i < 4; i++) {
        const int64_t need = 64 * ((wanted[i] + 63) / 64 * 64), mega = 1 << 20;
        held = most = 0;
        Arena *arena = arena_create(&counted);
        step(arena, wanted[i]);
        check(most <= 2 * need + 1024 * mega, "%lld bytes took %lld", (long long)need,
              (long long)most);
        check(need < mega || held <= need + need / 8 + 2 * mega, "%lld bytes keep %lld",
              (long long)need, (long long)held);
        const int64_t kept = held;
        most = 0;
        step(arena, wanted[i]);
        check(held == kept && most == 0, "the second step takes nothing");
        arena_free(arena);
        check(held == 0, "all is given back");
    }
}

static void one_allocation_may_be_larger_than_a_block(void)
{
    held = most = 0;
    Arena *arena = arena_create(&counted);
    arena_allocate(arena, 100);
    arena_allocate(arena, INT64_C(5) << 30);
    check(most <= (INT64_C(5) << 30) + (2 << 20), "%lld bytes", (long long)most);
    arena_free(arena);
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"a_step_takes_little_more_than_it_needs", a_step_takes_little_more_than_it_needs},
        {"one_allocation_may_be_larger_than_a_block", one_allocation_may_be_larger_than_a_block},
    };
    return TESTS_RUN(tests);
}
