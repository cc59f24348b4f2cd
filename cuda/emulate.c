// The emulated machine: blocks one after the other, a block's threads as coroutines on stacks of
// their own. A thread runs until it ends or waits (at a barrier, or for the other lanes of its
// warp); then the scheduler goes on with the next one.
#include "cuda/emulate_machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#if !defined(__x86_64__)
#include <ucontext.h>
#endif

Machine machine;

// ---- Coroutines: keep the running one's registers on its stack, take up the other's ----

void emulator_switch(void **kept_stack_pointer, void *stack_pointer);
static void fiber_main(void);

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl emulator_switch\n"
        ".type emulator_switch, @function\n"
        "emulator_switch:\n"
        "  pushq %rbp\n  pushq %rbx\n  pushq %r12\n  pushq %r13\n  pushq %r14\n  pushq %r15\n"
        "  movq %rsp, (%rdi)\n"
        "  movq %rsi, %rsp\n"
        "  popq %r15\n  popq %r14\n  popq %r13\n  popq %r12\n  popq %rbx\n  popq %rbp\n"
        "  ret\n"
        ".size emulator_switch, .-emulator_switch\n");

// A fresh stack looks as if fiber_main had called emulator_switch just before its first line.
static void prepare(Fiber *fiber)
{
    void **top = (void **)(void *)(fiber->stack + STACK_BYTES - 72); // a call leaves 8 above 16
    memset(top, 0, 72);
    void (*entry)(void) = fiber_main;
    memcpy(top - 1, &entry, sizeof entry); // where `ret` goes; six registers below it
    memset(top - 7, 0, 6 * sizeof *top);
    fiber->stack_pointer = top - 7;
}
#else
// The same with the C library's contexts, slower: each "stack pointer" is a context.
void emulator_switch(void **kept_stack_pointer, void *stack_pointer)
{
    ucontext_t here;
    *kept_stack_pointer = &here;
    swapcontext(&here, stack_pointer);
}

static void prepare(Fiber *fiber)
{
    ucontext_t *context = (ucontext_t *)(void *)fiber->stack; // at the stack's far end
    getcontext(context);
    context->uc_stack.ss_sp = fiber->stack + sizeof *context;
    context->uc_stack.ss_size = STACK_BYTES - sizeof *context;
    context->uc_link = NULL;
    makecontext(context, fiber_main, 0);
    fiber->stack_pointer = context;
}
#endif

static void *pages(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) panic("the emulator found no memory: %zu bytes", bytes);
    return memory;
}

static Fiber *take_fiber(void)
{
    Fiber *fiber = machine.idle;
    if (fiber) {
        machine.idle = fiber->next;
        return fiber;
    }
    fiber = allocate_zeroed(sizeof *fiber);
    fiber->stack = pages(STACK_BYTES);
    fiber->other = machine.all;
    machine.all = fiber;
    prepare(fiber);
    return fiber;
}

// ---- Threads ----

static Thread *current_thread(void)
{
    return &machine.threads[machine.current];
}

static void start_on(Fiber *fiber, int thread)
{
    machine.current = thread;
    machine.threads[thread].fiber = fiber;
    machine.stack = (uintptr_t)fiber->stack;
}

// Runs one thread after the other, as long as those next in order have not been started: a kernel
// without barriers needs one fiber.
static void fiber_main(void)
{
    for (;;) {
        Fiber *fiber = current_thread()->fiber;
        for (;;) {
            machine.kernel(machine.arguments);
            Thread *thread = current_thread();
            if (thread->product_count > 0)
                emulator_fault("the thread ends with products under way");
            if (thread->copy_count > 0)
                emulator_fault("the thread ends with asynchronous copies under way");
            thread->state = STATE_DONE;
            machine.finished++;
            int after = machine.next + 1;
            if (after >= machine.thread_count || machine.threads[machine.order[after]].fiber) break;
            machine.next = after;
            start_on(fiber, machine.order[after]);
        }
        fiber->next = machine.idle;
        machine.idle = fiber;
        emulator_switch(&fiber->stack_pointer, machine.scheduler.stack_pointer);
    }
}

