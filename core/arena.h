// An arena: memory that is taken piece by piece and given back all at once. After a reset
// everything fits one block, so a loop that needs the same amount each time takes nothing from
// malloc after its first turn.
#ifndef SIEVE_CORE_ARENA_H
#define SIEVE_CORE_ARENA_H

#include <stdint.h>

typedef struct Arena Arena;
struct DeviceMemory;

Arena *arena_create(const struct DeviceMemory *memory); // NULL: the program's own
void arena_free(Arena *arena);

// 64-byte aligned memory with undefined contents, valid until the next reset.
void *arena_allocate(Arena *arena, int64_t bytes);
void arena_reset(Arena *arena);

// Bytes in use since the last reset.
int64_t arena_used(const Arena *arena);

#endif
