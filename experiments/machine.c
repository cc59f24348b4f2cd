#include "experiments/machine.h"

#include <stdio.h>
#include <string.h>
#include "core/kernels.h"
#include "core/thread.h"

#ifndef SIEVE_VERSION
#define SIEVE_VERSION "unversioned"
#endif

const char *program_version(void)
{
    return SIEVE_VERSION;
}

// The value of the first line of this name in /proc/cpuinfo.
static void processor_name(char *name, size_t size)
{
    snprintf(name, size, "processor");
    FILE *file = fopen("/proc/cpuinfo", "r");
    if (!file) return;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon) continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, size, "%s", colon + 2);
        break;
    }
    fclose(file);
}

const char *machine_text(void)
{
    static char text[256];
    char name[128];
    processor_name(name, sizeof name);
    snprintf(text, sizeof text, "%s, %d threads, %s", name, threads_count(), cpu_kernels()->name);
    return text;
}