void emulator_yield(State state)
{
    Fiber *fiber = current_thread()->fiber;
    current_thread()->state = state;
    emulator_switch(&fiber->stack_pointer, machine.scheduler.stack_pointer);
}

void emulator_fault(const char *format, ...)
{
    char *text = machine.fault;
    const Index3 *b = &machine.block_index;
    int length = snprintf(text, sizeof machine.fault,
                          "kernel %s, block (%u, %u, %u), thread %d: ", machine.kernel_name, b->x,
                          b->y, b->z, machine.current);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, sizeof machine.fault - (size_t)length, format, arguments);
    va_end(arguments);
    machine.faulted = true;
    void *never;
    emulator_switch(&never, machine.scheduler.stack_pointer); // this fiber is given up
    abort();
}

const Index3 *emulated_thread_index(void)
{
    return &machine.thread_index[machine.current];
}
const Index3 *emulated_block_index(void)
{
    return &machine.block_index;
}
const Index3 *emulated_block_size(void)
{
    return &machine.block_size;
}
const Index3 *emulated_grid_size(void)
{
    return &machine.grid_size;
}
void *emulated_shared_memory(void)
{
    return machine.shared;
}

void emulated_barrier(void)
{
    machine.waiting++;
    emulator_yield(STATE_BARRIER);
}

// ---- The scheduler ----

static void resume(int thread)
{
    Thread *t = &machine.threads[thread];
    Fiber *fiber = t->fiber ? t->fiber : take_fiber();
    start_on(fiber, thread);
    emulator_switch(&machine.scheduler.stack_pointer, fiber->stack_pointer);
}

// All threads that are left wait at the barrier: they pass it, and a new epoch begins.
static bool pass_barrier(void)
{
    if (machine.waiting == 0 || machine.waiting + machine.finished < machine.thread_count)
        return false;
    machine.waiting = 0;
    machine.epoch++;
    for (int i = 0; i < machine.thread_count; i++)
        if (machine.threads[i].state == STATE_BARRIER) machine.threads[i].state = STATE_READY;
    return true;
}

static void run_block(void)
{
    machine.block_epoch = ++machine.epoch;
    machine.finished = machine.waiting = 0;
    memset(machine.arrived, 0, sizeof machine.arrived);
    for (int i = 0; i < machine.thread_count; i++) {
        Thread *t = &machine.threads[i];
        t->state = STATE_READY;
        t->fiber = NULL;
        t->copy_count = t->group = t->product_count = t->product_group = 0;
    }
    while (machine.finished < machine.thread_count) {
        bool progress = false;
        for (machine.next = 0; machine.next < machine.thread_count; machine.next++) {
            int thread = machine.order[machine.next];
            if (machine.threads[thread].state != STATE_READY) continue;
            resume(thread);
            if (machine.faulted) return;
            progress = true;
        }
        if (progress || pass_barrier()) continue;
        snprintf(machine.fault, sizeof machine.fault,
                 "kernel %s: threads wait for each other for ever: %d at a barrier, %d ended, "
                 "the others for lanes of their warp",
                 machine.kernel_name, machine.waiting, machine.finished);
        machine.faulted = true;
        return;
    }
}

static uint64_t order_seed;

void emulator_order(uint64_t seed)
{
    order_seed = seed;
}

static void make_order(int count, int *order, uint32_t purpose)
{
    for (int i = 0; i < count; i++) order[i] = i;
    if (order_seed == 0) return;
    RandomKey key = {order_seed, purpose, 0};
    for (int i = count; i-- > 1;) {
        int j = (int)random_below(key, (uint64_t)i, (uint32_t)i + 1), kept = order[i];
        order[i] = order[j];
        order[j] = kept;
    }
}

