// core/error.c and core/file.c: what is written is what is read, failures leave nothing behind,
// texts grow.
#include "core/file.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>
#include "tests/test.h"

// A path in the test's directory, valid until the fourth next call.
static const char *inside(const char *name)
{
    static char paths[4][600];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", temporary_directory(), name);
    return path;
}

static int entries(const char *directory)
{
    int count = 0;
    DIR *stream = opendir(directory);
    while (stream && readdir(stream)) count++;
    if (stream) closedir(stream);
    return count - 2; // . and ..
}

static bool holds(const char *path, const char *text)
{
    Bytes bytes;
    Error error = {0};
    bool same = file_read(path, 1000, &bytes, &error) && bytes.size == strlen(text) &&
                memcmp(bytes.data, text, bytes.size) == 0;
    check(same, "%s does not hold \"%s\" %s", path, text, error.message);
    bytes_free(&bytes);
    return same;
}

static void fail_writes_one_printable_sentence(void)
{
    Error error = {0};
    check(!fail(&error, "%s: %d", "a\nb\x1b[31m", 5), "fail must return false");
    check(strcmp(error.message, "a?b?[31m: 5") == 0, "%s", error.message);
    fail(&error, "outer: %s", error.message); // the old message as an argument of the new one
    check(strcmp(error.message, "outer: a?b?[31m: 5") == 0, "%s", error.message);
    check(!fail(NULL, "nobody listens"), "fail without an Error");
    char lengthy[3000];
    memset(lengthy, 'x', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = 0;
    fail(&error, "%s", lengthy);
    check(strlen(error.message) == sizeof error.message - 1, "a long message is cut");
}

static void products_stay_below_their_limit(void)
{
    unsigned long long product = 7;
    check(checked_multiply(6, 7, 42, &product) && product == 42, "6 * 7 <= 42: %llu", product);
    check(!checked_multiply(6, 7, 41, &product) && product == 42, "6 * 7 > 41");
    check(!checked_multiply(1ull << 32, 1ull << 32, ~0ull, &product), "2^64 overflows");
    check(!checked_multiply(3, ~0ull / 2, ~0ull, &product), "3 * 2^63 overflows");
    check(checked_multiply(~0ull, 1, ~0ull, &product) && product == ~0ull, "the largest number");
    check(checked_multiply(~0ull, 0, 0, &product) && product == 0, "times 0");
}

static void allocations_of_nothing_are_something(void)
{
    unsigned char *memory = allocate_zeroed(100);
    for (int i = 0; i < 100; i++) check(memory[i] == 0, "byte %d is %d", i, memory[i]);
    memory = reallocate(memory, 0);
    void *nothing = allocate(0);
    check(memory && nothing, "NULL for 0 bytes");
    free(memory);
    free(nothing);
}

// Runs body in a child with its stderr in the file `stderr`, and returns its wait status.
static int in_a_child(void (*body)(void))
{
    temporary_directory(); // made here, so that the child has the same
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (dup2(open(inside("stderr"), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2) < 0) _exit(99);
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        body();
        _exit(98);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return status;
}

static void panics(void)
{
    signal(SIGABRT, SIG_DFL);
    panic("shapes %d and %d", 3, 4);
}

static void a_panic_names_its_place_and_aborts(void)
{
    int status = in_a_child(panics);
    check(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT, "wait status %d", status);
    Bytes bytes;
    if (!check(file_read(inside("stderr"), 1000, &bytes, NULL), "no stderr")) return;
    check(strncmp((char *)bytes.data, "tests/core/test_file.c:", 23) == 0, "%s",
          (char *)bytes.data);
    check(strstr((char *)bytes.data, ": shapes 3 and 4\n") != NULL, "%s", (char *)bytes.data);
    bytes_free(&bytes);
}

static void files_come_back_as_written(void)
{
    const char *path = inside("all-bytes");
    uint8_t data[5000];
    for (size_t i = 0; i < sizeof data; i++) data[i] = (uint8_t)(i * 7);
    Error error = {0};
    Bytes bytes;
    check(file_write(path, data, sizeof data, &error), "%s", error.message);
    if (!check(file_read(path, sizeof data, &bytes, &error), "%s", error.message)) return;
    check(bytes.size == sizeof data && memcmp(bytes.data, data, sizeof data) == 0, "other bytes");
    check(bytes.data[bytes.size] == 0, "no zero behind the data");
    bytes_free(&bytes);
    check(bytes.data == NULL && bytes.size == 0, "bytes_free leaves something");
    check(file_write(path, "", 0, &error) && file_read(path, 0, &bytes, &error), "%s",
          error.message);
    check(bytes.size == 0 && bytes.data && bytes.data[0] == 0, "the empty file");
    bytes_free(&bytes);
}

static void reading_refuses_what_is_no_file_or_too_long(void)
{
    Error error = {0};
    Bytes bytes;
    check(!file_read(inside("absent"), 10, &bytes, &error), "an absent file was read");
    check(strstr(error.message, "absent: cannot open: No such file") != NULL, "%s", error.message);
    check(!file_read(temporary_directory(), 10, &bytes, &error), "a directory was read");
    check(strstr(error.message, "is a directory") != NULL, "%s", error.message);
    check(file_write(inside("ten"), "0123456789", 10, &error), "%s", error.message);
    check(!file_read(inside("ten"), 9, &bytes, &error), "more than the limit was read");
    check(strstr(error.message, "ten: longer than the 9 bytes") != NULL, "%s", error.message);
    check(bytes.data == NULL, "data after a failure");
    check(!file_read("/dev/zero", 100000, &bytes, &error), "an endless file was read");
    check(file_read("/proc/self/status", 100000, &bytes, &error) && bytes.size > 100,
          "a file whose size the system states as 0: %s", error.message);
    bytes_free(&bytes);
}

// An empty file under the name that a process of this machine writes left/NAME under at first.
static char *left_by(pid_t process, const char *name)
{
    struct utsname machine = {0};
    Text path = {0};
    uname(&machine);
    text_append(&path, "%s/.%s.%.60s.%ld.tmp", inside("left"), name, machine.nodename,
                (long)process);
    FILE *file = fopen(path.text, "w");
    if (check(file != NULL, "%s", path.text)) fclose(file);
    return path.text;
}

static void what_a_killed_process_left_goes_with_the_next_write(void)
{
    Error error = {0};
    check(directory_create(inside("left"), &error), "%s", error.message);
    const pid_t dead = fork();
    if (dead == 0) _exit(0);
    waitpid(dead, NULL, 0);
    char *gone = left_by(dead, "a"), *other = left_by(dead, "b"), *living = left_by(getppid(), "a");
    check(file_write(inside("left/a"), "x", 1, &error), "%s", error.message);
    check(!file_exists(gone), "%s is still there", gone);
    check(file_exists(other), "another file's %s is gone", other);
    check(file_exists(living), "a living process's %s is gone", living);
    free(gone);
    free(other);
    free(living);
}

static void writing_replaces_at_once_and_leaves_no_temporary(void)
{
    Error error = {0};
    check(directory_create(inside("replace"), &error), "%s", error.message);
    check(file_write(inside("replace/a"), "old", 3, &error), "%s", error.message);
    FILE *reader = fopen(inside("replace/a"), "r");
    check(file_write(inside("replace/a"), "newer", 5, &error), "%s", error.message);
    holds(inside("replace/a"), "newer");
    char seen[4] = "";
    check(reader && fread(seen, 1, 3, reader) == 3 && strcmp(seen, "old") == 0, "a reader saw %s",
          seen);
    if (reader) fclose(reader);
    check(entries(inside("replace")) == 1, "%d entries", entries(inside("replace")));
    char name[300] = "replace/";
    memset(name + 8, 'n', 255);
    name[8 + 255] = 0;
    check(file_write(inside(name), "x", 1, &error), "a name of 255 bytes: %s", error.message);
    holds(inside(name), "x");
}

static void writing_fails_with_a_sentence_and_without_a_trace(void)
{
    Error error = {0};
    check(directory_create(inside("failing/taken"), &error), "%s", error.message);
    check(!file_write(inside("failing/no/file"), "x", 1, &error), "written into no directory");
    check(strstr(error.message, "failing/no/file: cannot write: No such file") != NULL, "%s",
          error.message);
    check(!file_write(inside("failing/taken"), "x", 1, &error), "a directory was replaced");
    char name[400] = "failing/";
    memset(name + 8, 'n', 256);
    check(!file_write(inside(name), "x", 1, &error), "a name of 256 bytes was written");
    check(strstr(error.message, "too long") != NULL, "%s", error.message);
    check(entries(inside("failing")) == 1, "%d entries", entries(inside("failing")));
}

static void writes_beyond_the_limit(void)
{
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){1000, 1000});
    static char data[5000];
    Error error = {0};
    bool written = file_write(inside("limited/a"), data, sizeof data, &error);
    _exit(!written && strstr(error.message, "limited/a: cannot write: File too large") ? 0 : 1);
}

