// Files and growing texts. A file is written in the only order that survives a kill or a power cut
// at any moment: all bytes into a temporary file beside the old one, fsync, rename over the old
// one, fsync of the directory. The temporary name tells the machine and the process, so that the
// next one to write the file can remove what a killed one left.
#include "core/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

void bytes_free(Bytes *bytes)
{
    free(bytes->data);
    *bytes = (Bytes){0};
}

static bool too_long(const char *path, size_t limit, Error *error)
{
    return fail(error, "%s: longer than the %zu bytes that are read at most", path, limit);
}

// Reads until the end. The size that the system states is only a first guess: the file may grow,
// and a pipe states none.
static bool read_all(int file, const char *path, size_t expected, size_t limit, Bytes *bytes,
                     Error *error)
{
    size_t capacity = expected + 1;
    bytes->data = allocate(capacity + 1ull); // one more for the closing zero
    for (;;) {
        if (bytes->size == capacity) {
            capacity += capacity / 2 + 4096;
            bytes->data = reallocate(bytes->data, capacity + 1ull);
        }
        ssize_t got = read(file, bytes->data + bytes->size, capacity - bytes->size);
        if (got == 0) break;
        if (got < 0) {
            if (errno == EINTR) continue;
            return fail(error, "%s: cannot read: %s", path, strerror(errno));
        }
        bytes->size += (size_t)got;
        if (bytes->size > limit) return too_long(path, limit, error);
    }
    bytes->data[bytes->size] = 0;
    return true;
}

bool file_read(const char *path, size_t limit, Bytes *bytes, Error *error)
{
    *bytes = (Bytes){0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return fail(error, "%s: cannot open: %s", path, strerror(errno));
    struct stat status;
    bool done = false;
    if (fstat(file, &status) != 0) {
        fail(error, "%s: cannot read: %s", path, strerror(errno));
    } else if (S_ISDIR(status.st_mode)) {
        fail(error, "%s: is a directory, not a file", path);
    } else if (status.st_size > 0 && (unsigned long long)status.st_size > limit) {
        too_long(path, limit, error);
    } else {
        done = read_all(file, path, (size_t)status.st_size, limit, bytes, error);
    }
    close(file);
    if (!done) bytes_free(bytes);
    return done;
}

// These three return 0, or the errno of what failed.
static int write_all(int file, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t written = write(file, data, size);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return errno;
        data += written;
        size -= (size_t)written;
    }
    return 0;
}

static int create_synced(const char *path, const void *data, size_t size)
{
    // No O_EXCL: a process that was killed may have left this very name behind (in a container all
    // have the same number).
    int file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (file < 0) return errno;
    int problem = write_all(file, data, size);
    if (!problem && fsync(file) != 0) problem = errno;
    if (close(file) != 0 && !problem) problem = errno;
    return problem;
}

static int sync_directory(const char *path)
{
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) return errno == EACCES ? 0 : errno; // one may write where one may not list
    int problem = fsync(directory) != 0 ? errno : 0;
    close(directory);
    return problem == EINVAL ? 0 : problem; // a file system that has no such thing
}

// A device or a pipe (--json /dev/stdout) is written to; renaming over it would put a file in its
// place.
static int write_special(const char *path, const void *data, size_t size)
{
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return errno;
    int problem = write_all(file, data, size);
    if (close(file) != 0 && !problem) problem = errno;
    return problem;
}

// Writes temporary and renames it to path, both in directory.
static int replace(const char *directory, const char *temporary, const char *path, const void *data,
                   size_t size)
{
    int problem = create_synced(temporary, data, size);
    if (!problem && rename(temporary, path) != 0) problem = errno;
    if (problem) {
        unlink(temporary);
        return problem;
    }
    return sync_directory(directory);
}

// Whether `name`, ".FILE.MACHINE.PROCESS.tmp", is of a process of this machine that is no more.
static bool is_left_over(const char *name, const char *machine)
{
    const char *end = strrchr(name, '.'), *number = end;
    if (name[0] != '.' || strcmp(end, ".tmp") != 0) return false;
    while (number > name && number[-1] != '.') number--;
    const size_t length = strlen(machine);
    if ((size_t)(number - name) < length + 3 || number[-2 - (ptrdiff_t)length] != '.' ||
        strncmp(number - 1 - length, machine, length) != 0)
        return false;
    char *rest;
    const long process = strtol(number, &rest, 10);
    return process > 0 && rest == end && kill((pid_t)process, 0) != 0 && errno == ESRCH;
}

// As much of the machine's name as stands in a temporary file's.
enum { MACHINE_TEXT = 61 };
static void machine_name(char text[MACHINE_TEXT])
{
    struct utsname machine = {0};
    uname(&machine);
    snprintf(text, MACHINE_TEXT, "%.60s", machine.nodename);
}

// Those in the directory whose names begin so.
static void remove_those_of(const char *directory, const char *prefix)
{
    char machine[MACHINE_TEXT];
    machine_name(machine);
    DIR *stream = opendir(directory);
    for (struct dirent *item; stream && (item = readdir(stream)) != NULL;) {
        if (strncmp(item->d_name, prefix, strlen(prefix)) != 0) continue;
        if (!is_left_over(item->d_name, machine)) continue;
        char *path = path_join(directory, item->d_name);
        unlink(path);
        free(path);
    }
    if (stream) closedir(stream);
}

void file_remove_left_over(const char *directory)
{
    remove_those_of(directory, "");
}

