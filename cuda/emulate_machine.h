// What the emulator's files share: the machine's state. One processor thread runs one block at a
// time, so there is one machine.
#ifndef SIEVE_CUDA_EMULATE_MACHINE_H
#define SIEVE_CUDA_EMULATE_MACHINE_H

#include "cuda/emulate.h"
#include "cuda/emulator.h"

// Whether this build has ThreadSanitizer's own functions where the emulator's should be.
#if defined(__SANITIZE_THREAD__)
#define THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define THREAD_SANITIZER 1
#endif
#endif

enum {
    THREADS_LIMIT = 1024,
    LANES_OF_WARP = 32,
    SHARED_LIMIT = 227 * 1024, // bytes: what one block may have on sm_90
    COPIES_LIMIT = 1024,       // asynchronous copies of a thread that are under way
    PRODUCTS_LIMIT = 64,       // instructions of a warpgroup, likewise
    ARRAYS_LIMIT = LAUNCH_MOST_ARRAYS
};

// Who touched a word of memory last. Times are epochs: a number that grows with every barrier and
// every block, so that no table needs clearing.
typedef struct Word {
    uint32_t written_at, read_at; // 0: never
    uint16_t writer, reader;      // thread of the block, or READERS_.. below
    uint16_t fences;              // how many the writer had made
    bool in_flight;               // an asynchronous copy is to arrive here
} Word;
enum { SEVERAL_THREADS = 0xfffe, SEVERAL_BLOCKS = 0xffff };

typedef struct Copy {
    float *to;
    const float *from; // NULL: zeros
    int bytes, group;
} Copy;

// An instruction of a warpgroup that has begun: this thread's part of it.
typedef struct Product {
    int tiles, group;
    float (*sums)[4];
    const float *a, *b;
} Product;

typedef enum State { STATE_READY, STATE_BARRIER, STATE_WARP, STATE_DONE } State;

typedef enum WarpAction {
    WARP_SHUFFLE_FLOAT,
    WARP_SHUFFLE_DOUBLE,
    WARP_LOAD_TILES,
    WARP_TF32,
    WARP_BF16
} WarpAction;

// What a lane brings to an operation of its warp.
typedef struct WarpRequest {
    WarpAction action;
    int distance;
    double value, result;
    const float *row; // in shared memory
    float *values;
    int rows, columns;
    float (*c)[4];
    uint32_t (*a)[4];
    uint32_t (*b)[2];
} WarpRequest;

typedef struct Fiber {
    void *stack_pointer; // while it waits
    char *stack;
    struct Fiber *next, *other; // in the lists of idle ones and of all
} Fiber;

typedef struct Thread {
    State state;
    Fiber *fiber; // NULL: not started
    WarpRequest *request;
    Copy *copies; // [COPIES_LIMIT], of the groups that have not been waited for
    int copy_count, group;
    Product *products; // [PRODUCTS_LIMIT], likewise
    int product_count, product_group;
    uint16_t fences;
} Thread;

typedef struct Range {
    uintptr_t begin, size;
    bool written;
    Word *words; // of written arrays
} Range;

typedef struct Machine {
    const char *kernel_name;
    EmulatedKernel *kernel;
    const void *arguments; // with addresses that this processor can read
    uintptr_t argument_bytes;
    Index3 block_index, block_size, grid_size, thread_index[THREADS_LIMIT];
    Range arrays[ARRAYS_LIMIT];
    int array_count;

    Thread *threads; // [THREADS_LIMIT]
    int thread_count, finished, current;
    int order[THREADS_LIMIT], next; // the order of threads, and the place of the running one
    int waiting, arrived[THREADS_LIMIT / LANES_OF_WARP];
    Fiber scheduler, *idle, *all;
    uintptr_t stack; // of the running thread

    char *shared; // SHARED_LIMIT bytes
    Word *shared_words;
    uintptr_t shared_bytes;
    uint32_t epoch, launch_epoch, block_epoch; // now; at the beginning of the launch, of the block

    bool faulted;
    char fault[512];
} Machine;

extern Machine machine; // emulate.c
enum { STACK_BYTES = 128 * 1024 };

// Ends the launch from inside a thread, with what it did wrong.
_Noreturn void emulator_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

// Lets other threads run until this one is READY again.
void emulator_yield(State state);

// emulate_memory.c: before every access of a kernel.
void emulator_access(uintptr_t address, uintptr_t bytes, bool write);
// The same for a read of shared memory by the matrix unit, which sees what was fenced.
void emulator_unit_access(const float *row, int floats);

// Where this device memory really is, and that it is one allocation; NULL otherwise.
void *emulator_address(const void *device, int64_t bytes);
extern const DeviceMemory emulator_memory;

#endif