// A file size limit stands for a full disk: the write fails half-way.
static void a_full_disk_keeps_the_old_file(void)
{
    Error error = {0};
    check(directory_create(inside("limited"), &error), "%s", error.message);
    check(file_write(inside("limited/a"), "old", 3, &error), "%s", error.message);
    int status = in_a_child(writes_beyond_the_limit);
    check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "wait status %d", status);
    holds(inside("limited/a"), "old");
    check(entries(inside("limited")) == 1, "%d entries", entries(inside("limited")));
}

static void devices_are_written_to_and_not_replaced(void)
{
    Error error = {0};
    const char *pipe_path = inside("pipe");
    check(mkfifo(pipe_path, 0600) == 0, "no pipe");
    FILE *pipe_stream = fopen(pipe_path, "r+");
    char seen[3] = "";
    check(file_write(pipe_path, "hi", 2, &error), "%s", error.message);
    check(pipe_stream && fread(seen, 1, 2, pipe_stream) == 2 && strcmp(seen, "hi") == 0, "%s",
          seen);
    if (pipe_stream) fclose(pipe_stream);
    struct stat status;
    check(stat(pipe_path, &status) == 0 && S_ISFIFO(status.st_mode), "the pipe was replaced");
}

static void directories_are_made_with_their_parents(void)
{
    Error error = {0};
    check(directory_create(inside("a/b//c/"), &error), "%s", error.message);
    check(directory_exists(inside("a/b/c")) && !file_exists(inside("a/b/c")),
          "a/b/c is no directory");
    check(directory_create(inside("a/b/c"), &error), "again: %s", error.message);
    check(file_write(inside("a/file"), "x", 1, &error), "%s", error.message);
    check(file_exists(inside("a/file")) && !directory_exists(inside("a/file")),
          "a/file is no file");
    check(!directory_create(inside("a/file/d"), &error), "a directory inside a file");
    check(strstr(error.message, "a/file: cannot create the directory") != NULL, "%s",
          error.message);
    check(!directory_create("", &error), "a directory without a name");
    check(!file_exists(inside("none")) && !directory_exists(inside("none")), "what does not exist");
}