bool file_write(const char *path, const void *data, size_t size, Error *error)
{
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (exists && S_ISDIR(status.st_mode))
        return fail(error, "%s: is a directory, not a file", path);
    int problem;
    if (exists && !S_ISREG(status.st_mode)) {
        problem = write_special(path, data, size);
    } else {
        const char *slash = strrchr(path, '/');
        int length = slash ? (int)(slash - path) + 1 : 0;
        Text directory = {0}, mine = {0}, temporary = {0};
        char machine[MACHINE_TEXT];
        machine_name(machine);
        text_append(&directory, "%.*s", slash ? length : 1, slash ? path : ".");
        // Names end at 255 bytes; a longer one is refused by rename, not by the temporary name's
        // additions.
        text_append(&mine, ".%.160s.%s.", path + length, machine);
        text_append(&temporary, "%.*s%s%ld.tmp", length, path, mine.text, (long)getpid());
        problem = replace(directory.text, temporary.text, path, data, size);
        if (!problem) remove_those_of(directory.text, mine.text);
        text_free(&directory);
        text_free(&mine);
        text_free(&temporary);
    }
    return problem ? fail(error, "%s: cannot write: %s", path, strerror(problem)) : true;
}

bool file_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && !S_ISDIR(status.st_mode);
}

bool directory_exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

bool directory_create(const char *path, Error *error)
{
    char *prefix = copy_string(path);
    bool done = true;
    for (size_t i = 1; done && *path; i++) {
        if (path[i] != '/' && path[i] != 0) continue;
        prefix[i] = 0;
        if (mkdir(prefix, 0777) != 0 && !directory_exists(prefix)) {
            done = fail(error, "%s: cannot create the directory: %s", prefix, strerror(errno));
        }
        prefix[i] = path[i];
        if (path[i] == 0) break;
    }
    if (!*path) done = fail(error, "cannot create a directory without a name");
    free(prefix);
    return done;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

bool directory_list(const char *path, Names *names, Error *error)
{
    *names = (Names){0};
    int64_t capacity = 0;
    DIR *stream = opendir(path);
    if (!stream) return fail(error, "%s: cannot list: %s", path, strerror(errno));
    for (struct dirent *item = readdir(stream); item; item = readdir(stream)) {
        if (item->d_name[0] == '.') continue;
        if (names->count == capacity) {
            capacity = 2 * capacity + 16;
            names->names =
                reallocate(names->names, (unsigned long long)capacity * sizeof *names->names);
        }
        names->names[names->count++] = copy_string(item->d_name);
    }
    closedir(stream);
    if (names->count > 0)
        qsort(names->names, (size_t)names->count, sizeof *names->names, compare_names);
    return true;
}

void names_free(Names *names)
{
    for (int64_t i = 0; i < names->count; i++) free(names->names[i]);
    free(names->names);
    *names = (Names){0};
}

char *path_join(const char *a, const char *b)
{
    size_t length = strlen(a);
    if (b[0] == '/' || length == 0) return copy_string(b);
    Text joined = {0};
    text_append(&joined, a[length - 1] == '/' ? "%s%s" : "%s/%s", a, b);
    return joined.text;
}

// Room for size more bytes and the closing zero.
static void text_reserve(Text *text, size_t size)
{
    size_t needed = text->length + size + 1;
    if (needed <= text->capacity) return;
    text->capacity = needed + needed / 2 + 32;
    text->text = reallocate(text->text, text->capacity);
}

void text_append(Text *text, const char *format, ...)
{
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    if (size < 0) panic("text_append: bad format \"%s\"", format);
    text_reserve(text, (size_t)size);
    vsnprintf(text->text + text->length, (size_t)size + 1, format, again);
    text->length += (size_t)size;
    va_end(again);
    va_end(arguments);
}

void text_append_bytes(Text *text, const void *bytes, size_t size)
{
    text_reserve(text, size);
    if (size > 0) memcpy(text->text + text->length, bytes, size);
    text->length += size;
    text->text[text->length] = 0;
}

void text_free(Text *text)
{
    free(text->text);
    *text = (Text){0};
}

size_t utf8_length(const char *text, size_t length)
{
    // The ranges of the first and second byte exclude overlong forms, surrogates and > U+10FFFF.
    static const struct {
        uint8_t size, first_low, first_high, second_low, second_high;
    } forms[] = {
        {1, 0x00, 0x7F, 0, 0},       {2, 0xC2, 0xDF, 0x80, 0xBF}, {3, 0xE0, 0xE0, 0xA0, 0xBF},
        {3, 0xE1, 0xEC, 0x80, 0xBF}, {3, 0xED, 0xED, 0x80, 0x9F}, {3, 0xEE, 0xEF, 0x80, 0xBF},
        {4, 0xF0, 0xF0, 0x90, 0xBF}, {4, 0xF1, 0xF3, 0x80, 0xBF}, {4, 0xF4, 0xF4, 0x80, 0x8F}};
    const uint8_t *bytes = (const uint8_t *)text;
    for (size_t i = 0; length > 0 && i < sizeof forms / sizeof forms[0]; i++) {
        size_t size = forms[i].size;
        if (bytes[0] < forms[i].first_low || bytes[0] > forms[i].first_high) continue;
        if (size > length) return 0;
        if (size > 1 && (bytes[1] < forms[i].second_low || bytes[1] > forms[i].second_high))
            return 0;
        for (size_t k = 2; k < size; k++) {
            if ((bytes[k] & 0xC0) != 0x80) return 0;
        }
        return size;
    }
    return 0;
}
