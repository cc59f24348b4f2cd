#include "tests/experiments/program.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include "core/error.h"
#include "core/file.h"
#include "data/dataset.h"
#include "tests/test.h"

char *path_of(const char *name)
{
    return path_join(temporary_directory(), name);
}

char *read_text(const char *path)
{
    Bytes bytes;
    return file_read(path, 1 << 28, &bytes, NULL) ? (char *)bytes.data : NULL;
}

void write_text(const char *path, const char *text)
{
    Error error = {0};
    check(file_write(path, text, strlen(text), &error), "%s", error.message);
}

const char *sieve_path(void)
{
    static char path[4096];
    const char *given = getenv("SIEVE"), *build = getenv("BUILD");
    char wanted[4096];
    snprintf(wanted, sizeof wanted, "%s%s",
             given   ? given
             : build ? build
                     : "build",
             given ? "" : "/sieve");
    if (!realpath(wanted, path)) {
        fprintf(stderr, "%s: no such program (set SIEVE)\n", wanted);
        exit(1);
    }
    return path;
}

static Outcome run_line(const char *line)
{
    static char *output, *errors;
    char *work = path_of("work"), *out = path_of("stdout"), *err = path_of("stderr");
    Text command = {0};
    Error error = {0};
    check(directory_create(work, &error), "%s", error.message);
    text_append(&command, "cd '%s' && { %s ; } >'%s' 2>'%s'", work, line, out, err);
    int status = system(command.text);
    text_free(&command);
    free(output);
    free(errors);
    output = read_text(out);
    errors = read_text(err);
    free(work);
    free(out);
    free(err);
    return (Outcome){WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), output,
                     errors};
}

Outcome run_shell(const char *format, ...)
{
    char line[8192];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    return run_line(line);
}

Outcome run_sieve(const char *format, ...)
{
    char words[4096];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    return run_shell("'%s' %s", sieve_path(), words);
}

void clear_work(void)
{
    check(run_shell("rm -rf ./* ./.[!.]*").status == 0, "work/ is cleared");
}

const char *files_left(void)
{
    return run_shell("find . -mindepth 1 | sort").output;
}

void write_idx(const char *path, int rank, const uint32_t *sizes, const uint8_t *bytes,
               uint64_t count)
{
    Text text = {0};
    Error error = {0};
    uint8_t header[4] = {0, 0, 8, (uint8_t)rank};
    text_append_bytes(&text, header, 4);
    for (int i = 0; i < rank; i++) {
        uint8_t size[4] = {(uint8_t)(sizes[i] >> 24), (uint8_t)(sizes[i] >> 16),
                           (uint8_t)(sizes[i] >> 8), (uint8_t)sizes[i]};
        text_append_bytes(&text, size, 4);
    }
    text_append_bytes(&text, bytes, count);
    check(file_write(path, text.text, text.length, &error), "%s", error.message);
    text_free(&text);
}

static void write_half(const char *directory, const char *name, const Dataset *half)
{
    uint32_t count = (uint32_t)half->count, sizes[3] = {count, 28, 28};
    Text images = {0}, labels = {0};
    uint8_t *bytes = allocate(count);
    for (uint32_t i = 0; i < count; i++) bytes[i] = (uint8_t)half->labels[i];
    text_append(&images, "%s/%s-images-idx3-ubyte", directory, name);
    text_append(&labels, "%s/%s-labels-idx1-ubyte", directory, name);
    write_idx(images.text, 3, sizes, half->images, (uint64_t)count * 28 * 28);
    write_idx(labels.text, 1, sizes, bytes, count);
    text_free(&images);
    text_free(&labels);
    free(bytes);
}

void write_small_mnist(const char *directory, int train, int test)
{
    Error error = {0};
    Dataset train_half, test_half;
    char *mnist = path_join(directory, "mnist");
    check(directory_create(mnist, &error) &&
              dataset_load(data_source_find("digits", NULL),
                           &(DataRequest){.train_count = train, .test_count = test}, &train_half,
                           &test_half, &error),
          "%s", error.message);
    write_half(mnist, "train", &train_half);
    write_half(mnist, "t10k", &test_half);
    dataset_free(&train_half);
    dataset_free(&test_half);
    free(mnist);
}

Json *read_result(const char *name)
{
    Error error = {0};
    char *work = path_of("work"), *path = path_join(work, name);
    Json *json = json_read(path, &error);
    check(json != NULL, "%s", error.message);
    free(work);
    free(path);
    return json;
}

void succeeded(Outcome o)
{
    check(o.status == 0 && o.errors[0] == '\0', "status %d: %s", o.status, o.errors);
}

// A copy without what differs from run to run.
static char *text_without_seconds(const Json *record)
{
    Json *copy = json_copy(record);
    Text text = {0};
    if (copy->kind == JSON_ARRAY)
        for (size_t i = 0; i < copy->count; i++) json_set(copy->items[i], "seconds", json_null());
    else
        json_set(copy, "seconds", json_null());
    json_print(copy, &text);
    json_free(copy);
    return text.text;
}

void same_results(const char *a, const char *b)
{
    Json *first = read_result(a), *second = read_result(b);
    if (first && second) {
        char *one = text_without_seconds(first), *two = text_without_seconds(second);
        check(strcmp(one, two) == 0, "%s and %s differ:\n%s\n%s", a, b, one, two);
        free(one);
        free(two);
    }
    json_free(first);
    json_free(second);
}

void same_files(const char *a, const char *b)
{
    Outcome o = run_shell("for d in %s %s; do (cd $d && find . -type f ! -name result.json "
                          "! -name report.html -exec cksum {} + | sort) >$d.sums; done; "
                          "diff %s.sums %s.sums",
                          a, b, a, b);
    check(o.status == 0, "%s and %s differ:\n%s%s", a, b, o.output, o.errors);
    o = run_shell("test -s %s.sums", a);
    check(o.status == 0, "nothing was compared");
}
