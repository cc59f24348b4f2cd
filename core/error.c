// Errors and the few allocations that go with them. Everything here is small on purpose: each other
// file depends on it.
#include "core/error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

bool fail(Error *error, const char *format, ...)
{
    if (!error) return false;
    // The arguments may contain the old message (`fail(error, "%s: %s", path, error->message)`), so
    // it must outlive them.
    char message[sizeof error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    // Names come from untrusted files: a control character in them must not reach the user's
    // terminal.
    for (char *c = message; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
    }
    memcpy(error->message, message, sizeof message);
    return false;
}

_Noreturn void panic_at(const char *file, int line, const char *format, ...)
{
    fprintf(stderr, "%s:%d: ", file, line);
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    abort();
}

bool checked_multiply(unsigned long long a, unsigned long long b, unsigned long long limit,
                      unsigned long long *product)
{
    if (b != 0 && a > limit / b) return false;
    *product = a * b;
    return true;
}

// memory where there is some; otherwise the end of the program.
static void *or_out_of_memory(void *memory, unsigned long long bytes)
{
    if (memory) return memory;
    fprintf(stderr, "sieve: out of memory: %llu bytes were wanted\n", bytes);
    exit(1);
}

// At least one byte, because malloc(0) may return NULL; where size_t is narrower than bytes, a size
// that surely fails.
static size_t malloc_size(unsigned long long bytes)
{
    if (bytes > SIZE_MAX) return SIZE_MAX;
    return bytes ? (size_t)bytes : 1;
}

void *allocate(unsigned long long bytes)
{
    return or_out_of_memory(malloc(malloc_size(bytes)), bytes);
}

void *allocate_zeroed(unsigned long long bytes)
{
    return or_out_of_memory(calloc(1, malloc_size(bytes)), bytes);
}

void *reallocate(void *memory, unsigned long long bytes)
{
    return or_out_of_memory(realloc(memory, malloc_size(bytes)), bytes);
}

void *allocate_pages(unsigned long long bytes)
{
    enum { LINE = 64, LARGE_PAGE = 2 << 20 };
    size_t unit = bytes < LARGE_PAGE ? LINE : LARGE_PAGE, size = malloc_size(bytes);
    if (size > SIZE_MAX - unit) or_out_of_memory(NULL, bytes);
    size = (size + unit - 1) / unit * unit;
    void *memory = or_out_of_memory(aligned_alloc(unit, size), bytes);
#ifdef MADV_HUGEPAGE
    if (unit == LARGE_PAGE) madvise(memory, size, MADV_HUGEPAGE); // a wish: failing changes nothing
#endif
    return memory;
}

char *copy_string(const char *text)
{
    size_t size = strlen(text) + 1;
    return memcpy(allocate(size), text, size);
}
