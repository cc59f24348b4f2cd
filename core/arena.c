#include "core/arena.h"

#include <stdlib.h>
#include "core/error.h"
#include "core/kernels.h"

enum { ALIGNMENT = 64 };
// Blocks double up to the last size; all live until the reset, so that much larger ones could hold
// twice of what is needed.
static const int64_t FIRST_BLOCK = 1 << 20, LAST_BLOCK = 1 << 30;

typedef struct Block {
    struct Block *previous;
    int64_t size, used;
    unsigned char *memory;
} Block;

struct Arena {
    const DeviceMemory *memory;
    Block *block; // the newest; the one that is filled
    int64_t used; // bytes in all blocks
};

static Block *block_create(const Arena *arena, int64_t size, Block *previous)
{
    Block *block = allocate(sizeof *block);
    *block = (Block){.previous = previous, .size = size};
    block->memory = arena->memory ? arena->memory->allocate(size) : allocate_pages((uint64_t)size);
    return block;
}

static void blocks_free(const Arena *arena)
{
    for (Block *block = arena->block; block;) {
        Block *previous = block->previous;
        if (arena->memory)
            arena->memory->release(block->memory);
        else
            free(block->memory);
        free(block);
        block = previous;
    }
}

Arena *arena_create(const DeviceMemory *memory)
{
    Arena *arena = allocate_zeroed(sizeof *arena);
    arena->memory = memory;
    return arena;
}

void arena_free(Arena *arena)
{
    if (!arena) return;
    blocks_free(arena);
    free(arena);
}

void *arena_allocate(Arena *arena, int64_t bytes)
{
    bytes = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    Block *block = arena->block;
    if (!block || block->size - block->used < bytes) {
        int64_t size = block ? 2 * block->size : FIRST_BLOCK;
        if (size > LAST_BLOCK) size = LAST_BLOCK;
        if (size < bytes) size = bytes;
        block = arena->block = block_create(arena, size, block);
    }
    void *memory = block->memory + block->used;
    block->used += bytes;
    arena->used += bytes;
    return memory;
}

void arena_reset(Arena *arena)
{
    Block *block = arena->block;
    if (block && block->previous) { // it took several: next time one block holds it all
        int64_t size = arena->used + arena->used / 8; // an eighth for what varies from step to step
        blocks_free(arena);
        arena->block = block_create(arena, size, NULL);
    } else if (block) {
        block->used = 0;
    }
    arena->used = 0;
}

int64_t arena_used(const Arena *arena)
{
    return arena->used;
}
