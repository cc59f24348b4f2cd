#include "tests/test.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool failed, skipped;
static char skip_reason[256];
static char directory[256];

bool check_at(const char *file, int line, bool ok, const char *format, ...)
{
    if (ok) return true;
    failed = true;
    va_list arguments;
    va_start(arguments, format);
    fprintf(stdout, "  %s:%d: ", file, line);
    vfprintf(stdout, format, arguments);
    fputc('\n', stdout);
    va_end(arguments);
    return false;
}

void skip(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(skip_reason, sizeof skip_reason, format, arguments);
    va_end(arguments);
    skipped = true;
}

const char *shared_path(const char *relative)
{
    static char paths[4][512];
    static int next;
    const char *root = getenv("SIEVE_SHARED");
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", root ? root : "../shared", relative);
    return access(path, R_OK) == 0 ? path : NULL;
}

void check_listed(const char *relative, int wanted, void (*check_line)(const char *line))
{
    const char *path = shared_path(relative);
    if (!path) {
        skip("no ../shared");
        return;
    }
    FILE *list = fopen(path, "r");
    char line[512];
    int count = -1;
    while (list && fgets(line, sizeof line, list)) {
        line[strcspn(line, "\r\n")] = 0;
        if (count++ >= 0) check_line(line);
    }
    if (list) fclose(list);
    check(count == wanted, "%s: %d lines", relative, count);
}

static void remove_directory(void)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", directory);
    if (system(command) != 0) fprintf(stderr, "could not remove %s\n", directory);
}

const char *temporary_directory(void)
{
    if (directory[0] == '\0') {
        const char *parent = getenv("TMPDIR");
        snprintf(directory, sizeof directory, "%s/sieve-test-XXXXXX", parent ? parent : "/tmp");
        if (!mkdtemp(directory)) {
            perror(directory);
            exit(1);
        }
        atexit(remove_directory);
    }
    return directory;
}

int tests_run(int argc, char **argv, const Test *tests, int count)
{
    int passed_count = 0, failed_count = 0;
    const char *program = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int i = 0; i < count; i++) {
        if (argc > 1 && !strstr(tests[i].name, argv[1])) continue;
        failed = skipped = false;
        tests[i].run();
        if (failed)
            printf("FAIL %s\n", tests[i].name);
        else if (skipped)
            printf("skipped %s: %s\n", tests[i].name, skip_reason);
        else
            printf("ok %s\n", tests[i].name);
        failed_count += failed;
        passed_count += !failed && !skipped;
    }
    printf("%s: %d passed, %d failed\n", program, passed_count, failed_count);
    return failed_count > 0;
}
