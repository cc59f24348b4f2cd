// The emulator's memory. Device addresses are places that nobody may touch; the values lie
// elsewhere, and only a launch knows where: a host that reads device memory stops at once. Inside a
// kernel every access comes through emulator_access, which knows the arrays named at the launch and
// for each word of shared memory and of the written arrays who touched it last.
#include "cuda/emulate_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

// ---- Allocations ----

typedef struct Allocation {
    char *device, *real;
    int64_t bytes;
    struct Allocation *next;
} Allocation;

static Allocation *allocations;

static char *map(int64_t bytes, int protection)
{
    void *memory =
        mmap(NULL, (size_t)bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) panic("the emulator found no memory: %lld bytes", (long long)bytes);
    return memory;
}

static void *emulated_allocate(int64_t bytes)
{
    Allocation *allocation = allocate(sizeof *allocation);
    bytes = bytes ? bytes : 1;
    *allocation =
        (Allocation){map(bytes, PROT_NONE), map(bytes, PROT_READ | PROT_WRITE), bytes, allocations};
    allocations = allocation;
    return allocation->device;
}

static void emulated_release(void *memory)
{
    Allocation **link = &allocations;
    if (!memory) return;
    while (*link && (*link)->device != memory) link = &(*link)->next;
    Allocation *allocation = *link;
    if (!allocation) panic("this device memory was not allocated");
    *link = allocation->next;
    munmap(allocation->device, (size_t)allocation->bytes);
    munmap(allocation->real, (size_t)allocation->bytes);
    free(allocation);
}

void *emulator_address(const void *device, int64_t bytes)
{
    const char *at = device;
    for (Allocation *a = allocations; a; a = a->next)
        if (at >= a->device && at < a->device + a->bytes)
            return at - a->device + bytes <= a->bytes ? a->real + (at - a->device) : NULL;
    return NULL;
}

static char *real_address(const void *device, int64_t bytes)
{
    char *real = emulator_address(device, bytes);
    if (!real && bytes > 0) panic("%lld bytes are not device memory", (long long)bytes);
    return real;
}

static void emulated_to_device(int64_t bytes, const void *host, void *device)
{
    if (bytes > 0) memcpy(real_address(device, bytes), host, (size_t)bytes);
}

static void emulated_to_host(int64_t bytes, const void *device, void *host)
{
    if (bytes > 0) memcpy(host, real_address(device, bytes), (size_t)bytes);
}

const DeviceMemory emulator_memory = {emulated_allocate, emulated_release, emulated_to_device,
                                      emulated_to_host};

// ---- Accesses ----

// The thread that wrote or read this word makes an access by the running thread a race: another
// thread since the last barrier, or any other block of this launch (`first` is the first epoch that
// counts: of the launch, or for shared memory of the block).
static bool races(uint32_t at, uint16_t who, uint32_t first)
{
    if (at < first) return false;
    if (who == SEVERAL_BLOCKS || at < machine.block_epoch) return true;
    return at == machine.epoch && who != machine.current;
}

static void check_word(Word *word, uint32_t first, bool write, const char *what, uintptr_t offset)
{
    if (races(word->written_at, word->writer, first))
        emulator_fault("%s a word that thread %d wrote without a barrier between: %s, byte %lu",
                       write ? "writes" : "reads", word->writer, what, (unsigned long)offset);
    if (write) {
        if (races(word->read_at, word->reader, first))
            emulator_fault("writes a word that thread %d read without a barrier between: %s, "
                           "byte %lu (65534: several threads, 65535: several blocks)",
                           word->reader, what, (unsigned long)offset);
        word->written_at = machine.epoch;
        word->writer = (uint16_t)machine.current;
        word->fences = machine.threads[machine.current].fences;
        word->in_flight = false;
        return;
    }
    if (word->in_flight)
        emulator_fault("reads a word to which an asynchronous copy is under way: %s, byte %lu",
                       what, (unsigned long)offset);
    uint16_t me = (uint16_t)machine.current;
    if (word->read_at < first)
        word->reader = me;
    else if (word->read_at < machine.block_epoch)
        word->reader = SEVERAL_BLOCKS;
    else if (word->reader != SEVERAL_BLOCKS)
        word->reader = word->read_at < machine.epoch || word->reader == me ? me : SEVERAL_THREADS;
    word->read_at = machine.epoch;
}

static void access_shared(uintptr_t offset, uintptr_t bytes, bool write)
{
    if (offset + bytes > machine.shared_bytes)
        emulator_fault("%s shared memory at byte %lu of %lu", write ? "writes" : "reads",
                       (unsigned long)offset, (unsigned long)machine.shared_bytes);
    for (uintptr_t i = offset / 4; i < (offset + bytes + 3) / 4; i++) {
        Word *word = &machine.shared_words[i];
        if (!write && word->written_at < machine.block_epoch)
            emulator_fault("reads shared memory that nobody wrote, byte %lu",
                           (unsigned long)(4 * i));
        check_word(word, machine.block_epoch, write, "shared memory", 4 * i);
    }
}