// Blocks come in ascending or, where shuffled, in descending order.
static void run_grid(const Grid *grid)
{
    int64_t y = grid->y ? grid->y : 1, z = grid->z ? grid->z : 1, count = grid->x * y * z;
    machine.grid_size = (Index3){(uint32_t)grid->x, (uint32_t)y, (uint32_t)z};
    machine.block_size = (Index3){(uint32_t)grid->threads, 1, 1};
    make_order(grid->threads, machine.order, 1);
    for (int64_t i = 0; i < count && !machine.faulted; i++) {
        int64_t block = order_seed ? count - 1 - i : i;
        machine.block_index = (Index3){(uint32_t)(block % grid->x), (uint32_t)(block / grid->x % y),
                                       (uint32_t)(block / grid->x / y)};
        run_block();
    }
}

static void start_machine(void)
{
    if (machine.threads) return;
    machine.threads = pages(sizeof(Thread) * THREADS_LIMIT);
    machine.shared = pages(SHARED_LIMIT);
    machine.shared_words = pages(sizeof(Word) * SHARED_LIMIT / 4);
    Copy *copies = pages(sizeof(Copy) * COPIES_LIMIT * THREADS_LIMIT);
    Product *products = pages(sizeof(Product) * PRODUCTS_LIMIT * THREADS_LIMIT);
    for (int i = 0; i < THREADS_LIMIT; i++) {
        machine.threads[i].copies = copies + i * COPIES_LIMIT;
        machine.threads[i].products = products + i * PRODUCTS_LIMIT;
        machine.thread_index[i].x = (uint32_t)i;
    }
}

// The arguments with real addresses in the arrays' places, and the arrays' ranges.
static bool take_arguments(const Launch *launch, void *arguments, Error *error)
{
    memcpy(arguments, launch->arguments, launch->argument_bytes);
    machine.array_count = 0;
    for (int i = 0; i < launch->array_count; i++) {
        const ArrayUse *use = &launch->arrays[i];
        size_t place = (size_t)((const char *)use->field - (const char *)launch->arguments);
        void *device, *real;
        memcpy(&device, use->field, sizeof device);
        if (!device || use->bytes == 0) continue;
        real = emulator_address(device, use->bytes);
        if (!real)
            return fail(error,
                        "kernel %s: array %d of its arguments, %lld bytes, is not in one "
                        "allocation of device memory",
                        machine.kernel_name, i, (long long)use->bytes);
        memcpy((char *)arguments + place, &real, sizeof real);
        if (machine.array_count == ARRAYS_LIMIT) panic("more than %d arrays", ARRAYS_LIMIT);
        machine.arrays[machine.array_count++] =
            (Range){(uintptr_t)real, (uintptr_t)use->bytes, use->written, NULL};
    }
    return true;
}

// A table of words for each array that is written, kept from launch to launch.
static void take_words(void)
{
    static struct {
        Word *words;
        uintptr_t bytes;
    } kept[ARRAYS_LIMIT];
    for (int i = 0; i < machine.array_count; i++) {
        Range *range = &machine.arrays[i];
        if (!range->written) continue;
        uintptr_t bytes = (range->size + 3) / 4 * sizeof(Word);
        if (kept[i].bytes < bytes) {
            if (kept[i].words) munmap(kept[i].words, kept[i].bytes);
            kept[i].words = pages(bytes);
            kept[i].bytes = bytes;
        }
        range->words = kept[i].words;
    }
}