static void paths_join_with_one_slash(void)
{
    static const char *const cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"},
                                           {"a", "/b", "/b"}, {"", "b", "b"},
                                           {"/", "b", "/b"},  {"a%s", "b%d", "a%s/b%d"}};
    for (int i = 0; i < 6; i++) {
        char *joined = path_join(cases[i][0], cases[i][1]);
        check(strcmp(joined, cases[i][2]) == 0, "%s and %s: %s", cases[i][0], cases[i][1], joined);
        free(joined);
    }
}

static void texts_grow(void)
{
    Text text = {0};
    for (int i = 0; i < 10000; i++) text_append(&text, "%d,", i % 10);
    check(text.length == 20000 && strlen(text.text) == 20000, "length %zu", text.length);
    for (size_t i = 0; i < 20000; i++) {
        check(text.text[i] == (i % 2 ? ',' : (char)('0' + i / 2 % 10)), "character %zu is %c", i,
              text.text[i]);
    }
    text_append_bytes(&text, "a\0b", 3);
    check(text.length == 20003 && memcmp(text.text + 20000, "a\0b", 4) == 0, "bytes with a zero");
    text_free(&text);
    check(text.text == NULL && text.length == 0 && text.capacity == 0,
          "text_free leaves something");
    text_append_bytes(&text, NULL, 0);
    check(text.text && text.text[0] == 0, "an empty append makes the empty text");
    text_free(&text);
}