void emulator_unit_access(const float *row, int floats)
{
    const uintptr_t offset = (uintptr_t)row - (uintptr_t)machine.shared;
    access_shared(offset, (uintptr_t)floats * sizeof *row, false);
    for (uintptr_t i = offset / 4; i < offset / 4 + (uintptr_t)floats; i++) {
        const Word *word = &machine.shared_words[i];
        if (word->fences == machine.threads[word->writer].fences)
            emulator_fault("the matrix unit reads what thread %d wrote without a fence: shared "
                           "memory, byte %lu",
                           word->writer, (unsigned long)(4 * i));
    }
}

// Constants of the program itself may be read.
extern const char __executable_start __attribute__((weak)), end __attribute__((weak));

static bool is_constant(uintptr_t address, uintptr_t bytes)
{
    uintptr_t argument = address - (uintptr_t)machine.arguments;
    return argument + bytes <= machine.argument_bytes ||
           (address >= (uintptr_t)&__executable_start && address + bytes <= (uintptr_t)&end);
}

void emulator_access(uintptr_t address, uintptr_t bytes, bool write)
{
    if (address - machine.stack < STACK_BYTES) return; // the thread's own variables
    if (address - (uintptr_t)&machine < sizeof machine && !write) return; // threadIdx and so on
    if (address - (uintptr_t)machine.shared < SHARED_LIMIT) {
        access_shared(address - (uintptr_t)machine.shared, bytes, write);
        return;
    }
    int near = -1;
    for (int i = 0; i < machine.array_count; i++) {
        const Range *range = &machine.arrays[i];
        uintptr_t offset = address - range->begin;
        if (offset >= range->size) continue;
        near = i;
        if (offset + bytes > range->size || (write && !range->written)) continue;
        if (!range->written) {
            // an array may be named twice, to be read and to be written: the second counts
            bool again = false;
            for (int j = i + 1; j < machine.array_count && !again; j++)
                again = machine.arrays[j].written &&
                        address - machine.arrays[j].begin < machine.arrays[j].size;
            if (again) continue;
            return;
        }
        for (uintptr_t w = offset / 4; w < (offset + bytes + 3) / 4; w++)
            check_word(&range->words[w], machine.launch_epoch, write, "global memory", 4 * w);
        return;
    }
    if (!write && is_constant(address, bytes)) return;
    if (near >= 0)
        emulator_fault("%s byte %lu of an array of %lu bytes that is only read",
                       write ? "writes" : "reads",
                       (unsigned long)(address - machine.arrays[near].begin),
                       (unsigned long)machine.arrays[near].size);
    long long distance = 0;
    for (int i = 0; i < machine.array_count; i++) { // the array that it most probably meant
        long long from = (long long)(address - machine.arrays[i].begin);
        if (i == 0 || llabs(from) < llabs(distance)) distance = from, near = i;
    }
    emulator_fault("%s outside its arrays: byte %lld of one of %lu bytes",
                   write ? "writes" : "reads", distance,
                   near < 0 ? 0ul : (unsigned long)machine.arrays[near].size);
}

// ---- What the compiler calls before every load and store of a kernel (-fsanitize=thread) ----

#if !defined(THREAD_SANITIZER)
static inline bool is_own_variable(const void *address)
{
    return (uintptr_t)address - machine.stack < STACK_BYTES;
}

#define ACCESS(name, bytes, write)                         \
    void __tsan_##name(void *address);                     \
    void __tsan_##name(void *address)                      \
    {                                                      \
        if (is_own_variable(address)) return;              \
        emulator_access((uintptr_t)address, bytes, write); \
    }
ACCESS(read1, 1, false)
ACCESS(read2, 2, false)
ACCESS(read4, 4, false)
ACCESS(read8, 8, false)
ACCESS(read16, 16, false)
ACCESS(write1, 1, true)
ACCESS(write2, 2, true)
ACCESS(write4, 4, true)
ACCESS(write8, 8, true)
ACCESS(write16, 16, true)
ACCESS(unaligned_read2, 2, false)
ACCESS(unaligned_read4, 4, false)
ACCESS(unaligned_read8, 8, false)
ACCESS(unaligned_read16, 16, false)
ACCESS(unaligned_write2, 2, true)
ACCESS(unaligned_write4, 4, true)
ACCESS(unaligned_write8, 8, true)
ACCESS(unaligned_write16, 16, true)

void __tsan_read_range(void *address, unsigned long bytes);
void __tsan_write_range(void *address, unsigned long bytes);
void __tsan_init(void);
void __tsan_func_entry(void *caller);
void __tsan_func_exit(void);
void *__tsan_memcpy(void *to, const void *from, unsigned long bytes);
void *__tsan_memset(void *to, int value, unsigned long bytes);

void __tsan_read_range(void *address, unsigned long bytes)
{
    emulator_access((uintptr_t)address, bytes, false);
}
void __tsan_write_range(void *address, unsigned long bytes)
{
    emulator_access((uintptr_t)address, bytes, true);
}
void __tsan_init(void) {}
void __tsan_func_entry(void *caller)
{
    (void)caller;
}
void __tsan_func_exit(void) {}
void *__tsan_memcpy(void *to, const void *from, unsigned long bytes)
{
    emulator_access((uintptr_t)from, bytes, false);
    emulator_access((uintptr_t)to, bytes, true);
    return memcpy(to, from, bytes);
}
void *__tsan_memset(void *to, int value, unsigned long bytes)
{
    emulator_access((uintptr_t)to, bytes, true);
    return memset(to, value, bytes);
}
#endif