bool emulator_run(const char *name, EmulatedKernel *kernel, const Launch *launch, Error *error)
{
    _Alignas(16) char arguments[4096];
    start_machine();
    machine.kernel_name = name;
    machine.kernel = kernel;
    machine.arguments = arguments;
    machine.argument_bytes = launch->argument_bytes;
    machine.thread_count = launch->grid.threads;
    machine.shared_bytes = (uintptr_t)launch->grid.shared;
    if (machine.faulted) machine.idle = NULL; // some were left in the middle: none is used again
    machine.faulted = false;
    enum { GRID_LIMIT = 65535 }; // of a grid's second and third size
    if (launch->argument_bytes > sizeof arguments || launch->grid.x > INT32_MAX ||
        launch->grid.y > GRID_LIMIT || launch->grid.z > GRID_LIMIT ||
        launch->grid.threads > THREADS_LIMIT || launch->grid.threads % LANES_OF_WARP != 0 ||
        launch->grid.shared > SHARED_LIMIT)
        return fail(error,
                    "kernel %s: grid (%lld, %lld, %lld), %zu bytes of arguments, %d threads, "
                    "%d bytes shared",
                    name, (long long)launch->grid.x, (long long)launch->grid.y,
                    (long long)launch->grid.z, launch->argument_bytes, launch->grid.threads,
                    launch->grid.shared);
    if (!take_arguments(launch, arguments, error)) return false;
    take_words();
    machine.launch_epoch = machine.epoch + 1;
    run_grid(&launch->grid);
    return !machine.faulted || fail(error, "%s", machine.fault);
}

// ---- The back end ----

#define DECLARE(name) void emulated_##name(const void *arguments);
ALL_KERNELS(DECLARE)
#define ENTRY(name) {#name, emulated_##name},
static const struct {
    const char *name;
    EmulatedKernel *run;
} kernels[KERNEL_COUNT] = {ALL_KERNELS(ENTRY)};

static void emulator_launch(const Launch *what)
{
    Error error = {0};
    if (!emulator_run(kernels[what->kernel].name, kernels[what->kernel].run, what, &error))
        panic("%s", error.message);
}

// A graph: copies of the launches, as the driver keeps them.
typedef struct Graph {
    Launch *launches;
    int count;
} Graph;

static void *copy_of(const void *bytes, size_t size)
{
    return memcpy(allocate(size + 1), bytes, size);
}

static void drop_launch(const Launch *launch)
{
    free((void *)(uintptr_t)launch->arguments);
    free((void *)(uintptr_t)launch->arrays);
}

static Launch copy_launch(const Launch *what)
{
    Launch copy = *what;
    copy.arguments = copy_of(what->arguments, what->argument_bytes);
    ArrayUse *arrays = copy_of(what->arrays, (size_t)what->array_count * sizeof *what->arrays);
    for (int i = 0; i < what->array_count; i++)
        arrays[i].field = (const char *)copy.arguments +
                          ((const char *)what->arrays[i].field - (const char *)what->arguments);
    copy.arrays = arrays;
    return copy;
}

static void *emulator_build(int count, const Launch *const *launches)
{
    Graph *graph = allocate(sizeof *graph);
    *graph = (Graph){allocate((size_t)count * sizeof *graph->launches + 1), count};
    for (int i = 0; i < count; i++) graph->launches[i] = copy_launch(launches[i]);
    return graph;
}

static void emulator_change(void *built, int place, const Launch *launch)
{
    Graph *graph = built;
    drop_launch(&graph->launches[place]);
    graph->launches[place] = copy_launch(launch);
}

static void emulator_start(void *built)
{
    const Graph *graph = built;
    for (int i = 0; i < graph->count; i++) emulator_launch(&graph->launches[i]);
}

static void emulator_forget(void *built)
{
    Graph *graph = built;
    for (int i = 0; i < graph->count; i++) drop_launch(&graph->launches[i]);
    free(graph->launches);
    free(graph);
}

static void emulator_wait(void) {}

const Backend *emulator_open(Error *error)
{
    static Backend backend = {.name = "emulated",
                              .launch = emulator_launch,
                              .wait = emulator_wait,
                              .build = emulator_build,
                              .change = emulator_change,
                              .start = emulator_start,
                              .forget = emulator_forget};
#if defined(THREAD_SANITIZER)
    (void)backend;
    fail(error, "the emulator is not in a program built with ThreadSanitizer");
    return NULL;
#else
    (void)error;
    const char *seed = getenv("SIEVE_EMULATED_ORDER"); // shuffled order of threads, for tests
    if (seed) emulator_order(strtoull(seed, NULL, 10));
    backend.warpgroups = warpgroups_wanted(WARPGROUPS_NEVER);
    backend.memory = emulator_memory;
    return &backend;
#endif
}