static void utf8_is_told_from_other_bytes(void)
{
    static const struct {
        const char *text;
        size_t size;
    } cases[] = {{"a", 1},
                 {"\x7f", 1},
                 {"\xC2\x80", 2},
                 {"\xDF\xBF", 2},
                 {"\xE0\xA0\x80", 3},
                 {"\xED\x9F\xBF", 3},
                 {"\xEE\x80\x80", 3},
                 {"\xEF\xBF\xBF", 3},
                 {"\xF0\x90\x80\x80", 4},
                 {"\xF4\x8F\xBF\xBF", 4},
                 {"\x80", 0},
                 {"\xC0\xAF", 0},
                 {"\xC1\xBF", 0},
                 {"\xC2", 0},
                 {"\xC2 ", 0},
                 {"\xE0\x9F\xBF", 0},
                 {"\xED\xA0\x80", 0},
                 {"\xE2\x82", 0},
                 {"\xE2\x82 ", 0},
                 {"\xF0\x8F\xBF\xBF", 0},
                 {"\xF4\x90\x80\x80", 0},
                 {"\xF5\x80\x80\x80", 0},
                 {"\xFF", 0},
                 {"", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = utf8_length(cases[i].text, strlen(cases[i].text));
        check(size == cases[i].size, "case %zu: %zu, not %zu", i, size, cases[i].size);
    }
}

int main(int argc, char **argv)
{
    static const Test tests[] = {
        {"fail_writes_one_printable_sentence", fail_writes_one_printable_sentence},
        {"products_stay_below_their_limit", products_stay_below_their_limit},
        {"allocations_of_nothing_are_something", allocations_of_nothing_are_something},
        {"a_panic_names_its_place_and_aborts", a_panic_names_its_place_and_aborts},
        {"files_come_back_as_written", files_come_back_as_written},
        {"reading_refuses_what_is_no_file_or_too_long",
         reading_refuses_what_is_no_file_or_too_long},
        {"what_a_killed_process_left_goes_with_the_next_write",
         what_a_killed_process_left_goes_with_the_next_write},
        {"writing_replaces_at_once_and_leaves_no_temporary",
         writing_replaces_at_once_and_leaves_no_temporary},
        {"writing_fails_with_a_sentence_and_without_a_trace",
         writing_fails_with_a_sentence_and_without_a_trace},
        {"a_full_disk_keeps_the_old_file", a_full_disk_keeps_the_old_file},
        {"devices_are_written_to_and_not_replaced", devices_are_written_to_and_not_replaced},
        {"directories_are_made_with_their_parents", directories_are_made_with_their_parents},
        {"paths_join_with_one_slash", paths_join_with_one_slash},
        {"texts_grow", texts_grow},
        {"utf8_is_told_from_other_bytes", utf8_is_told_from_other_bytes},
    };
    return TESTS_RUN(tests);
}
